# ruff: noqa: PLR0917  (a compiled kernel takes plain arrays)
"""Blocks of points in compiled kernels: how observations are laid out, loaded and summed up.

A block holds LANES points in rows of LANES numbers, so that a loop over a row becomes vector code. For every
view it has the rows

    U V        observed, distorted normalised coordinates
    M .. M+2   information (inverse covariance) of U, V: xx, xy, yy
    X Y        observed, undistorted normalised coordinates
    N .. N+2   information of X, Y

An observation that is missing, or that the lens model cannot undistort, has no information (zero).
Importing this module loads numba.
"""

import numpy as np
from numba import njit

from calibration.geometry.undistortion import LANES, undistort_block

U, V, M, X, Y, N = 0, LANES, 2 * LANES, 5 * LANES, 6 * LANES, 7 * LANES
"""Offsets of the rows of one view."""

VIEW = 10 * LANES
"""Numbers per view and block."""

SUMS = 11
"""Rows of the sums of a block: normal matrix (00 01 02 11 12 22), right-hand side (3), cost, squared px."""

TINY = 1e-13
"""Relative pivot below which three unknowns are not determined."""


@njit(cache=True, nogil=True, error_model="numpy")
def load_block(xy, information, first, count, rig, lens_block, observed):
    """Fill a block with the observations of all views, undistorted.

    Parameters
    ----------
    xy : (points, views, 2) float, px
    information : (points, views, 3) float, 1/px2
        Inverse covariance xx, xy, yy of every observation.
    first, count : int
        Points of this block; lanes beyond `count` are filled with missing observations.
    rig : CameraArrays
    lens_block : (8 * LANES,) float
        Work space.
    observed : (views * VIEW,) float
    """
    for view in range(xy.shape[1]):
        o = observed[view * VIEW : (view + 1) * VIEW]
        a = rig.normalise[view]
        for i in range(count):
            x, y = xy[first + i, view, 0], xy[first + i, view, 1]
            lens_block[i] = a[0] * x + a[1] * y + a[2]
            lens_block[LANES + i] = a[3] * x + a[4] * y + a[5]
            o[M + i] = information[first + i, view, 0]
            o[M + LANES + i] = information[first + i, view, 1]
            o[M + 2 * LANES + i] = information[first + i, view, 2]
        for i in range(count, LANES):
            lens_block[i] = np.nan
            lens_block[LANES + i] = np.nan
        undistort_block(rig.model[view], rig.k[view], rig.fold[view], lens_block)
        _store(o, rig.K[view], lens_block)


@njit(cache=True, nogil=True, error_model="numpy")
def _store(o, K, lens_block):
    """Write one view's rows: information carried from pixels through K and through the lens."""
    k0, k1, k2, k3 = K[0, 0], K[0, 1], K[1, 0], K[1, 1]
    for i in range(LANES):
        x, y = lens_block[2 * LANES + i], lens_block[3 * LANES + i]
        seen = x * 0.0 + y * 0.0 == 0.0  # False for NaN and for infinity
        a, b, c = o[M + i], o[M + LANES + i], o[M + 2 * LANES + i]
        p = k0 * k0 * a + 2.0 * k0 * k2 * b + k2 * k2 * c
        q = k0 * k1 * a + (k0 * k3 + k1 * k2) * b + k2 * k3 * c
        r = k1 * k1 * a + 2.0 * k1 * k3 * b + k3 * k3 * c
        u_x, u_y = lens_block[4 * LANES + i], lens_block[5 * LANES + i]
        v_x, v_y = lens_block[6 * LANES + i], lens_block[7 * LANES + i]
        o[U + i] = lens_block[i] if seen else 0.0
        o[V + i] = lens_block[LANES + i] if seen else 0.0
        o[M + i] = p if seen else 0.0
        o[M + LANES + i] = q if seen else 0.0
        o[M + 2 * LANES + i] = r if seen else 0.0
        o[X + i] = x if seen else 0.0
        o[Y + i] = y if seen else 0.0
        o[N + i] = u_x * u_x * p + 2.0 * u_x * v_x * q + v_x * v_x * r if seen else 0.0
        o[N + LANES + i] = u_x * u_y * p + (u_x * v_y + u_y * v_x) * q + v_x * v_y * r if seen else 0.0
        o[N + 2 * LANES + i] = u_y * u_y * p + 2.0 * u_y * v_y * q + v_y * v_y * r if seen else 0.0


@njit(cache=True, nogil=True, error_model="numpy")
def mark_seen(views, observed, on):
    """Switch on every observation that carries information.

    Parameters
    ----------
    views : int
    observed : (views * VIEW,) float
    on : (views * LANES,) float
        1 for observations to use, 0 for the others.
    """
    for view in range(views):
        o = observed[view * VIEW : (view + 1) * VIEW]
        for i in range(LANES):
            on[view * LANES + i] = 1.0 if o[N + i] > 0.0 else 0.0


@njit(inline="always")
def solve3(a, b, c, d, e, f, x, y, z):
    """Solve a symmetric, positive definite 3x3 system by its LDL' factors.

    Parameters
    ----------
    a, b, c, d, e, f : float
        Matrix entries 00 01 02 11 12 22.
    x, y, z : float
        Right-hand side.

    Returns
    -------
    x, y, z : float
        NaN where the matrix is not positive definite to working precision.
    """
    l1, l2 = b / a, c / a
    p = d - l1 * b
    q = e - l1 * c
    l3 = q / p
    r = f - l2 * c - l3 * q
    y = y - l1 * x
    z = (z - l2 * x - l3 * y) / r
    y = y / p - l3 * z
    x = x / a - l1 * y - l2 * z
    bad = not ((a > 0.0) & (p > TINY * d) & (r > TINY * f))
    lost = np.nan if bad else 0.0
    return x + lost, y + lost, z + lost


@njit(cache=True, nogil=True, error_model="numpy")
def invert_block(sums, out):
    """Invert the normal matrices of a block: rows 00 01 02 11 12 22.

    Parameters
    ----------
    sums : (SUMS * LANES,) float
    out : (6 * LANES,) float
        NaN where the matrix is singular.
    """
    for i in range(LANES):
        a, b, c = sums[i], sums[LANES + i], sums[2 * LANES + i]
        d, e, f = sums[3 * LANES + i], sums[4 * LANES + i], sums[5 * LANES + i]
        x0, x1, x2 = solve3(a, b, c, d, e, f, 1.0, 0.0, 0.0)
        _, y1, y2 = solve3(a, b, c, d, e, f, 0.0, 1.0, 0.0)
        _, _, z2 = solve3(a, b, c, d, e, f, 0.0, 0.0, 1.0)
        out[i] = x0
        out[LANES + i] = x1
        out[2 * LANES + i] = x2
        out[3 * LANES + i] = y1
        out[4 * LANES + i] = y2
        out[5 * LANES + i] = z2
