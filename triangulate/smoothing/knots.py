"""Where the knots of a window lie: close where the motion is fast, wide where it is slow."""

import numpy as np
from numpy.typing import NDArray

from triangulate.smoothing.splines import Knots

Float = NDArray[np.float64]

DENSITY = 2.4
"""Knot spacing times corner frequency. Splines then follow up to 1.3 times the corner frequency, of which the
prior lets a sixth through; from 3 on the covariance begins to miss what they leave out."""

SPACINGS = (1, 2, 3, 4, 6, 8)
"""Frames between knots."""

KNOT_BLOCK = 24
"""Frames within which the spacing does not change: a multiple of all of them."""


def usual_spacing(corner: float) -> int:
    """Return the frames between knots that follow motion up to an angular frequency per frame.

    Parameters
    ----------
    corner : float

    Returns
    -------
    spacing : int
        One of `SPACINGS`.
    """
    return max((step for step in SPACINGS if step * corner <= DENSITY), default=SPACINGS[0])


def spaced(corner: Float, early: float = 0.0, late: float = 0.0) -> Knots:
    """Place the knots of a window.

    Each block has knots at equal distances, which at most double from one block to the next. Windows that
    begin at multiples of `KNOT_BLOCK` therefore share their knots where they overlap.

    Parameters
    ----------
    corner : (frames,) float
        Highest angular frequency per frame that is to be followed.
    early, late : float
        Frames before the first and after the last that the knots span besides.

    Returns
    -------
    knots : Knots
    """
    frames = len(corner)
    blocks = max(1, -(-(frames - 1) // KNOT_BLOCK))
    filled = np.append(corner, np.full(blocks * KNOT_BLOCK + 1 - frames, corner[-1]))
    highest = np.maximum(filled[:-1].reshape(blocks, KNOT_BLOCK).max(axis=1), filled[KNOT_BLOCK::KNOT_BLOCK])
    step = np.array([usual_spacing(float(value)) for value in highest])
    for _ in SPACINGS:
        near = np.minimum(np.append(step[1:], step[-1]), np.append(step[0], step[:-1]))
        step = np.minimum(step, 2 * near)
    inner = np.concatenate([KNOT_BLOCK * b + np.arange(0, KNOT_BLOCK, s) for b, s in enumerate(step)])
    end = frames - 1 + late
    inner = inner[inner < max(end, 1.0)]
    before = -step[0] * np.arange(int(np.ceil(early / step[0])), 0, -1.0)
    after = inner[-1] + step[-1] * np.arange(1, max(1, int(np.ceil((end - inner[-1]) / step[-1]))) + 1)
    return Knots.at(np.concatenate([before, inner, after]))
