# ruff: noqa: PLR0917  (compiled kernels take plain arrays)
"""Robust smoothing splines of single coordinates: cheap, so they choose strengths and find starts.

Each coordinate of each keypoint is a series of raw values with a precision. Geman-McClure weights on the
residuals of a leave-one-out prediction keep mistakes out (a mistake pulls its own fit towards itself, never
its own prediction). Importing this loads numba.

Source: Craven & Wahba 1979, "Smoothing noisy data with spline functions", for leaving one out in closed form.
"""

import numpy as np
from numba import njit

TURN = 16.0
"""Squared standardised residual at which the Geman-McClure weight has fallen to a quarter."""


@njit(cache=True, nogil=True, error_model="numpy")
def fit(y, precision, first, weights, penalties, control, leverage, band):
    """Fit a penalised spline to one series.

    Parameters
    ----------
    y, precision : (frames,) float
        Precision zero where the value is missing.
    first : (frames,) int
    weights : (frames, 4) float
        Basis, see `splines.basis`.
    penalties : (knots, 4) float
        Band of the penalty matrix, `penalties[k, d]` is entry (k + d, k).
    control : (knots,) float
        Receives the control points.
    leverage : (frames,) float
        Receives by how much each fitted value would follow its observation.
    band : (knots, 4) float
        Work space.
    """
    band[:] = penalties
    control[:] = 0.0
    observe(y, precision, first, weights, control, band)
    eliminate(band, control)
    invert(band)
    for i in range(len(y)):
        k, total = first[i], 0.0
        for m in range(4):
            total += weights[i, m] * weights[i, m] * band[k + m, 0]
            for n in range(m):
                total += 2.0 * weights[i, m] * weights[i, n] * band[k + n, m - n]
        leverage[i] = total * precision[i]


@njit(cache=True, nogil=True, error_model="numpy")
def observe(y, precision, first, weights, right, band):
    """Add the observations of one series to its system."""
    for i in range(len(y)):
        p, k = precision[i], first[i]
        if p > 0.0:
            for m in range(4):
                w = p * weights[i, m]
                right[k + m] += w * y[i]
                for n in range(m + 1):
                    band[k + n, m - n] += w * weights[i, n]


@njit(cache=True, nogil=True, error_model="numpy")
def eliminate(band, right):
    """Solve a system with three subdiagonals; the band receives its L D L' factor as `invert` reads it."""
    knots = len(band)
    for k in range(knots):
        inverse = 1.0 / band[k, 0]
        for d in range(1, min(4, knots - k)):
            ratio = band[k, d] * inverse
            right[k + d] -= ratio * right[k]
            for e in range(d, min(4, knots - k)):
                band[k + d, e - d] -= ratio * band[k, e]
    for k in range(knots - 1, -1, -1):
        inverse = 1.0 / band[k, 0]
        right[k] *= inverse
        for d in range(1, min(4, knots - k)):
            right[k] -= band[k, d] * inverse * right[k + d]


@njit(cache=True, nogil=True, error_model="numpy")
def invert(band):
    """Replace the L D L' factor of a matrix with three subdiagonals by the band of its inverse.

    Parameters
    ----------
    band : (knots, 4) float
        `band[k, 0]` is D, `band[k, d]` is D L.
    """
    knots = len(band)
    g = np.empty(4)
    for k in range(knots - 1, -1, -1):
        reach = min(4, knots - k)
        inverse = 1.0 / band[k, 0]
        for d in range(1, reach):
            g[d] = band[k, d] * inverse
        for e in range(1, reach):
            total = 0.0
            for d in range(1, reach):
                total += g[d] * (band[k + d, e - d] if e >= d else band[k + e, d - e])
            band[k, e] = -total
        total = inverse
        for d in range(1, reach):
            total -= g[d] * band[k, d]
        band[k, 0] = total


