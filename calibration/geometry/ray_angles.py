# ruff: noqa: PLR0917  (a compiled kernel takes plain arrays)
"""Whether the rays to a point are nearly parallel; importing this module loads numba."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from calibration.geometry.nearest_points import squared_cross
from calibration.threads import over_chunks

Float = NDArray[np.float64]
Bool = NDArray[np.bool_]

_squared_cross = njit(inline="always")(squared_cross)


def nearly_parallel(xyz: Float, inliers: Bool, centers: Float, narrow_deg: float) -> Bool:
    """Tell for which points no two rays make a larger angle, be it to 0 or to 180 degrees.

    Parameters
    ----------
    xyz : (points, 3) float, m, world
    inliers : (points, views) bool
        Views whose rays count.
    centers : (views, 3) float, m, world
        Centres of projection.
    narrow_deg : float, deg

    Returns
    -------
    narrow : (points,) bool
        True where fewer than two rays count, and where the point is not known.
    """
    narrow = np.empty(len(xyz), dtype=np.bool_)
    least = float(np.sin(np.radians(narrow_deg)) ** 2)
    over_chunks(
        _narrow_range,
        len(xyz),
        np.ascontiguousarray(xyz),
        np.ascontiguousarray(inliers),
        np.ascontiguousarray(centers),
        least,
        narrow,
    )
    return narrow


@njit(cache=True, nogil=True, error_model="numpy")
def _narrow_range(start, stop, xyz, inliers, centers, least, narrow):
    for point in range(start, stop):
        narrow[point] = not _apart(xyz[point], inliers[point], centers, least)


@njit(cache=True, nogil=True, error_model="numpy")
def _apart(xyz, inliers, centers, least):
    """Look for two rays whose angle has a squared sine of at least so much."""
    for b in range(1, len(centers)):
        if not inliers[b]:
            continue
        b0, b1, b2 = xyz[0] - centers[b, 0], xyz[1] - centers[b, 1], xyz[2] - centers[b, 2]
        for a in range(b):
            if not inliers[a]:
                continue
            a0, a1, a2 = xyz[0] - centers[a, 0], xyz[1] - centers[a, 1], xyz[2] - centers[a, 2]
            lengths = (a0 * a0 + a1 * a1 + a2 * a2) * (b0 * b0 + b1 * b1 + b2 * b2)
            if _squared_cross((a0, a1, a2), (b0, b1, b2)) >= least * lengths:
                return True
    return False
