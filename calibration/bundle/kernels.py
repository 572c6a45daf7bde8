# ruff: noqa: PLR0917, C901  (a compiled kernel takes plain arrays and is one long loop)
"""Compiled normal equations of the joint calibration; importing this module loads numba.

Everything is accumulated per group: the corners that one view sees in one frame share a pose, so the 2x6
derivative with respect to the camera's pose is computed per corner and carried over to the board's pose and
to the time offset once per group, by the adjoint of the camera's pose.

Unknowns of a view, in this order: fx fy cx cy, 12 lens coefficients, rotation and translation of
cam_from_world (multiplied from the left), time offset. Unknowns of a frame: rotation and translation of
world_from_board (from the left). Unknowns of a corner: its offset in the board.
"""

import numpy as np
from numba import njit

from calibration.geometry.lens_kernels import distort, distort_fisheye, distort_pinhole, lens_derivatives

ANGLE = 2
"""Value of `model` for an angle polynomial with OpenCV's other terms (see `lens_conversion`)."""

LENS = 16
AFTER_POSE = 22
VIEW_UNKNOWNS = 23
BEHIND = 1e6
"""Squared error, px2, of a corner behind its camera: a constant, so such a corner has no influence."""


@njit(cache=True, error_model="numpy")
def bend(x, y, k, model, spare):
    """Distort one normalised point; `spare` is (2, 12) of working space."""
    if model != ANGLE:
        return distort(x, y, k, model)
    spare[:] = 0.0
    spare[0, 0], spare[0, 1], spare[0, 2], spare[0, 3] = k[0], k[1], k[4], k[5]
    spare[1, 2], spare[1, 3] = k[2], k[3]
    spare[1, 8:] = k[8:]
    u, v, u_x, u_y, v_x, v_y = distort_fisheye(x, y, spare[0])
    a, b, a_x, a_y, b_x, b_y = distort_pinhole(x, y, spare[1])
    return u + a - x, v + b - y, u_x + a_x - 1.0, u_y + a_y, v_x + b_x, v_y + b_y - 1.0


@njit(cache=True, error_model="numpy")
def _lens_derivatives(x, y, k, model, out):
    """Fill d(u, v)/dk, (2, 12), of the lens model at the normalised point x, y."""
    if model != ANGLE:
        lens_derivatives(x, y, k, model, out)
        return
    r2 = x * x + y * y
    out[:] = 0.0
    r = np.sqrt(r2 + 1e-20)
    theta = np.arctan(r)
    power = theta / r
    for i in range(4):
        power *= theta * theta
        column = i if i < 2 else i + 2
        out[0, column], out[1, column] = x * power, y * power
    out[0, 2], out[1, 2] = 2 * x * y, r2 + 2 * y * y
    out[0, 3], out[1, 3] = r2 + 2 * x * x, 2 * x * y
    out[0, 8], out[0, 9] = r2, r2 * r2
    out[1, 10], out[1, 11] = r2, r2 * r2


@njit(cache=True, error_model="numpy")
def rotation(w):
    """Rotation matrix of a rotation vector, (3,) rad -> (3, 3)."""
    angle = np.sqrt(w[0] * w[0] + w[1] * w[1] + w[2] * w[2])
    if angle < 1e-8:
        a, b = 1.0 - angle * angle / 6, 0.5
    else:
        a, b = np.sin(angle) / angle, (1 - np.cos(angle)) / (angle * angle)
    W = np.zeros((3, 3))
    W[0, 1], W[0, 2], W[1, 2] = -w[2], w[1], -w[0]
    W[1, 0], W[2, 0], W[2, 1] = w[2], -w[1], w[0]
    return np.eye(3) + a * W + b * (W @ W)


