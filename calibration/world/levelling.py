"""A world for a rig of which nothing is known but how people put up cameras: upright, around the subject."""

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import RigidTransform

from calibration.geometry.rotations import upright
from calibration.rig import Rig

Float = NDArray[np.float64]

ABOVE = 1e-6
"""Part of the rig's size below which a place is straight above another."""


def levelled(rig: Rig) -> Rig:
    """Turn z up, as the cameras have it on average, and put the origin where they look.

    A guess for want of a floor: cameras are taken to stand upright, so heights are right up to the tilt that
    their holders have in common.

    Parameters
    ----------
    rig : Rig

    Returns
    -------
    rig : Rig
        The origin is the point nearest to all optical axes; x points from it towards the first camera.

    Examples
    --------
    >>> from calibration import Camera, Intrinsics
    >>> lens = Intrinsics.from_focal((640, 480), 800.0)
    >>> sides = [Camera.from_rotvec(n, lens, r, [0, 0, 2.0]) for n, r in zip("ab", ([0, 0, 0], [0, 1, 0]))]
    >>> (levelled(Rig(cameras=tuple(sides))).centers.round(3) + 0.0).tolist()[0]
    [2.0, 0.0, 0.0]
    """
    axes = np.array([camera.R for camera in rig.cameras])  # rows: x right, y down, z forward
    up = -axes[:, 1].sum(axis=0)
    if np.linalg.norm(up) < 0.1 * len(rig):  # they cancel: cameras on their heads among others
        up = -axes[0, 1]
    up /= np.linalg.norm(up)
    across = np.eye(3) - np.einsum("vi,vj->vij", axes[:, 2], axes[:, 2])
    # Parallel axes have no nearest point; a weak prior at the cameras' middle keeps the system solvable.
    weak = 1e-6 * np.eye(3)
    origin = rig.centers.mean(axis=0)
    centers = rig.centers - origin
    middle = np.linalg.solve(across.sum(axis=0) + weak, np.einsum("vij,vj->i", across, centers))
    ahead = _ahead(up, centers, middle, axes[0])
    middle = middle + origin
    new_from_old = upright(up, ahead)
    return rig.moved(RigidTransform.from_components(-new_from_old.apply(middle), new_from_old))


def _ahead(up: Float, centers: Float, middle: Float, axes: Float) -> Float:
    """Point from the middle to the first camera; where that is straight above it, as its image is turned."""
    reach = max(float(np.linalg.norm(centers - middle, axis=1).max()), np.finfo(np.float64).tiny)
    for direction in ((centers[0] - middle) / reach, -axes[1], axes[0]):
        across = direction - up * (direction @ up)
        if np.linalg.norm(across) > ABOVE:
            break
    return np.asarray(across / np.linalg.norm(across))
