"""Look at everything a project names before any stage runs, and say what to mend."""

from collections.abc import Generator, Iterator
from contextlib import suppress
from dataclasses import dataclass

import numpy as np

from calibration.camera import Camera, Intrinsics
from calibration.errors import CalibrationError
from calibration.points.drift import DriftReport
from calibration.quality.diagnosis import diagnose_rig
from calibration.recordings.recording import Recording
from calibration.rig import Rig
from calibration.start.view_graph import check_connected, view_graph
from triangulate.errors import ProjectError
from triangulate.projects.drift import Misfit, drifts
from triangulate.projects.exports import refused_formats
from triangulate.projects.lenses import check_lenses
from triangulate.projects.outcomes import Progress
from triangulate.projects.project import Project, Trial, VideoSource
from triangulate.projects.recordings import (
    check_mirrored,
    find_boards,
    open_recording,
    read_files,
    sightings_of,
)
from triangulate.projects.resolution import rig_for

SAMPLED = 60
"""Frames of the calibration recording in which the board is looked for."""

FEW = 8
"""Sampled frames in which a camera should see the board at least."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One line of `triangulate check`.

    Attributes
    ----------
    where : str
        Which part of the project.
    text : str
    bad : bool
        Whether it keeps a stage from running.
    weak : bool
        Whether every stage runs, but its result is not to be relied on before this is mended.
    """

    where: str
    text: str
    bad: bool = False
    weak: bool = False


def check_project(project: Project, *, progress: Progress | None = None) -> Iterator[Finding]:
    """Look at recordings, board, rig and detections of a project; nothing is written.

    Parameters
    ----------
    project : Project
    progress : callable, optional

    Yields
    ------
    finding : Finding
    """
    yield Finding(where="cameras", text=", ".join(project.cameras))
    yield from _calibration(project, progress)
    if not project.trials:
        yield Finding(where="trials", text="none; add a section [trials.NAME] with a recording", bad=True)
    for trial in project.trials:
        yield from _trial(project, trial)
    for trial, found in drifts(project):
        text, moved = str(found), isinstance(found, DriftReport) and bool(found.moved)
        wrong = moved or isinstance(found, Misfit)
        if isinstance(found, DriftReport) and moved and not found.objections:
            which = "" if found.certain else " --camera NAME"
            text += (
                f"\n`triangulate refine {project.folder} {trial.name}{which}` writes a rig with that mended"
            )
        yield Finding(where=f"trial {trial.name}, rig", text=text, weak=wrong)


