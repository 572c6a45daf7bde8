"""Offsets of the views in whole frames: how well their rays meet at every lag, and which lags are told apart.

Only the epipolar distance of pairs is looked at, which knows nothing of the motion and smooths nothing. At
two lags that explain a pair alike the difference of the misfit has the spread of the misfit itself, so a lag
is ruled out where its misfit exceeds the least by several standard errors; what is left are the minima that
the data cannot tell apart: one for most motions, several for periodic ones, nearly all for a subject at rest.
"""

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from calibration.geometry.two_views import epipolar_error, essential_of_pose
from calibration.rig import Rig

Float = NDArray[np.float64]
Int = NDArray[np.int64]

SAMPLE = 600
"""Frames that are looked at: half of them evenly picked, half where the image moves fastest."""

FEWEST = 8
"""Detections that a pair must share at a lag."""

RULED_OUT = 3.5
"""Standard errors by which a lag's misfit must exceed the least one to be ruled out."""

UNDECIDED = 0.5
"""Share of the lags left above which nothing is determined."""

BLOCKS = 30
"""Stretches of time whose misfits are taken as independent."""

CUTOFF = 3.0
"""Noise widths beyond which a distance counts no more than there."""

SWEEPS = 10


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class LagEvidence:
    """What the motion says about the lag of one view.

    Attributes
    ----------
    lag : int
        Frames; of the lags that explain the motion alike, in the middle of its run, the one nearest to zero.
    alike : tuple of int
        The least misfits of the other runs of lags that explain it as well.
    share : float
        Part of the lags looked at that are not ruled out.
    at_end : bool
        Whether the lag is the last one that was looked at.
    excess : float
        Standard errors by which the misfit without any lag exceeds that of the best lag.
    """

    lag: int
    alike: tuple[int, ...]
    share: float
    at_end: bool
    excess: float

    @property
    def determined(self) -> bool:
        """Whether the motion tells the lag."""
        return self.share <= UNDECIDED


def whole_frames(xy: Float, rig: Rig, reach: int) -> tuple[Int, tuple[LagEvidence, ...]]:
    """Find the lag of every view against the first.

    Parameters
    ----------
    xy : (frames, views, subjects, keypoints, 2) float, px
        At the common times n / fps of views that are taken to be in step.
    rig : Rig
        Of these views, in this order.
    reach : int
        Largest lag that is looked for, frames.

    Returns
    -------
    lag : (views,) int
        Frame n of a view was taken at frame n + lag of the first view.
    evidence : tuple of LagEvidence
        Of every view, the others being in step with these lags.
    """
    views = len(rig)
    misfit = pair_misfits(xy, rig, reach)
    lag = np.zeros(views, dtype=np.int64)
    placed = [0]
    for view in range(1, views):
        lag[view] = judge_lags(curve(misfit, view, lag, placed, reach), reach).lag
        placed.append(view)
    for _ in range(SWEEPS):
        before = lag.copy()
        for view in range(1, views):
            others = [other for other in range(views) if other != view]
            lag[view] = judge_lags(curve(misfit, view, lag, others, reach), reach).lag
        if (before == lag).all():
            break
    evidence = [
        judge_lags(curve(misfit, view, lag, [other for other in range(views) if other != view], reach), reach)
        for view in range(views)
    ]
    return lag, tuple(evidence)


def pair_misfits(xy: Float, rig: Rig, reach: int) -> dict[tuple[int, int], Float]:
    """Return for each pair of views the bounded misfit of sampled frames at relative lags of +- 2 reach.

    Returns
    -------
    misfit : dict of (int, int) to (lags, frames) float
        Mean squared epipolar distance in noise widths, bounded; NaN where a frame has no partner.
    """
    uv = rig.undistort(np.moveaxis(xy, 1, -2))
    uv = np.moveaxis(uv, -2, 1).reshape(*xy.shape[:2], -1, 2)
    sample = sampled(xy)
    lags = np.arange(-2 * reach, 2 * reach + 1)
    found = {}
    for a, b in combinations(range(len(rig)), 2):
        one, two = rig.cameras[a], rig.cameras[b]
        b_from_a = two.cam_from_world * one.cam_from_world.inv()
        E = essential_of_pose(b_from_a.rotation.as_matrix(), b_from_a.translation)
        focal = np.sqrt(one.intrinsics.K[0, 0] * two.intrinsics.K[0, 0])
        off = np.full((len(lags), len(sample), uv.shape[2]), np.nan, dtype=np.float32)
        for i, lag in enumerate(lags):
            there = sample - lag
            inside = np.flatnonzero((there >= 0) & (there < len(uv)))
            p, q = uv[sample[inside], a], uv[there[inside], b]
            off[i, inside] = focal * epipolar_error(E, p, q)
        known = np.isfinite(off).sum(axis=(1, 2)) >= FEWEST
        if not known.any():
            continue
        middle = np.array(
            [np.nanmedian(row) if some else np.inf for row, some in zip(off, known, strict=True)]
        )
        width = max(float(middle.min()) / 0.6745, 1e-3)
        square = np.minimum((off / width) ** 2, CUTOFF**2)
        square[~known] = np.nan
        count = np.isfinite(square).sum(axis=2)
        found[a, b] = np.where(count > 0, np.nansum(square, axis=2) / np.maximum(count, 1), np.nan)
    return found


