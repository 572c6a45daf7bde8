# ruff: noqa: PLR0917  (compiled kernels take plain arrays)
"""How the smoother's reprojection terms depend on where the cameras stand and when they look, compiled.

Of each view seven numbers: a rotation w and a translation v of the camera in its own coordinates,
x_cam' = exp(w) x_cam + v, and the time by which it looks later. The trajectories' normal equations (see
`kernels`) get a dense border. Importing this loads numba.
"""

import numpy as np
from numba import njit

from calibration.geometry.point_projection import project
from triangulate.camera_fit.priors import PER_VIEW
from triangulate.smoothing.residuals import mistakes, robust
from triangulate.smoothing.view_terms import SURE


@njit(cache=True, nogil=True, error_model="numpy")
def add_border(control, views, observed, rates, border, corner, force):
    """Add the blocks of the normal equations that cameras take part in.

    Parameters
    ----------
    control : (knots, keypoints, 3) float, m
    views : CameraArrays
    observed : Observed
        With one group of the basis per view.
    rates : (frames, views, 4) float, 1/s
        Derivative of the basis' weights with respect to time; zero where times are known.
    border : (knots, n, m) float
        Between trajectories, n = 3 per keypoint, and cameras, m = 7 per view; is added to, as are the others.
    corner : (views, 7, 7) float
        Of each camera with itself.
    force : (views, 7) float
        Minus the gradient.

    Returns
    -------
    cost : float
        Of observations whose point lies behind their camera, for which they count as mistakes; without it,
        turning cameras away would pay.
    """
    frames, keypoints, view_count, _ = observed.xy.shape
    cost = 0.0
    J, by_point, weighed = np.empty((2, PER_VIEW)), np.empty((2, 3)), np.empty((2, PER_VIEW))
    for frame in range(frames):
        for j in range(keypoints):
            for view in range(view_count):
                s_xx, s_xy, s_yy = observed.information[frame, j, view]
                if s_xx == 0.0:
                    continue
                i, w = observed.first[frame, view], observed.weights[frame, view]
                point = _sum(control, i, j, w)
                u, v, J[0, 0], J[0, 1], J[0, 2], J[1, 0], J[1, 1], J[1, 2], depth = project(
                    point[0], point[1], point[2],
                    views.R[view], views.t[view], views.K[view], views.k[view], views.model[view],
                )  # fmt: skip
                kappa = mistakes(observed.kappa[view], s_xx * s_yy - s_xy * s_xy)
                kappa *= SURE if observed.sure[frame, j, view] else 1.0
                if not depth > 0.0:
                    cost += np.log((1.0 + kappa) / kappa)
                    continue
                by_point[:] = J[:, :3]
                r, s = observed.xy[frame, j, view, 0] - u, observed.xy[frame, j, view, 1] - v
                q = s_xx * r * r + 2.0 * s_xy * r * s + s_yy * s * s
                trust = robust(q, observed.nu, kappa)[0]
                _by_camera(point, _sum(control, i, j, rates[frame, view]), by_point, views, view, J)
                for c in range(PER_VIEW):
                    weighed[0, c] = trust * (s_xx * J[0, c] + s_xy * J[1, c])
                    weighed[1, c] = trust * (s_xy * J[0, c] + s_yy * J[1, c])
                _spread(i, w, 3 * j, by_point, weighed, PER_VIEW * view, border)
                for c in range(PER_VIEW):
                    force[view, c] += weighed[0, c] * r + weighed[1, c] * s
                    for d in range(PER_VIEW):
                        corner[view, c, d] += weighed[0, c] * J[0, d] + weighed[1, c] * J[1, d]
    return cost


@njit(cache=True, error_model="numpy")
def _sum(control, i, j, w):
    """Sum four control points with their weights."""
    return (w[0] * control[i, j] + w[1] * control[i + 1, j]) + (
        w[2] * control[i + 2, j] + w[3] * control[i + 3, j]
    )


@njit(cache=True, error_model="numpy")
def _by_camera(point, velocity, by_point, views, view, J):
    """Fill the derivatives of a pixel with respect to the seven numbers of its view."""
    R, t = views.R[view], views.t[view]
    for row in range(2):
        x, y, z = 0.0, 0.0, 0.0
        g = np.zeros(3)
        for a in range(3):
            for b in range(3):
                g[a] += by_point[row, b] * R[a, b]
        for b in range(3):
            x += R[0, b] * point[b]
            y += R[1, b] * point[b]
            z += R[2, b] * point[b]
        x, y, z = x + t[0], y + t[1], z + t[2]
        J[row, 0] = g[2] * y - g[1] * z
        J[row, 1] = g[0] * z - g[2] * x
        J[row, 2] = g[1] * x - g[0] * y
        J[row, 3], J[row, 4], J[row, 5] = g[0], g[1], g[2]
        J[row, 6] = (
            by_point[row, 0] * velocity[0] + by_point[row, 1] * velocity[1] + by_point[row, 2] * velocity[2]
        )


@njit(cache=True, error_model="numpy")
def _spread(i, w, o, by_point, weighed, column, border):
    """Add one observation to the border, at the four control points that carry its point."""
    for a in range(3):
        for c in range(PER_VIEW):
            value = by_point[0, a] * weighed[0, c] + by_point[1, a] * weighed[1, c]
            for m in range(4):
                border[i + m, o + a, column + c] += w[m] * value
