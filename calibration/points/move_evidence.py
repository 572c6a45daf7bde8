"""Did a camera move, or is something else wrong with it? What speaks against a move that points suggest.

A refinement always finds a place that fits better, also where a lens is wrong or labels of some keypoints sit
elsewhere in one view. A camera that really moved has a place in which all keypoints fit as well as in the
other cameras, with the lens that it had.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from calibration.geometry.similarity import fit_similarity
from calibration.points.refining import PointsReport, median_known, refine_cameras
from calibration.points.solver import CUTOFF, triangulated_points
from calibration.rig import Rig

Float = NDArray[np.float64]

MOST_REJECTED = 0.15
"""Part of a camera's observations that may stay rejected in its new place."""

MOST_HELD = 0.5
"""The same of a camera that is held: it may see little that others see well, but not mostly that."""

BETTER = 0.8
"""Part of the error of before up to which a keypoint's error must fall for the keypoint to want the move."""

WANTED = 0.75
"""Part of the keypoints that must want it."""

WORSE = 1.5
"""Largest ratio of a moved camera's error to that of the others."""

LENS_GAIN = 0.9
"""Part of the error in the new place to which another lens must bring it to be the better explanation."""

ZOOM = 0.01
"""Change of a focal length, relative, up to which it is not another lens."""

ALIKE = 1.1
"""Ratio of errors up to which a lens and a move explain the pixels alike."""

FEWEST = 10
"""Observations of a keypoint that count."""

HELD = 4.0
"""Standard deviations of the calibration beyond which a move needs keypoints that agree on it."""


def objections(
    rig: Rig,
    refined: Rig,
    report: PointsReport,
    xy: Float,
    *,
    keypoint: Sequence[str] | None = None,
    draws: Sequence[Rig] = (),
) -> tuple[str, ...]:
    """Say for every refined camera what speaks against its move.

    Parameters
    ----------
    rig : Rig
        The old calibration.
    refined : Rig
    report : PointsReport
        Of the refinement.
    xy : (points, views, 2) float, px
    keypoint : sequence of str, optional
        Which keypoint each of the points is.
    draws : sequence of Rig
        From the calibration's own uncertainty.

    Returns
    -------
    objections : tuple of str
        One sentence for each camera of which something does, also for held ones that the move does not fit.
    """
    said = []
    for name in report.refined:
        view = rig.names.index(name)
        apart = _distance(rig, refined, view)
        move = f"{name} would move by {1e3 * apart[0]:.1f} mm and {np.degrees(apart[1]):.2f} degrees"
        reason = (
            _lens(rig, report, xy, view)
            or _focal_length(rig, refined, report, xy, view)
            or _rejected(refined, report, xy, view, keypoint)
            or _some_keypoints(rig, refined, report, xy, view, keypoint)
            or _held(rig, report, view, apart, keypoint, draws)
        )
        if reason:
            said.append(f"{move}, but {reason}")
    said += [
        f"{name}, which is held, would keep {part:.0%} of its observations rejected: it may be another "
        f"camera that moved, or {name} as well"
        for name, part in zip(report.names, report.rejected, strict=True)
        if name not in report.refined and part > MOST_HELD
    ]
    return tuple(said)


def _distance(one: Rig, other: Rig, view: int) -> tuple[float, float]:
    """How far apart two rigs have a camera, m and rad."""
    turn = other.cameras[view].cam_from_world.rotation * one.cameras[view].cam_from_world.rotation.inv()
    return float(np.linalg.norm(one.centers[view] - other.centers[view])), float(turn.magnitude())


def _by_others(rig: Rig, report: PointsReport, xy: Float, view: int) -> Float:
    """Points from the cameras that stay, or all but this one, (points, 3) m, world; NaN where unseen."""
    stay = [other for other in range(len(rig)) if rig.names[other] not in report.refined]
    if len(stay) < 2:
        stay = [other for other in range(len(rig)) if other != view]
    if len(stay) < 2:
        return np.full((len(xy), 3), np.nan)
    return triangulated_points(rig.select([rig.names[other] for other in stay]), xy[:, stay])


