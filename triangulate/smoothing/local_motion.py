"""How rough the motion is at each time: a prior that follows quiet and fast stretches.

One strength for a whole recording erases a punch in a quiet trial. Strengths above and below that of the
recording are scored frame by frame, and each frame takes the one that does best around it.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import convolve1d, gaussian_filter1d, maximum_filter1d

from triangulate.smoothing.error_kernel import ErrorKernel
from triangulate.smoothing.inputs import RawPoints, along_axes, coordinates
from triangulate.smoothing.knots import spaced, usual_spacing
from triangulate.smoothing.motion_strength import centred
from triangulate.smoothing.series import judge_frames, robust_fit
from triangulate.smoothing.splines import Knots, basis, penalties, sample

Float = NDArray[np.float64]
Int = NDArray[np.int64]
Bool = NDArray[np.bool_]

STEP = 2.0
"""Between the natural logarithms of the penalties that are compared."""

STIFFEST = 8.0
"""Logarithm of the stiffest penalty over that of the recording."""

LOOSEST = -12.0
"""Logarithm of the loosest penalty over the noise's variance."""

GATHERED = 4
"""Frames whose scores are added up before they are compared with those around."""

AROUND = 18.0
"""Frames (standard deviation of a Gaussian) over which scores are gathered."""

CHANGE = 4.0
"""Cost of each `STEP` away from the strength of the recording, in squared standard deviations: chance alone
prefers another strength by less."""

UNPREDICTED = 4.0
"""Mean cost of predictions, at the best strength, from which frames do not predict each other: what a
strength fits then decides, not what it predicts."""

POOR = 1.3
"""Mean cost of predictions, at the best strength so far, from which looser ones are tried."""

UNLIKELY = 14.0
"""Cost above the least at which a strength has a thousandth of its weight: none beyond is tried."""

SOFT = 6.0
"""Frames (standard deviation of a Gaussian) within which the strength may change."""

AGREEING = 3
"""Views that make a consensus which the motion prior cannot reject."""

MISSED = 30.0
"""Squared distance, in standard deviations of the point, from which a fit misses it: of three coordinates of
normal error it is exceeded once in a million; still seldom where the noise is twice what is believed."""

MISSES = ((3, 7), (5, 21))
"""Frames that a fit must miss, and of how many: one or two may be a mistake that views share."""

NEARBY = 7
"""Frames within which the prior is loosened around one that is missed."""

LOOSEN = 4.0
"""Taken off the logarithm of the penalty where the fit misses."""

ROUNDS = 8
"""Most times that the prior is loosened."""


class LocalMotion(NamedTuple):
    """What is known about the motion of a window.

    Attributes
    ----------
    sigma : (frames, keypoints) float, m
        Standard deviation of the motion's highest derivative, per frame ** order.
    sure : (frames, keypoints) bool
        Points on which three views or more agree, frame after frame, away from what the motion around makes
        likely: the prior must not reject them.
    inflation : (frames, keypoints) float
        By which errors that resemble those of neighbouring frames raise the variance of what is smoothed.
    knots : Knots
    start : (knots, keypoints, 3) float, m
        Of splines fitted coordinate by coordinate, robustly, which also bridge what is missing.
    """

    sigma: Float
    sure: Bool
    inflation: Float
    knots: Knots
    start: Float


class Series(NamedTuple):
    """Coordinates of keypoints, (series, frames) with three series each, and the group of each keypoint."""

    y: Float
    precision: Float
    group: Int

    @property
    def groups(self) -> int:
        """Number of groups."""
        return int(self.group.max(initial=-1)) + 1

    @property
    def owner(self) -> Int:
        """Group of each series."""
        return np.repeat(self.group, 3)

    def log_noise(self) -> Float:
        """Return the logarithm of each group's median variance, (groups,); zero where nothing is seen."""
        out = np.zeros(self.groups)
        for number in range(self.groups):
            precision = self.precision[self.owner == number]
            known = precision[precision > 0]
            out[number] = -np.log(np.median(known)) if known.size else 0.0
        return out


