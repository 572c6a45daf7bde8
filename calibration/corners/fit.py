# ruff: noqa: PLR0917  (compiled kernels take plain arrays)
"""The model of a printed corner fitted to pixels, compiled; importing this module loads numba.

Two straight blurred edges cross in a corner. With signed distances u and v to them, the brightness is

    a + g . d + b E(u / s_u) E(v / s_v),    E(z) = erf(z / sqrt 2)    (a crossing of four squares)

and with F = (1 + E) / 2 in place of E at the outer corner of a marker. Position, both directions, both blurs
and the four brightness terms are found by Levenberg-Marquardt on all pixels that the pattern leaves to these
two edges, markers masked out.
"""

import math

import numpy as np
from numba import njit

CROSSING = 0
MARKER = 1

_PARAMETERS = 10
_SPILL = 1.5
_ROOT_HALF = math.sqrt(0.5)
_SLOPE = math.sqrt(2.0 / math.pi)


@njit(inline="always")
def _erf(z, bell):
    """Error function of z from bell = exp(-z^2), to 1.5e-7 (Abramowitz & Stegun, 7.1.26)."""
    t = 1.0 / (1.0 + 0.3275911 * abs(z))
    series = -0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))
    rest = bell * t * (0.254829592 + t * series)
    return 1.0 - rest if z > 0.0 else rest - 1.0


@njit(cache=True, nogil=True, error_model="numpy", fastmath=True)
def _dot(a, b, count):
    total = 0.0
    for i in range(count):
        total += a[i] * b[i]
    return total


@njit(cache=True, nogil=True, error_model="numpy", fastmath=True)
def _normal_equations(offsets, values, p, kind, rows, H, g):
    """Sum up the normal equations of the model at `p`; returns the sum of squared residuals.

    `rows` is work space: the derivatives and, last, the residuals, a row of pixels each, so that the sums
    over pixels become vector code.
    """
    count = len(values)
    cu, su, cv, sv = math.cos(p[2]), math.sin(p[2]), math.cos(p[3]), math.sin(p[3])
    per_u, per_v, b = 1.0 / p[4], 1.0 / p[5], p[7]
    for i in range(count):
        dx, dy = offsets[i, 0], offsets[i, 1]
        x, y = dx - p[0], dy - p[1]
        u, v = (x * cu + y * su) * per_u, (x * cv + y * sv) * per_v
        gu, gv = math.exp(-0.5 * u * u), math.exp(-0.5 * v * v)
        eu, ev = _erf(u * _ROOT_HALF, gu), _erf(v * _ROOT_HALF, gv)
        gu, gv = _SLOPE * gu, _SLOPE * gv
        if kind == MARKER:
            eu, ev, gu, gv = 0.5 + 0.5 * eu, 0.5 + 0.5 * ev, 0.5 * gu, 0.5 * gv
        along_u, along_v = b * gu * ev * per_u, b * gv * eu * per_v
        rows[0, i] = -along_u * cu - along_v * cv
        rows[1, i] = -along_u * su - along_v * sv
        rows[2, i] = along_u * (y * cu - x * su)
        rows[3, i] = along_v * (y * cv - x * sv)
        rows[4, i] = -along_u * u
        rows[5, i] = -along_v * v
        rows[6, i] = 1.0
        rows[7, i] = eu * ev
        rows[8, i] = dx
        rows[9, i] = dy
        rows[10, i] = values[i] - (p[6] + b * eu * ev + p[8] * dx + p[9] * dy)
    for a in range(_PARAMETERS):
        for c in range(a + 1):
            H[a, c] = H[c, a] = _dot(rows[a], rows[c], count)
        g[a] = _dot(rows[a], rows[_PARAMETERS], count)
    return _dot(rows[_PARAMETERS], rows[_PARAMETERS], count)


@njit(cache=True, nogil=True, error_model="numpy")
def _solve(H, g, free, damping):
    """Damped step in the free parameters by Cholesky; zeros where the system is singular."""
    n = free.sum()
    index = np.nonzero(free)[0]
    L = np.empty((n, n))
    step = np.zeros(_PARAMETERS)
    z = np.empty(n)
    for a in range(n):
        for c in range(a + 1):
            value = H[index[a], index[c]]
            if a == c:
                value = value * (1 + damping) + 1e-12
            for k in range(c):
                value -= L[a, k] * L[c, k]
            if a == c:
                if value <= 0:
                    return step
                L[a, a] = math.sqrt(value)
            else:
                L[a, c] = value / L[c, c]
        value = g[index[a]]
        for k in range(a):
            value -= L[a, k] * z[k]
        z[a] = value / L[a, a]
    for a in range(n - 1, -1, -1):
        value = z[a]
        for k in range(a + 1, n):
            value -= L[k, a] * step[index[k]]
        step[index[a]] = value / L[a, a]
    return step


@njit(cache=True, nogil=True, error_model="numpy")
def _gather(gray, x, y, ex, ey, kind, dark, reach, margin, every, offsets, values):
    """Collect the pixels that belong to the two edges; returns how many."""
    height, width = gray.shape
    det = ex[0] * ey[1] - ex[1] * ey[0]
    wide, high = reach * (abs(ex[0]) + abs(ey[0])), reach * (abs(ex[1]) + abs(ey[1]))
    count = 0
    for py in range(max(0, math.ceil(y - high)), min(height - 1, math.floor(y + high)) + 1):
        for px in range(max(0, math.ceil(x - wide)), min(width - 1, math.floor(x + wide)) + 1):
            dx, dy = px - x, py - y
            s, t = (dx * ey[1] - dy * ey[0]) / det, (ex[0] * dy - ex[1] * dx) / det
            far, near = max(abs(s), abs(t)), min(abs(s), abs(t))
            if far > reach or (px + py) % every or count == len(values):
                continue
            if kind == MARKER:
                # Inside the marker only its border, outside only the gap is known.
                inside = s > 0 and t > 0
                if (inside and near > margin) or (not inside and max(-s, -t) > dark):
                    continue
            elif s * t * dark < 0 and near > margin:
                continue
            offsets[count, 0], offsets[count, 1], values[count] = dx, dy, gray[py, px]
            count += 1
    return count