def _focal_length(rig: Rig, refined: Rig, report: PointsReport, xy: Float, view: int) -> str:
    """Whether another focal length in the old place explains the pixels as well as the move does."""
    xyz = _by_others(rig, report, xy, view)
    camera = rig.cameras[view]
    cam = camera.cam_from_world.apply(np.nan_to_num(xyz))
    seen = camera.intrinsics.undistort(xy[:, view])
    known = np.isfinite(xyz[:, 0]) & np.isfinite(seen[:, 0]) & (cam[:, 2] > 0)
    if known.sum() < FEWEST:
        return ""
    expected, seen = cam[known, :2] / cam[known, 2:], seen[known]
    factor = float(np.median((seen * expected).sum(axis=1) / np.maximum((expected**2).sum(axis=1), 1e-12)))
    focal = camera.intrinsics.K[0, 0]
    by_lens = focal * float(np.median(np.linalg.norm(seen - factor * expected, axis=1)))
    by_move = float(
        np.median(np.linalg.norm(xy[known, view] - refined.cameras[view].project(xyz[known]), axis=1))
    )
    if not abs(factor - 1) > ZOOM or by_lens > ALIKE * by_move:
        return ""
    return (
        f"another lens explains its pixels as well: a focal length of {factor * focal:.0f} for {focal:.0f} "
        f"px in the old place leaves {by_lens:.2f} px, the move {by_move:.2f} px: check whether the lens of "
        f"{camera.name} in the calibration is that of this camera, and its zoom and resolution"
    )


def _lens(rig: Rig, report: PointsReport, xy: Float, view: int) -> str:
    """Whether another lens explains the camera's pixels better than another place alone."""
    name = rig.names[view]
    freer, free = refine_cameras(rig, xy, cameras=report.refined, lens="radial")
    old, new = (one.cameras[view].intrinsics.K[0, 0] for one in (rig, freer))
    better = free.after_px[view] < LENS_GAIN * report.after_px[view]
    if not better and not free.rejected[view] < report.rejected[view] - MOST_REJECTED:
        return ""
    return (
        f"a place does not explain its pixels, another lens does ({report.after_px[view]:.2f} px and "
        f"{report.rejected[view]:.0%} rejected in the new place, {free.after_px[view]:.2f} px and "
        f"{free.rejected[view]:.0%} with a focal length of {new:.0f} for {old:.0f} px as well): check "
        f"whether the lens of {name} in the calibration is that of this camera, and its zoom and resolution"
    )


def _rejected(
    refined: Rig, report: PointsReport, xy: Float, view: int, keypoint: Sequence[str] | None
) -> str:
    if not report.rejected[view] > MOST_REJECTED:
        return ""
    whose = _mostly_rejected(refined, report, xy, view, keypoint)
    return (
        f"{report.rejected[view]:.0%} of its observations would stay rejected ({MOST_REJECTED:.0%} at most "
        f"are, where a camera moved){whose}: look for wrong labels, frames out of step or a wrong lens"
    )


def _mostly_rejected(
    refined: Rig, report: PointsReport, xy: Float, view: int, keypoint: Sequence[str] | None
) -> str:
    """Name the keypoints of which a camera rejects far more than of the others."""
    if keypoint is None:
        return ""
    error = np.linalg.norm(xy[:, view] - refined.cameras[view].project(report.xyz), axis=1)
    seen = np.isfinite(xy[:, view, 0]) & np.isfinite(report.xyz[:, 0])
    names = np.asarray(keypoint)
    shares = {
        name: float(np.mean(~(error[own] < CUTOFF * report.sigma)))
        for name in dict.fromkeys(keypoint)
        if (own := seen & (names == name)).sum() >= FEWEST
    }
    usual = float(np.median(list(shares.values()))) if shares else 0.0
    worst = [name for name, share in shares.items() if share > max(MOST_REJECTED, 2 * usual)]
    if not worst or len(worst) == len(shares):
        return ""
    return f", most of them of {_listed(worst)}, few of {_listed([n for n in shares if n not in worst])}"