@njit(cache=True, error_model="numpy")
def _carried(R, t, twist, delay):
    """Pose after moving with a constant twist (rotation rate, velocity at the origin) for a delay."""
    if delay == 0.0:
        return R, t
    w, v = twist[:3] * delay, twist[3:] * delay
    turn = rotation(w)
    angle2 = w @ w
    if angle2 < 1e-12:
        b, c = 0.5, 1.0 / 6
    else:
        angle = np.sqrt(angle2)
        b, c = (1 - np.cos(angle)) / angle2, (angle - np.sin(angle)) / (angle2 * angle)
    across = np.cross(w, v)
    return turn @ R, turn @ t + v + b * across + c * np.cross(w, across)


@njit(cache=True, error_model="numpy")
def _adjoint(R, t):
    """How a left perturbation of what the pose acts on moves its result, (6, 6)."""
    A = np.zeros((6, 6))
    A[:3, :3] = R
    A[3:, 3:] = R
    for j in range(3):
        A[3, j] = t[1] * R[2, j] - t[2] * R[1, j]
        A[4, j] = t[2] * R[0, j] - t[0] * R[2, j]
        A[5, j] = t[0] * R[1, j] - t[1] * R[0, j]
    return A


@njit(cache=True, error_model="numpy")
def weigh(e2, c2):
    """Cauchy's loss of a squared error over the noise variance: cost and weight (c2 = 0: least squares)."""
    if c2 == 0.0:
        return e2, 1.0
    return c2 * np.log1p(e2 / c2), 1.0 / (1.0 + e2 / c2)


@njit(cache=True, error_model="numpy", nogil=True)
def corner_residuals(groups, start, corner, xy, lens, model, Rc, tc, Rb, tb, board, twist, delay, out):
    """Fill observed minus predicted, (observations, 2) px; NaN behind a camera."""
    spare = np.zeros((2, 12))
    for g in range(len(groups)):
        f, v = groups[g]
        R1, t1 = _carried(Rb[f], tb[f], twist[f], delay[f, v])
        R, t = Rc[v] @ R1, Rc[v] @ t1 + tc[v]
        k = lens[v, 4:]
        for n in range(start[g], start[g + 1]):
            b0, b1, b2 = board[corner[n], 0], board[corner[n], 1], board[corner[n], 2]
            X0 = R[0, 0] * b0 + R[0, 1] * b1 + R[0, 2] * b2 + t[0]
            X1 = R[1, 0] * b0 + R[1, 1] * b1 + R[1, 2] * b2 + t[1]
            X2 = R[2, 0] * b0 + R[2, 1] * b1 + R[2, 2] * b2 + t[2]
            if X2 <= 1e-9:
                out[n, 0], out[n, 1] = np.nan, np.nan
                continue
            a, b, _, _, _, _ = bend(X0 / X2, X1 / X2, k, model[v], spare)
            out[n, 0] = xy[n, 0] - (lens[v, 0] * a + lens[v, 2])
            out[n, 1] = xy[n, 1] - (lens[v, 1] * b + lens[v, 3])


@njit(cache=True, error_model="numpy", nogil=True)
def cauchy_cost(residual, group_view, start, sigma, c2):
    """Sum of the robust losses over all observations."""
    total = 0.0
    for g in range(len(group_view)):
        inverse = 1.0 / sigma[group_view[g]] ** 2
        for n in range(start[g], start[g + 1]):
            e2 = residual[n, 0] ** 2 + residual[n, 1] ** 2
            if not e2 < BEHIND:
                e2 = BEHIND
            total += weigh(e2 * inverse, c2)[0]
    return total


