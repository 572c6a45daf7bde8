# ruff: noqa: PLR0917  (a compiled kernel takes plain arrays)
"""Gauss-Newton on the reprojection error, and the covariance it ends with, for blocks of points.

The residuals are those of the distorted image, so the answer is the maximum-likelihood one for Gaussian pixel
noise. Steps that raise the cost are damped (Levenberg-Marquardt; Nocedal & Wright 2006, section 10.3).
Importing this module loads numba.
"""

import numpy as np
from numba import njit

from calibration.geometry.blocks import SUMS, VIEW, M, U, V, solve3
from calibration.geometry.lens import FISHEYE, IDEAL
from calibration.geometry.lens_kernels import distort_fisheye, distort_pinhole
from calibration.geometry.point_projection import packed
from calibration.geometry.undistortion import LANES

ROUNDS = 25
"""Steps after which a point is left where it is; two or three are the rule."""

SETTLED = 1e-7
"""Predicted fall of the cost, in units of one observation's variance, below which a step is the last.

That step is taken: as Newton's steps square the error, it ends some 1e-7 standard deviations off the minimum.
"""

BEHIND = 1e300
"""Cost of an observation whose point is behind its camera."""


@njit(cache=True, nogil=True, error_model="numpy")
def refine_block(observed, on, rig, trial, sums, best, xyz):
    """Move a block of points to the least reprojection error.

    Parameters
    ----------
    observed : (views * VIEW,) float
    on : (views * LANES,) float
    rig : CameraArrays
    trial : (3 * LANES,) float
        Work space.
    sums : (SUMS * LANES,) float
        Work space.
    best : ((SUMS + 1) * LANES,) float
        Sums at the point found, and the damping.
    xyz : (3 * LANES,) float, m, world
        Start and result.
    """
    trial[:] = xyz
    best[:] = 0.0
    for i in range(LANES):
        best[9 * LANES + i] = np.inf
    for _ in range(ROUNDS):
        sum_block(observed, on, rig, trial, sums)
        if _step(sums, best, xyz, trial) == 0:
            break


@njit(cache=True, nogil=True, error_model="numpy")
def sum_block(observed, on, rig, xyz, sums):
    """Sum up the reprojection errors of a block and their derivatives.

    Parameters
    ----------
    observed, on, rig
        As `refine_block`.
    xyz : (3 * LANES,) float, m, world
    sums : (SUMS * LANES,) float
    """
    sums[:] = 0.0
    for view in range(len(rig.t)):
        o = observed[view * VIEW : (view + 1) * VIEW]
        w = on[view * LANES : (view + 1) * LANES]
        P, k, K = packed(rig.R[view], rig.t[view]), rig.k[view], rig.K[view]
        if rig.model[view] == IDEAL:
            _add_ideal(P, K, o, w, xyz, sums)
        elif rig.model[view] == FISHEYE:
            _add_fisheye(P, k, K, o, w, xyz, sums)
        else:
            _add_pinhole(P, k, K, o, w, xyz, sums)


@njit(cache=True, nogil=True, error_model="numpy")
def _step(sums, best, xyz, trial):
    """Accept or refuse every trial point, propose the next, and count the points still moving.

    The row of the damping is negative for a point that has settled; nothing moves it any more.
    """
    moving = 0
    for i in range(LANES):
        damping = best[SUMS * LANES + i]
        settled = damping < 0.0
        better = (sums[9 * LANES + i] <= best[9 * LANES + i]) & (not settled)
        for row in range(SUMS):
            best[row * LANES + i] = sums[row * LANES + i] if better else best[row * LANES + i]
        for row in range(3):
            xyz[row * LANES + i] = trial[row * LANES + i] if better else xyz[row * LANES + i]
        damping = damping * 0.1 if better else max(damping * 10.0, 1e-3)
        more = 1.0 + damping
        g0, g1, g2 = best[6 * LANES + i], best[7 * LANES + i], best[8 * LANES + i]
        d0, d1, d2 = solve3(
            best[i] * more,
            best[LANES + i],
            best[2 * LANES + i],
            best[3 * LANES + i] * more,
            best[4 * LANES + i],
            best[5 * LANES + i] * more,
            g0,
            g1,
            g2,
        )
        fall = g0 * d0 + g1 * d1 + g2 * d2
        last = (fall <= SETTLED) & (damping < 1e-2)
        stuck = (not fall >= 0.0) | (damping > 1e8)
        stay = settled | stuck
        trial[i] = xyz[i] if stay else xyz[i] + d0
        trial[LANES + i] = xyz[LANES + i] if stay else xyz[LANES + i] + d1
        trial[2 * LANES + i] = xyz[2 * LANES + i] if stay else xyz[2 * LANES + i] + d2
        for row in range(3):
            xyz[row * LANES + i] = trial[row * LANES + i] if last else xyz[row * LANES + i]
        best[SUMS * LANES + i] = -1.0 if stay | last else damping
        moving += 0 if stay | last else 1
    return moving


