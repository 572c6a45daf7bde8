# ruff: noqa: PLR0917  (compiled kernels take plain arrays)
"""What the calibration's own uncertainty adds to that of points; importing this loads numba.

A point is where the weighted reprojection error is least. When the cameras change by a little, its pixel in
view v moves by d_v, and the point by -(sum_v J_v' W_v J_v)^-1 sum_v J_v' W_v d_v. Doing so for many draws of
the rig gives the covariance, that of the lenses and the correlation between cameras included.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from numba import njit
from numpy.typing import NDArray

from calibration.geometry.camera_arrays import camera_arrays
from calibration.geometry.point_projection import project
from calibration.rig import Rig
from calibration.threads import over_chunks
from models2d.detections import Tracks2D
from triangulate.points.flattening import observations
from triangulate.trajectories import Trajectories3D

Float = NDArray[np.float64]
Bool = NDArray[np.bool_]

FEWEST_DRAWS = 10
CHUNK = 100_000
"""Points at a time, which bounds the memory."""


def with_calibration(
    trajectories: Trajectories3D, tracks: Tracks2D, rig: Rig, rigs: Sequence[Rig]
) -> Trajectories3D:
    """Add what the calibration does not know to the covariance of every point.

    A point that two views do not see is taken to be seen by those that see it in the nearest frame.

    Parameters
    ----------
    trajectories : Trajectories3D
    tracks : Tracks2D
    rig : Rig
    rigs : sequence of Rig
        Draws from the calibration's uncertainty, in the world of `rig`.

    Returns
    -------
    trajectories : Trajectories3D

    Raises
    ------
    ValueError
        If there are fewer than 10 rigs, or a view is missing in one of them.
    """
    if len(rigs) < FEWEST_DRAWS:
        raise ValueError(
            f"rigs: a scatter needs at least {FEWEST_DRAWS} draws of the calibration, got {len(rigs)}"
        )
    covariance = trajectories.covariance.copy()
    for part, moved in displacements(trajectories, tracks, rig, rigs):
        apart = moved - moved.mean(axis=1, keepdims=True)
        added = np.einsum("pdi,pdj->pij", apart, apart) / (len(rigs) - 1)
        covariance[part] += added.reshape(covariance[part].shape)
    return replace(trajectories, covariance=covariance)


def displacements(
    trajectories: Trajectories3D, tracks: Tracks2D, rig: Rig, rigs: Sequence[Rig]
) -> Iterator[tuple[slice, Float]]:
    """Move points as if their pixels had been seen by other rigs.

    Parameters
    ----------
    trajectories : Trajectories3D
    tracks : Tracks2D
    rig : Rig
    rigs : sequence of Rig
        Draws from the calibration's uncertainty, in the world of `rig`.

    Yields
    ------
    part : slice
        Consecutive frames.
    moved : (points, draws, 3) float, m
        Displacements of the points of these frames; NaN where unknown.
    """
    cameras = camera_arrays([camera for one in (rig, *rigs) for camera in one.select(tracks.views).cameras])
    frames, views, subjects, keypoints = tracks.shape
    used = nearest_seen(trajectories.inliers)
    step = max(1, CHUNK // max(1, subjects * keypoints * len(rigs) // FEWEST_DRAWS))
    for first in range(0, frames, step):
        part = slice(first, first + step)
        xyz = trajectories.xyz[part].reshape(-1, 3)
        by = np.moveaxis(used[part], 1, -1).reshape(-1, views)
        moved = np.full((len(xyz), len(rigs), 3), np.nan)
        information = np.ascontiguousarray(observations(tracks, part)[1])
        over_chunks(_displace, len(xyz), xyz, np.ascontiguousarray(by), information, cameras, moved)
        yield part, moved


def nearest_seen(inliers: Bool) -> Bool:
    """Replace views that are fewer than two by those of the nearest frame that has two.

    Parameters
    ----------
    inliers : (frames, views, subjects, keypoints) bool

    Returns
    -------
    seen : (frames, views, subjects, keypoints) bool
    """
    enough = inliers.sum(axis=1) >= 2
    if not len(inliers):
        return inliers
    frame = np.arange(len(inliers), dtype=np.float64)[:, None, None]
    before = np.maximum.accumulate(np.where(enough, frame, -np.inf), axis=0)
    after = np.minimum.accumulate(np.where(enough, frame, np.inf)[::-1], axis=0)[::-1]
    nearest = np.where(frame - before <= after - frame, before, after)
    nearest = np.where(np.isfinite(nearest), nearest, 0).astype(np.int64)
    return np.take_along_axis(inliers, nearest[:, None], axis=0)


@njit(cache=True, nogil=True, error_model="numpy")
def _displace(start, stop, xyz, used, information, cameras, out):
    """Fill the displacements of points by all draws but the first, which is the rig itself."""
    views = used.shape[1]
    draws = len(cameras.t) // views
    lever, at, moved = np.zeros((views, 3, 2)), np.zeros((views, 2)), np.empty((draws - 1, 3))
    for point in range(start, stop):
        x, y, z = xyz[point]
        if np.isnan(x):
            continue
        normal = _levers(x, y, z, used[point], information[point], cameras, lever, at)
        if not np.linalg.det(normal) > 0.0:
            continue
        moved[:] = 0.0
        for draw in range(1, draws):
            for view in range(views):
                if used[point, view]:
                    u, v, _, _, _, _, _, _, _ = _project(x, y, z, cameras, draw * views + view)
                    for i in range(3):
                        moved[draw - 1, i] -= lever[view, i, 0] * (u - at[view, 0])
                        moved[draw - 1, i] -= lever[view, i, 1] * (v - at[view, 1])
        out[point] = np.dot(moved, np.linalg.inv(normal))


@njit(cache=True, error_model="numpy")
def _levers(x, y, z, used, information, cameras, lever, at):
    """Fill J' W and the pixel of each view that is used; return the sum of J' W J."""
    normal, J = np.zeros((3, 3)), np.empty((2, 3))
    for view in range(len(used)):
        if not used[view]:
            continue
        u, v, u_x, u_y, u_z, v_x, v_y, v_z, _ = _project(x, y, z, cameras, view)
        at[view, 0], at[view, 1] = u, v
        J[0, 0], J[0, 1], J[0, 2] = u_x, u_y, u_z
        J[1, 0], J[1, 1], J[1, 2] = v_x, v_y, v_z
        a, b, c = information[view]
        for i in range(3):
            lever[view, i, 0] = a * J[0, i] + b * J[1, i]
            lever[view, i, 1] = b * J[0, i] + c * J[1, i]
            for j in range(3):
                normal[i, j] += lever[view, i, 0] * J[0, j] + lever[view, i, 1] * J[1, j]
    return normal


@njit(inline="always")
def _project(x, y, z, cameras, c):
    return project(x, y, z, cameras.R[c], cameras.t[c], cameras.K[c], cameras.k[c], cameras.model[c])
