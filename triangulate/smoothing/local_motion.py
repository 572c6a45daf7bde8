"""How rough the motion is at each time: a prior that follows quiet and fast stretches.

One strength for a whole recording erases a punch in a quiet trial. Strengths above and below that of the
recording are scored frame by frame, and each frame takes the one that does best around it.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from triangulate.smoothing.inputs import RawPoints, coordinates
from triangulate.smoothing.knots import usual_spacing
from triangulate.smoothing.motion_strength import centred
from triangulate.smoothing.series import TURN, judge_frames
from triangulate.smoothing.splines import Knots, basis, penalties

Float = NDArray[np.float64]
Int = NDArray[np.int64]

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


def local_roughness(raw: RawPoints, group: Int, sigma: Float, order: int, correlation: Float) -> Float:
    """Choose each frame's standard deviation of the motion's highest derivative.

    The cost of a strength is that of predicting each frame from the others (see `motion_strength`), summed
    over the frames around; where no strength predicts, as for a wing filmed at three frames per beat, that of
    Mallows' Cp, which only asks how well the noise that is known fits.

    Parameters
    ----------
    raw : RawPoints
    group : (keypoints,) int
        Keypoints of one group share the answer.
    sigma : (keypoints,) float, m
        Of the recording, per frame ** order.
    order : int
    correlation : (keypoints, lags) float
        Of the errors with those 0, 1, 2, ... frames later.

    Returns
    -------
    sigma : (frames, keypoints) float, m
    """
    frames = len(raw.xyz)
    y, precision = coordinates(raw)
    y = centred(y, precision)[0]
    names, of_keypoint = np.unique(group, return_inverse=True)
    owner = np.repeat(of_keypoint, 3)
    usual = np.array([-2 * np.log(np.median(sigma[of_keypoint == g])) for g in range(len(names))])
    noise = np.array([_noise(precision[owner == g]) for g in range(len(names))])
    number = np.stack([_around((precision[owner == g] > 0).sum(axis=0).astype(float)) for g in range(len(names))])
    low = np.minimum(LOOSEST - np.log(noise), usual)
    steps = np.arange(STIFFEST, (low - usual).min() - STEP, -STEP)
    costs = []
    for step in steps:
        log_weight = np.maximum(usual + step, low)
        corner = float(np.exp(-0.5 * (log_weight + np.log(noise)) / order).max())
        knots = Knots.uniform(frames - 1, usual_spacing(corner))
        first, weights = basis(np.arange(frames), knots)
        form = penalties(knots, order)
        by_interval = np.broadcast_to(np.exp(log_weight)[owner][:, None], (len(y), len(form)))
        out = np.empty((len(names), 3, frames))
        judge_frames(y, precision, first, weights, form, by_interval, owner, out)
        costs.append(np.stack([_around(out[:, 0]), _around(out[:, 1] + 2 * out[:, 2])]))
    held_out, fitted = np.moveaxis(np.array(costs), 1, 0)
    unpredicted = held_out.min(axis=0) > UNPREDICTED * number
    cost = np.where(unpredicted, fitted, held_out) + (CHANGE / STEP) * np.abs(steps)[:, None, None]
    belief = np.exp(-0.5 * (cost - cost.min(axis=0)))
    candidates = np.maximum(usual + steps[:, None], low)[:, :, None]
    log_weight = (belief * candidates).sum(axis=0) / belief.sum(axis=0)
    log_weight = gaussian_filter1d(log_weight, AROUND / 3, axis=1, mode="nearest")
    return np.asarray(np.exp(-0.5 * log_weight)[of_keypoint].T)


def _around(values: Float) -> Float:
    """Sum values over the frames around each."""
    frames = 2.0 * np.sqrt(np.pi) * AROUND
    return np.asarray(frames * gaussian_filter1d(values, AROUND, axis=-1, mode="constant"))


def _noise(precision: Float) -> float:
    """Return the median variance of values; one where there are none."""
    known = precision[precision > 0]
    return float(1.0 / np.median(known)) if known.size else 1.0
