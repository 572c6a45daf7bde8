"""How rough the motion is at each time: a prior that follows quiet and fast stretches.

One strength for a whole recording erases a punch in a quiet trial. Strengths above and below that of the
recording are scored frame by frame, and each frame takes the one that does best around it.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_opening, gaussian_filter1d, maximum_filter1d

from triangulate.smoothing.inputs import RawPoints, coordinates
from triangulate.smoothing.knots import spaced, usual_spacing
from triangulate.smoothing.motion_strength import centred
from triangulate.smoothing.series import judge_frames, robust_fit
from triangulate.smoothing.splines import Knots, basis, penalties, sample

Float = NDArray[np.float64]
Int = NDArray[np.int64]
Bool = NDArray[np.bool_]

STEP = 2.0
"""Between the natural logarithms of the penalties that are compared."""

STIFFEST = 4.0
"""Logarithm of the stiffest penalty over that of the recording."""

LOOSEST = -12.0
"""Logarithm of the loosest penalty over the noise's variance."""

AROUND = 18.0
"""Frames (standard deviation of a Gaussian) over which scores are gathered."""

CHANGE = 4.0
"""Cost of each `STEP` away from the strength of the recording, in squared standard deviations: chance alone
prefers another strength by less."""

UNPREDICTED = 4.0
"""Mean cost of predictions, at the best strength, from which frames do not predict each other: what a strength
fits then decides, not what it predicts."""

SOFT = 6.0
"""Frames (standard deviation of a Gaussian) within which the strength may change."""

AGREEING = 3
"""Views that make a consensus which the motion prior cannot reject."""

MISSED = 30.0
"""Squared distance, in standard deviations of the point, from which a fit misses it: of three coordinates of
normal error it is exceeded once in a million; still seldom where the noise is twice what is believed."""

RUN = 3
"""Frames in a row that a fit must miss: one or two may be a mistake that views share."""

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
    """

    sigma: Float
    sure: Bool


class Series(NamedTuple):
    """Coordinates of keypoints, (3 keypoints, frames), and the group of each keypoint."""

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


def local_motion(raw: RawPoints, group: Int, sigma: Float, order: int) -> LocalMotion:
    """Choose each frame's standard deviation of the motion's highest derivative.

    The cost of a strength is that of predicting each frame from the others (see `motion_strength`), summed
    over the frames around; where no strength predicts, as for a wing filmed at three frames per beat, that of
    Mallows' Cp, which only asks how well the noise that is known fits. The strengths are averaged with the
    weights exp(-cost / 2). Where views agree for three frames on points that the fit still misses, as at a
    sudden turn, the prior is loosened until it follows.

    Parameters
    ----------
    raw : RawPoints
        Along their principal axes, see `inputs.turned`.
    group : (keypoints,) int
        Keypoints of one group share the answer.
    sigma : (keypoints,) float, m
        Of the recording, per frame ** order.
    order : int

    Returns
    -------
    motion : LocalMotion
    """
    y, precision = coordinates(raw)
    series = Series(centred(y, precision)[0], precision, np.unique(group, return_inverse=True)[1])
    usual = np.array([-2 * np.log(np.median(sigma[series.group == g])) for g in range(series.groups)])
    log_weight = averaged_strength(series, usual, order)[series.group]
    consensus = raw.inliers.sum(axis=-1) >= AGREEING
    log_weight, sure = loosened(series, log_weight, consensus.T, order)
    return LocalMotion(np.exp(-0.5 * log_weight).T, sure.T)


def averaged_strength(series: Series, usual: Float, order: int) -> Float:
    """Average the strengths that suit each frame, (groups, frames): the logarithm of the penalty."""
    y, precision, _ = series
    frames, groups, owner = y.shape[1], series.groups, series.owner
    noise = series.log_noise()
    number = np.stack(
        [_around((precision[owner == g] > 0).sum(axis=0).astype(float)) for g in range(groups)]
    )
    low = np.minimum(LOOSEST - noise, usual)
    steps = np.arange(STIFFEST, (low - usual).min() - STEP, -STEP)
    costs = []
    for step in steps:
        log_weight = np.maximum(usual + step, low)
        corner = float(np.exp(-0.5 * (log_weight + noise) / order).max())
        knots = Knots.uniform(frames - 1, usual_spacing(corner))
        form = penalties(knots, order)
        by_interval = np.repeat(np.exp(log_weight)[owner][:, None], len(form), axis=1)
        out = np.empty((groups, 2, frames))
        judge_frames(y, precision, *basis(np.arange(frames), knots), form, by_interval, owner, out)
        costs.append(_around(out))
    held_out, fitted = np.moveaxis(np.array(costs), 2, 0)
    unpredicted = held_out.min(axis=0) > UNPREDICTED * number
    cost = np.where(unpredicted, fitted, held_out) + (CHANGE / STEP) * np.abs(steps)[:, None, None]
    belief = np.exp(-0.5 * (cost - cost.min(axis=0)))
    candidates = np.maximum(usual + steps[:, None], low)[:, :, None]
    log_weight = (belief * candidates).sum(axis=0) / belief.sum(axis=0)
    return np.asarray(gaussian_filter1d(log_weight, SOFT, axis=1, mode="nearest"))


def loosened(series: Series, log_weight: Float, consensus: Bool, order: int) -> tuple[Float, Bool]:
    """Loosen the prior where it misses what the views agree on.

    Parameters
    ----------
    series : Series
    log_weight : (keypoints, frames) float
    consensus : (keypoints, frames) bool
        Whether three views or more agree.
    order : int

    Returns
    -------
    log_weight : (keypoints, frames) float
    sure : (keypoints, frames) bool
    """
    y, precision, _ = series
    frames = y.shape[1]
    noise = series.log_noise()[series.group]
    sure = np.zeros(consensus.shape, dtype=np.bool_)
    for _ in range(ROUNDS):
        knots = spaced(np.exp(-0.5 * (log_weight + noise[:, None]) / order).max(axis=0))
        first, weights = basis(np.arange(frames), knots)
        middle = 0.5 * (knots.times[1:] + knots.times[:-1])
        rows = [np.interp(middle, np.arange(frames), row) for row in log_weight]
        weight, control = np.exp(rows).repeat(3, axis=0), np.empty((len(y), knots.count))
        certain, form = sure.repeat(3, axis=0), penalties(knots, order)
        robust_fit(y, precision, certain, first, weights, form, weight, 3, control, np.empty(y.shape))
        away = precision * (y - sample(control.T, first, weights).T) ** 2
        missed = _runs(consensus & (away.reshape(-1, 3, frames).sum(axis=1) > MISSED))
        if not missed.any():
            break
        sure |= missed
        near = maximum_filter1d(missed.astype(np.float64), 2 * RUN + 1, axis=1)
        log_weight = log_weight - LOOSEN * gaussian_filter1d(near, 0.5 * RUN, axis=1)
    return log_weight, sure


def _runs(chosen: Bool) -> Bool:
    """Keep what is chosen for at least `RUN` frames in a row."""
    return np.asarray(binary_opening(chosen, np.ones((1, RUN), dtype=np.bool_)))


def _around(values: Float) -> Float:
    """Sum values over the frames around each."""
    frames = 2.0 * np.sqrt(np.pi) * AROUND
    return np.asarray(frames * gaussian_filter1d(values, AROUND, axis=-1, mode="constant"))
