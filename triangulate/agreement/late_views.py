"""Views that are late, also by part of a frame: their distances from the epipolar lines follow the motion."""

import numpy as np
from numpy.typing import NDArray

from triangulate.agreement.pair_distances import PairDistances

Float = NDArray[np.float64]

ROUNDS = 8
BLOCKS = 30
"""Stretches of time that count as independent."""

NO_EXCESS = 1.15
"""Square of the median distance, in that of the noise, up to which nothing but noise is there."""

CUTOFF = 4.0
"""Noise widths at which a distance has lost most of its weight."""


def delays(distances: PairDistances) -> tuple[Float, Float, Float, Float]:
    """Fit all views' delays to the distances, which they change by the velocity in the image.

    Robust least squares (Geman-McClure weights); the standard deviations are those of a sandwich over
    stretches of time, in which errors may be correlated.

    Parameters
    ----------
    distances : PairDistances

    Returns
    -------
    late : (views,) float, frames
        Relative to the median view.
    sigma : (views,) float, frames
        NaN where nothing tells.
    effect : (views,) float, px
        RMS change of the distances by the delay.
    explained : (views,) float
        Part of what exceeds the noise, in the distances of a view's pairs, that the delays explain; 1 where
        nothing exceeds it. A camera that is off otherwise follows the motion a little, too.
    """
    views = len(distances.rig)
    off, design, block = _rows(distances)
    unknown = np.full(views, np.nan)
    if len(off) < 10 * views:
        return unknown, unknown, unknown, unknown
    # Only differences matter: the mean is held at zero.
    hold = np.full((views, views), 1e-3 * np.trace(design.T @ design) / views)
    late, scale = np.zeros(views), distances.sigma
    for _ in range(ROUNDS):
        left = off - design @ late
        scale = max(1.4826 * float(np.median(np.abs(left))), 1e-9)
        weight = 1 / (1 + (left / (CUTOFF * scale)) ** 2) ** 2
        A = design * weight[:, None]
        normal = design.T @ A + hold
        late = np.linalg.solve(normal, A.T @ off)
    score = np.zeros((BLOCKS, views))
    np.add.at(score, block, A * (off - design @ late)[:, None])
    inverse = np.linalg.inv(normal)
    covariance = inverse @ (score.T @ score) @ inverse * BLOCKS / (BLOCKS - 1)
    middle = np.median(late)
    seen = np.maximum((design != 0).sum(axis=0), 1)
    effect = np.sqrt((design**2).sum(axis=0) / seen)
    explained = np.array(
        [_explained(off[own], (off - design @ late)[own], distances.sigma) for own in (design != 0).T]
    )
    return late - middle, np.sqrt(np.diag(covariance)), np.abs(late - middle) * effect, explained


def _explained(before: Float, after: Float, sigma: float) -> float:
    """Part of the excess over the noise that is gone, by medians, which outliers do not reach."""
    was, then = (float(np.median(np.abs(one)) / (0.6745 * sigma)) ** 2 for one in (before, after))
    return 1.0 if was < NO_EXCESS else (was - then) / (was - 1)


def _rows(distances: PairDistances) -> tuple[Float, Float, NDArray[np.int64]]:
    views, frames = len(distances.rig), len(distances.frame)
    offs, designs, blocks = [], [], []
    number = np.arange(frames) * BLOCKS // max(frames, 1)
    for pair, off, change in zip(distances.pairs, distances.off, distances.by_delay, strict=True):
        known = np.isfinite(off) & np.isfinite(change).all(axis=0)
        rows = np.zeros((int(known.sum()), views))
        for side, view in enumerate(pair):
            rows[:, view] = change[side][known]
        offs.append(off[known])
        designs.append(rows)
        blocks.append(np.broadcast_to(number[:, None, None], off.shape)[known])
    if not offs:
        return np.empty(0), np.empty((0, views)), np.empty(0, dtype=np.int64)
    return np.concatenate(offs), np.concatenate(designs), np.concatenate(blocks)
