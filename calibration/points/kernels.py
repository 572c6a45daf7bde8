# ruff: noqa: PLR0917, PLR0912, C901  (a compiled kernel takes plain arrays and is one long loop)
"""Compiled normal equations of cameras and free points; importing this module loads numba.

Unknowns of a view, in this order: rotation and translation of cam_from_world (multiplied from the left), fx
fy cx cy, 12 lens coefficients; of these `columns` lists the ones that are free. Points are eliminated one by
one by the Schur complement (Triggs et al. 2000, "Bundle adjustment - a modern synthesis", section 6.1).

The loss is that of `calibration.geometry.robust_triangulation`.
"""

import numpy as np
from numba import njit

from calibration.geometry.blocks import solve3
from calibration.geometry.lens_kernels import distort, lens_derivatives
from calibration.geometry.robust_triangulation import geman_mcclure

CAMERA_UNKNOWNS = 22
POSE = 6


@njit(cache=True, error_model="numpy")
def pixel_error(X, xy, R, t, K, k, model):
    """Observed minus predicted of one observation, and the depth."""
    x = R[0, 0] * X[0] + R[0, 1] * X[1] + R[0, 2] * X[2] + t[0]
    y = R[1, 0] * X[0] + R[1, 1] * X[1] + R[1, 2] * X[2] + t[1]
    z = R[2, 0] * X[0] + R[2, 1] * X[1] + R[2, 2] * X[2] + t[2]
    if z <= 0.0:
        return np.nan, np.nan, z
    u, v, _, _, _, _ = distort(x / z, y / z, k, model)
    return xy[0] - (K[0, 0] * u + K[0, 2]), xy[1] - (K[1, 1] * v + K[1, 2]), z


@njit(cache=True, error_model="numpy")
def linearised_pixel(X, xy, R, t, K, k, model, J, D, dk):
    """Fill J (2, 22) of the view's unknowns and D (2, 3) of the point; return the error.

    Returns
    -------
    ex, ey : float, px
        NaN behind the camera.
    """
    x = R[0, 0] * X[0] + R[0, 1] * X[1] + R[0, 2] * X[2] + t[0]
    y = R[1, 0] * X[0] + R[1, 1] * X[1] + R[1, 2] * X[2] + t[1]
    z = R[2, 0] * X[0] + R[2, 1] * X[1] + R[2, 2] * X[2] + t[2]
    if z <= 0.0:
        return np.nan, np.nan
    a, b = x / z, y / z
    u, v, u_x, u_y, v_x, v_y = distort(a, b, k, model)
    fx, fy = K[0, 0], K[1, 1]
    p00, p01 = fx * u_x / z, fx * u_y / z
    p10, p11 = fy * v_x / z, fy * v_y / z
    p02, p12 = -(p00 * a + p01 * b), -(p10 * a + p11 * b)
    # d(xy)/dX, then the left perturbation of cam_from_world: dX = w x X + v
    J[0, 0], J[0, 1], J[0, 2] = p02 * y - p01 * z, p00 * z - p02 * x, p01 * x - p00 * y
    J[1, 0], J[1, 1], J[1, 2] = p12 * y - p11 * z, p10 * z - p12 * x, p11 * x - p10 * y
    J[0, 3], J[0, 4], J[0, 5] = p00, p01, p02
    J[1, 3], J[1, 4], J[1, 5] = p10, p11, p12
    J[0, 6], J[1, 7], J[0, 8], J[1, 9] = u, v, 1.0, 1.0
    lens_derivatives(a, b, k, model, dk)
    for i in range(12):
        J[0, 10 + i] = fx * dk[0, i]
        J[1, 10 + i] = fy * dk[1, i]
    for j in range(3):
        D[0, j] = p00 * R[0, j] + p01 * R[1, j] + p02 * R[2, j]
        D[1, j] = p10 * R[0, j] + p11 * R[1, j] + p12 * R[2, j]
    return xy[0] - (fx * u + K[0, 2]), xy[1] - (fy * v + K[1, 2])


@njit(cache=True, error_model="numpy", nogil=True)
def point_residuals(start, view, xy, points, cameras, out):
    """Fill the errors of all observations, (observations, 2) px; NaN behind a camera."""
    for p in range(len(points)):
        for o in range(start[p], start[p + 1]):
            v = view[o]
            ex, ey, _ = pixel_error(
                points[p], xy[o], cameras.R[v], cameras.t[v], cameras.K[v], cameras.k[v], cameras.model[v]
            )
            out[o, 0], out[o, 1] = ex, ey


@njit(cache=True, error_model="numpy", nogil=True)
def geman_mcclure_cost(start, view, xy, points, cameras, c2):
    """Sum of the robust losses over all observations, px2."""
    total = 0.0
    for p in range(len(points)):
        if np.isnan(points[p, 0]):
            total += c2 * (start[p + 1] - start[p])
            continue
        for o in range(start[p], start[p + 1]):
            v = view[o]
            ex, ey, _ = pixel_error(
                points[p], xy[o], cameras.R[v], cameras.t[v], cameras.K[v], cameras.k[v], cameras.model[v]
            )
            e2 = ex * ex + ey * ey
            if e2 < np.inf:
                total += geman_mcclure(e2, c2)[0]
            else:
                total += c2
    return total


@njit(cache=True, error_model="numpy")
def solve_lower(A, b, x):
    """Solve a symmetric positive 3x3 system of which the lower half is filled; False where it is singular."""
    x[0], x[1], x[2] = solve3(A[0, 0], A[1, 0], A[2, 0], A[1, 1], A[2, 1], A[2, 2], b[0], b[1], b[2])
    return x[0] == x[0]


