"""The lens arithmetic of `calibration.lenses.projection`, compiled; importing this module loads numba.

Scalar building blocks for the kernels of `calibration.bundle`, `calibration.points` and `triangulate`: they
take one camera as plain numbers and release the GIL when called from a compiled loop.
"""

import numpy as np
from numba import njit

from calibration.lenses import projection

FISHEYE = 1
"""Value of `model` that means fisheye; 0 means pinhole."""

distort_pinhole = njit(inline="always", error_model="numpy")(projection.distort_pinhole)
distort_fisheye = njit(inline="always", error_model="numpy")(projection.distort_fisheye)


@njit(cache=True, error_model="numpy")
def distort(x, y, k, model):
    """Distort one normalised point; see `calibration.lenses.projection`.

    Parameters
    ----------
    x, y : float, normalised, cam
    k : (12,) float
    model : int

    Returns
    -------
    u, v, u_x, u_y, v_x, v_y : float
    """
    if model == FISHEYE:
        return distort_fisheye(x, y, k)
    return distort_pinhole(x, y, k)


@njit(cache=True, error_model="numpy")
def undistort(u, v, k, model):
    """Invert `distort` by Newton's method.

    Parameters
    ----------
    u, v : float, normalised, cam
    k : (12,) float
    model : int

    Returns
    -------
    x, y : float, normalised, cam
        NaN where the lens has no inverse.
    """
    x, y = u, v
    if model == FISHEYE:
        bent = np.sqrt(u * u + v * v)
        theta = min(bent, 1.5)
        for _ in range(10):
            t2 = theta * theta
            value = theta * (1 + t2 * (k[0] + t2 * (k[1] + t2 * (k[2] + t2 * k[3]))))
            slope = 1 + t2 * (3 * k[0] + t2 * (5 * k[1] + t2 * (7 * k[2] + t2 * 9 * k[3])))
            theta = min(max(theta - (value - bent) / slope, 0.0), 1.56)
        if bent > 1e-8:
            x, y = u * np.tan(theta) / bent, v * np.tan(theta) / bent
    for _ in range(30):
        a, b, u_x, u_y, v_x, v_y = distort(x, y, k, model)
        du, dv = u - a, v - b
        det = u_x * v_y - u_y * v_x
        if du * du + dv * dv < 1e-28 * (1 + u * u + v * v):
            if det > 0 and u_x + v_y > 0:
                return x, y
            return np.nan, np.nan
        x += (v_y * du - u_y * dv) / det
        y += (u_x * dv - v_x * du) / det
    return np.nan, np.nan
