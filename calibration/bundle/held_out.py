"""Cross-validation by frames: what a calibration is worth on board views that it has not seen."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from calibration.arrays import ReadOnlyArrays
from calibration.bundle.adjustment import adjust, residuals
from calibration.bundle.parameters import Choice, free_unknowns
from calibration.bundle.problem import Corners, Unknowns
from calibration.bundle.staging import LOSS, settle
from calibration.geometry.nearest_points import nearest_to_rays, ray_directions
from calibration.rig import Rig

Float = NDArray[np.float64]
Int = NDArray[np.int64]


BLOCKS_PER_FOLD = 4


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class HeldOut(ReadOnlyArrays):
    """Errors on board views that were left out of the fit, over all folds.

    Attributes
    ----------
    folds : int
    neighbour_bias, neighbour_spread : float, m
        Mean and standard deviation of triangulated minus estimated distance of neighbouring corners.
    all_pairs : float, m
        RMS error of the distances of all pairs of corners, against the board as estimated by the fit.
    all_pairs_nominal : float, m
        The same against the nominal board.
    repeatability : float, m
        RMS over all pairs of the standard deviation of their distance over the held-out views.
    pixel_median : (views,) float, px
        Reprojection error when only the pose of the board is estimated.
    outside : int
        Observations left out of the distances since they lie outside the covered part of their image.
    rejected : int
        Observations left out of the distances since they contradicted the fit of all frames too.
    observations : int
    median : float, m
        Median absolute error of the distances of all pairs of corners, against the board as estimated.
    weakest : tuple of int
        The views that alone see the distances with the largest median error.
    weakest_median : float, m
        That error.
    """

    folds: int
    neighbour_bias: float
    neighbour_spread: float
    all_pairs: float
    all_pairs_nominal: float
    repeatability: float
    pixel_median: Float
    outside: int
    rejected: int
    observations: int
    median: float = float("nan")
    weakest: tuple[int, ...] = ()
    weakest_median: float = float("nan")


def fold_frames(frames: int, folds: int) -> list[Int]:
    """Deal the frames to folds in short consecutive blocks.

    Frames that are neighbours in a video are nearly the same view of the board and belong together; long
    blocks would ask for extrapolation from one half of a recording to the other.
    """
    blocks = np.array_split(np.arange(frames), min(BLOCKS_PER_FOLD * folds, frames))
    return [np.concatenate(blocks[first::folds]) for first in range(min(folds, frames))]


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class Fold(ReadOnlyArrays):
    """A fit without some frames, and those frames with only their board poses fitted.

    Attributes
    ----------
    test : (frames,) int
    train_frames : (frames,) int
    train : Unknowns
    reposed : Unknowns
        Lenses, places and board of the fit, poses of the held-out frames.
    corners : Corners
        Of the held-out frames.
    residual : (observations, 2) float, px
        Of the held-out frames.
    sigma : (views,) float, px
    """

    test: Int
    train_frames: Int
    train: Unknowns
    reposed: Unknowns
    corners: Corners
    residual: Float
    sigma: Float


def leave_out(
    xy: Float, unknowns: Unknowns, choice: Choice, test: Int, *, sizes: Int, nominal: Float, rounds: int = 3
) -> Fold | None:
    """Fit without some frames, starting from a fit of all.

    Returns
    -------
    fold : Fold or None
        None where the rest does not show the board to every view.
    """
    train = np.setdiff1d(np.arange(len(xy)), test)
    if not np.isfinite(xy[train][..., 0]).any(axis=(0, 2)).all():
        return None
    solution = settle(
        Corners.from_array(xy[train]),
        unknowns.at_frames(train),
        choice,
        sizes,
        nominal,
        rounds=rounds,
        tolerance=1e-5,
    )
    reposed = unknowns.at_frames(test).with_rig_of(solution.unknowns)
    corners = Corners.from_array(xy[test])
    nothing = replace(choice, stages=("none",) * len(choice.stages), place=False, shape="rigid", time=False)
    free = free_unknowns(nothing, reposed, sizes, nominal)
    reposed = adjust(corners, reposed, free, solution.sigma, loss=LOSS).unknowns
    return Fold(
        test=test,
        train_frames=train,
        train=solution.unknowns,
        reposed=reposed,
        corners=corners,
        residual=residuals(corners, reposed),
        sigma=solution.sigma,
    )


def triangulated_corners(rig: Rig, xy: Float) -> Float:
    """Nearest point to the rays of all views, (frames, views, corners, 2) px -> (frames, corners, 3) m."""
    uv = rig.undistort(np.swapaxes(xy, 1, 2))
    seen = np.isfinite(uv[..., 0])
    direction = np.empty((*uv.shape[:-1], 3))
    for view, camera in enumerate(rig.cameras):
        direction[:, :, view] = ray_directions(np.nan_to_num(uv[:, :, view]), camera.R)
    return nearest_to_rays(rig.centers, direction, seen.astype(np.float64))


def sum_up_folds(
    xy: Float,
    folds: list[Fold],
    rigs: list[Rig],
    *,
    rejected: NDArray[np.bool_],
    nominal: Float,
    squares: Float,
    board_of: Int,
) -> HeldOut:
    """Sum up the distances between held-out corners.

    Parameters
    ----------
    xy : (frames, views, corners, 2) float, px
    folds : list of Fold
    rigs : list of Rig
        Of each fold, with the covered part of each image.
    rejected : (frames, views, corners) bool
        Corners that contradict the fit of all frames.
    nominal : (corners, 3) float, m, board
    squares : (boards,) float, m
    board_of : (corners,) int
        Only distances within a board are known beforehand.
    """
    one, other = np.triu_indices(len(nominal), 1)
    within = board_of[one] == board_of[other]
    one, other = one[within], other[within]
    true = np.linalg.norm(nominal[one] - nominal[other], axis=1)
    square = squares[board_of[one]]
    neighbours = np.abs(true - square) < 1e-3 * square
    off, off_nominal, scatter = [], [], []
    by_views: dict[tuple[int, ...], list[Float]] = {}
    outside = 0
    for fold, rig in zip(folds, rigs, strict=True):
        kept, out = _trusted(np.where(rejected[..., None], np.nan, xy)[fold.test], rig)
        outside += out
        xyz = triangulated_corners(rig, kept)
        length = np.linalg.norm(xyz[:, one] - xyz[:, other], axis=-1)
        board = fold.train.board
        off.append(length - np.linalg.norm(board[one] - board[other], axis=1))
        for views, miss in _by_views(kept, off[-1], one, other):
            by_views.setdefault(views, []).append(miss)
        off_nominal.append(length - true)
        often = np.isfinite(length).sum(axis=0) >= 3
        scatter.append(np.nanvar(length[:, often], axis=0))
    error = np.concatenate(off)
    near = error[:, neighbours]
    medians = {views: _median(np.abs(np.concatenate(rows))) for views, rows in by_views.items()}
    weakest = max(medians, key=lambda views: medians[views], default=())
    return HeldOut(
        folds=len(folds),
        neighbour_bias=_mean(near),
        neighbour_spread=float(np.sqrt(_mean((near - _mean(near)) ** 2))),
        all_pairs=float(np.sqrt(_mean(error**2))),
        all_pairs_nominal=float(np.sqrt(_mean(np.concatenate(off_nominal) ** 2))),
        repeatability=float(np.sqrt(_mean(np.concatenate(scatter)))),
        pixel_median=_pixel_medians(folds, xy.shape[1]),
        outside=outside,
        rejected=int(rejected.sum()),
        observations=int(np.isfinite(xy[..., 0]).sum()),
        median=_median(np.abs(error)),
        weakest=weakest,
        weakest_median=medians.get(weakest, float("nan")),
    )


FEWEST_DISTANCES = 100
"""Distances that the same views must see for their median to be told."""


def _by_views(xy: Float, error: Float, one: Int, other: Int) -> list[tuple[tuple[int, ...], Float]]:
    """Errors of distances, (frames, pairs), by the views that see both of their ends, frame by frame."""
    seen = np.isfinite(xy[..., 0])
    groups: dict[tuple[int, ...], list[Float]] = {}
    for frame in range(len(xy)):
        both = seen[frame][:, one] & seen[frame][:, other]
        code = (1 << np.arange(len(both))) @ both
        for value in np.unique(code):
            views = tuple(view for view in range(len(both)) if value >> view & 1)
            miss = error[frame, code == value]
            groups.setdefault(views, []).append(miss[np.isfinite(miss)])
    joined = ((views, np.concatenate(rows)) for views, rows in groups.items() if len(views) >= 2)
    return [(views, rows) for views, rows in joined if len(rows) >= FEWEST_DISTANCES]


def _median(values: Float) -> float:
    values = values[np.isfinite(values)]
    return float(np.median(values)) if values.size else float("nan")


def _mean(values: Float) -> float:
    values = values[np.isfinite(values)]
    return float(values.mean()) if values.size else float("nan")


def _pixel_medians(folds: list[Fold], views: int) -> Float:
    length = np.concatenate([np.hypot(*fold.residual.T) for fold in folds])
    view = np.concatenate([fold.corners.view for fold in folds])
    return np.array([np.nanmedian(length[view == v]) if (view == v).any() else np.nan for v in range(views)])


def _trusted(xy: Float, rig: Rig) -> tuple[Float, int]:
    """Held-out corners without those outside the covered part, and their number."""
    kept = xy.copy()
    outside = 0
    for view, camera in enumerate(rig.cameras):
        out = np.isfinite(kept[:, view, :, 0]) & ~camera.intrinsics.covers(kept[:, view])
        kept[:, view][out] = np.nan
        outside += int(out.sum())
    return kept, outside
