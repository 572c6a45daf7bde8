"""The arithmetic of `calibration.geometry.lens` and its derivatives, compiled; importing this loads numba.

Scalar building blocks for the kernels of `calibration.bundle`, `calibration.points` and `triangulate`: they
take one camera as plain numbers and release the GIL when called from a compiled loop.
"""

import numpy as np
from numba import njit

from calibration.geometry import lens
from calibration.geometry.lens import FISHEYE

distort_pinhole = njit(inline="always", error_model="numpy")(lens.distort_pinhole)
distort_fisheye = njit(inline="always", error_model="numpy")(lens.distort_fisheye)


@njit(cache=True, error_model="numpy")
def distort(x, y, k, model):
    """Distort one normalised point; see `calibration.geometry.lens`.

    Parameters
    ----------
    x, y : float, normalised, cam
    k : (12,) float
    model : int
        A kind of lens; an ideal one is a pinhole lens without coefficients.

    Returns
    -------
    u, v, u_x, u_y, v_x, v_y : float
    """
    if model == FISHEYE:
        return distort_fisheye(x, y, k)
    return distort_pinhole(x, y, k)


@njit(cache=True, error_model="numpy")
def lens_derivatives(x, y, k, model, out):
    """Fill the derivatives of the distorted coordinates with respect to the 12 coefficients.

    Parameters
    ----------
    x, y : float, normalised, cam
    k : (12,) float
    model : int
        As `distort` takes it.
    out : (2, 12) float
        d(u, v) / dk, written to.
    """
    out[:] = 0.0
    r2 = x * x + y * y
    if model == FISHEYE:
        r = np.sqrt(r2 + 1e-20)
        theta2 = np.arctan(r) ** 2
        power = np.arctan(r) / r
        for i in range(4):
            power *= theta2
            out[0, i] = x * power
            out[1, i] = y * power
        return
    bottom = 1.0 / (1.0 + r2 * (k[5] + r2 * (k[6] + r2 * k[7])))
    radial = (1.0 + r2 * (k[0] + r2 * (k[1] + r2 * k[4]))) * bottom
    power = bottom
    for top, under in ((0, 5), (1, 6), (4, 7)):
        power *= r2
        out[0, top] = x * power
        out[1, top] = y * power
        out[0, under] = -x * power * radial
        out[1, under] = -y * power * radial
    out[0, 2] = out[1, 3] = 2.0 * x * y
    out[0, 3] = r2 + 2.0 * x * x
    out[1, 2] = r2 + 2.0 * y * y
    out[0, 8] = out[1, 10] = r2
    out[0, 9] = out[1, 11] = r2 * r2