def _some_keypoints(  # noqa: PLR0917
    rig: Rig, refined: Rig, report: PointsReport, xy: Float, view: int, keypoint: Sequence[str] | None
) -> str:
    """Whether only some keypoints fit better in the new place, seen from the cameras that stay."""
    if keypoint is None:
        return ""
    xyz = _by_others(rig, report, xy, view)
    before, after = (
        np.linalg.norm(xy[:, view] - one.cameras[view].project(xyz), axis=1) for one in (rig, refined)
    )
    wants: list[str] = []
    not_wants: list[str] = []
    for name in dict.fromkeys(keypoint):
        own = np.array([one == name for one in keypoint]) & np.isfinite(before) & np.isfinite(after)
        if own.sum() >= FEWEST:
            better = np.median(after[own]) < BETTER * np.median(before[own])
            (wants if better else not_wants).append(name)
    total = len(wants) + len(not_wants)
    if total < 2 or len(wants) >= WANTED * total:
        return ""
    return (
        f"only {len(wants)} of {total} keypoints fit better there ({_listed(wants)}), not "
        f"{_listed(not_wants)}: look at their labels in this view"
    )


def _held(  # noqa: PLR0917
    rig: Rig,
    report: PointsReport,
    view: int,
    apart: tuple[float, float],
    keypoint: Sequence[str] | None,
    draws: Sequence[Rig],
) -> str:
    """Whether the calibration forbids the move and the points do not fit so well that it must be real."""
    if len(draws) < 2:
        return ""
    metres, radians = held_to(rig, view, draws, stay=[n for n in rig.names if n not in report.refined])
    if apart[0] <= HELD * metres and apart[1] <= HELD * radians:
        return ""
    others = [other for other in range(len(rig)) if rig.names[other] not in report.refined]
    usual = median_known(report.after_px[others])
    if not report.after_px[view] > WORSE * usual and (keypoint is None or len(set(keypoint)) > 1):
        return ""
    return (
        f"the calibration holds it to {1e3 * metres:.2f} mm and {np.degrees(radians):.3f} degrees, and the "
        f"points do not speak clearly against it ({report.after_px[view]:.2f} px in the new place, "
        f"{usual:.2f} px in the other cameras)"
    )


def held_to(rig: Rig, view: int, draws: Sequence[Rig], *, stay: Sequence[str] = ()) -> tuple[float, float]:
    """How well the calibration knows a camera's place relative to others.

    Parameters
    ----------
    rig : Rig
    view : int
    draws : sequence of Rig
        From the calibration's uncertainty, in any world.
    stay : sequence of str
        The cameras relative to which it is; all others unless given.

    Returns
    -------
    metres, radians : float
        Root mean square over the draws.
    """
    chosen = list(stay) or [name for name in rig.names if name != rig.names[view]]
    size = float(np.linalg.norm(rig.centers - rig.centers.mean(axis=0), axis=1).mean())
    moves = []
    for draw in draws:
        same = draw.select(rig.names)
        _, here = fit_similarity(
            _frames(same.select(chosen), size), _frames(rig.select(chosen), size), scale=False
        )
        moves.append(_distance(rig, same.moved(here), view))
    metres, radians = np.sqrt(np.mean(np.square(moves), axis=0))
    return float(metres), float(radians)


def _frames(rig: Rig, size: float) -> Float:
    return np.concatenate([np.concatenate([[c.center], c.center + size * c.R]) for c in rig.cameras])


def _listed(names: Sequence[str], most: int = 6) -> str:
    if not names:
        return "none"
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
