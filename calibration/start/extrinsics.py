"""The first rig: relative places of camera pairs by consensus over frames, chained by the best paths.

A pair's place follows from every frame in which both see the board; a flat board seen from afar has two
possible poses, so up to four candidates come from each frame and the largest cluster of them wins. Cameras
are chained from the best connected one over the paths of least total variance (Dijkstra).
"""

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse import csgraph
from scipy.spatial.transform import Rotation

from calibration.arrays import ReadOnlyArrays
from calibration.boards.poses import BoardPoses
from calibration.camera import Intrinsics
from calibration.geometry.lens import project_from_camera

Float = NDArray[np.float64]


MOST_FRAMES = 250
"""Frames of a pair whose candidates are compared with each other; the best is then compared with all."""

FARTHEST = 0.3
"""Distance of two places, in radians and multiples of their size, beyond which they differ no more."""


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class CameraLink(ReadOnlyArrays):
    """Place of one camera relative to another.

    Attributes
    ----------
    R, t : (3, 3), (3,) float
        second_from_first.
    spread : float, rad
        Uncertainty of the rotation: scatter over the frames that agree, by the root of their number.
    frames : int
        Frames that agree.
    """

    R: Float
    t: Float
    spread: float
    frames: int


def link(first: BoardPoses, second: BoardPoses) -> CameraLink | None:
    """Find the place of the second camera relative to the first by consensus over the frames.

    Parameters
    ----------
    first, second : BoardPoses

    Returns
    -------
    link : CameraLink or None
        None where no frame has both poses.
    """
    R, t, frame, error = _candidates(first, second)
    if not len(R):
        return None
    apart = np.linalg.norm(t, axis=1)
    reach = np.linalg.norm(first.t[:, 0], axis=1)
    # Cameras in one place, as two halves of one image, are apart by nothing: then by the board's distance.
    size = max(float(np.median(apart)), 1e-6 * float(np.nanmedian(reach)))
    seen = np.unique(frame)
    picks = np.unique(np.linspace(0, len(seen) - 1, min(MOST_FRAMES, len(seen))).round().astype(int))
    guess = np.flatnonzero(np.isin(frame, seen[picks]))
    # A candidate's support: its distance to the nearest candidate of every frame, bounded.
    nearest = _nearest(_apart(R[guess], t[guess], R[guess], t[guess], size), frame[guess])
    score = np.minimum(nearest, FARTHEST).sum(axis=1) + 1e-3 * error[guess]
    best = guess[[np.argmin(score)]]
    apart = _apart(R[best], t[best], R, t, size)
    agree = apart[0] <= max(0.05, 2.5 * np.median(_nearest(apart, frame)))
    mean = Rotation.from_matrix(R[agree]).mean()
    off = (mean.inv() * Rotation.from_matrix(R[agree])).magnitude()
    frames = len(np.unique(frame[agree]))
    spread = (np.sqrt(np.mean(off**2)) + 0.01) / np.sqrt(frames)
    return CameraLink(R=mean.as_matrix(), t=np.median(t[agree], axis=0), spread=float(spread), frames=frames)


def pose_scatter(first: BoardPoses, second: BoardPoses, *, most: int = 60) -> Float:
    """Tell in how far single frames agree on the place of the second camera relative to the first.

    Parameters
    ----------
    first, second : BoardPoses
        Of the same frames.
    most : int
        Frames that are looked at, evenly picked.

    Returns
    -------
    distance : (frames,) float
        Of each frame's nearest candidate from the place that frames agree on most, in radians and multiples
        of the cameras' distance, at most `FARTHEST`; empty where no frame has both poses.
    """
    both = np.flatnonzero(np.isfinite(first.error[:, 0]) & np.isfinite(second.error[:, 0]))
    both = both[np.unique(np.linspace(0, len(both) - 1, min(most, len(both))).round().astype(int))]
    R, t, frame, error = _candidates(first.at(both), second.at(both))
    if not len(R):
        return np.empty(0)
    reach = float(np.nanmedian(np.linalg.norm(first.t[both, 0], axis=1)))
    size = max(float(np.median(np.linalg.norm(t, axis=1))), 1e-6 * reach)
    nearest = np.minimum(_nearest(_apart(R, t, R, t, size), frame), FARTHEST)
    return np.asarray(nearest[np.argmin(nearest.sum(axis=1) + 1e-3 * error)])


def _apart(R: Float, t: Float, other_R: Float, other_t: Float, size: float) -> Float:
    """Return the distance of every place from every other one, in radians and sizes, (places, others)."""
    # |A - B|^2 = 6 - 2 tr(A'B), and |A - B| = sqrt(8) sin(angle / 2).
    alike = R.reshape(-1, 9) @ other_R.reshape(-1, 9).T
    angle = 2 * np.arcsin(np.sqrt(np.clip((6 - 2 * alike) / 8, 0, 1)))
    between = t[:, None] - other_t[None]
    return np.hypot(angle, np.linalg.norm(between, axis=2) / size)


