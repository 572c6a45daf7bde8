"""How rough the motion of each keypoint is, chosen by how well frames predict frames that are left out."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from triangulate.smoothing.series import HELD_OUT, LEVERAGE, MISFIT, NUMBER, robust_fit
from triangulate.smoothing.splines import Knots, basis, penalties, sample

Float = NDArray[np.float64]
Int = NDArray[np.int64]

LOG_RANGE = (-12.0, 14.0)
"""Natural logarithms of the penalty searched, relative to the noise: from no smoothing to nearly a
parabola."""

LEAST = 8
"""Values that a series must have to say anything about its roughness."""


def choose_roughness(
    xyz: Float, variance: Float, groups: Int, order: int, correlation: Float | None = None
) -> Float:
    """Choose the standard deviation of the motion's highest difference for each group of keypoints.

    The strength that predicts left-out frames best is also the one under which the posterior covariance of a
    smoothing spline covers the truth on average (Nychka 1988, "Bayesian confidence intervals for smoothing
    splines").

    Parameters
    ----------
    xyz : (pieces, frames, keypoints, 3) float, m
        Raw points of one or more pieces of the recording, NaN where missing.
    variance : (pieces, frames, keypoints, 3) float, m2
        Of every coordinate.
    groups : (keypoints,) int
        Keypoints of one group share the answer.
    order : int
        2 or 3, see `splines.penalties`.
    correlation : (keypoints, lags) float, optional
        Of the errors with those 0, 1, 2, ... frames later; independent from frame to frame if not given.

    Returns
    -------
    sigma : (keypoints,) float, m
        Of the second or third difference from frame to frame; NaN where nothing is known.
    """
    sigma = np.full(xyz.shape[2], np.nan)
    sets = [groups == group for group in np.unique(groups)]
    rows = [series(xyz[:, :, members], variance[:, :, members]) for members in sets]
    known = [index for index, (y, _) in enumerate(rows) if len(y)]
    if not known:
        return sigma
    noise = [1.0 / np.median(rows[index][1][rows[index][1] > 0]) for index in known]
    y = np.concatenate([rows[index][0] / np.sqrt(one) for index, one in zip(known, noise, strict=True)])
    precision = np.concatenate([rows[index][1] * one for index, one in zip(known, noise, strict=True)])
    owner = np.repeat(np.arange(len(known)), [len(rows[index][0]) for index in known])
    if correlation is None:
        correlation = np.ones((len(groups), 1))
    lasting = np.stack([correlation[sets[index]].mean(axis=0) for index in known])
    best = minimise(y, precision, owner, order, lasting)
    for index, one, log_weight in zip(known, noise, best, strict=True):
        sigma[sets[index]] = np.sqrt(one * np.exp(-log_weight))
    return sigma


def typical_roughness(xyz: Float, variance: Float, groups: Int, order: int, correlation: Float) -> Float:
    """Take the median over pieces of the recording of what `choose_roughness` finds in each.

    A piece that holds something fast then does not speak for the others.

    Parameters
    ----------
    xyz, variance, groups, order, correlation
        See `choose_roughness`.

    Returns
    -------
    sigma : (keypoints,) float, m
        NaN where nothing is known.
    """
    each = np.stack(
        [
            choose_roughness(xyz[[piece]], variance[[piece]], groups, order, correlation)
            for piece in range(len(xyz))
        ]
    )
    sigma = np.full(xyz.shape[2], np.nan)
    for keypoint in np.flatnonzero(np.isfinite(each).any(axis=0)):
        known = each[np.isfinite(each[:, keypoint]), keypoint]
        sigma[keypoint] = np.exp(np.median(np.log(known)))
    return sigma


def series(xyz: Float, variance: Float) -> tuple[Float, Float]:
    """Lay points out as series of values about their mean, and their precision, leaving out short ones.

    Parameters
    ----------
    xyz : (pieces, frames, keypoints, 3) float, m
    variance : (pieces, frames, keypoints, 3) float, m2

    Returns
    -------
    y, precision : (series, frames) float
    """
    frames = xyz.shape[1]
    seen = np.isfinite(xyz) & np.isfinite(variance) & (variance > 0)
    precision = np.where(seen, 1.0 / np.where(seen, variance, 1.0), 0.0)
    y = np.where(seen, xyz, 0.0).transpose(0, 2, 3, 1).reshape(-1, frames)
    precision = precision.transpose(0, 2, 3, 1).reshape(-1, frames)
    enough = (precision > 0).sum(axis=1) >= LEAST
    y, precision = y[enough], np.ascontiguousarray(precision[enough])
    return centred(y, precision)[0], precision


def centred(y: Float, precision: Float) -> tuple[Float, Float]:
    """Take their mean off series: the fit's ridge then pulls them towards it, which matters at rest.

    Parameters
    ----------
    y, precision : (series, frames) float
        Precision zero where the value is missing.

    Returns
    -------
    y : (series, frames) float
    mean : (series,) float
    """
    mean = (y * precision).sum(axis=1) / np.maximum(precision.sum(axis=1), 1e-300)
    return np.where(precision > 0, y - mean[:, None], 0.0), mean


def minimise(y: Float, precision: Float, owner: Int, order: int, correlation: Float) -> Float:
    """Find the logarithm of the penalty of least expected error, on a grid refined by golden section.

    Errors that are independent from frame to frame: the cost of predicting left-out frames. Errors that last
    are predicted along with the motion, so leaving out frames does not show them. Then Mallows' Cp with
    their covariance S: misfit + 2 trace(H S), H the smoother, whose rows are taken to be alike.

    Source: Mallows 1973, "Some comments on Cp"; Altman 1990, "Kernel smoothing of data with correlated
    errors".

    Parameters
    ----------
    y, precision : (series, frames) float
    owner : (series,) int
        Group of each series.
    order : int
    correlation : (groups, lags) float

    Returns
    -------
    log_weight : (groups,) float
    """
    frames, groups = y.shape[1], len(correlation)
    knots = Knots.uniform(frames - 1)
    form = penalties(knots, order)
    first, weights = basis(np.arange(frames), knots)
    control, variance = np.empty((len(y), knots.number)), np.empty(y.shape)
    lasts = (correlation[:, 1:] > 0).any(axis=1)

    def cost(log_weight: Float) -> Float:
        weight = np.exp(log_weight)
        by_interval = np.broadcast_to(weight[owner][:, None], (len(y), len(form)))
        sums = robust_fit(y, precision, no_one(y), first, weights, form, by_interval, 2, control, variance)
        of_group = np.stack([np.bincount(owner, column, groups) for column in sums.T])
        held_out, misfit, leverage = of_group[[HELD_OUT, MISFIT, LEVERAGE]] / of_group[NUMBER]
        if not lasts.any():
            return held_out
        row = kernel_rows(first, weights, form, weight)
        lags = min(row.shape[1], correlation.shape[1])
        lasting = 1.0 + 2.0 * (row[:, 1:lags] * correlation[:, 1:lags]).sum(axis=1) / row[:, 0]
        return np.where(lasts, misfit + 2.0 * leverage * lasting, held_out)

    middle = search(cost, groups)
    if not lasts.any():
        return middle
    # Where errors last, a few hundred frames are worth a few dozen, and the least cost is ill determined:
    # take the smoothest within one standard error of it (Breiman et al. 1984, "Classification and
    # regression trees").
    known = np.bincount(owner, (precision > 0).sum(axis=1), groups)
    effective = known / (1.0 + 2.0 * correlation[:, 1:].sum(axis=1))
    enough = cost(middle) * (1.0 + np.minimum(np.sqrt(2.0 / effective), 0.5))
    rising = lasts
    while rising.any():
        rising = rising & (middle < LOG_RANGE[1]) & (cost(middle + 0.5) < enough)
        middle = np.where(rising, middle + 0.5, middle)
    return middle


def search(cost: Callable[[Float], Float], groups: int) -> Float:
    """Minimise a cost of one variable for many groups at a time."""
    grid = np.arange(*LOG_RANGE, 2.0)
    best = np.argmin([cost(np.full(groups, value)) for value in grid], axis=0)
    low, high = grid[np.maximum(best - 1, 0)], grid[np.minimum(best + 1, len(grid) - 1)]
    golden = (np.sqrt(5) - 1) / 2
    a, b = high - golden * (high - low), low + golden * (high - low)
    at_a, at_b = cost(a), cost(b)
    for _ in range(5):
        left = at_a < at_b
        low, high = np.where(left, low, a), np.where(left, b, high)
        fresh = np.where(left, high - golden * (high - low), low + golden * (high - low))
        at_fresh = cost(fresh)
        a, b = np.where(left, fresh, b), np.where(left, a, fresh)
        at_a, at_b = np.where(left, at_fresh, at_b), np.where(left, at_a, at_fresh)
    return 0.5 * (low + high)


def no_one(y: Float) -> NDArray[np.bool_]:
    """Return that no value of some series is sure."""
    return np.zeros(y.shape, dtype=np.bool_)


def kernel_rows(first: Int, weights: Float, form: Float, weight: Float) -> Float:
    """Return how the smoothed middle frame follows an observation 0, 1, 2, ... frames away, by weight."""
    y = np.zeros((len(weight), len(first)))
    y[:, len(first) // 2] = 1.0
    control = np.empty((len(weight), len(form) + 3))
    by_interval = np.broadcast_to(weight[:, None], (len(weight), len(form)))
    robust_fit(
        y, np.ones(y.shape), no_one(y), first, weights, form, by_interval, 1, control, np.empty(y.shape)
    )
    return sample(control.T, first, weights).T[:, len(first) // 2 :]


def smooth_coordinates(xyz: Float, covariance: Float, sigma: Float, order: int) -> tuple[Float, Float, Float]:
    """Smooth raw points coordinate by coordinate, without bones.

    Parameters
    ----------
    xyz : (pieces, frames, keypoints, 3) float, m
    covariance : (pieces, frames, keypoints, 3, 3) float, m2
    sigma : (keypoints,) float, m
        Roughness, see `choose_roughness`.
    order : int

    Returns
    -------
    xyz : (pieces, frames, keypoints, 3) float, m
    covariance : (pieces, frames, keypoints, 3, 3) float, m2
        The raw correlation with the smoothed variances.
    independent : (keypoints,) float
        Share of the frames whose errors are independent: the mean leverage.
    """
    shape = xyz.shape
    raw = np.diagonal(covariance, axis1=-2, axis2=-1)
    seen = np.isfinite(xyz) & np.isfinite(raw) & (raw > 0) & np.isfinite(sigma)[:, None]
    precision = np.where(seen, 1.0 / np.where(seen, raw, 1.0), 0.0)
    rows = [np.where(seen, xyz, 0.0), precision]
    y, precision = (row.transpose(0, 2, 3, 1).reshape(-1, shape[1]) for row in rows)
    y, middle = centred(y, precision)
    knots = Knots.uniform(shape[1] - 1)
    first, weights = basis(np.arange(shape[1]), knots)
    weight = np.where(np.isfinite(sigma), 1.0 / sigma**2, 1.0)
    control, variance = np.empty((len(y), knots.number)), np.empty(y.shape)
    per_series = np.broadcast_to(weight[:, None], (shape[0], shape[2], 3)).reshape(-1, 1)
    form = penalties(knots, order)
    by_interval = np.broadcast_to(per_series, (len(y), len(form)))
    robust_fit(y, precision, no_one(y), first, weights, form, by_interval, 3, control, variance)
    rows = [sample(control.T, first, weights).T + middle[:, None], variance]
    smooth, spread = (
        np.where(precision > 0, row, np.nan).reshape(shape[0], shape[2], 3, shape[1]).transpose(0, 3, 1, 2)
        for row in rows
    )
    shrink = np.sqrt(spread / np.where(seen, raw, 1.0))
    known = np.isfinite(shrink)
    number = np.maximum(known.sum(axis=(0, 1, 3)), 1)
    independent = np.where(known, shrink**2, 0.0).sum(axis=(0, 1, 3)) / number
    return smooth, covariance * shrink[..., :, None] * shrink[..., None, :], independent
