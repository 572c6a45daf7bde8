# ruff: noqa: PLR0917  (a compiled kernel takes plain arrays)
"""Undistort whole arrays: Newton's method on blocks of points that the compiler turns into vector code.

Importing this module loads numba. Every loop over a block has a length known at compile time and reads and
writes one buffer at offsets known at compile time: that is what lets LLVM use the vector registers.
"""

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

from calibration.geometry.lens import FISHEYE, IDEAL, fill_coefficients, lens_fold, lens_kind
from calibration.geometry.lens_kernels import distort_fisheye, distort_pinhole
from calibration.threads import over_chunks

Float = NDArray[np.float64]

LANES = 64
"""Points per block."""

ROUNDS = 30
"""Newton steps after which a point has no inverse; four are the rule."""

CAREFUL = (10, 18)
"""Rounds in which steps are halved, for points that Newton's full steps carry to and fro across a bend."""


@njit(cache=True, nogil=True, error_model="numpy")
def undistort_block(kind, k, fold, block):
    """Undistort a block in place: rows u, v in; rows x, y and the Jacobian u_x, u_y, v_x, v_y out.

    Parameters
    ----------
    kind : int
    k : (12,) float
    fold : float
        From `calibration.geometry.lens.lens_fold`.
    block : (8 * LANES,) float, normalised, cam
        Rows u, v, x, y, u_x, u_y, v_x, v_y. NaN in, or no inverse: NaN out.
    """
    if kind == IDEAL:
        for i in range(LANES):
            block[2 * LANES + i] = block[i]
            block[3 * LANES + i] = block[LANES + i]
            block[4 * LANES + i] = 1.0
            block[5 * LANES + i] = 0.0
            block[6 * LANES + i] = 0.0
            block[7 * LANES + i] = 1.0
        return
    c = (k[0], k[1], k[2], k[3], k[4], k[5], k[6], k[7], k[8], k[9], k[10], k[11])
    if kind == FISHEYE:
        _fisheye_block(c, fold, block)
    else:
        _pinhole_block(c, fold, block)


@njit(cache=True, nogil=True, error_model="numpy")
def _pinhole_block(k, fold, block):
    for i in range(LANES):  # one step of the fixed-point iteration is a better start than the target itself
        u, v = block[i], block[LANES + i]
        r2 = u * u + v * v
        scale = 1.0 - r2 * k[0] if -0.5 < r2 * k[0] < 0.5 else 1.0
        reach = r2 * scale * scale
        scale *= np.sqrt(0.5 * fold / reach) if reach >= fold else 1.0
        block[2 * LANES + i] = u * scale
        block[3 * LANES + i] = v * scale
    for step in range(ROUNDS):
        pending = 0
        pace = 0.5 if CAREFUL[0] <= step < CAREFUL[1] else 1.0
        for i in range(LANES):
            x, y = block[2 * LANES + i], block[3 * LANES + i]
            u, v, u_x, u_y, v_x, v_y = distort_pinhole(x, y, k)
            du, dv = block[i] - u, block[LANES + i] - v
            scale = pace / (u_x * v_y - u_y * v_x)
            to_x = x + (v_y * du - u_y * dv) * scale
            to_y = y + (u_x * dv - v_x * du) * scale
            # Beyond the fold lies another branch of the lens: a step over it ends half-way to it, and one
            # across the axis, which a flat slope near the fold provokes, half-way to the axis.
            reach = to_x * to_x + to_y * to_y
            back = np.sqrt(0.5 * (x * x + y * y + fold) / reach) if reach >= fold else 1.0
            across = to_x * x + to_y * y < 0.0
            block[2 * LANES + i] = 0.5 * x if across else to_x * back
            block[3 * LANES + i] = 0.5 * y if across else to_y * back
            # Newton squares the error: one step from 1e-8 is at rounding error.
            pending += 1 if du * du + dv * dv > 1e-16 * (1.0 + u * u + v * v) else 0
        if pending == 0 and pace == 1.0:
            break
    for i in range(LANES):
        x, y = block[2 * LANES + i], block[3 * LANES + i]
        u, v, u_x, u_y, v_x, v_y = distort_pinhole(x, y, k)
        du, dv = block[i] - u, block[LANES + i] - v
        # Past the fold the map turns points over (determinant < 0) or round (trace < 0).
        found = (
            (x * x + y * y < fold)
            & (du * du + dv * dv < 1e-22 * (1.0 + u * u + v * v))
            & (u_x * v_y - u_y * v_x > 0)
            & (u_x + v_y > 0)
        )
        block[2 * LANES + i] = block[2 * LANES + i] if found else np.nan
        block[3 * LANES + i] = block[3 * LANES + i] if found else np.nan
        block[4 * LANES + i] = u_x
        block[5 * LANES + i] = u_y
        block[6 * LANES + i] = v_x
        block[7 * LANES + i] = v_y


