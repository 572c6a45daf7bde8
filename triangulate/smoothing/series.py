# ruff: noqa: PLR0917  (compiled kernels take plain arrays)
"""Robust smoothing splines of single coordinates: cheap, so they choose strengths and find starts.

Each coordinate of each keypoint is a series of raw values with a precision. Geman-McClure weights on the
residuals of a leave-one-out prediction keep mistakes out (a mistake pulls its own fit towards itself, never
its own prediction). Series are fitted side by side, one in each lane of the machine's vectors. Importing this
loads numba.

Source: Craven & Wahba 1979, "Smoothing noisy data with spline functions", for leaving one out in closed form.
"""

import numpy as np
from numba import njit

TURN = 16.0
"""Squared standardised residual at which the Geman-McClure weight has fallen to a quarter."""

FAR = 100.0
"""The same in Mallows' Cp, which a bounded cost of ordinary residuals would bias towards stiff fits."""

LANES = 32
"""Most series that are fitted side by side: as many as the cache holds."""

HELD_OUT, MISFIT, LEVERAGE, NUMBER = range(4)
"""Columns of what `robust_fit` returns."""


@njit(cache=True, nogil=True, error_model="numpy")
def fit(y, precision, first, weights, control, variance, band):
    """Fit penalised splines to a block of series.

    Parameters
    ----------
    y, precision : (frames, lanes) float
        Precision zero where the value is missing.
    first : (frames,) int
    weights : (frames, 4) float
        Basis, see `splines.basis`.
    control : (knots, lanes) float
        Receives the control points.
    variance : (frames, lanes) float
        Receives the variance of each fitted value.
    band : (knots, 4, lanes) float
        Band of the penalty matrix: `band[k, d]` is entry (k + d, k). Receives that of the inverse.
    """
    lanes = y.shape[1]
    control[:] = 0.0
    observe(y, precision, first, weights, control, band)
    eliminate(band, control)
    invert(band)
    variance[:] = 0.0
    for i in range(len(y)):
        for m in range(4):
            for n in range(m + 1):
                w = weights[i, m] * weights[i, n] * (1.0 if m == n else 2.0)
                for s in range(lanes):
                    variance[i, s] += w * band[first[i] + n, m - n, s]


@njit(cache=True, nogil=True, error_model="numpy")
def observe(y, precision, first, weights, right, band):
    """Add the observations of a block to its systems."""
    lanes = y.shape[1]
    for i in range(len(y)):
        k = first[i]
        for m in range(4):
            w = weights[i, m]
            for s in range(lanes):
                right[k + m, s] += w * precision[i, s] * y[i, s]
            for n in range(m + 1):
                w = weights[i, m] * weights[i, n]
                for s in range(lanes):
                    band[k + n, m - n, s] += w * precision[i, s]


@njit(cache=True, nogil=True, error_model="numpy")
def eliminate(band, right):
    """Solve systems with three subdiagonals; the band receives the L D L' factors as `invert` reads them."""
    knots, _, lanes = band.shape
    ratio = np.empty(lanes)
    for k in range(knots):
        for d in range(1, min(4, knots - k)):
            for s in range(lanes):
                ratio[s] = band[k, d, s] / band[k, 0, s]
                right[k + d, s] -= ratio[s] * right[k, s]
            for e in range(d, min(4, knots - k)):
                for s in range(lanes):
                    band[k + d, e - d, s] -= ratio[s] * band[k, e, s]
    for k in range(knots - 1, -1, -1):
        for d in range(1, min(4, knots - k)):
            for s in range(lanes):
                right[k, s] -= band[k, d, s] * right[k + d, s]
        for s in range(lanes):
            right[k, s] /= band[k, 0, s]


@njit(cache=True, nogil=True, error_model="numpy")
def invert(band):
    """Replace the L D L' factors of matrices with three subdiagonals by the bands of their inverses.

    Parameters
    ----------
    band : (knots, 4, lanes) float
        `band[k, 0]` is D, `band[k, d]` is D L.
    """
    knots, _, lanes = band.shape
    g, total = np.empty((4, lanes)), np.empty(lanes)
    for k in range(knots - 1, -1, -1):
        reach = min(4, knots - k)
        for d in range(1, reach):
            for s in range(lanes):
                g[d, s] = band[k, d, s] / band[k, 0, s]
        for s in range(lanes):
            total[s] = 1.0 / band[k, 0, s]
        for e in range(1, reach):
            band[k, e] = 0.0
            for d in range(1, reach):
                other = band[k + min(d, e), abs(e - d)]
                for s in range(lanes):
                    band[k, e, s] -= g[d, s] * other[s]
            for s in range(lanes):
                total[s] -= g[e, s] * band[k, e, s]
        band[k, 0] = total


@njit(cache=True, nogil=True, error_model="numpy")
def penalise(form, weight, band):
    """Sum up the penalty of every knot interval, with a trace of a ridge so that no data means zero.

    Parameters
    ----------
    form : (intervals, 4, 4) float
    weight : (intervals, lanes) float
    band : (knots, 4, lanes) float
        Receives the band.
    """
    intervals, lanes = weight.shape
    band[:] = 0.0
    for k in range(intervals):
        ridge = 2.5e-10 * form[k, 0, 0]
        for m in range(4):
            for n in range(m + 1):
                for s in range(lanes):
                    band[k + n, m - n, s] += weight[k, s] * form[k, m, n]
            for s in range(lanes):
                band[k + m, 0, s] += ridge * weight[k, s]


