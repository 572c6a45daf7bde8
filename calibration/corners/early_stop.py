"""Whether the corners found so far are enough to calibrate from."""

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]

CELLS = (8, 6)
"""Cells along x and y in which the coverage of an image is counted."""


def covered_share(xy: Float, size: NDArray[np.int64]) -> float:
    """Return the part of an image's cells in which a corner was seen.

    Parameters
    ----------
    xy : (..., 2) float, px
        NaN is ignored.
    size : (2,) int, px
        Width, height.

    Returns
    -------
    part : float
        0 to 1.

    Examples
    --------
    >>> covered_share(np.array([[1.0, 1.0], [2.0, 2.0], [np.nan, np.nan]]), np.array([80, 60])) * 48
    1.0
    """
    points = xy.reshape(-1, 2)
    points = points[np.isfinite(points[:, 0])]
    cells = np.floor((points + 0.5) / size * CELLS).astype(int)
    cells = np.clip(cells, 0, np.array(CELLS) - 1)
    return len(np.unique(cells, axis=0)) / (CELLS[0] * CELLS[1])


def coverage_suffices(xy: Float, sizes: NDArray[np.int64], enough: int, part: float = 0.5) -> bool:
    """Tell whether every view has enough images of the board, well spread and shared with another view.

    Parameters
    ----------
    xy : (frames, views, corners, 2) float, px
        NaN where a corner was not found.
    sizes : (views, 2) int, px
    enough : int
        Images of each view, and images that each view shares with the rest.
    part : float
        Of the image's cells to hold a corner.

    Returns
    -------
    suffices : bool
    """
    shown = np.isfinite(xy[..., 0]).sum(axis=2) >= 6
    if (shown.sum(axis=0) < enough).any():
        return False
    shared = (shown & (shown.sum(axis=1, keepdims=True) > 1)).sum(axis=0)
    if shown.shape[1] > 1 and (shared < enough).any():
        return False
    return all(covered_share(xy[:, view], size) >= part for view, size in enumerate(sizes))
