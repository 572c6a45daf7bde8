"""From board corners to a rig and a report on how good it is: the steps of a calibration in their order.

Every step starts from the one before: a lens per view, places by consensus, a staged joint refinement, the
choice of lens and board by held-out error, the final fit and its uncertainty. No step needs a good guess from
outside, and none drops frames silently.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from calibration.bundle.adjustment import residuals
from calibration.bundle.board_shape import OFFSET_SIGMA
from calibration.bundle.covariance import uncertainty
from calibration.bundle.fit import Fit
from calibration.bundle.focal_lengths import check_focal_lengths
from calibration.bundle.held_out import HeldOut, fold_frames, leave_out, sum_up_folds
from calibration.bundle.links import BoardLinks
from calibration.bundle.parameters import STAGE_COEFFICIENTS, Choice, free_unknowns
from calibration.bundle.problem import Corners, Unknowns
from calibration.bundle.selection import SHAPES, Selection, select
from calibration.bundle.staging import LOSS, prepared, rejected_beyond, settle, staged
from calibration.camera import Intrinsics
from calibration.corners.observations import BoardObservations
from calibration.corners.sightings import Sightings, usual_interval
from calibration.errors import CalibrationError
from calibration.fitting_in_step import delays_left, in_step, why_rejected
from calibration.quality.coverage import with_coverage
from calibration.quality.report import CalibrationReport
from calibration.rig import Rig
from calibration.start.board_moves import check_moves
from calibration.start.first_estimate import first_unknowns
from calibration.start.lens_options import known_lenses, lens_stages, rescaling_notes
from calibration.start.lens_parameters import Values, ViewGroups, lens_rules
from calibration.start.view_graph import check_connected, view_graph

Float = NDArray[np.float64]
Int = NDArray[np.int64]

MOST_REJECTED = 0.10
"""Above this part of a view's corners a fit is wrong, however low its error on the rest."""

FOLDS = 5


