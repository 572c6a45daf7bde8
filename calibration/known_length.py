"""The scale of a rig from a length that is known in it."""

import numpy as np
from numpy.typing import ArrayLike

from calibration.arrays import frozen
from calibration.errors import CalibrationError, ShapeError
from calibration.rig import Rig


def scaled_to_length(rig: Rig, a: ArrayLike, b: ArrayLike, length: float) -> Rig:
    """Scale the rig such that the median distance of two points is a known length.

    Parameters
    ----------
    rig : Rig
    a, b : (n, 3) float, m, world
        The two ends, in many frames; NaN where not known.
    length : float, m

    Returns
    -------
    rig : Rig

    Raises
    ------
    ShapeError
        If the two do not have the same shape.
    ValueError
        If the length is not positive.
    CalibrationError
        If the distance is nowhere known.
    """
    a, b = frozen(a, ("n", 3), "a"), frozen(b, ("n", 3), "b")
    if a.shape != b.shape:
        raise ShapeError(f"a and b: expected one shape, got {a.shape} and {b.shape}")
    if not (np.isfinite(length) and length > 0):
        raise ValueError(f"length: expected a positive length in m, got {length}")
    distance = np.linalg.norm(a - b, axis=1)
    distance = distance[np.isfinite(distance) & (distance > 0)]
    if not distance.size:
        raise CalibrationError("the two ends of the known length are never both seen by two cameras")
    return rig.scaled(length / float(np.median(distance)))
