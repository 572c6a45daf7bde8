"""Whether a pixel lies in a convex part of its image; one source for arrays and for compiled loops."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

SLACK = 1e-9
"""px2; what rounding may put a corner of the part itself outside of it."""


def in_convex(x: Any, y: Any, corners: NDArray[np.float64]) -> Any:
    """Tell which pixels stay on one side of every edge, whichever way round the corners run.

    Parameters
    ----------
    x, y : (...) float, px
    corners : (corners, 2) float, px
        Of a convex polygon, in order; none are the whole plane.

    Returns
    -------
    inside : (...) bool
        False for NaN.
    """
    left = right = x < np.inf
    for at in range(len(corners)):
        after = at + 1 if at + 1 < len(corners) else 0
        edge_x, edge_y = corners[after, 0] - corners[at, 0], corners[after, 1] - corners[at, 1]
        cross = edge_x * (y - corners[at, 1]) - edge_y * (x - corners[at, 0])
        left = left & (cross >= -SLACK)
        right = right & (cross <= SLACK)
    return left | right