def sampled(xy: Float) -> Int:
    """Choose frames, half evenly and half where most of the image moves fastest; a burst is not missed."""
    frames = len(xy)
    if frames <= SAMPLE:
        return np.arange(frames)
    step = np.linalg.norm(np.diff(xy, axis=0), axis=-1).reshape(frames - 1, -1)
    known = np.isfinite(step)
    speed = np.array(
        [np.median(row[some]) if some.any() else 0.0 for row, some in zip(step, known, strict=True)]
    )
    speed = np.convolve(speed, np.full(5, 0.2), mode="same")
    fastest = np.argsort(-speed, kind="stable")[: SAMPLE // 2]
    even = np.linspace(0, frames - 1, SAMPLE // 2).astype(int)
    return np.unique(np.concatenate([even, fastest]))


def curve(misfit: dict[tuple[int, int], Float], view: int, lag: Int, others: list[int], reach: int) -> Float:
    """Return the misfit of a view with others that stand at their lags, (lags, frames), lags of +- reach."""
    rows = []
    for other in others:
        pair = (min(other, view), max(other, view))
        if pair not in misfit:
            continue
        wanted = np.arange(-reach, reach + 1) - lag[other]
        if view < other:
            wanted = -wanted
        rows.append(misfit[pair][np.clip(wanted + 2 * reach, 0, 4 * reach)])
    if not rows:
        return np.full((2 * reach + 1, 1), np.nan)
    known = np.isfinite(rows)
    count = known.sum(axis=0)
    return np.where(count > 0, np.nansum(rows, axis=0) / np.maximum(count, 1), np.nan)


def judge_lags(curve: Float, reach: int) -> LagEvidence:
    """Tell which lags of a curve explain the motion alike, and take the one nearest to zero."""
    known = np.isfinite(curve)
    enough = known.sum(axis=1) >= max(FEWEST, 0.25 * known.sum(axis=1).max())
    lags = np.arange(-reach, reach + 1)
    if not enough.any():
        return LagEvidence(lag=0, alike=(), share=1.0, at_end=False, excess=0.0)
    mean = np.full(len(lags), np.inf)
    mean[enough] = np.nansum(curve[enough], axis=1) / known[enough].sum(axis=1)
    best = int(np.argmin(mean))
    error = standard_error(curve[best])
    left = enough & (mean - mean[best] <= RULED_OUT * np.sqrt(2) * error)
    runs = np.split(np.flatnonzero(left), np.flatnonzero(np.diff(np.flatnonzero(left)) > 1) + 1)
    minima = sorted((int(lags[run[np.argmin(mean[run])]]) for run in runs), key=lambda at: (abs(at), -at))
    return LagEvidence(
        lag=minima[0],
        alike=tuple(minima[1:]),
        share=float(left.sum() / enough.sum()),
        at_end=reach > 0 and abs(minima[0]) == reach,
        excess=float((mean[reach] - mean[best]) / max(np.sqrt(2) * error, 1e-12)) if enough[reach] else 0.0,
    )


def standard_error(misfit: Float) -> float:
    """Return the standard error of a mean over frames whose neighbours are alike."""
    misfit = misfit[np.isfinite(misfit)]
    blocks = [block.mean() for block in np.array_split(misfit, min(BLOCKS, len(misfit)))]
    return float(np.std(blocks, ddof=1) / np.sqrt(len(blocks))) if len(blocks) > 1 else np.inf