@njit(cache=True, error_model="numpy")
def _camera_derivatives(X0, X1, X2, lens, model, dk, spare, J):
    """Fill d(xy)/d(lens, left perturbation of cam_from_world), (2, 22), at a point before the camera."""
    iz = 1.0 / X2
    x, y = X0 * iz, X1 * iz
    k = lens[4:]
    u, v, u_x, u_y, v_x, v_y = bend(x, y, k, model, spare)
    _lens_derivatives(x, y, k, model, dk)
    fx, fy = lens[0], lens[1]
    J[:, :4] = 0.0
    J[0, 0], J[1, 1], J[0, 2], J[1, 3] = u, v, 1.0, 1.0
    for i in range(12):
        J[0, 4 + i], J[1, 4 + i] = fx * dk[0, i], fy * dk[1, i]
    p00, p01 = fx * u_x * iz, fx * u_y * iz
    p10, p11 = fy * v_x * iz, fy * v_y * iz
    p02, p12 = -(p00 * x + p01 * y), -(p10 * x + p11 * y)
    J[0, 16] = p02 * X1 - p01 * X2
    J[0, 17] = p00 * X2 - p02 * X0
    J[0, 18] = p01 * X0 - p00 * X1
    J[1, 16] = p12 * X1 - p11 * X2
    J[1, 17] = p10 * X2 - p12 * X0
    J[1, 18] = p11 * X0 - p10 * X1
    J[0, 19], J[0, 20], J[0, 21] = p00, p01, p02
    J[1, 19], J[1, 20], J[1, 21] = p10, p11, p12
    return u, v


@njit(cache=True, error_model="numpy", nogil=True)
def sensitivities(xyz, lens, model, Rc, tc, out):
    """Fill d(xy)/d(lens, pose) of world points in every view, (points, views, 2, 22); NaN behind a camera.

    The last three columns are the derivative by the point in camera coordinates.
    """
    dk, spare, J = np.zeros((2, 12)), np.zeros((2, 12)), np.zeros((2, AFTER_POSE))
    for n in range(len(xyz)):
        for v in range(len(lens)):
            X = Rc[v] @ xyz[n] + tc[v]
            if X[2] <= 1e-9:
                out[n, v] = np.nan
                continue
            _camera_derivatives(X[0], X[1], X[2], lens[v], model[v], dk, spare, J)
            out[n, v] = J


@njit(cache=True, error_model="numpy", nogil=True)
def add_normal_equations(
    groups,
    start,
    corner,
    xy,
    lens,
    model,
    Rc,
    tc,
    Rb,
    tb,
    board,
    twist,
    delay,
    sigma,
    c2,
    H,
    g,
    W,
    V,
    h,
    with_board,
):
    """Accumulate J' w J and J' w r of all observations.

    Parameters
    ----------
    groups : (groups, 2) int
        Frame and view.
    start : (groups + 1,) int
        Where the observations of each group begin.
    H, g : (n, n), (n,) float
        Of the views and, behind them, the corners: n = 23 views + 3 corners.
    W : (frames, 6, n) float
        Coupling of frames and the above.
    V, h : (frames, 6, 6), (frames, 6) float
        Of the frames.
    with_board : bool
        Whether the corners' offsets are unknown.
    """
    views = len(lens)
    J = np.zeros((2, AFTER_POSE))
    dk, spare = np.zeros((2, 12)), np.zeros((2, 12))
    A = np.zeros((AFTER_POSE, AFTER_POSE))
    b = np.zeros(AFTER_POSE)
    S = np.zeros((AFTER_POSE, 3 * len(board)))
    for q in range(len(groups)):
        f, v = groups[q]
        R1, t1 = _carried(Rb[f], tb[f], twist[f], delay[f, v])
        R, t = Rc[v] @ R1, Rc[v] @ t1 + tc[v]
        inverse = 1.0 / sigma[v] ** 2
        A[:] = 0.0
        b[:] = 0.0
        for n in range(start[q], start[q + 1]):
            j = corner[n]
            b0, b1, b2 = board[j, 0], board[j, 1], board[j, 2]
            X0 = R[0, 0] * b0 + R[0, 1] * b1 + R[0, 2] * b2 + t[0]
            X1 = R[1, 0] * b0 + R[1, 1] * b1 + R[1, 2] * b2 + t[1]
            X2 = R[2, 0] * b0 + R[2, 1] * b1 + R[2, 2] * b2 + t[2]
            if X2 <= 1e-9:
                continue
            u, w_ = _camera_derivatives(X0, X1, X2, lens[v], model[v], dk, spare, J)
            rx, ry = xy[n, 0] - (lens[v, 0] * u + lens[v, 2]), xy[n, 1] - (lens[v, 1] * w_ + lens[v, 3])
            e2 = rx * rx + ry * ry
            if not e2 < BEHIND:
                continue
            weight = weigh(e2 * inverse, c2)[1] * inverse
            for i in range(AFTER_POSE):
                a0, a1 = weight * J[0, i], weight * J[1, i]
                b[i] += a0 * rx + a1 * ry
                for m in range(i + 1):
                    A[i, m] += a0 * J[0, m] + a1 * J[1, m]
            if with_board:
                p00, p01, p02 = J[0, 19], J[0, 20], J[0, 21]
                p10, p11, p12 = J[1, 19], J[1, 20], J[1, 21]
                for c in range(3):
                    d0 = p00 * R[0, c] + p01 * R[1, c] + p02 * R[2, c]
                    d1 = p10 * R[0, c] + p11 * R[1, c] + p12 * R[2, c]
                    column = 3 * j + c
                    row = VIEW_UNKNOWNS * views + column
                    g[row] += weight * (d0 * rx + d1 * ry)
                    for i in range(AFTER_POSE):
                        S[i, column] = weight * (J[0, i] * d0 + J[1, i] * d1)
                    for e in range(c + 1):
                        e0 = p00 * R[0, e] + p01 * R[1, e] + p02 * R[2, e]
                        e1 = p10 * R[0, e] + p11 * R[1, e] + p12 * R[2, e]
                        H[row, VIEW_UNKNOWNS * views + 3 * j + e] += weight * (d0 * e0 + d1 * e1)
        for i in range(AFTER_POSE):
            for m in range(i):
                A[m, i] = A[i, m]
        _spread(q, f, v, start, corner, Rc, tc, twist, delay, A, b, S, H, g, W, V, h, with_board, views)


