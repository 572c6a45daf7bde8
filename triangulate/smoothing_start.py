# ruff: noqa: PLR0917
"""A robust point per frame and keypoint to start the smoother from; importing this loads numba.

Every pair of rays proposes its midpoint; the proposal with the most views within a threshold wins and is
refined on these views by Gauss-Newton.
"""

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from calibration.compiled import undistort
from models2d.detections import Tracks2D
from triangulate.residuals import project
from triangulate.smoothing_kernels import Views
from triangulate.trajectories import Trajectories3D

Float = NDArray[np.float64]


class Start(NamedTuple):
    """Where the smoother starts, and what is known about it.

    Attributes
    ----------
    raw : (frames, subjects, keypoints, 3) float, m, world
        Triangulated frame by frame, NaN where that is not possible.
    shape : (frames, subjects, keypoints, 3, 3) float, m2/px2
        Covariance of `raw` per squared pixel of noise.
    residuals : (n,) float, px
        Of single coordinates of the inliers of points with views to spare, scaled to have the noise's size.
    xyz : (frames, subjects, keypoints, 3) float, m, world
        `raw` with the gaps bridged.
    """

    raw: Float
    shape: Float
    residuals: Float
    xyz: Float


def robust_start(
    tracks: Tracks2D, views: Views, trajectories: Trajectories3D | None, threshold: float = 12.0
) -> Start:
    """Take the trajectories as the start, or triangulate robustly where there are none.

    Parameters
    ----------
    tracks : Tracks2D
    views : Views
    trajectories : Trajectories3D or None
    threshold : float, px
        Within which views agree.

    Returns
    -------
    start : Start
    """
    frames, count, subjects, keypoints = tracks.shape
    points = np.ascontiguousarray(tracks.xy.transpose(0, 2, 3, 1, 4)).reshape(
        frames * subjects * keypoints, count, 2
    )
    if trajectories is None:
        xyz = np.empty((len(points), 3))
        inliers = np.empty((len(points), count), dtype=np.bool_)
        consensus_points(points, views, threshold, xyz, inliers)
    else:
        xyz = trajectories.xyz.reshape(-1, 3)
        inliers = trajectories.inliers.transpose(0, 2, 3, 1).reshape(-1, count)
    shape = np.empty((len(points), 3, 3))
    residuals = np.full(points.shape, np.nan)
    scatter(points, xyz, inliers, views, shape, residuals)
    raw = xyz.reshape(frames, subjects, keypoints, 3)
    shape = shape.reshape(frames, subjects, keypoints, 3, 3)
    return Start(raw, shape, residuals[np.isfinite(residuals)], fill_missing(raw))


def fill_missing(xyz: Float) -> Float:
    """Bridge gaps linearly and continue ends with the nearest point.

    Parameters
    ----------
    xyz : (frames, subjects, keypoints, 3) float, m

    Returns
    -------
    filled : (frames, subjects, keypoints, 3) float, m
        Keypoints that are never there stand at the mean of all points.
    """
    filled = xyz.copy()
    known = np.isfinite(xyz[..., 0])
    frames = np.arange(len(xyz))
    middle = xyz[known].mean(axis=0) if known.any() else np.zeros(3)
    for subject, keypoint in np.ndindex(xyz.shape[1:3]):
        there = known[:, subject, keypoint]
        if not there.any():
            filled[:, subject, keypoint] = middle
        elif not there.all():
            for axis in range(3):
                values = xyz[there, subject, keypoint, axis]
                filled[~there, subject, keypoint, axis] = np.interp(frames[~there], frames[there], values)
    return filled


@njit(cache=True, nogil=True, error_model="numpy")
def scatter(xy, xyz, inliers, views, shape, residuals):
    """Compute each raw point's covariance per squared pixel, and the residuals where views are to spare.

    Parameters
    ----------
    xy : (points, views, 2) float, px
    xyz : (points, 3) float, m, world
    inliers : (points, views) bool
    views : Views
    shape : (points, 3, 3) float, m2/px2
    residuals : (points, views, 2) float, px
        Scaled by sqrt(2 n / (2 n - 3)) for n views; NaN stays elsewhere.
    """
    H = np.empty((3, 3))
    for p in range(len(xy)):
        shape[p] = np.nan
        if np.isnan(xyz[p, 0]):
            continue
        H[:] = 0.0
        n = inliers[p].sum()
        for view in range(xy.shape[1]):
            if not inliers[p, view]:
                continue
            u, v, u_x, u_y, u_z, v_x, v_y, v_z, _ = project(
                xyz[p, 0], xyz[p, 1], xyz[p, 2],
                views.R[view], views.t[view], views.K[view], views.k[view], views.model[view],
            )  # fmt: skip
            J, L = (u_x, u_y, u_z), (v_x, v_y, v_z)
            for a in range(3):
                for b in range(3):
                    H[a, b] += J[a] * J[b] + L[a] * L[b]
            if n >= 3:
                scale = np.sqrt(2.0 * n / (2.0 * n - 3.0))
                residuals[p, view, 0] = (xy[p, view, 0] - u) * scale
                residuals[p, view, 1] = (xy[p, view, 1] - v) * scale
        if np.linalg.det(H) > 1e-12 * (H[0, 0] * H[1, 1] * H[2, 2]):
            shape[p] = np.linalg.inv(H)


