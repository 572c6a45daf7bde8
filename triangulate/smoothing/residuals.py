# ruff: noqa: PLR0917  (compiled kernels take plain arrays)
"""The residuals of the smoother, each with its Jacobian, compiled one at a time; importing this loads numba.

Scalars in, scalars out, so that the solver's loops keep them in registers and use vector instructions. The
noise model of a detection is a bivariate Student t plus a uniform density of mistakes (Lange, Little & Taylor
1989, "Robust statistical modeling using the t distribution", for the weights): its weight falls off to zero
for a gross outlier, and to (nu + 2) / (nu + q) before that, with q the squared Mahalanobis length of the
residual.
"""

import numpy as np
from numba import njit

from calibration.lenses.compiled import distort


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


@njit(inline="always")
def robust(q, nu, kappa):
    """Weigh a detection by its squared Mahalanobis length under a t density plus a uniform one.

    Parameters
    ----------
    q : float
    nu : float
        Degrees of freedom, even and at most 60, so that powers need no logarithm.
    kappa : float
        Density of mistakes relative to the t density at its peak.

    Returns
    -------
    weight : float
        Of the squared residual in a least-squares step that majorises the cost.
    likelihood : float
        The density over that at q = 0; d (-log likelihood) / d q = weight / 2.
    correct : float
        The part of the density that is no mistake's, in the same unit; it is more likely than not a detection
        where this exceeds kappa.
    """
    exponent, square, correct = int(0.5 * nu + 1.0), nu / (nu + q), 1.0
    for _ in range(5):  # of fixed length, so that loops over detections use vector instructions
        correct *= square if exponent & 1 else 1.0
        square *= square
        exponent >>= 1
    weight = correct / (correct + kappa) * (nu + 2.0) / (nu + q)
    return weight, (correct + kappa) / (1.0 + kappa), correct


@njit(cache=True, error_model="numpy")
def bone(x, y, z, length, inverse_sigma):
    """Compare the distance between two keypoints with a bone's length.

    Parameters
    ----------
    x, y, z : float, m
        From one end to the other.
    length : float, m
    inverse_sigma : float, 1/m

    Returns
    -------
    residual : float
        (length - distance) / sigma.
    r_x, r_y, r_z : float, 1/m
        Minus the derivative of the residual: the unit vector over sigma.
    """
    distance = np.sqrt(x * x + y * y + z * z) + 1e-12
    s = inverse_sigma / distance
    return (length - distance) * inverse_sigma, x * s, y * s, z * s
