# ruff: noqa: PLR0917  (compiled kernels take plain arrays)
"""One point to one pixel, with the Jacobian, compiled; importing this loads numba.

Scalars in, scalars out, so that loops over points keep them in registers and use vector instructions.
"""

from numba import njit

from calibration.geometry.lens_kernels import distort


@njit(cache=True, error_model="numpy")
def project(x, y, z, R, t, K, k, model):
    """Project one point, with the Jacobian.

    Parameters
    ----------
    x, y, z : float, m, world
    R : (3, 3) float
    t : (3,) float, m
    K : (3, 3) float, px
    k : (12,) float
    model : int

    Returns
    -------
    u, v : float, px
    u_x, u_y, u_z, v_x, v_y, v_z : float, px/m
    depth : float, m, cam
        Where it is not positive the other values mean nothing.
    """
    place, scale = packed(R, t), packed_scale(K)
    a, b, i, depth = ray(x, y, z, place)
    return (*pixel(a, b, i, distort(a, b, k, model), place, scale), depth)


@njit(inline="always")
def packed(R, t):
    """Return [R t] as plain numbers, which a compiled loop keeps in registers."""
    return (
        R[0, 0], R[0, 1], R[0, 2], t[0], R[1, 0], R[1, 1], R[1, 2], t[1], R[2, 0], R[2, 1], R[2, 2], t[2],
    )  # fmt: skip


@njit(inline="always")
def packed_scale(K):
    """Return the two rows of K as plain numbers."""
    return K[0, 0], K[0, 1], K[0, 2], K[1, 0], K[1, 1], K[1, 2]


@njit(inline="always")
def ray(x, y, z, P):
    """Return the normalised coordinates of a point, the inverse of its depth and its depth."""
    depth = P[8] * x + P[9] * y + P[10] * z + P[11]
    i = 1.0 / depth
    a = (P[0] * x + P[1] * y + P[2] * z + P[3]) * i
    b = (P[4] * x + P[5] * y + P[6] * z + P[7]) * i
    return a, b, i, depth


@njit(inline="always")
def pixel(a, b, i, distorted, P, K):
    """Go on from the distorted coordinates and their derivatives to pixels and the derivatives of those."""
    p, q, p_a, p_b, q_a, q_b = distorted
    u_a, u_b = K[0] * p_a + K[1] * q_a, K[0] * p_b + K[1] * q_b
    v_a, v_b = K[3] * p_a + K[4] * q_a, K[3] * p_b + K[4] * q_b
    a_x, a_y, a_z = (P[0] - a * P[8]) * i, (P[1] - a * P[9]) * i, (P[2] - a * P[10]) * i
    b_x, b_y, b_z = (P[4] - b * P[8]) * i, (P[5] - b * P[9]) * i, (P[6] - b * P[10]) * i
    return (
        K[0] * p + K[1] * q + K[2],
        K[3] * p + K[4] * q + K[5],
        u_a * a_x + u_b * b_x,
        u_a * a_y + u_b * b_y,
        u_a * a_z + u_b * b_z,
        v_a * a_x + v_b * b_x,
        v_a * a_y + v_b * b_y,
        v_a * a_z + v_b * b_z,
    )
