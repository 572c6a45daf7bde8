"""A view that disagrees with the others from some moment on, or up to it: the camera was moved then."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from triangulate.agreement.pair_distances import PairDistances

Float = NDArray[np.float64]

BLOCKS = 40
EDGE = 4
"""Blocks at either end in which no change is looked for."""

LONG = 10
"""Blocks that tell a spread."""

LEAST_SPREAD = 0.02
"""Spread of the mean squares of stretches, in squared noise widths, below which nothing is resolved."""

CUTOFF = 5.0
"""Noise widths beyond which a distance counts no more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A moment at which a view's agreement with the others changed.

    Attributes
    ----------
    view : int
    frame : int
    before, after : float, px
        Root mean square distance from the epipolar lines of its pairs, bounded.
    score : float
        Standard errors by which it changed.
    growth : float
        By how much the mean square in units of the noise changed.
    least : float
        That mean square where the view agrees better; 1 where it agrees with the others.
    """

    view: int
    frame: int
    before: float
    after: float
    score: float
    growth: float
    least: float


def largest_change(distances: PairDistances) -> Change | None:
    """Find the view and the moment of the clearest change, with the pairs of other views for comparison.

    Parameters
    ----------
    distances : PairDistances

    Returns
    -------
    change : Change or None
        None where there is too little to compare.
    """
    frames = len(distances.frame)
    if frames < 2 * BLOCKS or not distances.pairs:
        return None
    square = np.minimum((distances.off / distances.sigma) ** 2, CUTOFF**2)
    edges = np.linspace(0, frames, BLOCKS + 1).astype(int)
    means = np.array([[_mean(pair[a:b]) for a, b in pairwise(edges)] for pair in square])
    best = None
    for view in range(len(distances.rig)):
        own = np.array([view in pair for pair in distances.pairs])
        if not own.any():
            continue
        with_view = _column_means(means[own])
        curve = with_view - (_column_means(means[~own]) if (~own).any() else 0.0)
        found = _split(curve)
        if found is None:
            continue
        at, score = found
        before, after = _mean(with_view[:at]), _mean(with_view[at:])
        growth = after - before
        if np.sign(growth) != np.sign(score):
            continue
        if best is None or abs(score) > abs(best.score):
            best = Change(
                view=view,
                frame=int(distances.frame[edges[at]]),
                before=float(distances.sigma * np.sqrt(before)),
                after=float(distances.sigma * np.sqrt(after)),
                score=float(score),
                growth=float(growth),
                least=float(min(before, after)),
            )
    return best


def _split(curve: Float) -> tuple[int, float] | None:
    """Where to split a curve so that its halves differ most, and by how many standard errors.

    The moment is that of least squares. The standard error is that of the quieter half, if it is long enough:
    the other one varies with the motion too where the camera is wrong.
    """
    best = None
    for at in range(EDGE, len(curve) - EDGE + 1):
        one, two = (part[np.isfinite(part)] for part in (curve[:at], curve[at:]))
        if min(len(one), len(two)) < EDGE:
            continue
        between = (two.mean() - one.mean()) ** 2 * len(one) * len(two)
        if best is None or between > best[0]:
            long = [part for part in (one, two) if len(part) >= LONG] or [one, two]
            spread = max(min(float(np.std(part, ddof=1)) for part in long), LEAST_SPREAD)
            error = spread * np.sqrt(1 / len(one) + 1 / len(two))
            best = between, at, float((two.mean() - one.mean()) / error)
    return None if best is None else best[1:]


def _mean(values: Float) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if known.size else float("nan")


def _column_means(rows: Float) -> Float:
    return np.array([_mean(column) for column in rows.T])