@njit(cache=True, nogil=True, error_model="numpy")
def _start(ex, ey, p):
    """Directions across the edges from the board's steps, a blur of one pixel."""
    turn = 1.0 if ex[0] * ey[1] - ex[1] * ey[0] > 0 else -1.0
    p[:] = 0.0
    p[2] = math.atan2(-ey[0] * turn, ey[1] * turn)
    p[3] = math.atan2(ex[0] * turn, -ex[1] * turn)
    p[4] = p[5] = 1.0


@njit(cache=True, nogil=True, error_model="numpy")
def _fit(offsets, values, kind, rows, p, first):
    """Fit the model from the start that `p` is; returns residual / contrast and the sd of the position."""
    H, g = np.empty((_PARAMETERS, _PARAMETERS)), np.empty(_PARAMETERS)
    free = np.zeros(_PARAMETERS, dtype=np.bool_)
    free[6:] = True
    if first:
        _normal_equations(offsets, values, p, kind, rows, H, g)
        p += _solve(H, g, free, 0.0)
    free[:] = True
    cost = _normal_equations(offsets, values, p, kind, rows, H, g)
    damping = 1e-3
    trial, H_trial, g_trial = np.empty_like(p), np.empty_like(H), np.empty_like(g)
    for _ in range(25):
        step = _solve(H, g, free, damping)
        trial[:] = p + step
        trial[4], trial[5] = min(max(trial[4], 0.25), 8.0), min(max(trial[5], 0.25), 8.0)
        cost_trial = _normal_equations(offsets, values, trial, kind, rows, H_trial, g_trial)
        if cost_trial < cost:
            moved = max(abs(trial[0] - p[0]), abs(trial[1] - p[1]))
            p[:], H[:], g[:], cost = trial, H_trial, g_trial, cost_trial
            damping = max(damping / 10, 1e-9)
            if moved < (0.05 if first else 1e-3):
                break
        else:
            damping *= 10
            if damping > 1e3:
                break
    variance = cost / (len(values) - _PARAMETERS)
    deviation = 0.0
    for axis in range(2):
        g[:] = 0.0
        g[axis] = 1.0
        column = _solve(H, g, free, 0.0)[axis]
        # _solve gives zeros for a singular system.
        deviation = max(deviation, math.sqrt(variance * column) if column > 0 else np.inf)
    return math.sqrt(cost / len(values)) / (abs(p[7]) + 1e-9), deviation


@njit(cache=True, nogil=True, error_model="numpy")
def fit_corners(gray, xy, ex, ey, kind, dark, reach, margin):
    """Fit the corner model at many places of one image.

    Parameters
    ----------
    gray : (height, width) uint8
    xy : (n, 2) float, px
        Starts, within about a quarter of a square.
    ex, ey : (n, 2) float, px
        The board's unit steps, one square along x and y (one marker side for kind MARKER, pointing inwards).
    kind : int
        CROSSING or MARKER.
    dark : (n,) float
        CROSSING: +1 where the quadrant between +ex and +ey is dark, else -1. MARKER: width of the gap.
    reach : (n,) float
        Half side of the window in steps.
    margin : float
        How far, in steps, from an edge the bright squares (the markers' border) are plain.

    Returns
    -------
    fitted : (n, 6) float
        x, y in px, mean blur in px, residual relative to the contrast, contrast (signed; positive where it
        is as `dark` says), standard deviation of the position in px. NaN where there are too few pixels.
    """
    fitted = np.full((len(xy), 6), np.nan)
    most = 4096
    offsets, values = np.empty((most, 2)), np.empty(most)
    rows = np.empty((_PARAMETERS + 1, most))
    p = np.empty(_PARAMETERS)
    for i in range(len(xy)):
        x, y = xy[i]
        if not (math.isfinite(x) and math.isfinite(ex[i, 0]) and math.isfinite(ey[i, 0])):
            continue
        area = abs(ex[i, 0] * ey[i, 1] - ex[i, 1] * ey[i, 0])
        if area < 4.0:
            continue
        _start(ex[i], ey[i], p)
        plain, gap = margin, dark[i]
        for attempt in range(2):
            # Half the pixels do for the first fit of a large window.
            every = 2 if attempt == 0 and reach[i] * math.sqrt(area) > 7 else 1
            count = _gather(gray, x, y, ex[i], ey[i], kind, gap, reach[i], plain, every, offsets, values)
            if count < 3 * _PARAMETERS:
                break
            residual, deviation = _fit(offsets[:count], values[:count], kind, rows, p, attempt == 0)
            blur = 0.5 * (p[4] + p[5])
            x, y = x + p[0], y + p[1]
            sign = -1.0 if kind == MARKER else -dark[i]
            fitted[i] = x, y, blur, residual, sign * p[7], deviation
            # Once more around the corner itself, away from what is blurred into the plain parts.
            p[6] += p[8] * p[0] + p[9] * p[1]
            p[0] = p[1] = 0.0
            blurred = _SPILL * blur / math.sqrt(area)
            plain = max(margin - blurred, 0.15 * margin)
            if kind == MARKER:
                gap = max(dark[i] - blurred, 0.15 * dark[i])
    return fitted
