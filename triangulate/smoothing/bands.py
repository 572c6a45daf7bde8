"""Block-banded positive definite systems: factor, solution, log-determinant and the band of the inverse.

`band[k, d]` is block (k + d, k) of a symmetric matrix, d = 0..3; blocks reaching beyond the last row are
ignored. The factor overwrites it: `band[k, 0]` becomes the inverse of the diagonal block's Cholesky factor,
`band[k, d]` the block of the factor, zero beyond the last row. Every step is a product of small matrices, so
the time goes into BLAS and grows linearly with rows.

Source: Takahashi, Fagan & Chen 1973, "Formation of a sparse bus impedance matrix", for the inverse.
"""

import numpy as np
from numba import njit

REACH = 3
"""Blocks below the diagonal one."""

TILE = 20
"""Columns that plain loops eliminate about as fast as matrix products."""


@njit(cache=True, nogil=True, error_model="numpy")
def invert_cholesky(a, w):
    """Factor a small positive definite matrix a = L L' and invert L.

    Blocks of `TILE` columns by plain loops, the rest by matrix products.

    Parameters
    ----------
    a : (n, n) float
        The lower triangle is read; what it holds afterwards is of no use.
    w : (n, n) float
        Receives the inverse of L.

    Returns
    -------
    log_det : float
        Of `a`; NaN where it is not positive definite.
    """
    n = len(a)
    log_det = 0.0
    w[:] = 0.0
    for begin in range(0, n, TILE):
        end = min(begin + TILE, n)
        inverse = np.zeros((end - begin, end - begin))
        log_det += invert_tile(a[begin:end, begin:end].copy(), inverse)
        if np.isnan(log_det):
            return log_det
        w[begin:end, begin:end] = inverse
        if begin > 0:  # row of the inverse: -inverse(L_bb) L_b. inverse(L_..)
            left = np.dot(np.ascontiguousarray(a[begin:end, :begin]), np.ascontiguousarray(w[:begin, :begin]))
            w[begin:end, :begin] = -np.dot(inverse, left)
        if end < n:
            below = np.dot(np.ascontiguousarray(a[end:, begin:end]), inverse.T)
            a[end:, begin:end] = below
            a[end:, end:] -= np.dot(below, below.T)
    return log_det


@njit(cache=True, nogil=True, error_model="numpy")
def invert_tile(a, w):
    """Do as `invert_cholesky` by plain loops along rows, for a tile; `w` is zero at first."""
    n = len(a)
    log_det = 0.0
    for i in range(n):
        for j in range(i):
            a[j, i] = a[i, j]
    for j in range(n):
        pivot = a[j, j]
        if not pivot > 0.0:
            return np.nan
        log_det += np.log(pivot)
        w[j, j] = 1.0
        for i in range(j + 1, n):
            s = a[i, j] / pivot
            for m in range(j + 1, n):
                a[i, m] -= s * a[j, m]
            for m in range(j + 1):
                w[i, m] -= s * w[j, m]
    for j in range(n):
        scale = 1.0 / np.sqrt(a[j, j])
        for m in range(j + 1):
            w[j, m] *= scale
    return log_det


@njit(cache=True, nogil=True, error_model="numpy")
def factor(band):
    """Factor a block-banded matrix in place.

    Parameters
    ----------
    band : (rows, 4, n, n) float

    Returns
    -------
    log_det : float
        NaN where the matrix is not positive definite; the band is then in pieces.
    """
    rows, _, n, _ = band.shape
    log_det = 0.0
    w, turned = np.empty((n, n)), np.empty((n, n))
    below, product = np.empty((REACH * n, n)), np.empty((REACH * n, n))
    for k in range(rows):
        log_det += invert_cholesky(band[k, 0], w)
        if np.isnan(log_det):
            return log_det
        band[k, 0] = w
        reach = min(REACH, rows - 1 - k)
        band[k, reach + 1 :] = 0.0
        turned[:] = w.T  # multiplying by a transposed matrix takes longer than transposing it first
        np.dot(band[k, 1:].reshape(REACH * n, n), turned, below)
        band[k, 1:] = below.reshape(REACH, n, n)
        for e in range(1, reach + 1):  # block (k + d, k + e) for every d from e on
            turned[:] = below[(e - 1) * n : e * n].T
            rest = (reach + 1 - e) * n
            np.dot(below[(e - 1) * n : reach * n], turned, product[:rest])
            band[k + e, : reach + 1 - e] -= product[:rest].reshape(reach + 1 - e, n, n)
    return log_det


@njit(cache=True, nogil=True, error_model="numpy")
def solve(factored, right):
    """Solve with the factor, in place.

    Parameters
    ----------
    factored : (rows, 4, n, n) float
        From `factor`.
    right : (rows, n) float
        Right side; receives the solution.
    """
    rows = len(factored)
    for k in range(rows):
        right[k] = np.dot(factored[k, 0], right[k])
        for d in range(1, min(REACH, rows - 1 - k) + 1):
            right[k + d] -= np.dot(factored[k, d], right[k])
    for k in range(rows - 1, -1, -1):
        for d in range(1, min(REACH, rows - 1 - k) + 1):
            right[k] -= np.dot(factored[k, d].T, right[k + d])
        right[k] = np.dot(factored[k, 0].T, right[k])


@njit(cache=True, nogil=True, error_model="numpy")
def draw(factored, normal):
    """Turn independent standard normal numbers into draws whose covariance is the inverse, in place.

    Parameters
    ----------
    factored : (rows, 4, n, n) float
        From `factor`.
    normal : (rows, n, draws) float
        Receives the draws: the solutions of L' x = normal. Those of a row depend on numbers of this row and
        later ones only.
    """
    rows = len(factored)
    for k in range(rows - 1, -1, -1):
        for d in range(1, min(REACH, rows - 1 - k) + 1):
            normal[k] -= np.dot(np.ascontiguousarray(factored[k, d].T), normal[k + d])
        normal[k] = np.dot(np.ascontiguousarray(factored[k, 0].T), normal[k])


@njit(cache=True, nogil=True, error_model="numpy")
def invert(factored):
    """Compute the inverse inside the band, in place.

    Parameters
    ----------
    factored : (rows, 4, n, n) float
        From `factor`; `factored[k, d]` receives block (k + d, k) of the inverse.
    """
    rows, _, n, _ = factored.shape
    w, here, product = np.empty((n, n)), np.empty((n, n)), np.empty((n, n))
    g, down = np.empty((REACH * n, n)), np.empty((REACH * n, n))
    after = np.zeros((REACH, n, REACH, n))  # the inverse in the three rows and columns that follow
    for k in range(rows - 1, -1, -1):
        w[:] = factored[k, 0]
        np.dot(factored[k, 1:].reshape(REACH * n, n), w, g)
        for d in range(REACH):  # one by one: BLAS has faster ways with products of this size
            np.dot(after[d].reshape(n, REACH * n), g, down[d * n : (d + 1) * n])
        np.dot(w.T, w, here)
        np.dot(g.T, down, product)
        for i in range(n):  # rounding makes the block slightly asymmetric, and asymmetry would grow
            for j in range(i + 1):
                here[i, j] = here[j, i] = here[i, j] + 0.5 * (product[i, j] + product[j, i])
        factored[k, 0] = here
        factored[k, 1:] = -down.reshape(REACH, n, n)
        for d in range(REACH - 1, 0, -1):
            after[d, :, 1:] = after[d - 1, :, :-1]
        after[0, :, 0] = here
        for d in range(1, REACH):
            after[d, :, 0] = factored[k, d]
            after[0, :, d] = factored[k, d].T
