# ruff: noqa: PLR0917  (a compiled kernel takes plain arrays)
"""Compiled robust triangulation for the points of a bundle adjustment; importing this module loads numba."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from calibration.geometry.camera_arrays import CameraArrays
from calibration.geometry.lens import FISHEYE
from calibration.geometry.undistortion import undistort
from calibration.points.kernels import PER_VIEW, linearise, pixel_error, solve, weigh

Float = NDArray[np.float64]
Int = NDArray[np.int64]


def rays(view: Int, xy: Float, cameras: CameraArrays) -> Float:
    """Return the unit directions of all observations, (observations, 3), world; NaN without an inverse."""
    out = np.empty((len(view), 3))
    for index, (R, K, k, model) in enumerate(
        zip(cameras.R, cameras.K, cameras.k, cameras.model, strict=True)
    ):
        of_view = view == index
        uv = undistort(xy[of_view], K, k, "fisheye" if model == FISHEYE else "pinhole")
        ray = np.concatenate([uv, np.ones((len(uv), 1))], axis=1)
        out[of_view] = ray @ R / np.linalg.norm(ray, axis=1, keepdims=True)
    return out


@njit(cache=True, error_model="numpy")
def _between(a, b, da, db, X):
    """Fill the point nearest to two rays; False where they are parallel or meet behind a camera."""
    c = da[0] * db[0] + da[1] * db[1] + da[2] * db[2]
    bottom = 1.0 - c * c
    if not bottom > 1e-8:
        return False
    pa = pb = 0.0
    for j in range(3):
        pa += (b[j] - a[j]) * da[j]
        pb += (b[j] - a[j]) * db[j]
    along_a, along_b = (pa - c * pb) / bottom, (c * pa - pb) / bottom
    if along_a <= 0.0 or along_b <= 0.0:
        return False
    for j in range(3):
        X[j] = 0.5 * (a[j] + along_a * da[j] + b[j] + along_b * db[j])
    return True


@njit(cache=True, error_model="numpy", nogil=True)
def triangulate(start, view, xy, direction, center, cameras, c2, points):
    """Replace points by the best of the meeting points of two of their rays, refined on all of them.

    The old point competes too. NaN where no two rays meet in front of their cameras.

    Parameters
    ----------
    direction : (observations, 3) float
        From `rays`.
    cameras : CameraArrays
        Without skew.
    center : (views, 3) float, m, world
    c2 : float, px2
        Of the loss.
    points : (points, 3) float, m, world
        Read and written.
    """
    X, best = np.zeros(3), np.zeros(3)
    for p in range(len(points)):
        first, last = start[p], start[p + 1]
        best[:] = points[p]
        lowest = _loss(best, first, last, view, xy, cameras, c2)
        for o in range(first, last):
            for q in range(first, o):
                if _between(center[view[o]], center[view[q]], direction[o], direction[q], X):
                    loss = _loss(X, first, last, view, xy, cameras, c2)
                    if loss < lowest:
                        lowest = loss
                        best[:] = X
        if not np.isnan(best[0]):
            _descend(best, lowest, first, last, view, xy, cameras, c2)
        points[p] = best


@njit(cache=True, error_model="numpy")
def _descend(best, lowest, first, last, view, xy, cameras, c2):
    """Refine a point in place by Levenberg-Marquardt on all its observations."""
    J, D, dk = np.zeros((2, PER_VIEW)), np.zeros((2, 3)), np.zeros((2, 12))
    V, b, dx, trial = np.zeros((3, 3)), np.zeros(3), np.zeros(3), np.zeros(3)
    damping = 1e-3
    for _ in range(8):
        V[:] = 0.0
        b[:] = 0.0
        for o in range(first, last):
            v = view[o]
            ex, ey = linearise(
                best,
                xy[o],
                cameras.R[v],
                cameras.t[v],
                cameras.K[v],
                cameras.k[v],
                cameras.model[v],
                J,
                D,
                dk,
            )
            e2 = ex * ex + ey * ey
            if not e2 < np.inf:
                continue
            w = weigh(e2, c2)[1]
            for i in range(3):
                b[i] += w * (D[0, i] * ex + D[1, i] * ey)
                for j in range(i + 1):
                    V[i, j] += w * (D[0, i] * D[0, j] + D[1, i] * D[1, j])
        for i in range(3):
            V[i, i] *= 1.0 + damping
        if not solve(V, b, dx):
            return
        trial[:] = best + dx
        loss = _loss(trial, first, last, view, xy, cameras, c2)
        if not loss < lowest:
            damping *= 100.0
            continue
        done = lowest - loss < 1e-6 * lowest
        lowest = loss
        best[:] = trial
        damping *= 0.1
        if done:
            return


@njit(cache=True, error_model="numpy")
def _loss(X, first, last, view, xy, cameras, c2):
    total = 0.0
    for o in range(first, last):
        v = view[o]
        ex, ey, _ = pixel_error(
            X, xy[o], cameras.R[v], cameras.t[v], cameras.K[v], cameras.k[v], cameras.model[v]
        )
        e2 = ex * ex + ey * ey
        if e2 < np.inf:
            total += weigh(e2, c2)[0]
        else:
            total += c2
    return total