@njit(cache=True, nogil=True, error_model="numpy")
def _fisheye_block(k, fold, block):
    """Solve for the angle to the axis alone: the distortion is radial."""
    for i in range(LANES):
        block[2 * LANES + i] = np.sqrt(block[i] * block[i] + block[LANES + i] * block[LANES + i])
        block[3 * LANES + i] = min(block[2 * LANES + i], 0.95 * fold)
    for _ in range(ROUNDS):
        pending = 0
        for i in range(LANES):
            theta = block[3 * LANES + i]
            t2 = theta * theta
            miss = block[2 * LANES + i] - theta * (1.0 + t2 * (k[0] + t2 * (k[1] + t2 * (k[2] + t2 * k[3]))))
            slope = 1.0 + t2 * (3.0 * k[0] + t2 * (5.0 * k[1] + t2 * (7.0 * k[2] + t2 * 9.0 * k[3])))
            to = theta + miss / slope
            to = to if to < fold else 0.5 * (theta + fold)
            block[3 * LANES + i] = to if to >= 0.0 else 0.5 * theta
            pending += 1 if miss * miss > 1e-18 else 0
        if pending == 0:
            break
    for i in range(LANES):
        bent, theta = block[2 * LANES + i], block[3 * LANES + i]
        scale = np.tan(theta) / bent if bent > 1e-9 else 1.0
        x, y = block[i] * scale, block[LANES + i] * scale
        u, v, u_x, u_y, v_x, v_y = distort_fisheye(x, y, k)
        du, dv = block[i] - u, block[LANES + i] - v
        found = (
            (du * du + dv * dv < 1e-22 * (1.0 + u * u + v * v))
            & (u_x * v_y - u_y * v_x > 0)
            & (u_x + v_y > 0)
        )
        block[2 * LANES + i] = x if found else np.nan
        block[3 * LANES + i] = y if found else np.nan
        block[4 * LANES + i] = u_x
        block[5 * LANES + i] = u_y
        block[6 * LANES + i] = v_x
        block[7 * LANES + i] = v_y


@njit(cache=True, nogil=True, error_model="numpy")
def _undistort_range(start, stop, xy, normalise, kind, k, fold, out):
    block = np.empty(8 * LANES)
    for first in range(start, stop, LANES):
        count = min(LANES, stop - first)
        for i in range(LANES):
            x, y = xy[first + min(i, count - 1), 0], xy[first + min(i, count - 1), 1]
            block[i] = normalise[0] * x + normalise[1] * y + normalise[2]
            block[LANES + i] = normalise[3] * x + normalise[4] * y + normalise[5]
        undistort_block(kind, k, fold, block)
        for i in range(count):
            out[first + i, 0] = block[2 * LANES + i]
            out[first + i, 1] = block[3 * LANES + i]


def normaliser(K: ArrayLike) -> Float:
    """Return the affine map from pixels to distorted normalised coordinates, row by row.

    Parameters
    ----------
    K : (..., 3, 3) float, px

    Returns
    -------
    normalise : (..., 6) float
    """
    inverse = np.linalg.inv(np.asarray(K, dtype=np.float64))
    return inverse[..., :2, :].reshape(*inverse.shape[:-2], 6)


def undistort(xy: ArrayLike, K: ArrayLike, distortion: ArrayLike, model: str = "pinhole") -> Float:
    """Find the undistorted normalised coordinates of pixels, exactly, on all cores.

    Parameters
    ----------
    xy : (..., 2) float, px
    K : (3, 3) float, px
    distortion : (n,) float
    model : "pinhole" or "fisheye"

    Returns
    -------
    xy : (..., 2) float, normalised, cam
        NaN where the lens model has no inverse (beyond the radius where it folds back) or the pixel is NaN.

    Examples
    --------
    >>> K = [[800.0, 0, 320], [0, 800.0, 240], [0, 0, 1]]
    >>> undistort([[320.0, 240.0], [400.0, 240.0]], K, [0.0] * 5)
    array([[0. , 0. ],
           [0.1, 0. ]])
    """
    xy = np.asarray(xy, dtype=np.float64)
    flat = xy.reshape(-1, 2)
    out = np.empty_like(flat)
    lens = lens_kind(model, distortion), fill_coefficients(distortion), lens_fold(model, distortion)
    over_chunks(_undistort_range, len(flat), flat, normaliser(K), *lens, out, multiple=LANES)
    return out.reshape(xy.shape)
