"""Does a project's rig still fit its trials, which camera moved, and a rig with only that one refined."""

from collections.abc import Iterable
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from calibration.errors import CalibrationError
from calibration.points.drift import PER_PAIR, DriftReport, check_drift
from calibration.points.exchanged_views import exchange
from calibration.points.move_evidence import objections
from calibration.points.problem import Observations
from calibration.points.refining import PointsReport, refine_cameras
from calibration.rig import Rig
from calibration.rig_files.draws import draws_file, load_draws
from models2d.detections import Tracks2D
from triangulate.agreement.disagreements import disagreements
from triangulate.common_clock import synchronised
from triangulate.errors import ProjectError, TriangulationError
from triangulate.points.image_bounds import inside_images
from triangulate.projects.identities import identified
from triangulate.projects.project import Project, Trial
from triangulate.projects.resolution import at_calibrated_size
from triangulate.projects.rig_stages import calibrated_rig

NO_MOVE = ("late", "names")
"""Disagreements of views that no other place of a camera mends."""

MOST_FRAMES = 2000
"""Frames of a trial that are looked at, evenly picked: more would not tell more."""


class Misfit(str):
    """What is wrong with views apart from their places, in words."""

    __slots__ = ()


def trial_drift(project: Project, trial: Trial, rig: Rig) -> DriftReport:
    """Check the rig against the keypoints of a trial.

    Parameters
    ----------
    project : Project
    trial : Trial
        With a detections.parquet among its results.
    rig : Rig

    Returns
    -------
    report : DriftReport

    Raises
    ------
    CalibrationError
        If the cameras share too few keypoints, with the counts.
    ProjectError, TriangulationError
        If there are no detections, or they do not fit the cameras.
    """
    views, xy, keypoint = _points(project, trial, rig)
    return check_drift(rig.select(views), xy, keypoint=keypoint, draws=_draws(project))


def drifts(project: Project) -> Iterable[tuple[Trial, DriftReport | str]]:
    """Check the rig against every trial that has detections already.

    Parameters
    ----------
    project : Project

    Yields
    ------
    trial : Trial
    report : DriftReport or str
        What else is wrong with views, or why it cannot be told, in words.
    """
    if not project.rig_file.is_file():
        return
    load = cache(lambda: calibrated_rig(project))
    for trial in project.trials:
        if _detections_file(project, trial).is_file():
            try:
                tracks = trial_tracks(project, trial, load())
                others = tuple(
                    one
                    for one in ([] if exchanged_files(tracks, load()) else disagreements(tracks, load()))
                    if one.kind != "contradiction"
                )
                if others:
                    yield trial, Misfit("\n".join(one.text for one in others))
                else:
                    yield trial, trial_drift(project, trial, load())
            except (CalibrationError, ProjectError, TriangulationError, ValueError) as error:
                yield trial, f"whether the rig still fits cannot be told: {error}"


def refine_project(
    project: Project, trials: Iterable[Trial], *, cameras: Iterable[str] = (), out: Path | None = None
) -> tuple[Path, PointsReport]:
    """Refine the cameras that moved from the keypoints of trials, and write the rig beside the old one.

    Parameters
    ----------
    project : Project
    trials : iterable of Trial
        Made after the camera moved.
    cameras : iterable of str
        Which to refine; those that `check_drift` finds unless given.
    out : path, optional
        A new file; calibration-refined.toml in the project's folder unless given.

    Returns
    -------
    out : path
    report : PointsReport

    Raises
    ------
    ProjectError
        If the file exists, there is no rig or it is out of date, no camera has moved, it cannot be told
        which, the files of two look exchanged, or something speaks against a move: a wrong lens, keypoints
        that do not agree on it, a held camera that it does not fit.
    CalibrationError
        If the cameras share too few keypoints, with the counts.
    """
    out = project.folder / "calibration-refined.toml" if out is None else out
    if out.exists():
        raise ProjectError(f"{out} exists and is not overwritten: name another file, or move it away")
    rig = calibrated_rig(project).select(project.cameras)
    trials = tuple(trials)
    found = [_points(project, trial, rig) for trial in trials]
    xy = np.concatenate([_seen_by(rig, views, points) for views, points, _ in found])
    keypoint = [name for _, _, names in found for name in names]
    draws = _draws(project)
    swapped = exchange(rig, xy[Observations.of(xy, rig).spread_out(PER_PAIR)])
    if swapped is not None:
        raise ProjectError(f"nothing is written: {swapped}")
    for trial in trials:
        wrong = [one for one in disagreements(trial_tracks(project, trial, rig), rig) if one.kind in NO_MOVE]
        if wrong:
            raise ProjectError(f"nothing is written: {'; '.join(one.text for one in wrong)}")
    moved = tuple(cameras) or _moved(check_drift(rig, xy, keypoint=keypoint, draws=draws))
    refined, report = refine_cameras(rig, xy, cameras=moved)
    against = objections(rig, refined, report, xy, keypoint=keypoint, draws=draws)
    if against:
        raise ProjectError(f"nothing is written: {'; '.join(against)}")
    refined.save(out)
    return out, report


