"""The residuals of the smoother, each with its Jacobian, compiled one at a time; importing this loads numba.

Scalars in, scalars out, so that the solver's loops keep them in registers and use vector instructions. The
noise model of a detection is a bivariate Student t plus a uniform density of mistakes (Lange, Little & Taylor
1989, "Robust statistical modeling using the t distribution", for the weights): its weight falls off to zero
for a gross outlier, and to (nu + 2) / (nu + q) before that, with q the squared Mahalanobis length of the
residual.
"""

import numpy as np
from numba import njit

MISTAKES = 0.05
"""Prior share of detections that are not where the keypoint is."""

MOST = MISTAKES / (1 - MISTAKES)
"""Largest density of mistakes relative to that of detections at its peak: mistakes lie anywhere in the
image, or as far apart as detections where those are noisier than the image is large; else none was one."""


@njit(inline="always")
def mistakes(kappa, determinant):
    """Density of mistakes relative to the density at its peak of a detection of such information.

    Parameters
    ----------
    kappa : float, px2
        The same for unit information.
    determinant : float, 1/px4
        Of the information.

    Returns
    -------
    kappa : float
    """
    return min(kappa / np.sqrt(determinant), MOST)


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