@njit(cache=True, error_model="numpy", nogil=True)
def _spread(q, f, v, start, corner, Rc, tc, twist, delay, A, b, S, H, g, W, V, h, with_board, views):
    """Carry a group's sums over to the time offset and the board's pose and add them up."""
    adjoint = _adjoint(Rc[v], tc[v])
    motion = adjoint @ twist[f]
    if delay[f, v] != 0.0:  # the board's pose changes before it is carried on
        moved_R, moved_t = _carried(np.eye(3), np.zeros(3), twist[f], delay[f, v])
        adjoint = adjoint @ _adjoint(moved_R, moved_t)
    T = np.zeros((AFTER_POSE, 7))  # camera unknowns -> time offset, board pose
    T[16:22, 0] = motion
    T[16:22, 1:] = adjoint
    AT = A @ T
    TAT = T.T @ AT
    Tb = T.T @ b
    first = VIEW_UNKNOWNS * v
    last = first + AFTER_POSE
    H[first:last, first:last] += A
    H[last, first:last] += AT[:, 0]
    H[first:last, last] += AT[:, 0]
    H[last, last] += TAT[0, 0]
    g[first:last] += b
    g[last] += Tb[0]
    W[f, :, first:last] += AT[:, 1:].T
    W[f, :, last] += TAT[1:, 0]
    V[f] += TAT[1:, 1:]
    h[f] += Tb[1:]
    if with_board:
        offset = VIEW_UNKNOWNS * views
        for n in range(start[q], start[q + 1]):
            for c in range(3):
                column = 3 * corner[n] + c
                for i in range(AFTER_POSE):
                    H[offset + column, first + i] += S[i, column]
                for a in range(7):
                    carried = 0.0
                    for i in range(6):
                        carried += T[16 + i, a] * S[16 + i, column]
                    if a == 0:
                        H[offset + column, last] += carried
                    else:
                        W[f, a - 1, offset + column] += carried
                for i in range(AFTER_POSE):
                    S[i, column] = 0.0