def local_motion(
    raw: RawPoints,
    group: Int,
    sigma: Float,
    order: int,
    correlation: Float,
    *,
    steady: bool = False,
    beyond: tuple[float, float] = (0.0, 0.0),
) -> LocalMotion:
    """Choose each frame's standard deviation of the motion's highest derivative, place knots and fit splines.

    The cost of a strength is that of predicting each frame from the others (see `motion_strength`), summed
    over the frames around; where no strength predicts, as for a wing filmed at three frames per beat, that of
    Mallows' Cp, which only asks how well the noise that is known fits. The strengths are averaged with the
    weights exp(-cost / 2). Where views agree for three frames on points that the fit still misses, as at a
    sudden turn, the prior is loosened until it follows.

    Parameters
    ----------
    raw : RawPoints
    group : (keypoints,) int
        Keypoints of one group share the answer.
    sigma : (keypoints,) float, m
        Of the recording, per frame ** order.
    order : int
    correlation : (keypoints, lags) float
        Of errors with those 0, 1, 2, ... frames later.
    steady : bool
        Whether the strength of the recording holds at every time.
    beyond : (float, float)
        Frames before the first and after the last that the knots span besides.

    Returns
    -------
    motion : LocalMotion
    """
    keypoints = len(group)
    turned, axes = along_axes(raw)
    y, precision = coordinates(turned)
    y, middle = centred(y, precision)
    series = Series(y, precision, np.unique(group, return_inverse=True)[1])
    errors = ErrorKernel.of(
        np.stack([correlation[series.group == g].mean(axis=0) for g in range(series.groups)])
    )
    usual = np.array([-2 * np.log(np.median(sigma[series.group == g])) for g in range(series.groups)])
    if steady:
        log_weight = np.repeat(-2 * np.log(sigma)[:, None], y.shape[1], axis=1)
        consensus = np.zeros(log_weight.shape, dtype=np.bool_)
    else:
        log_weight = averaged_strength(series, usual, order, errors)[series.group]
        consensus = (raw.inliers.sum(axis=-1) >= AGREEING).T
    log_weight, sure, knots, control = loosened(series, log_weight, consensus, order, beyond)
    middle, known = (
        middle.reshape(keypoints, 3),
        (precision > 0).any(axis=1).reshape(keypoints, 3).any(axis=1),
    )
    middle[~known] = middle[known].mean(axis=0) if known.any() else 0.0
    start = (control.reshape(keypoints, 3, knots.number).transpose(2, 0, 1) + middle) @ axes.T
    stiffness = log_weight + series.log_noise()[series.group][:, None]
    inflation = np.stack(
        [errors.inflation(g, row, order) for g, row in zip(series.group, stiffness, strict=True)]
    )
    return LocalMotion(np.exp(-0.5 * log_weight).T, sure.T, inflation.T, knots, start)


def averaged_strength(series: Series, usual: Float, order: int, errors: ErrorKernel) -> Float:
    """Average the strengths that suit each frame, (groups, frames): the logarithm of the penalty."""
    y, precision, _ = series
    frames, groups, owner = y.shape[1], series.groups, series.owner
    noise = series.log_noise()
    known = (precision > 0).astype(np.float64)
    number = np.stack([_around(known[owner == g].sum(axis=0)) for g in range(groups)])
    low = np.minimum(LOOSEST - noise, usual)
    loosest = (low - usual).min()

    def costs(step: float) -> Float:
        log_weight = np.maximum(usual + step, low)
        corner = float(np.exp(-0.5 * (log_weight + noise) / order).max())
        knots = Knots.uniform(frames - 1, usual_spacing(corner))
        form = penalties(knots, order)
        by_interval = np.repeat(np.exp(log_weight)[owner][:, None], len(form), axis=1)
        out = np.empty((groups, 2, frames))
        lasting = np.array([errors.leverage(g, log_weight[g] + noise[g], order) for g in range(groups)])
        judge_frames(y, precision, *basis(np.arange(frames), knots), form, by_interval, owner, lasting, out)
        return _around(out).swapaxes(0, 1)

    scored = {0.0: costs(0.0)}

    def search(direction: float, end: float) -> None:
        step, unlikely = direction, 0
        while abs(step - direction) < abs(end) and unlikely < 2:
            scored[step] = costs(step)
            held_out = np.array([np.where(errors.lasts[:, None], *score[::-1]) for score in scored.values()])
            ahead = held_out[-1] + (CHANGE / STEP) * abs(step) < held_out.min(axis=0) + UNLIKELY
            poor = direction < 0 and (held_out.min(axis=0) > POOR * number).any()
            unlikely = 0 if ahead.any() or poor else unlikely + 1
            step += direction

    search(STEP, STIFFEST)
    search(-STEP, loosest)
    steps = np.array(list(scored))
    held_out, fitted = np.moveaxis(np.array(list(scored.values())), 1, 0)
    # Errors that last are predicted along with the motion: leaving out frames does not show them.
    unpredicted = (held_out.min(axis=0) > UNPREDICTED * number) | errors.lasts[:, None]
    cost = np.where(unpredicted, fitted, held_out) / errors.alike[:, None]
    cost += (CHANGE / STEP) * np.abs(steps)[:, None, None]
    # A few dozen frames of slow errors say too little to believe in a motion smoother than the recording's.
    cost = np.where((steps > 0)[:, None, None] & errors.lasts[:, None], np.inf, cost)
    belief = np.exp(-0.5 * (cost - cost.min(axis=0)))
    candidates = np.maximum(usual + steps[:, None], low)[:, :, None]
    log_weight = (belief * candidates).sum(axis=0) / belief.sum(axis=0)
    log_weight = gaussian_filter1d(log_weight, SOFT / GATHERED, axis=1, mode="nearest")
    at = GATHERED * (np.arange(log_weight.shape[1]) + 0.5) - 0.5
    return np.stack([np.interp(np.arange(frames), at, row) for row in log_weight])


