# ruff: noqa: PLR0917  (a compiled kernel takes plain arrays)
"""Which detections lie where their lens was fitted; importing this module loads numba."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numba import njit
from numpy.typing import NDArray

from calibration.geometry.convex_part import in_convex
from calibration.threads import over_chunks

Float = NDArray[np.float64]

_in_convex = njit(error_model="numpy")(in_convex)


class FittedLens(Protocol):
    """What is asked of a lens, as `calibration.Intrinsics` offers it."""

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the image, px."""

    @property
    def covered(self) -> Float | None:
        """Corners of the convex part of the image on which the lens was fitted, (n, 2) px."""


def covered(xy: Float, lenses: Sequence[FittedLens]) -> NDArray[np.bool_]:
    """Tell which pixels lie inside their image and inside the part of it on which the lens was fitted.

    Parameters
    ----------
    xy : (..., views, 2) float, px
    lenses : sequence of Intrinsics
        Of the views.

    Returns
    -------
    inside : (..., views) bool
        False for NaN.
    """
    parts = [lens.covered for lens in lenses]
    views = len(parts)
    flat = np.ascontiguousarray(xy, dtype=np.float64).reshape(-1, views, 2)
    counts = np.array([0 if part is None else len(part) for part in parts], dtype=np.int64)
    corners = np.zeros((views, max(1, counts.max()), 2))
    for view, part in enumerate(parts):
        if part is not None:
            corners[view, : len(part)] = part
    sizes = np.array([lens.size for lens in lenses], dtype=np.float64)
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
                and _in_convex(x, y, corners[view, : counts[view]])
            )