def calibrate(
    observations: BoardObservations | Sequence[BoardObservations],
    *,
    linked: str | None = None,
    thickness: float | None = None,
    lens: str | Mapping[str, str] = "auto",
    intrinsics: Mapping[str, Intrinsics] | None = None,
    shared: ViewGroups | Mapping[str, ViewGroups] = (),
    fixed: Values | None = None,
    board_shape: str = "auto",
    board_sigma: float = OFFSET_SIGMA,
    time_offsets: bool = False,
    focal: float | None = None,
    validate: bool = True,
) -> tuple[Rig, CalibrationReport]:
    """Calibrate a rig from the corners of one or several boards.

    Parameters
    ----------
    observations : BoardObservations or sequence of BoardObservations
        Of one board, or of each of several that the same recording shows.
    linked : "rigid", "two-sided" or None
        How several boards are fixed to each other: anyhow, or as the front and the back of a plate; where
        they are on the object is estimated. By default each moves on its own.
    thickness : float, m, optional
        Of a two-sided plate, where it was measured; otherwise it is estimated.
    lens : str or mapping of view to str
        "pinhole4", "pinhole5", "pinhole8", "pinhole12", "fisheye", or "auto": by held-out error.
    intrinsics : mapping of view to Intrinsics, optional
        Known lenses, which are kept as they are; rescaled where the images have another size.
    shared : sequence of sequences of view names, or mapping of parameter to such groups
        Groups of identical cameras that share one lens, or some of its parameters, as
        {"focal": [("a", "b")]}. Views that are crops of one camera's image, as mirrors in it are, always
        share all of it.
    fixed : mapping, optional
        Parameters that are known: {"aspect": 1.0} for all views, {"a": {"cx": 639.5}} for one.
        There are fx, fy, cx, cy, "focal" for both fx and fy, the aspect fx / fy, and the coefficients of the
        lens (k1, p1, ...).
    board_shape : "rigid", "warp", "free" or "auto"
        How far the printed board may differ from its nominal shape: not at all, by two bends, or by an offset
        of each corner; "auto" chooses by held-out error.
    board_sigma : float, m
        Standard deviation of the offset of a printed corner in the plane of the board; ten times as much out
        of it.
    time_offsets : bool
        Whether to estimate how late each camera is compared with the first one, beyond what time stamps say;
        in seconds with time stamps, else in frames. The board must move and be seen in consecutive frames.
    focal : float, px, optional
        A further start for the focal lengths; the result does not depend on it.
    validate : bool
        Whether to cross-validate, which takes about as long as the rest.

    Returns
    -------
    rig : Rig
        In metres; the world is the first camera. Each lens carries the covered part of its image.
    report : CalibrationReport

    Raises
    ------
    CalibrationError
        If views never see the board or never share it, it never moved, what it showed does not determine
        the cameras, or too many corners contradict the fit.
    ValueError
        For a lens model, board shape, parameter or view name that is not known, values that contradict each
        other, or known lenses of another aspect ratio.
    """
    seen = (observations,) if isinstance(observations, BoardObservations) else tuple(observations)
    link = checked_link(linked, thickness, boards=len(seen))
    sightings = Sightings.from_observations(seen)
    if link is None:
        sightings, _, _ = sightings.split()
    graph = view_graph(sightings)
    check_connected(graph)
    first = seen[0]
    known = known_lenses(first, intrinsics or {})
    stages = lens_stages(first.names, lens, known)
    choice = Choice(
        stages=stages,
        rules=lens_rules(first, stages, shared=shared, fixed=fixed or {}),
        shape=_checked_shape(board_shape),
        offset_sigma=board_sigma,
        boards=sightings.counts if len(seen) > 1 else (),
        link=link,
        time=time_offsets and len(first.names) > 1,
        clock_sigma=0.5 * usual_interval(sightings.instant),
    )
    if link is None:
        given = np.isfinite(choice.rules.value[:, 0])
        check_moves(
            sightings, [v for v, name in enumerate(first.names) if name not in known and not given[v]]
        )
    if choice.time:
        sightings, fit = in_step(
            sightings, known, focal, lambda moved: fit_sightings(moved, choice, known, focal)
        )
        graph = view_graph(sightings)
    else:
        fit = fit_sightings(sightings, choice, known, focal)
    check_rejected(
        first.names, fit.corners.view, fit.rejected, why=lambda: why_rejected(sightings, known, focal, fit)
    )
    check_focal_lengths(first.names, fit)
    rig = fitted_rig(sightings, fit, known).cropped(first.offsets, first.sizes)
    held_out = cross_validate(sightings, fit, known) if validate else None
    late = None if choice.time else delays_left(sightings, fit, known, focal)
    report = CalibrationReport.from_fit(sightings, fit, graph=graph, rig=rig, held_out=held_out, late=late)
    notes = dict.fromkeys(note for one in seen for note in one.notes)
    notes |= dict.fromkeys(rescaling_notes(first, intrinsics or {}))
    return rig, replace(report, verdicts=(*notes, *report.verdicts))


def fit_sightings(
    sightings: Sightings,
    choice: Choice,
    known: Mapping[str, Intrinsics],
    focal: float | None = None,
) -> Fit:
    """Fit a rig; views with the stage "auto" and the shape "auto" are chosen on the way."""
    sizes, nominal = sightings.sizes, sightings.nominal
    start, frames = first_unknowns(sightings, known, focal, link=choice.link)
    xy = sightings.xy[frames]
    corners = Corners.from_array(xy)
    rich = replace(
        choice,
        stages=tuple("pinhole8" if stage == "auto" else stage for stage in choice.stages),
        shape="free" if choice.shape == "auto" else choice.shape,
    )
    instant, stamp = sightings.instant[frames], sightings.stamp[frames]
    solution = staged(corners, start, rich, sizes, nominal, instant=instant, stamp=stamp)
    selection = Selection(choice=rich, lens_cost={}, shape_cost={})
    if choice.shape == "auto" or "auto" in choice.stages:
        selection = select(
            xy,
            solution.unknowns,
            replace(choice, shape=rich.shape),
            sizes=sizes,
            nominal=nominal,
            lens="auto" in choice.stages,
            shape=choice.shape == "auto",
        )
        if selection.choice != rich:
            again = prepared(solution.unknowns, selection.choice, sizes, nominal)
            solution = settle(corners, again, selection.choice, sizes, nominal)
    residual = residuals(corners, solution.unknowns)
    free = free_unknowns(selection.choice, solution.unknowns, sizes, nominal)
    return Fit(
        frames=frames,
        corners=corners,
        selection=selection,
        solution=solution,
        residual=residual,
        rejected=~(np.hypot(*residual.T) <= rejected_beyond(solution.sigma, sizes)[corners.view]),
        uncertainty=uncertainty(corners, solution.unknowns, free, residual, solution.sigma, loss=LOSS),
    )