def _nearest(apart: Float, frame: NDArray[np.int64]) -> Float:
    """Return the distance to the nearest place of every frame, (places, frames)."""
    order = np.argsort(frame, kind="stable")
    starts = np.unique(frame[order], return_index=True)[1]
    return np.minimum.reduceat(apart[:, order], starts, axis=1)


def _candidates(first: BoardPoses, second: BoardPoses) -> tuple[Float, Float, NDArray[np.int64], Float]:
    """All relative places that single frames suggest; a much worse second pose is no candidate."""
    R, t, frames, error = [], [], [], []
    for i in range(first.error.shape[1]):
        for j in range(second.error.shape[1]):
            e = first.error[:, i] + second.error[:, j]
            plausible = (
                np.isfinite(e)
                & (first.error[:, i] < 3 * first.error[:, 0] + 0.5)
                & (second.error[:, j] < 3 * second.error[:, 0] + 0.5)
            )
            turn = second.R[plausible, j] @ first.R[plausible, i].transpose(0, 2, 1)
            R.append(turn)
            t.append(second.t[plausible, j] - np.einsum("fij,fj->fi", turn, first.t[plausible, i]))
            frames.append(np.flatnonzero(plausible))
            error.append(e[plausible])
    return np.concatenate(R), np.concatenate(t), np.concatenate(frames), np.concatenate(error)


def first_places(poses: list[BoardPoses]) -> tuple[Float, Float]:
    """Chain the cameras.

    Parameters
    ----------
    poses : list of BoardPoses
        Per view.

    Returns
    -------
    R, t : (views, 3, 3), (views, 3) float
        cam_from_world, the world being the first camera; NaN where no path leads to a view.
    """
    views = len(poses)
    links = {}
    for one, other in combinations(range(views), 2):
        found = link(poses[one], poses[other])
        if found is not None:
            links[one, other] = found
    variance = sparse.lil_matrix((views, views))
    for (one, other), found in links.items():
        variance[one, other] = found.spread**2
    total, previous = csgraph.dijkstra(variance.tocsr(), directed=False, return_predecessors=True)
    root = int(np.argmin(np.where(np.isfinite(total), total, 1e6).sum(axis=1)))
    R, t = np.full((views, 3, 3), np.nan), np.full((views, 3), np.nan)
    R[root], t[root] = np.eye(3), 0.0
    for view in np.argsort(total[root], kind="stable"):
        before = previous[root, view]
        if before < 0:
            continue
        if (before, view) in links:
            step_R, step_t = links[before, view].R, links[before, view].t
        else:
            back = links[view, before]
            step_R, step_t = back.R.T, -back.R.T @ back.t
        R[view], t[view] = step_R @ R[before], step_R @ t[before] + step_t
    world_R, world_t = R[0].copy(), t[0].copy()
    R = R @ world_R.T
    return R, t - np.einsum("vij,j->vi", R, world_t)


def first_board_poses(
    xy: Float, board: Float, poses: list[BoardPoses], *, lenses: tuple[Intrinsics, ...], Rc: Float, tc: Float
) -> tuple[Float, Float]:
    """Choose for every frame the candidate pose of the board that explains all views best.

    Parameters
    ----------
    xy : (frames, views, corners, 2) float, px
    board : (corners, 3) float, m, board
    poses : list of BoardPoses
        Per view.
    lenses : tuple of Intrinsics
    Rc, tc : (views, 3, 3), (views, 3) float
        cam_from_world.

    Returns
    -------
    R, t : (frames, 3, 3), (frames, 3) float
        world_from_board; NaN where no view has a pose.
    """
    frames = len(xy)
    best = np.full(frames, np.inf)
    R, t = np.full((frames, 3, 3), np.nan), np.full((frames, 3), np.nan)
    for view, candidate in enumerate(poses):
        for i in range(2):
            Rb = Rc[view].T @ candidate.R[:, i]
            tb = (candidate.t[:, i] - tc[view]) @ Rc[view]
            world = np.einsum("fij,kj->fki", Rb, board) + tb[:, None]
            error = _misfit(xy, world, lenses, Rc, tc)
            better = error < best
            best[better], R[better], t[better] = error[better], Rb[better], tb[better]
    return R, t


def _misfit(xy: Float, world: Float, lenses: tuple[Intrinsics, ...], Rc: Float, tc: Float) -> Float:
    """Bounded reprojection error per frame, so that one bad view does not decide."""
    error = np.zeros(len(xy))
    for view, lens in enumerate(lenses):
        cam = world @ Rc[view].T + tc[view]
        seen = project_from_camera(cam, lens.K, lens.distortion, lens.model)
        off = np.linalg.norm(seen - xy[:, view], axis=2)
        found = np.isfinite(xy[:, view, :, 0])
        bound = 0.05 * max(lens.size)
        error += np.where(found, np.minimum(np.nan_to_num(off, nan=bound), bound), 0.0).sum(axis=1)
    return np.where(np.isfinite(world[:, 0, 0]), error, np.inf)
