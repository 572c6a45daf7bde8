"""Rotations from axes and from small steps, the way rigs are placed and solvers move poses."""

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

Float = NDArray[np.float64]


def stepped_poses(R: Float, t: Float, step: Float) -> tuple[Float, Float]:
    """Return poses after a step in the coordinates that they lead to: x' = exp(w) (R x + t) + v.

    Parameters
    ----------
    R : (n, 3, 3) float
    t : (n, 3) float, m
    step : (n, 6) float
        w in rad, then v in m.

    Returns
    -------
    R : (n, 3, 3) float
    t : (n, 3) float, m
    """
    turn = Rotation.from_rotvec(step[:, :3]).as_matrix()
    return turn @ R, np.einsum("nij,nj->ni", turn, t) + step[:, 3:6]


def upright(up: Float, ahead: Float) -> Rotation:
    """Return the rotation to axes of which z points up and x ahead.

    Parameters
    ----------
    up, ahead : (3,) float
        Of unit length and at right angles.

    Returns
    -------
    new_from_old : Rotation
    """
    return Rotation.from_matrix(np.array([ahead, np.cross(up, ahead), up]))
