# ruff: noqa: PLR0917  (compiled kernels take plain arrays)
"""The residuals of the smoother, each with its Jacobian, compiled one at a time; importing this loads numba.

Scalars in, scalars out, so that the solver's loops keep them in registers. The noise model of a detection
is a bivariate Student t plus a uniform density of mistakes (Lange, Little & Taylor 1989, "Robust
statistical modeling using the t distribution", for the weights): its weight falls off to zero for a gross
outlier, and to (nu + 2) / (nu + q) before that, with q the squared Mahalanobis length of the residual.
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
    depth = R[2, 0] * x + R[2, 1] * y + R[2, 2] * z + t[2]
    i = 1.0 / depth
    a = (R[0, 0] * x + R[0, 1] * y + R[0, 2] * z + t[0]) * i
    b = (R[1, 0] * x + R[1, 1] * y + R[1, 2] * z + t[1]) * i
    p, q, p_a, p_b, q_a, q_b = distort(a, b, k, model)
    u_a, u_b = K[0, 0] * p_a + K[0, 1] * q_a, K[0, 0] * p_b + K[0, 1] * q_b
    v_a, v_b = K[1, 1] * q_a + K[1, 0] * p_a, K[1, 1] * q_b + K[1, 0] * p_b
    a_x, a_y, a_z = (R[0, 0] - a * R[2, 0]) * i, (R[0, 1] - a * R[2, 1]) * i, (R[0, 2] - a * R[2, 2]) * i
    b_x, b_y, b_z = (R[1, 0] - b * R[2, 0]) * i, (R[1, 1] - b * R[2, 1]) * i, (R[1, 2] - b * R[2, 2]) * i
    return (
        K[0, 0] * p + K[0, 1] * q + K[0, 2],
        K[1, 0] * p + K[1, 1] * q + K[1, 2],
        u_a * a_x + u_b * b_x,
        u_a * a_y + u_b * b_y,
        u_a * a_z + u_b * b_z,
        v_a * a_x + v_b * b_x,
        v_a * a_y + v_b * b_y,
        v_a * a_z + v_b * b_z,
        depth,
    )


@njit(cache=True, error_model="numpy")
def robust(q, nu, kappa):
    """Weigh a detection by its squared Mahalanobis length under a t density plus a uniform one.

    Parameters
    ----------
    q : float
    nu : float
        Degrees of freedom, even, so that powers need no logarithm.
    kappa : float
        Density of mistakes relative to the t density at its peak.

    Returns
    -------
    weight : float
        Of the squared residual in a least-squares step that majorises the cost.
    cost : float
        Minus the logarithm of the density, up to a constant; d cost / d q = weight / 2.
    """
    inlier = 1.0 / (1.0 + q / nu) ** int(0.5 * nu + 1.0)
    weight = inlier / (inlier + kappa) * (nu + 2.0) / (nu + q)
    return weight, -np.log((inlier + kappa) / (1.0 + kappa))


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
