"""Where the knots of a window lie: close where the motion is fast, wide where it is slow."""

import numpy as np
from numpy.typing import NDArray

from triangulate.smoothing.splines import Knots

Float = NDArray[np.float64]

DENSITY = 2.4
"""Knot spacing times corner frequency. Splines then follow up to 1.3 times the corner frequency, of which the
prior lets a sixth through; from 3 on the covariance begins to miss what they leave out."""

WIDEST = 8
"""Most frames between knots, a power of two."""


def usual_spacing(corner: float) -> int:
    """Return the frames between knots that follow motion up to an angular frequency per frame.

    Parameters
    ----------
    corner : float

    Returns
    -------
    spacing : int
        A power of two.
    """
    wish = np.clip(DENSITY / max(corner, 1e-12), 1, WIDEST)
    return int(2 ** np.floor(np.log2(wish) + 1e-9))


def spaced(corner: Float, early: float = 0.0, late: float = 0.0) -> Knots:
    """Place the knots of a window.

    Blocks of `WIDEST` frames have knots at equal distances, powers of two that at most double from one block
    to the next. Windows that begin at multiples of `WIDEST` therefore share their knots where they overlap.

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
    blocks = max(1, -(-(frames - 1) // WIDEST))
    filled = np.append(corner, np.full(blocks * WIDEST + 1 - frames, corner[-1]))
    highest = np.maximum(filled[:-1].reshape(blocks, WIDEST).max(axis=1), filled[WIDEST::WIDEST])
    step = np.array([usual_spacing(float(value)) for value in highest])
    for _ in range(int(np.log2(WIDEST))):
        near = np.minimum(np.append(step[1:], step[-1]), np.append(step[0], step[:-1]))
        step = np.minimum(step, 2 * near)
    inner = np.concatenate([WIDEST * b + np.arange(0, WIDEST, s) for b, s in enumerate(step)])
    end = frames - 1 + late
    inner = inner[inner < max(end, 1.0)]
    before = -step[0] * np.arange(int(np.ceil(early / step[0])), 0, -1.0)
    after = inner[-1] + step[-1] * np.arange(1, max(1, int(np.ceil((end - inner[-1]) / step[-1]))) + 1)
    return Knots.at(np.concatenate([before, inner, after]))
