# ruff: noqa: PLR0917  (a compiled kernel takes plain arrays)
"""Which detections lie where their lens was fitted; importing this module loads numba."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from calibration.rig import Rig
from calibration.threads import over_chunks

Float = NDArray[np.float64]


def covered(xy: Float, rig: Rig) -> NDArray[np.bool_]:
    """Tell which pixels lie inside their image and inside the part of it on which the lens was fitted.

    Parameters
    ----------
    xy : (..., views, 2) float, px
    rig : Rig

    Returns
    -------
    inside : (..., views) bool
        False for NaN.
    """
    flat = np.ascontiguousarray(xy, dtype=np.float64).reshape(-1, len(rig), 2)
    polygons = [camera.intrinsics.covered for camera in rig.cameras]
    counts = np.array([0 if polygon is None else len(polygon) for polygon in polygons], dtype=np.int64)
    corners = np.zeros((len(rig), max(1, counts.max()), 2))
    for view, polygon in enumerate(polygons):
        if polygon is not None:
            corners[view, : len(polygon)] = polygon
    sizes = np.array([camera.intrinsics.size for camera in rig.cameras], dtype=np.float64)
    inside = np.empty(flat.shape[:2], dtype=np.bool_)
    over_chunks(_covered_range, len(flat), flat, sizes, corners, counts, inside)
    return inside.reshape(np.shape(xy)[:-1])


@njit(cache=True, nogil=True, error_model="numpy")
def _covered_range(start, stop, xy, sizes, corners, counts, inside):
    for point in range(start, stop):
        for view in range(xy.shape[1]):
            x, y = xy[point, view, 0], xy[point, view, 1]
            inside[point, view] = (
                -0.5 < x < sizes[view, 0] - 0.5
                and -0.5 < y < sizes[view, 1] - 0.5
                and _in_convex(x, y, corners[view], counts[view])
            )


@njit(cache=True, nogil=True, error_model="numpy")
def _in_convex(x, y, corners, count):
    """Stay on one side of every edge, whichever way round the corners run."""
    left, right = True, True
    for at in range(count):
        after = at + 1 if at + 1 < count else 0
        edge_x, edge_y = corners[after, 0] - corners[at, 0], corners[after, 1] - corners[at, 1]
        cross = edge_x * (y - corners[at, 1]) - edge_y * (x - corners[at, 0])
        left &= cross >= -1e-9
        right &= cross <= 1e-9
    return left or right