def loosened(
    series: Series, log_weight: Float, consensus: Bool, order: int, beyond: tuple[float, float]
) -> tuple[Float, Bool, Knots, Float]:
    """Fit splines, and loosen the prior where it misses what the views agree on.

    Parameters
    ----------
    series : Series
    log_weight : (keypoints, frames) float
    consensus : (keypoints, frames) bool
        Whether three views or more agree.
    order : int
    beyond : (float, float)

    Returns
    -------
    log_weight : (keypoints, frames) float
    sure : (keypoints, frames) bool
    knots : Knots
    control : (series, knots) float, m
    """
    y, precision, _ = series
    frames = y.shape[1]
    noise = series.log_noise()[series.group]
    sure = np.zeros(consensus.shape, dtype=np.bool_)
    for turn in range(ROUNDS + 1):
        knots = spaced(np.exp(-0.5 * (log_weight + noise[:, None]) / order).max(axis=0), *beyond)
        first, weights = basis(np.arange(frames), knots)
        middle = 0.5 * (knots.times[1:] + knots.times[:-1])
        rows = [np.interp(middle, np.arange(frames), row) for row in log_weight]
        weight, control = np.exp(rows).repeat(3, axis=0), np.empty((len(y), knots.number))
        certain, form = sure.repeat(3, axis=0), penalties(knots, order)
        robust_fit(y, precision, certain, first, weights, form, weight, 3, control, np.empty(y.shape))
        away = precision * (y - sample(control.T, first, weights).T) ** 2
        missed = _not_alone(consensus & (away.reshape(-1, 3, frames).sum(axis=1) > MISSED))
        if turn == ROUNDS or not missed.any():
            break
        sure |= missed
        near = maximum_filter1d(missed.astype(np.float64), NEARBY, axis=1)
        log_weight = log_weight - LOOSEN * gaussian_filter1d(near, 0.25 * NEARBY, axis=1)
    return log_weight, sure, knots, control


def _not_alone(missed: Bool) -> Bool:
    """Keep what is missed where enough frames around are."""
    enough = np.zeros(missed.shape, dtype=np.bool_)
    for few, around in MISSES:
        enough |= convolve1d(missed.astype(np.float64), np.ones(around), axis=1, mode="reflect") > few - 0.5
    return missed & enough


def _around(values: Float) -> Any:
    """Gather values of some frames each, and sum them over those around."""
    frames = values.shape[-1]
    filled = np.zeros((*values.shape[:-1], -(-frames // GATHERED) * GATHERED))
    filled[..., :frames] = values
    gathered = filled.reshape(*values.shape[:-1], -1, GATHERED).sum(axis=-1)
    width = AROUND / GATHERED
    return 2.0 * np.sqrt(np.pi) * width * gaussian_filter1d(gathered, width, axis=-1, mode="constant")