def _calibration(project: Project, progress: Progress | None) -> Iterator[Finding]:
    plan, where = project.calibration, "calibration"
    if plan.rig is not None:
        try:
            rig = Rig.load(plan.rig, unit=plan.unit).select(project.cameras)
        except (ValueError, OSError) as error:
            yield Finding(where=where, text=str(error), bad=True)
            return
        spread = np.linalg.norm(rig.centers - rig.centers.mean(axis=0), axis=1).max()
        yield Finding(where=where, text=f"{plan.rig.name}: {len(rig)} cameras within {2 * spread:.2f} m")
        yield from _suspicious(rig, plan.rig.name)
        return
    if project.rig_file.is_file():
        with suppress(ValueError, OSError):  # a damaged result is made anew
            yield from _suspicious(Rig.load(project.rig_file).select(project.cameras), project.rig_file.name)
    recording = yield from _recording(plan.recording, project, where)
    if recording is None or not plan.boards:
        return
    stride = max(plan.stride, len(recording) // SAMPLED)
    try:
        check_lenses(plan.lenses, recording, f"{project.file}: calibration")
        found = find_boards(project, recording, progress, stride=stride)
        for note in dict.fromkeys(note for observations in found for note in observations.notes):
            if note not in recording.notes:
                yield Finding(where=where, text=note)
        for observations in found:
            check_mirrored(project, observations)
        sightings = sightings_of(project, found)
    except (CalibrationError, ProjectError, ValueError) as error:
        yield Finding(where=where, text=str(error), bad=True)
        return
    looked = len(range(0, len(recording), stride)) * (len(found) if plan.linked is None else 1)
    for view, name in enumerate(sightings.names):
        corners = np.isfinite(sightings.xy[:, view, :, 0])
        seen = corners.any(axis=1).sum()
        finding = f"board seen in {seen} of {looked} frames looked at, {corners.sum()} corners"
        few = seen < min(FEW, looked)
        text = finding + ("; too few: record more" if few else "")
        yield Finding(where=f"{where}, camera {name}", text=text, bad=seen == 0, weak=bool(few))
    try:
        graph = view_graph(sightings)
        yield Finding(where=where, text="frames in which two cameras see the board\n" + graph.table())
        check_connected(graph)
    except CalibrationError as error:
        yield Finding(where=where, text=str(error), bad=True)


def _suspicious(rig: Rig, file: str) -> Iterator[Finding]:
    """Say what the numbers of a calibration tell against it."""
    for problem in diagnose_rig(rig):
        yield Finding(where="calibration", text=f"{file}: {problem}", weak=True)


def _trial(project: Project, trial: Trial) -> Iterator[Finding]:
    where = f"trial {trial.name}"
    recording = yield from _recording(trial.recording, project, where)
    if recording is not None:
        yield from _resolution(project, recording, where)
    if trial.detections is not None:
        try:
            found = read_files(project, trial)
        except (ProjectError, CalibrationError, ValueError, OSError) as error:
            yield Finding(where=where, text=str(error), bad=True)
            return
        seen = np.isfinite(found.xy[..., 0])
        yield Finding(
            where=where,
            text=f"detections: {found.shape[0]} frames, {found.shape[2]} individuals at most, "
            f"{len(found.skeleton.keypoints)} keypoints, {found.fps:g} Hz, {100 * seen.mean():.0f}% present",
        )
        yield from _formats(project, where, found.shape[0], found.skeleton.keypoints)
        return
    if project.model is None:
        yield Finding(where=where, text="neither files of detections nor a model are named", bad=True)
    elif recording is not None:
        yield from _formats(project, where, len(recording), ())


def _formats(project: Project, where: str, frames: int, keypoints: tuple[str, ...]) -> Iterator[Finding]:
    """Say what cannot be exported before anything is computed."""
    for name, reason in refused_formats(project, frames, keypoints).items():
        text = f"{name} will not be written: {reason}; or take {name} out of formats in [export]"
        yield Finding(where=where, text=text, weak=True)


def _resolution(project: Project, recording: Recording, where: str) -> Iterator[Finding]:
    """Say whether a trial is of another size than the calibration, which may not be done yet."""
    source, file, unit = project.calibration.recording, project.calibration.rig, project.calibration.unit
    try:
        if file is not None:
            rig = Rig.load(file, unit=unit).select(project.cameras)
        elif project.rig_file.is_file():
            rig = Rig.load(project.rig_file).select(project.cameras)
        elif source is not None:
            other = open_recording(project, source, "calibration")
            lenses = [Intrinsics.from_focal((width, height), width) for width, height in other.sizes.tolist()]
            views = zip(other.names, lenses, strict=True)
            rig = Rig(cameras=tuple(Camera.from_rotvec(name, lens, [0] * 3, [0] * 3) for name, lens in views))
        else:
            return
        _, note = rig_for(rig, recording.names, recording.sizes, where)
    except ProjectError as error:
        yield Finding(where=where, text=str(error).removeprefix(f"{where}: "), bad=True)
    except (CalibrationError, ValueError, OSError):
        return  # said of the calibration itself
    else:
        if note:
            yield Finding(where=where, text=note)


def _recording(
    source: VideoSource | None, project: Project, where: str
) -> Generator[Finding, None, Recording | None]:
    """Yield what a recording is like; return it, or None where it cannot be opened."""
    if source is None:
        return None
    try:
        recording = open_recording(project, source, where)
    except (ProjectError, CalibrationError, ValueError, OSError) as error:
        yield Finding(where=where, text=str(error), bad=True)
        return None
    rate = f" at {recording.fps:g} Hz" if np.isfinite(recording.fps) else ""
    sizes = ", ".join(sorted({f"{width} x {height}" for width, height in recording.sizes}))
    yield Finding(
        where=where, text=f"{len(recording)} frames{rate}, {len(recording.names)} views of {sizes} px"
    )
    for note in recording.notes:
        yield Finding(where=where, text=note)
    return recording