def cross_validate(
    sightings: Sightings, fit: Fit, known: Mapping[str, Intrinsics], folds: int = FOLDS
) -> HeldOut | None:
    """Judge the fit on frames left out, block by block; None with fewer than four frames."""
    xy = sightings.xy[fit.frames]
    if len(xy) < 4:
        return None
    nominal, choice = sightings.nominal, fit.selection.choice
    done, rigs = [], []
    for test in fold_frames(len(xy), folds):
        fold = leave_out(xy, fit.solution.unknowns, choice, test, sizes=sightings.sizes, nominal=nominal)
        if fold is None:
            continue
        corners = Corners.from_array(xy[fold.train_frames])
        length = np.hypot(*residuals(corners, fold.train).T)
        used = length <= rejected_beyond(fold.sigma, sightings.sizes)[corners.view]
        done.append(fold)
        rigs.append(_rig(sightings, fold.train, choice, known, corners=corners, used=used))
    if not done:
        return None
    bad, flat = np.zeros(xy.shape[:3], dtype=bool), fit.corners
    bad[flat.frame, flat.view, flat.corner] = fit.rejected
    squares = np.array([board.square for board in sightings.boards])
    return sum_up_folds(
        xy, done, rigs, rejected=bad, nominal=nominal, squares=squares, board_of=sightings.board_of
    )


def fitted_rig(sightings: Sightings, fit: Fit, known: Mapping[str, Intrinsics]) -> Rig:
    """Return the rig of a fit, for whole images, with the part of them that the fit covered."""
    unknowns, choice = fit.solution.unknowns, fit.selection.choice
    return _rig(sightings, unknowns, choice, known, corners=fit.corners, used=~fit.rejected)


def _rig(
    sightings: Sightings,
    unknowns: Unknowns,
    choice: Choice,
    known: Mapping[str, Intrinsics],
    *,
    corners: Corners,
    used: NDArray[np.bool_],
) -> Rig:
    coefficients = tuple(
        len(known[name].distortion) if stage == "none" else STAGE_COEFFICIENTS[stage]
        for name, stage in zip(sightings.names, choice.stages, strict=True)
    )
    rig = unknowns.to_rig(sightings.names, sightings.sizes, coefficients)
    return with_coverage(rig, corners, used)


def checked_link(linked: str | None, thickness: float | None, *, boards: int) -> BoardLinks | None:
    """Say what is known about how boards are fixed to each other.

    Raises
    ------
    ValueError
        For another word than the known ones, a number of boards or a thickness that does not go with it.
    """
    if linked not in (None, "rigid", "two-sided"):
        raise ValueError(f'linked: expected "rigid", "two-sided" or None, got {linked!r}')
    if linked == "two-sided" and boards != 2:
        raise ValueError(f"linked: a two-sided plate has 2 boards, got the observations of {boards}")
    if linked == "rigid" and boards < 2:
        raise ValueError("linked: expected the observations of two boards or more, got those of one")
    if thickness is not None and linked != "two-sided":
        raise ValueError('thickness: only of a plate with linked="two-sided"')
    if thickness is not None and not 0 <= thickness < 1:
        raise ValueError(f"thickness: expected a length in m, got {thickness}")
    return None if linked is None else BoardLinks(two_sided=linked == "two-sided", thickness=thickness)


def _checked_shape(shape: str) -> str:
    if shape not in (*SHAPES, "auto"):
        raise ValueError(f"board_shape: expected auto, {', '.join(SHAPES)}, got {shape!r}")
    return shape


def check_rejected(
    names: tuple[str, ...],
    view: Int,
    rejected: NDArray[np.bool_],
    *,
    why: Callable[[], str] = str,
) -> None:
    """Refuse a fit that contradicts too many of a view's corners, however low its error on the rest.

    Parameters
    ----------
    names : tuple of str
        Of the views.
    view : (observations,) int
    rejected : (observations,) bool
    why : callable
        Finds out what would mend it, in words, where that is asked for.

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
        reasons = why()
        raise CalibrationError(
            f"the fit contradicts more than {MOST_REJECTED:.0%} of the corners of {'; '.join(complaints)}. "
            "The low error on the rest would be misleading. "
            + (
                f"{reasons[0].upper()}{reasons[1:]}"
                if reasons
                else "Check that the views are synchronous and show the same board (size, square length), "
                "and look at the frames with the largest errors"
            )
        )
