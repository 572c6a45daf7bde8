"""How rough the motion of each keypoint is, chosen by how well frames predict frames that are left out."""

import numpy as np
from numpy.typing import NDArray

from triangulate.smoothing.series import robust_fit, smoothed
from triangulate.smoothing.splines import basis, control_points, penalty

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
        2 or 3, see `splines.penalty`.
    correlation : (keypoints, lags) float, optional
        Of the errors with those 0, 1, 2, ... frames later; independent from frame to frame if not given.

    Returns
    -------
    sigma : (keypoints,) float, m
        Of the second or third difference from frame to frame; NaN where nothing is known.
    """
    sigma = np.full(xyz.shape[2], np.nan)
    for group in np.unique(groups):
        members = groups == group
        y, precision = series(xyz[:, :, members], variance[:, :, members])
        if not len(y):
            continue
        noise = 1.0 / np.median(precision[precision > 0])
        lasting = None if correlation is None else correlation[members].mean(axis=0)
        best = minimise(y / np.sqrt(noise), precision * noise, order, lasting)
        sigma[members] = np.sqrt(noise * np.exp(-best))
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
    mean = (y * precision).sum(axis=1) / precision.sum(axis=1)
    return (y - mean[:, None]) * (precision > 0), precision


def minimise(y: Float, precision: Float, order: int, correlation: Float | None = None) -> float:
    """Find the logarithm of the penalty of least expected error, on a grid refined by golden section.

    Errors that are independent from frame to frame: the cost of predicting left-out frames. Errors that last
    are predicted along with the motion, so leaving out frames does not show them. Then Mallows' Cp with
    their covariance S: misfit + 2 trace(H S), H the smoother, whose rows are taken to be alike.

    Source: Mallows 1973, "Some comments on Cp"; Altman 1990, "Kernel smoothing of data with correlated
    errors".
    """
    form, frames = penalty(order), y.shape[1]
    count = control_points(frames - 1)
    first, weights = basis(np.arange(frames), count)
    control = np.empty((len(y), count))

    def cost(log_weight: float) -> float:
        weight = np.full(len(y), np.exp(log_weight))
        trust = np.ones(y.shape)
        held_out, misfit, leverage = robust_fit(y, precision, first, weights, form, weight, 2, control, trust)
        if correlation is None or not (correlation[1:] > 0).any():
            return held_out
        row = kernel_row(first, weights, form, weight[0], count)
        lags = min(len(row), len(correlation))
        lasting = 1.0 + 2.0 * float(row[1:lags] @ correlation[1:lags]) / row[0]
        return misfit + 2.0 * leverage * lasting

    grid = np.arange(*LOG_RANGE, 2.0)
    best = int(np.argmin([cost(value) for value in grid]))
    low, high = grid[max(best - 1, 0)], grid[min(best + 1, len(grid) - 1)]
    golden = (np.sqrt(5) - 1) / 2
    for _ in range(5):
        a, b = high - golden * (high - low), low + golden * (high - low)
        low, high = (low, b) if cost(a) < cost(b) else (a, high)
    middle = float(0.5 * (low + high))
    if correlation is None or not (correlation[1:] > 0).any():
        return middle
    # Where errors last, a few hundred frames are worth a few dozen, and the least cost is ill determined:
    # take the smoothest within one standard error of it (Breiman et al. 1984, "Classification and
    # regression trees").
    effective = (precision > 0).sum() / (1.0 + 2.0 * correlation[1:].sum())
    enough = cost(middle) * (1.0 + min(np.sqrt(2.0 / effective), 0.5))
    while middle < LOG_RANGE[1] and cost(middle + 0.5) < enough:
        middle += 0.5
    return middle


def kernel_row(first: Int, weights: Float, form: Float, weight: float, count: int) -> Float:
    """Return how the smoothed middle frame follows an observation 0, 1, 2, ... frames away."""
    frames = len(first)
    y = np.zeros((1, frames))
    y[0, frames // 2] = 1.0
    control, trust = np.empty((1, count)), np.ones((1, frames))
    robust_fit(y, np.ones((1, frames)), first, weights, form, np.array([weight]), 1, control, trust)
    fitted = sum(
        (weights[:, m] * control[0, first + m] for m in range(1, 4)), weights[:, 0] * control[0, first]
    )
    return fitted[frames // 2 :]


def smooth_coordinates(xyz: Float, covariance: Float, sigma: Float, order: int) -> tuple[Float, Float]:
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
    """
    shape = xyz.shape
    raw = np.diagonal(covariance, axis1=-2, axis2=-1)
    seen = np.isfinite(xyz) & np.isfinite(raw) & (raw > 0) & np.isfinite(sigma)[:, None]
    precision = np.where(seen, 1.0 / np.where(seen, raw, 1.0), 0.0)
    middle = xyz[seen.all(axis=-1)].mean(axis=0) if seen.any() else np.zeros(3)
    rows = [np.where(seen, xyz - middle, 0.0), precision]
    y, precision = (row.transpose(0, 2, 3, 1).reshape(-1, shape[1]) for row in rows)
    first, weights = basis(np.arange(shape[1]), control_points(shape[1] - 1))
    weight = np.where(np.isfinite(sigma), 1.0 / sigma**2, 1.0)
    value, variance = np.empty(y.shape), np.empty(y.shape)
    per_series = np.broadcast_to(weight[:, None], (shape[0], shape[2], 3)).ravel()
    smoothed(y, precision, first, weights, penalty(order), per_series, value, variance)
    smooth, spread = (
        row.reshape(shape[0], shape[2], 3, shape[1]).transpose(0, 3, 1, 2) for row in (value, variance)
    )
    shrink = np.sqrt(spread / np.where(seen, raw, 1.0))
    return smooth + middle, covariance * shrink[..., :, None] * shrink[..., None, :]