@njit(cache=True, nogil=True, error_model="numpy")
def consensus_points(xy, views, threshold, xyz, inliers):
    """Triangulate every point on the largest set of views that agree.

    Parameters
    ----------
    xy : (points, views, 2) float, px
    views : Views
    threshold : float, px
    xyz : (points, 3) float, m, world
        Receives the points, NaN where no two views agree.
    inliers : (points, views) bool
        Receives the views that agree.
    """
    count = xy.shape[1]
    centers, inverse = np.empty((count, 3)), np.empty((count, 2, 2))
    for view in range(count):
        centers[view] = -np.dot(views.R[view].T, views.t[view])
        inverse[view] = np.linalg.inv(np.ascontiguousarray(views.K[view][:2, :2]))
    rays = np.empty((count, 3))
    best_in, trial_in = np.zeros(count, np.bool_), np.zeros(count, np.bool_)
    point, best = np.empty(3), np.empty(3)
    for n in range(len(xy)):
        cast(xy[n], views, inverse, rays)
        best_votes, best_miss = 0, np.inf
        for i in range(count):
            for j in range(i + 1, count):
                if np.isnan(rays[i, 0]) or np.isnan(rays[j, 0]):
                    continue
                midpoint(centers[i], rays[i], centers[j], rays[j], point)
                votes, miss = vote(point, xy[n], views, threshold, trial_in)
                if votes > best_votes or (votes == best_votes and miss < best_miss):
                    best_votes, best_miss = votes, miss
                    best[:], best_in[:] = point, trial_in
        inliers[n] = False
        xyz[n] = np.nan
        if best_votes >= 2:
            refine(best, xy[n], views, best_in)
            votes, miss = vote(best, xy[n], views, threshold, trial_in)
            if votes > best_votes:
                best_in[:] = trial_in
                refine(best, xy[n], views, best_in)
            xyz[n] = best
            inliers[n] = best_in


@njit(cache=True, error_model="numpy")
def cast(xy, views, inverse, rays):
    """Turn the pixels of one point into rays in the world."""
    for view in range(len(xy)):
        rays[view] = np.nan
        if np.isnan(xy[view, 0]):
            continue
        u, v = xy[view, 0] - views.K[view, 0, 2], xy[view, 1] - views.K[view, 1, 2]
        a, b = (
            inverse[view, 0, 0] * u + inverse[view, 0, 1] * v,
            inverse[view, 1, 0] * u + inverse[view, 1, 1] * v,
        )
        a, b = undistort(a, b, views.k[view], views.model[view])
        scale = 1.0 / np.sqrt(a * a + b * b + 1.0)
        for axis in range(3):
            R = views.R[view]
            rays[view, axis] = (R[0, axis] * a + R[1, axis] * b + R[2, axis]) * scale


@njit(cache=True, error_model="numpy")
def midpoint(c, d, e, f, point):
    """Find the point halfway between the rays c + s d and e + t f; NaN where they are parallel."""
    dot = d[0] * f[0] + d[1] * f[1] + d[2] * f[2]
    p, q = 0.0, 0.0
    for a in range(3):
        p += (e[a] - c[a]) * d[a]
        q += (e[a] - c[a]) * f[a]
    sine = 1.0 - dot * dot
    s, t = (p - dot * q) / sine, (dot * p - q) / sine
    for a in range(3):
        point[a] = 0.5 * (c[a] + s * d[a] + e[a] + t * f[a]) if sine > 1e-12 else np.nan


@njit(cache=True, error_model="numpy")
def vote(point, xy, views, threshold, agree):
    """Count the views within the threshold, and sum up their squared distances."""
    votes, miss = 0, 0.0
    for view in range(len(xy)):
        agree[view] = False
        if np.isnan(xy[view, 0]):
            continue
        u, v, _, _, _, _, _, _, depth = project(
            point[0], point[1], point[2],
            views.R[view], views.t[view], views.K[view], views.k[view], views.model[view],
        )  # fmt: skip
        r = (u - xy[view, 0]) ** 2 + (v - xy[view, 1]) ** 2
        if depth > 0.0 and r < threshold * threshold:
            agree[view] = True
            votes += 1
            miss += r
    return votes, miss


@njit(cache=True, error_model="numpy")
def refine(point, xy, views, use):
    """Move the point to the least squares of the reprojection error, in three Gauss-Newton steps."""
    H, g = np.empty((3, 3)), np.empty(3)
    for _ in range(3):
        H[:] = 0.0
        g[:] = 0.0
        for view in range(len(xy)):
            if not use[view]:
                continue
            u, v, u_x, u_y, u_z, v_x, v_y, v_z, _ = project(
                point[0], point[1], point[2],
                views.R[view], views.t[view], views.K[view], views.k[view], views.model[view],
            )  # fmt: skip
            r, s = xy[view, 0] - u, xy[view, 1] - v
            J, L = (u_x, u_y, u_z), (v_x, v_y, v_z)
            for a in range(3):
                g[a] += J[a] * r + L[a] * s
                for b in range(3):
                    H[a, b] += J[a] * J[b] + L[a] * L[b]
        det = np.linalg.det(H)
        if not det > 1e-12 * (H[0, 0] * H[1, 1] * H[2, 2]):
            return
        point += np.linalg.solve(H, g)