@njit(inline="always")
def _add(sums, i, o, K, weight, u, v, r, s):
    """Add one observation predicted at u, v with Jacobian rows r (of u) and s (of v)."""
    du, dv = o[U + i] - u, o[V + i] - v
    m0, m1, m2 = o[M + i], o[M + LANES + i], o[M + 2 * LANES + i]
    m0, m1, m2 = weight * m0, weight * m1, weight * m2
    e0, e1, e2 = m0 * r[0] + m1 * s[0], m0 * r[1] + m1 * s[1], m0 * r[2] + m1 * s[2]
    f0, f1, f2 = m1 * r[0] + m2 * s[0], m1 * r[1] + m2 * s[1], m1 * r[2] + m2 * s[2]
    sums[i] += e0 * r[0] + f0 * s[0]
    sums[LANES + i] += e0 * r[1] + f0 * s[1]
    sums[2 * LANES + i] += e0 * r[2] + f0 * s[2]
    sums[3 * LANES + i] += e1 * r[1] + f1 * s[1]
    sums[4 * LANES + i] += e1 * r[2] + f1 * s[2]
    sums[5 * LANES + i] += e2 * r[2] + f2 * s[2]
    sums[6 * LANES + i] += e0 * du + f0 * dv
    sums[7 * LANES + i] += e1 * du + f1 * dv
    sums[8 * LANES + i] += e2 * du + f2 * dv
    ex, ey = K[0] * du + K[1] * dv, K[2] * du + K[3] * dv
    sums[9 * LANES + i] += m0 * du * du + 2.0 * m1 * du * dv + m2 * dv * dv
    sums[10 * LANES + i] += weight * (ex * ex + ey * ey)


@njit(inline="always")
def _ray(P, weight, xyz, i):
    """Return x = X/Z, y = Y/Z, 1/Z and whether the point is in front."""
    a, b, c = xyz[i], xyz[LANES + i], xyz[2 * LANES + i]
    z = P[8] * a + P[9] * b + P[10] * c + P[11]
    inverse = 1.0 / z if weight > 0.0 else 0.0  # an unused view must not spread a NaN
    x = (P[0] * a + P[1] * b + P[2] * c + P[3]) * inverse
    y = (P[4] * a + P[5] * b + P[6] * c + P[7]) * inverse
    return x, y, inverse, z > 0.0


@njit(inline="always")
def _rows(P, x, y, inverse, u_x, u_y, v_x, v_y):
    """Chain the Jacobian of the lens with that of the perspective division."""
    a0, a1, a2 = inverse * (P[0] - x * P[8]), inverse * (P[1] - x * P[9]), inverse * (P[2] - x * P[10])
    b0, b1, b2 = inverse * (P[4] - y * P[8]), inverse * (P[5] - y * P[9]), inverse * (P[6] - y * P[10])
    r = (u_x * a0 + u_y * b0, u_x * a1 + u_y * b1, u_x * a2 + u_y * b2)
    s = (v_x * a0 + v_y * b0, v_x * a1 + v_y * b1, v_x * a2 + v_y * b2)
    return r, s


@njit(inline="always")
def _tuple12(a):
    return (a[0], a[1], a[2], a[3], a[4], a[5], a[6], a[7], a[8], a[9], a[10], a[11])


@njit(cache=True, nogil=True, error_model="numpy")
def _add_pinhole(P, k, K, o, on, xyz, sums):
    k12, K4 = _tuple12(k), (K[0, 0], K[0, 1], K[1, 0], K[1, 1])
    for i in range(LANES):
        weight = on[i]
        x, y, inverse, front = _ray(P, weight, xyz, i)
        u, v, u_x, u_y, v_x, v_y = distort_pinhole(x, y, k12)
        r, s = _rows(P, x, y, inverse, u_x, u_y, v_x, v_y)
        _add(sums, i, o, K4, weight, u, v, r, s)
        sums[9 * LANES + i] += 0.0 if front | (weight == 0.0) else BEHIND


@njit(cache=True, nogil=True, error_model="numpy")
def _add_fisheye(P, k, K, o, on, xyz, sums):
    k12, K4 = _tuple12(k), (K[0, 0], K[0, 1], K[1, 0], K[1, 1])
    for i in range(LANES):
        weight = on[i]
        x, y, inverse, front = _ray(P, weight, xyz, i)
        u, v, u_x, u_y, v_x, v_y = distort_fisheye(x, y, k12)
        r, s = _rows(P, x, y, inverse, u_x, u_y, v_x, v_y)
        _add(sums, i, o, K4, weight, u, v, r, s)
        sums[9 * LANES + i] += 0.0 if front | (weight == 0.0) else BEHIND


@njit(cache=True, nogil=True, error_model="numpy")
def _add_ideal(P, K, o, on, xyz, sums):
    K4 = (K[0, 0], K[0, 1], K[1, 0], K[1, 1])
    for i in range(LANES):
        weight = on[i]
        x, y, inverse, front = _ray(P, weight, xyz, i)
        r, s = _rows(P, x, y, inverse, 1.0, 0.0, 0.0, 1.0)
        _add(sums, i, o, K4, weight, x, y, r, s)
        sums[9 * LANES + i] += 0.0 if front | (weight == 0.0) else BEHIND
