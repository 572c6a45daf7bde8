"""From board corners to a rig and a report on how good it is: the stages of a calibration in their order.

Every stage starts from the one before: a lens per view, places by consensus, everything but the lenses, then
lenses of growing freedom, then the board. No stage needs a good guess from outside, and none drops frames.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from calibration.board_poses import board_poses
from calibration.bundle import Solution, noise, refine, residuals
from calibration.bundle_parameters import COEFFICIENTS, FAMILY, Choice, free_unknowns
from calibration.bundle_problem import MODELS, Corners, Unknowns, lens_row, start_unknowns
from calibration.camera import Intrinsics
from calibration.coverage import with_coverage
from calibration.errors import CalibrationError
from calibration.extrinsics import first_board_poses, first_places
from calibration.intrinsics import first_lens
from calibration.observations import BoardObservations
from calibration.report import CalibrationReport
from calibration.rig import Rig
from calibration.view_graph import check_connected, view_graph

Float = NDArray[np.float64]

LOSS = 3.0
"""Scale of Cauchy's loss in multiples of the noise: 97% of least squares' efficiency on clean data."""

REJECTED_BEYOND = 8.0
"""A corner this many noise widths off has lost nearly all its weight and counts as rejected."""

MOST_REJECTED = 0.10


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class Fit:
    """A finished adjustment of some frames.

    Attributes
    ----------
    frames : (frames,) int
        Frames used, as indices into the observations.
    corners : Corners
    choice : Choice
    solution : Solution
    """

    frames: NDArray[np.int64]
    corners: Corners
    choice: Choice
    solution: Solution


def calibrate(
    observations: BoardObservations,
    *,
    lens: str | Mapping[str, str] = "pinhole8",
    intrinsics: Mapping[str, Intrinsics] | None = None,
    shared: Sequence[Sequence[str]] = (),
    board_shape: str = "free",
    focal: float | None = None,
) -> tuple[Rig, CalibrationReport]:
    """Calibrate a rig from the corners of a board.

    Parameters
    ----------
    observations : BoardObservations
    lens : str or mapping of view to str
        "pinhole4", "pinhole5", "pinhole8", "pinhole12" or "fisheye".
    intrinsics : mapping of view to Intrinsics, optional
        Known lenses, which are kept as they are.
    shared : sequence of sequences of view names
        Groups of identical cameras that share one lens.
    board_shape : "rigid", "warp" or "free"
        How far the printed board may differ from its nominal shape.
    focal : float, px, optional
        A further start for the focal lengths; the result does not depend on it.

    Returns
    -------
    rig : Rig
        In metres; the world is the first camera.
    report : CalibrationReport

    Raises
    ------
    CalibrationError
        If views never see the board or never share it, or too many corners contradict the fit.
    ValueError
        For a lens model, board shape or view name that is not known.
    """
    graph = view_graph(observations)
    check_connected(graph)
    stages = _lens_stages(observations.names, lens, intrinsics or {})
    lens_of = _sharing(observations.names, shared)
    start, frames = first_unknowns(observations, stages, intrinsics or {}, focal)
    corners = Corners.from_array(observations.xy[frames])
    choice = Choice(stages=stages, lens_of=lens_of, shape=board_shape)
    solution = staged(corners, start, choice, observations.sizes, observations.board.corners)
    fit = Fit(frames=frames, corners=corners, choice=choice, solution=solution)
    residual = residuals(corners, solution.unknowns)
    rejected = np.hypot(*residual.T) > REJECTED_BEYOND * solution.sigma[corners.view]
    check_rejected(observations.names, corners.view, rejected)
    coefficients = tuple(
        len((intrinsics or {})[name].distortion) if stage == "none" else COEFFICIENTS[stage]
        for name, stage in zip(observations.names, stages, strict=True)
    )
    rig = solution.unknowns.to_rig(observations.names, observations.sizes, coefficients)
    rig = with_coverage(rig, corners, ~rejected)
    return rig, CalibrationReport.from_fit(
        observations, fit, graph=graph, rig=rig, residual=residual, rejected=rejected
    )


def _lens_stages(
    names: tuple[str, ...], lens: str | Mapping[str, str], known: Mapping[str, Intrinsics]
) -> tuple[str, ...]:
    wanted = {name: lens for name in names} if isinstance(lens, str) else dict(lens)
    for name in (*wanted, *known):
        if name not in names:
            raise ValueError(f"no view called {name}: the observations have {', '.join(names)}")
    for name, model in wanted.items():
        if model not in COEFFICIENTS:
            raise ValueError(f"lens of {name}: expected one of {', '.join(COEFFICIENTS)}, got {model!r}")
    return tuple("none" if name in known else wanted.get(name, "pinhole8") for name in names)


def _sharing(names: tuple[str, ...], shared: Sequence[Sequence[str]]) -> tuple[int, ...]:
    number = {name: view for view, name in enumerate(names)}
    for group in shared:
        missing = [name for name in group if name not in names]
        if missing:
            raise ValueError(f"shared: no view called {', '.join(missing)}: the views are {', '.join(names)}")
        for name in group:
            number[name] = names.index(group[0])
    return tuple(number[name] for name in names)


def first_unknowns(
    observations: BoardObservations,
    stages: tuple[str, ...],
    known: Mapping[str, Intrinsics],
    focal: float | None,
) -> tuple[Unknowns, NDArray[np.int64]]:
    """Find a first lens per view, first places and first board poses.

    Returns
    -------
    unknowns : Unknowns
    frames : (frames,) int
        Frames in which the board has a pose.
    """
    xy, board = observations.xy, observations.board.corners
    rows, lenses, models = [], [], []
    for view, (name, stage) in enumerate(zip(observations.names, stages, strict=True)):
        if name in known:
            lenses.append(known[name])
            rows.append(lens_row(known[name]))
            models.append(MODELS.index(known[name].model))
            continue
        size = (int(observations.sizes[view, 0]), int(observations.sizes[view, 1]))
        first = first_lens(xy[:, view], board, size, focal=focal, model=FAMILY[stage])
        lenses.append(first.intrinsics)
        rows.append(first.row)
        models.append(first.model)
    poses = [board_poses(xy[:, view], board, lens) for view, lens in enumerate(lenses)]
    Rc, tc = first_places(poses)
    if not np.isfinite(tc).all():
        lost = [name for name, t in zip(observations.names, tc, strict=True) if not np.isfinite(t).all()]
        raise CalibrationError(
            f"no place found for {', '.join(lost)}: the board was seen too obliquely or too partially in the "
            f"frames shared with other views; record it facing these cameras and a neighbour at the same time"
        )
    Rb, tb = first_board_poses(xy, board, poses, lenses=tuple(lenses), Rc=Rc, tc=tc)
    frames = np.flatnonzero(np.isfinite(tb[:, 0]))
    unknowns = start_unknowns(
        np.array(rows), np.array(models), Rc=Rc, tc=tc, Rb=Rb[frames], tb=tb[frames], board=board
    )
    return unknowns, frames


def staged(
    corners: Corners, unknowns: Unknowns, choice: Choice, sizes: NDArray[np.int64], nominal: Float
) -> Solution:
    """Free the unknowns in stages, each with the noise found in the one before."""
    for stage in ("none", "radial", "final"):
        stages = tuple(_stage(stage, final) for final in choice.stages)
        shape = choice.shape if stage == "final" else "rigid"
        rounds, tolerance = (12, 1e-6) if stage == "final" else (3, 1e-3)
        now = replace(choice, stages=stages, shape=shape)
        solution = settle(corners, unknowns, now, sizes, nominal, rounds=rounds, tolerance=tolerance)
        unknowns = solution.unknowns
    return solution


def _stage(stage: str, final: str) -> str:
    if final == "none" or stage == "final":
        return final
    return stage


def settle(
    corners: Corners,
    unknowns: Unknowns,
    choice: Choice,
    sizes: NDArray[np.int64],
    nominal: Float,
    *,
    rounds: int = 12,
    tolerance: float = 1e-6,
) -> Solution:
    """Alternate refinement and noise estimate until the noise stands still."""
    views = len(unknowns.lens)
    sigma = noise(corners, residuals(corners, unknowns), views)
    before = 0.0
    for count in range(rounds):
        free = free_unknowns(choice, unknowns, sizes, nominal)
        solution = refine(corners, unknowns, free, sigma, loss=LOSS, tolerance=tolerance)
        before = before if count else solution.cost_before
        unknowns = solution.unknowns
        found = noise(corners, residuals(corners, unknowns), views)
        if np.abs(found / sigma - 1).max() < 0.01:
            break
        sigma = found
    return replace(solution, cost_before=before)


def check_rejected(names: tuple[str, ...], view: NDArray[np.int64], rejected: NDArray[np.bool_]) -> None:
    """Refuse a fit that contradicts too many of a view's corners, however low its error on the rest.

    Raises
    ------
    CalibrationError
        Names each such view with its numbers.
    """
    complaints = []
    for index, name in enumerate(names):
        mine = rejected[view == index]
        if mine.size and mine.mean() > MOST_REJECTED:
            complaints.append(f"{name}: {mine.sum()} of {mine.size} corners ({mine.mean():.0%})")
    if complaints:
        raise CalibrationError(
            f"the fit contradicts more than {MOST_REJECTED:.0%} of the corners of {'; '.join(complaints)}. "
            "The low error on the rest would be misleading. Check that the views are synchronous and show "
            "the same board (size, square length), and look at the frames with the largest errors"
        )