@njit(cache=True, nogil=True, error_model="numpy")
def judge(y, precision, sure, first, weights, control, variance, trusted, sums):
    """Compare a block with its leave-one-out predictions: new trusted precisions, and sums over frames."""
    sums[:] = 0.0
    lanes = y.shape[1]
    value = np.empty(lanes)
    for i in range(len(y)):
        value[:] = 0.0
        for m in range(4):
            for s in range(lanes):
                value[s] += weights[i, m] * control[first[i] + m, s]
        for s in range(lanes):
            p, away, leverage = precision[i, s], y[i, s] - value[s], variance[i, s] * trusted[i, s]
            fitted = p * away * away
            q = fitted / max(1.0 - leverage, 1e-6) ** 2
            trusted[i, s] = p if sure[i, s] else p / (1.0 + q / TURN) ** 2
            sums[HELD_OUT, s] += q / (1.0 + q / TURN)
            sums[MISFIT, s] += fitted / (1.0 + fitted / TURN)
            sums[LEVERAGE, s] += leverage
            sums[NUMBER, s] += 1.0 if p > 0.0 else 0.0


@njit(cache=True, nogil=True, error_model="numpy")
def robust_fit(y, precision, sure, first, weights, form, weight, rounds, control, variance):
    """Fit every series of a set, giving mistakes less and less weight.

    Parameters
    ----------
    y, precision : (series, frames) float
    sure : (series, frames) bool
        Values that keep their weight, however far from the others.
    first : (frames,) int
    weights : (frames, 4) float
    form : (intervals, 4, 4) float
        See `splines.penalties`.
    weight : (series, intervals) float
        Of the penalty.
    rounds : int
    control : (series, knots) float
        Receives the control points.
    variance : (series, frames) float
        Receives the variance of the fitted values.

    Returns
    -------
    sums : (series, 4) float
        Over the values, in the order of this module's columns: Geman-McClure cost of the leave-one-out
        predictions and of the fitted values, leverage, and number.
    """
    count, frames = y.shape
    out = np.empty((count, 4))
    for begin in range(0, count, LANES):
        end = min(begin + LANES, count)
        lanes = end - begin
        values, precisions = y[begin:end].T.copy(), precision[begin:end].T.copy()
        trusted, spread, certain = precisions.copy(), np.empty((frames, lanes)), sure[begin:end].T
        found, band = np.empty((control.shape[1], lanes)), np.empty((control.shape[1], 4, lanes))
        sums = np.empty((4, lanes))
        for _ in range(rounds):
            penalise(form, weight[begin:end].T, band)
            fit(values, trusted, first, weights, found, spread, band)
            judge(values, precisions, certain, first, weights, found, spread, trusted, sums)
        control[begin:end] = found.T
        variance[begin:end] = spread.T
        out[begin:end] = sums.T
    return out


@njit(cache=True, nogil=True, error_model="numpy")
def judge_frames(y, precision, first, weights, form, weight, owner, lasting, out):
    """Score a strength of the penalty frame by frame: how well frames are predicted, and how well fitted.

    Parameters
    ----------
    y, precision : (series, frames) float
    first : (frames,) int
    weights : (frames, 4) float
    form : (intervals, 4, 4) float
    weight : (series, intervals) float
    owner : (series,) int
        Group of each series.
    lasting : (groups,) float
        Factor on the leverage where errors resemble those of neighbouring frames, see `ErrorKernel`.
    out : (groups, 2, frames) float
        Receives the sums over the series of each group: Geman-McClure cost of the leave-one-out predictions
        of a robust fit, and Mallows' Cp of a plain one: that cost of fitted values and twice the leverage.
    """
    count, frames = y.shape
    knots = len(form) + 3
    out[:] = 0.0
    for begin in range(0, count, LANES):
        end = min(begin + LANES, count)
        lanes = end - begin
        values, precisions = y[begin:end].T.copy(), precision[begin:end].T.copy()
        trusted, spread = precisions.copy(), np.empty((frames, lanes))
        found, band = np.empty((knots, lanes)), np.empty((knots, 4, lanes))
        for turn in range(2):
            penalise(form, weight[begin:end].T, band)
            fit(values, trusted, first, weights, found, spread, band)
            for i in range(frames):
                for s in range(lanes):
                    value = 0.0
                    for m in range(4):
                        value += weights[i, m] * found[first[i] + m, s]
                    p, away, leverage = precisions[i, s], values[i, s] - value, spread[i, s] * trusted[i, s]
                    fitted = p * away * away
                    q = fitted / max(1.0 - leverage, 1e-6) ** 2
                    group = owner[begin + s]
                    if turn == 0:
                        trusted[i, s] = p / (1.0 + q / TURN) ** 2
                        out[group, 1, i] += fitted / (1.0 + fitted / FAR) + 2.0 * leverage * lasting[group]
                    else:
                        out[group, 0, i] += q / (1.0 + q / TURN)