@njit(cache=True, error_model="numpy", nogil=True)
def reduced_equations(start, view, xy, points, cameras, c2, damping, columns, S, g, diagonal):
    """Accumulate the normal equations of the views after eliminating the points.

    Parameters
    ----------
    damping : float
        Levenberg-Marquardt factor on the points' diagonals.
    columns : (n,) int
        Free unknowns of a view.
    S, g : (views * n, views * n), (views * n,) float
        Reduced matrix and right-hand side, added to.
    diagonal : (views * n,) float
        Diagonal of the matrix before the elimination, added to.
    """
    n = len(columns)
    most = 0
    for p in range(len(points)):
        most = max(most, start[p + 1] - start[p])
    J, D, dk = np.zeros((2, CAMERA_UNKNOWNS)), np.zeros((2, 3)), np.zeros((2, 12))
    W, Y = np.zeros((most, n, 3)), np.zeros((most, n, 3))
    V, b = np.zeros((3, 3)), np.zeros(3)
    column, seen = np.zeros(3), np.zeros(most, np.int64)
    inverse = np.zeros((3, 3))
    for p in range(len(points)):
        if np.isnan(points[p, 0]):
            continue
        V[:] = 0.0
        b[:] = 0.0
        m = 0
        for o in range(start[p], start[p + 1]):
            v = view[o]
            ex, ey = linearised_pixel(
                points[p],
                xy[o],
                cameras.R[v],
                cameras.t[v],
                cameras.K[v],
                cameras.k[v],
                cameras.model[v],
                J,
                D,
                dk,
            )
            e2 = ex * ex + ey * ey
            if not e2 < np.inf:
                continue
            w = geman_mcclure(e2, c2)[1]
            base = v * n
            for i in range(n):
                a0, a1 = w * J[0, columns[i]], w * J[1, columns[i]]
                g[base + i] += a0 * ex + a1 * ey
                for j in range(i + 1):
                    S[base + i, base + j] += a0 * J[0, columns[j]] + a1 * J[1, columns[j]]
                diagonal[base + i] += a0 * J[0, columns[i]] + a1 * J[1, columns[i]]
                for j in range(3):
                    W[m, i, j] = a0 * D[0, j] + a1 * D[1, j]
            for i in range(3):
                b[i] += w * (D[0, i] * ex + D[1, i] * ey)
                for j in range(i + 1):
                    V[i, j] += w * (D[0, i] * D[0, j] + D[1, i] * D[1, j])
            seen[m] = v
            m += 1
        for i in range(3):
            V[i, i] *= 1.0 + damping
        good = m > 0
        for i in range(3):
            column[:] = 0.0
            column[i] = 1.0
            good = good and solve_lower(V, column, inverse[i])
        if not good:
            continue
        for q in range(m):
            for i in range(n):
                for j in range(3):
                    Y[q, i, j] = (
                        W[q, i, 0] * inverse[0, j] + W[q, i, 1] * inverse[1, j] + W[q, i, 2] * inverse[2, j]
                    )
                base = seen[q] * n + i
                g[base] -= Y[q, i, 0] * b[0] + Y[q, i, 1] * b[1] + Y[q, i, 2] * b[2]
        for q in range(m):
            for s in range(m):
                if seen[s] > seen[q]:
                    continue
                row, place = seen[q] * n, seen[s] * n
                for i in range(n):
                    y0, y1, y2 = Y[q, i, 0], Y[q, i, 1], Y[q, i, 2]
                    for j in range(n):
                        S[row + i, place + j] -= y0 * W[s, j, 0] + y1 * W[s, j, 1] + y2 * W[s, j, 2]
    total = len(g)
    for i in range(total):
        for j in range(i):
            S[j, i] = S[i, j]


@njit(cache=True, error_model="numpy", nogil=True)
def step_points(start, view, xy, points, cameras, c2, damping, columns, delta, out):
    """Fill the points after the step that goes with the views' step `delta`, (views * n,)."""
    n = len(columns)
    J, D, dk = np.zeros((2, CAMERA_UNKNOWNS)), np.zeros((2, 3)), np.zeros((2, 12))
    V, b, dx = np.zeros((3, 3)), np.zeros(3), np.zeros(3)
    for p in range(len(points)):
        out[p] = points[p]
        if np.isnan(points[p, 0]):
            continue
        V[:] = 0.0
        b[:] = 0.0
        for o in range(start[p], start[p + 1]):
            v = view[o]
            ex, ey = linearised_pixel(
                points[p],
                xy[o],
                cameras.R[v],
                cameras.t[v],
                cameras.K[v],
                cameras.k[v],
                cameras.model[v],
                J,
                D,
                dk,
            )
            e2 = ex * ex + ey * ey
            if not e2 < np.inf:
                continue
            w = geman_mcclure(e2, c2)[1]
            for i in range(n):
                ex -= J[0, columns[i]] * delta[v * n + i]
                ey -= J[1, columns[i]] * delta[v * n + i]
            for i in range(3):
                b[i] += w * (D[0, i] * ex + D[1, i] * ey)
                for j in range(i + 1):
                    V[i, j] += w * (D[0, i] * D[0, j] + D[1, i] * D[1, j])
        for i in range(3):
            V[i, i] *= 1.0 + damping
        if solve_lower(V, b, dx):
            out[p] += dx
