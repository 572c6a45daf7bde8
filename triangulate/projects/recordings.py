"""The recordings of a project as its cameras see them, and the boards in them."""

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from calibration.corners.finding import find_corners
from calibration.corners.observations import BoardObservations
from calibration.corners.sightings import Sightings
from calibration.errors import CalibrationError
from calibration.recordings.crops import place_crops
from calibration.recordings.recording import Recording
from models2d.detections import Detections2D
from models2d.skeleton import Skeleton
from triangulate.errors import ProjectError
from triangulate.projects.outcomes import Progress
from triangulate.projects.project import Project, Trial, VideoSource
from triangulate.projects.views import in_views, named_by_view


def open_recording(project: Project, source: VideoSource, what: str) -> Recording:
    """Open a recording of a project's cameras, in their order, cut and flipped as its views say.

    Parameters
    ----------
    project : Project
    source : mapping or path
    what : str
        How the recording is called in an error.

    Returns
    -------
    recording : Recording

    Raises
    ------
    ProjectError
        If a camera has no file in it, or two show the same, or a crop lies outside its image.
    CalibrationError, FileNotFoundError
        As `Recording.open`.
    """
    recording = Recording.open(source)
    missing = [name for name in project.cameras if name not in recording.names]
    if missing:
        raise ProjectError(
            f"{what}: no file for camera {', '.join(missing)} in {source}; found {', '.join(recording.names)}"
        )
    recording = recording.views(project.cameras)
    crops = {name: view.crop for name, view in project.views.items() if view.crop is not None}
    seen: dict[object, str] = {}
    for name, file in zip(recording.names, recording.sources, strict=True):
        other = seen.setdefault((file, crops.get(name)), name)
        if other != name:
            raise ProjectError(
                f"{what}: cameras {other} and {name} are the same images of {file.path.name}: say which part "
                f"of them each is, with crop = [x, y, width, height] in [views.{other}] and [views.{name}]"
            )
    try:
        placed = place_crops(recording.names, recording.sources, crops)
    except ValueError as error:
        raise ProjectError(f"{project.file}: {what}: {error}") from error
    mirrored = tuple(name for name, view in project.views.items() if view.mirrored)
    return replace(recording, crops=placed, mirrored=mirrored)


def find_boards(
    project: Project, recording: Recording, progress: Progress | None, *, stride: int | None = None
) -> list[BoardObservations]:
    """Find the corners of every board of a project's calibration.

    Parameters
    ----------
    project : Project
    recording : Recording
    progress : callable, optional
    stride : int, optional
        For a first look: every so many frames, in place of what the project says; nothing is kept then.

    Returns
    -------
    observations : list of BoardObservations
        Of several boards a camera need not see each: notes of the board doctor are on those that no camera
        sees well, and say which board it is.

    Raises
    ------
    CalibrationError
        If no camera sees one of the boards: it is named.
    """
    plan, found, lost = project.calibration, [], []
    whole = stride is None
    for number, board in enumerate(plan.boards):
        try:
            seen = find_corners(
                recording,
                board,
                stride=plan.stride if stride is None else stride,
                enough=plan.enough if whole else None,
                beside=plan.boards,
                cache=project.corners_folder if whole else None,
                progress=progress,
            )
        except CalibrationError as error:
            lost.append(f"{_place(project, number)}{error}")
            continue
        notes = [note if note in recording.notes else _place(project, number) + note for note in seen.notes]
        found.append(replace(seen, notes=tuple(notes)))
    if lost:
        raise CalibrationError("\n".join(lost))
    return found


def _place(project: Project, number: int) -> str:
    """Say where in the project file one of several boards stands."""
    plan = project.calibration
    if len(plan.boards) < 2:
        return ""
    if plan.linked == "two-sided":
        return ("[calibration.board]: ", "[calibration.board.back]: ")[number]
    return f"[[calibration.board]], number {number + 1}: "


def sightings_of(project: Project, observations: list[BoardObservations]) -> Sightings:
    """Put the observations of a project's boards together as they are calibrated from.

    Parameters
    ----------
    project : Project
    observations : list of BoardObservations

    Returns
    -------
    sightings : Sightings

    Raises
    ------
    ValueError
        If boards cannot be told apart.
    """
    together = Sightings.from_observations(observations)
    return together if project.calibration.linked else together.split()[0]


def check_mirrored(project: Project, observations: BoardObservations) -> None:
    """Refuse images that are mirrored unsaid, or said to be and are not: trials would not fit the rig.

    Parameters
    ----------
    project : Project
    observations : BoardObservations

    Raises
    ------
    ProjectError
        Names the cameras and what to set.
    """
    said = {name for name, view in project.views.items() if view.mirrored}
    found = set(observations.mirrored)
    if found - said:
        names = sorted(found - said)
        raise ProjectError(
            f"calibration: camera {', '.join(names)} filmed mirror images: set mirrored = true in "
            f"[views.{names[0]}], which flips its videos, of the calibration and of every trial"
        )
    if said - found:
        names = sorted(said - found)
        raise ProjectError(
            f"calibration: the images of camera {', '.join(names)} are no mirror images: the board is seen "
            f"without flipping them; take mirrored = true out of [views.{names[0]}]"
        )


def read_files(project: Project, trial: Trial) -> Detections2D:
    """Read the files of another tool that a trial names, in the pixels of the project's views.

    Parameters
    ----------
    project : Project
    trial : Trial

    Returns
    -------
    detections : Detections2D

    Raises
    ------
    ProjectError, ValueError, OSError
        If a file is missing or malformed, or the files do not fit each other or the recording.
    """
    from models2d.readers.joining import read_detections

    skeleton = None if project.skeleton is None else Skeleton.load(project.beside(project.skeleton))
    recording = None
    if trial.recording is not None:
        recording = open_recording(project, trial.recording, f"trial {trial.name}")
    fps = project.fps
    if fps is None and recording is not None and np.isfinite(recording.fps):
        fps = recording.fps
    several = any(view.suffix for view in project.views.values())
    found = read_detections(trial.detections or {}, skeleton=None if several else skeleton, fps=fps)
    if recording is not None and len(recording) != found.shape[0]:
        raise ProjectError(
            f"trial {trial.name}: the detections have {found.shape[0]} frames, the recording has "
            f"{len(recording)}; they must be of the same recording, uncut"
        )
    if several:
        found = named_by_view(found, project.views, skeleton)
    widths: list[int | None] = [None] * len(found.views)
    if recording is not None:
        sizes = recording.sizes[[recording.names.index(name) for name in found.views]]
        found, widths = replace(found, sizes=sizes), [int(width) for width in sizes[:, 0]]
    return in_views(found, project.views, widths) if project.views else found


def seen_pixels(project: Project) -> dict[str, Any]:
    """Return the options that say which pixels the cameras are.

    Parameters
    ----------
    project : Project

    Returns
    -------
    options : dict
    """
    views = {name: asdict(view) for name, view in project.views.items()}
    return {"cameras": project.cameras, **({"views": views} if views else {})}


def paths_of(what: str, source: VideoSource | None) -> dict[str, Path]:
    """Name the files of a recording, or of detections, as inputs of a stage.

    Parameters
    ----------
    what : str
    source : mapping, path or None

    Returns
    -------
    paths : dict of str to path
        Such as "recording left".
    """
    if isinstance(source, dict):
        return {f"{what} {name}": path for name, path in source.items()}
    return {} if source is None else {what: source}
