# ruff: noqa: PLR0917  (a compiled kernel takes plain arrays)
"""Robust triangulation of points whose observations are listed one by one; importing this loads numba.

The loss is Geman and McClure's, c2 e2 / (c2 + e2): bounded, so the influence of a gross outlier tends to
zero, and so does that of an observation whose point has come to lie behind its camera. Where `consensus`
decides which views of a point to trust, this minimises the robust cost over all of them, as a bundle
adjustment does.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from calibration.geometry.blocks import solve3
from calibration.geometry.camera_arrays import CameraArrays
from calibration.geometry.lens import FISHEYE
from calibration.geometry.nearest_points import ray_directions, reaches, squared_cross
from calibration.geometry.point_projection import project
from calibration.geometry.undistortion import undistort

Float = NDArray[np.float64]
Int = NDArray[np.int64]

NARROW = 1e-8
"""Squared sine of the angle between two rays up to which they propose no point."""

STEPS = 8
"""Steps of the descent; the points are triangulated again in every round of the bundle adjustment."""

_squared_cross = njit(inline="always")(squared_cross)
_reaches = njit(inline="always")(reaches)


def rays_of_observations(view: Int, xy: Float, cameras: CameraArrays) -> Float:
    """Return the directions of the rays of observations.

    Parameters
    ----------
    view : (observations,) int
    xy : (observations, 2) float, px
    cameras : CameraArrays

    Returns
    -------
    direction : (observations, 3) float
        Of unit length, in the world; NaN where the lens has no inverse.
    """
    out = np.empty((len(view), 3))
    lenses = zip(cameras.R, cameras.K, cameras.k, cameras.model, strict=True)
    for index, (R, K, k, model) in enumerate(lenses):
        of_view = view == index
        uv = undistort(xy[of_view], K, k, "fisheye" if model == FISHEYE else "pinhole")
        out[of_view] = ray_directions(uv, R)
    return out


@njit(cache=True, error_model="numpy", inline="always")
def geman_mcclure(e2, c2):
    """Return the loss of a squared error and its weight (its derivative)."""
    slack = c2 / (c2 + e2)
    return e2 * slack, slack * slack


@njit(cache=True, error_model="numpy")
def _between(a, b, da, db, X):
    """Fill the point nearest to two rays; False where they are parallel or meet behind a camera."""
    one, two = (da[0], da[1], da[2]), (db[0], db[1], db[2])
    bottom = _squared_cross(one, two)
    if not bottom > NARROW:
        return False
    top_a, top_b = _reaches(one, two, (b[0] - a[0], b[1] - a[1], b[2] - a[2]))
    along_a, along_b = top_a / bottom, top_b / bottom
    if along_a <= 0.0 or along_b <= 0.0:
        return False
    for j in range(3):
        X[j] = 0.5 * (a[j] + along_a * da[j] + b[j] + along_b * db[j])
    return True


@njit(cache=True, error_model="numpy", nogil=True)
def triangulate_listed(start, view, xy, direction, center, cameras, c2, points):
    """Replace points by the best of the meeting points of two of their rays, refined on all of them.

    The point before competes too. NaN where no two rays meet in front of their cameras.

    Parameters
    ----------
    start : (points + 1,) int
        Where the observations of each point begin.
    view : (observations,) int
    xy : (observations, 2) float, px
    direction : (observations, 3) float
        From `rays_of_observations`.
    center : (views, 3) float, m, world
    cameras : CameraArrays
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
    V, b, trial = np.zeros((3, 3)), np.zeros(3), np.zeros(3)
    damping = 1e-3
    for _ in range(STEPS):
        V[:] = 0.0
        b[:] = 0.0
        for o in range(first, last):
            v = view[o]
            x, y, u_x, u_y, u_z, v_x, v_y, v_z, depth = project(
                best[0], best[1], best[2],
                cameras.R[v], cameras.t[v], cameras.K[v], cameras.k[v], cameras.model[v],
            )  # fmt: skip
            ex, ey = xy[o, 0] - x, xy[o, 1] - y
            e2 = ex * ex + ey * ey
            if not (depth > 0.0 and e2 < np.inf):
                continue
            w = geman_mcclure(e2, c2)[1]
            D = ((u_x, v_x), (u_y, v_y), (u_z, v_z))
            for i in range(3):
                b[i] += w * (D[i][0] * ex + D[i][1] * ey)
                for j in range(i + 1):
                    V[i, j] += w * (D[i][0] * D[j][0] + D[i][1] * D[j][1])
        more = 1.0 + damping
        x, y, z = solve3(
            V[0, 0] * more, V[1, 0], V[2, 0], V[1, 1] * more, V[2, 1], V[2, 2] * more, b[0], b[1], b[2]
        )
        if np.isnan(x):
            return
        trial[0], trial[1], trial[2] = best[0] + x, best[1] + y, best[2] + z
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
        x, y, _, _, _, _, _, _, depth = project(
            X[0], X[1], X[2], cameras.R[v], cameras.t[v], cameras.K[v], cameras.k[v], cameras.model[v]
        )
        ex, ey = xy[o, 0] - x, xy[o, 1] - y
        e2 = ex * ex + ey * ey
        if depth > 0.0 and e2 < np.inf:
            total += geman_mcclure(e2, c2)[0]
        else:
            total += c2
    return total