@njit(cache=True, nogil=True, error_model="numpy")
def penalty_band(form, weight, penalties):
    """Sum up the penalty of every knot interval, with a trace of a ridge so that no data means zero.

    Parameters
    ----------
    form : (4, 4) float
    weight : float
    penalties : (knots, 4) float
        Receives the band.
    """
    penalties[:] = 0.0
    for k in range(len(penalties) - 3):
        for m in range(4):
            for n in range(m + 1):
                penalties[k + n, m - n] += weight * form[m, n]
    for k in range(len(penalties)):
        penalties[k, 0] += 1e-9 * weight


@njit(cache=True, nogil=True, error_model="numpy")
def robust_fit(y, precision, first, weights, form, weight, rounds, control, trust):
    """Fit every series of a set, giving mistakes less and less weight.

    Parameters
    ----------
    y, precision : (series, frames) float
    first : (frames,) int
    weights : (frames, 4) float
    form : (4, 4) float
    weight : (series,) float
        Of the penalty.
    rounds : int
    control : (series, knots) float
        Receives the control points.
    trust : (series, frames) float
        Weight of each value, between 0 and 1; the start is read, the end is written.

    Returns
    -------
    held_out : float
        Mean Geman-McClure cost of the leave-one-out predictions.
    misfit : float
        Mean Geman-McClure cost of the fitted values.
    leverage : float
        Mean leverage.
    """
    count, frames = y.shape
    knots = control.shape[1]
    penalties, band, leverage = np.empty((knots, 4)), np.empty((knots, 4)), np.empty(frames)
    held_out, misfit, pull, number = 0.0, 0.0, 0.0, 0
    for s in range(count):
        penalty_band(form, weight[s], penalties)
        for turn in range(rounds):
            fit(y[s], precision[s] * trust[s], first, weights, penalties, control[s], leverage, band)
            for i in range(frames):
                if precision[s, i] == 0.0:
                    continue
                value = 0.0
                for m in range(4):
                    value += weights[i, m] * control[s, first[i] + m]
                away = (y[s, i] - value) / max(1.0 - leverage[i], 1e-6)
                q = precision[s, i] * away * away
                trust[s, i] = 1.0 / (1.0 + q / TURN) ** 2
                if turn == rounds - 1:
                    held_out += q / (1.0 + q / TURN)
                    q *= (1.0 - leverage[i]) ** 2
                    misfit += q / (1.0 + q / TURN)
                    pull += leverage[i]
                    number += 1
    number = max(number, 1)
    return held_out / number, misfit / number, pull / number


@njit(cache=True, nogil=True, error_model="numpy")
def smoothed(y, precision, first, weights, form, weight, value, variance):
    """Smooth every series robustly and read it at the frames.

    Parameters
    ----------
    y, precision : (series, frames) float
    first : (frames,) int
    weights : (frames, 4) float
    form : (4, 4) float
    weight : (series,) float
        Of the penalty.
    value, variance : (series, frames) float
        Receive the fit and its variance, NaN where there is no value.
    """
    frames = y.shape[1]
    knots = first.max() + 4
    control, trust = np.empty((1, knots)), np.ones((1, frames))
    penalties, band, leverage = np.empty((knots, 4)), np.empty((knots, 4)), np.empty(frames)
    for s in range(len(y)):
        trust[:] = 1.0
        robust_fit(
            y[s : s + 1], precision[s : s + 1], first, weights, form, weight[s : s + 1], 2, control, trust
        )
        penalty_band(form, weight[s], penalties)
        fit(y[s], precision[s] * trust[0], first, weights, penalties, control[0], leverage, band)
        for i in range(frames):
            value[s, i] = variance[s, i] = np.nan
            if precision[s, i] * trust[0, i] > 0.0:
                value[s, i] = 0.0
                for m in range(4):
                    value[s, i] += weights[i, m] * control[0, first[i] + m]
                variance[s, i] = leverage[i] / (precision[s, i] * trust[0, i])