def _moved(report: DriftReport) -> tuple[str, ...]:
    if not report.moved:
        raise ProjectError(f"nothing to refine: {report}")
    if report.objections:
        raise ProjectError(f"nothing is written: {report}")
    if not report.certain:
        raise ProjectError(f"{report}\nSay which with --camera NAME.")
    return report.moved


def _detections_file(project: Project, trial: Trial) -> Path:
    return project.results(trial.name) / "detections.parquet"


def _seen_by(rig: Rig, views: tuple[str, ...], xy: NDArray[np.float64]) -> NDArray[np.float64]:
    """Put points in the order of a rig's cameras; NaN for cameras without."""
    whole = np.full((len(xy), len(rig), 2), np.nan)
    whole[:, [rig.names.index(name) for name in views]] = xy
    return whole


def _draws(project: Project) -> tuple[Rig, ...]:
    """Return what the calibration's own uncertainty allows, where it was kept."""
    path = draws_file(project.rig_file)
    draws = load_draws(path) if path.is_file() else ()
    return tuple(draw.select(project.cameras) for draw in draws if set(project.cameras) <= set(draw.names))


def _points(
    project: Project, trial: Trial, rig: Rig
) -> tuple[tuple[str, ...], NDArray[np.float64], list[str]]:
    """Return the views of a trial, its keypoints, (points, views, 2) px, and which each point is."""
    return observed_points(trial_tracks(project, trial, rig))


def trial_tracks(project: Project, trial: Trial, rig: Rig) -> Tracks2D:
    """Return the detections of a trial with identities, in pixels of the calibrated images.

    Parameters
    ----------
    project : Project
    trial : Trial
        With a detections.parquet among its results.
    rig : Rig

    Returns
    -------
    tracks : Tracks2D

    Raises
    ------
    ProjectError, TriangulationError
        If there are no detections, or they do not fit the cameras.
    """
    from models2d.readers.joining import read_detections

    file = _detections_file(project, trial)
    if not file.is_file():
        raise ProjectError(f"{file} is not there yet; run `triangulate detect {project.file}` first")
    found = at_calibrated_size(read_detections(file), rig, f"trial {trial.name}")
    found, _ = inside_images(found, rig)
    return identified(project, found, rig)


def observed_points(tracks: Tracks2D) -> tuple[tuple[str, ...], NDArray[np.float64], list[str]]:
    """Return the views, evenly picked points of all keypoints, (points, views, 2) px, and which each is."""
    xy = synchronised(tracks).xy
    picks = np.unique(np.linspace(0, len(xy) - 1, min(MOST_FRAMES, len(xy))).round().astype(int))
    points = xy[picks].transpose(0, 2, 3, 1, 4).reshape(-1, len(tracks.views), 2)
    names = list(tracks.skeleton.keypoints) * (len(points) // len(tracks.skeleton.keypoints))
    return tracks.views, points, names


def exchanged_files(tracks: Tracks2D, rig: Rig) -> str:
    """Say which two cameras' files look exchanged, which explains all else; empty if none."""
    views, xy, _ = observed_points(tracks)
    own = rig.select(views)
    found = exchange(own, xy[Observations.of(xy, own).spread_out(PER_PAIR)])
    return "" if found is None else str(found)


def wrong_views(tracks: Tracks2D, rig: Rig, draws: Iterable[Rig] = ()) -> tuple[str, ...]:
    """Say what is wrong with the views of a trial: clocks, names, labels, and then places and lenses.

    Parameters
    ----------
    tracks : Tracks2D
    rig : Rig
    draws : iterable of Rig
        From the calibration's own uncertainty.

    Returns
    -------
    found : tuple of str
        A sentence each; empty where all views agree.
    """
    swapped = exchanged_files(tracks, rig)
    if swapped:
        return (swapped,)
    found = disagreements(tracks, rig)
    told = tuple(one.text for one in found)
    if any(one.kind != "contradiction" for one in found):
        return told  # a camera that is late, say, does not fit its place either
    views, xy, keypoint = observed_points(tracks)
    drawn = tuple(draw.select(views) for draw in draws)
    try:
        drift = check_drift(rig.select(views), xy, keypoint=keypoint, draws=drawn)
    except (CalibrationError, TriangulationError, ValueError):
        return told  # too few points are shared
    return (*told, str(drift)) if drift.moved else told
