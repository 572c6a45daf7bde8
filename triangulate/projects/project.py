"""What a project is: cameras, calibration, detections, trials and options; read from TOML and checked."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from calibration.boards.board import Board
from calibration.documents import read_toml
from triangulate.errors import ProjectError
from triangulate.export.formats import FORMATS
from triangulate.projects.boards import read_boards
from triangulate.projects.lenses import LensPlan, read_lenses
from triangulate.projects.smoothing import read_smoothing
from triangulate.projects.values import ProjectTable
from triangulate.projects.views import View, read_views

VideoSource = dict[str, Path] | Path
"""Files by the name of the camera, or a folder in which each camera has its own."""

FILE = "project.toml"
PRECISIONS = ("float32", "float16", "bfloat16")
BLOCK = 8
"""Frames that `models2d.detect` takes together: each block starts with a look at the whole frame."""


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class CalibrationPlan:
    """How the rig is found.

    Attributes
    ----------
    recording : dict of str to path, path, or None
    boards : tuple of Board
        Empty where the rig was calibrated elsewhere.
    linked : "rigid", "two-sided" or None
        How several boards are fixed to each other.
    thickness : float, m, or None
        Of a plate with a board on either side, where it was measured.
    rig : path or None
        A calibration made elsewhere, used instead of a recording.
    unit : str or None
        Length unit of that calibration, where its format does not say.
    lenses : LensPlan
    stride : int
        Every so many frames of the recording are looked at.
    enough : int or None
        Stop looking when every camera has so many images of the board, well spread.
    floor_frame : int or None
        Frame of the recording in which the board lies on the floor: it sets the world.
    floor_filmed_from : "above" or "below"
        Whether the cameras stand above that floor, or below it, as under glass.
    time_offsets : bool
        Whether to estimate how late each camera is.
    """

    recording: VideoSource | None = None
    boards: tuple[Board, ...] = ()
    linked: str | None = None
    thickness: float | None = None
    rig: Path | None = None
    unit: str | None = None
    lenses: LensPlan = field(default_factory=LensPlan)
    stride: int = 1
    enough: int | None = None
    floor_frame: int | None = None
    floor_filmed_from: str = "above"
    time_offsets: bool = False


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class Trial:
    """One recording of a subject.

    Attributes
    ----------
    name : str
    recording : dict of str to path, path, or None
    detections : dict of str to path, or None
        Files of another tool, by camera; the network is not run then.
    """

    name: str
    recording: VideoSource | None = None
    detections: dict[str, Path] | None = None


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class Project:
    """A project file, checked.

    Attributes
    ----------
    file : path
    cameras : tuple of str
    views : dict of str to View
        Cameras that are parts of a video or show a mirror image.
    calibration : CalibrationPlan
    model : str or None
        Name of a shipped network, or path of one.
    skeleton : str or None
        Name of a shipped skeleton, or path of one; by default the detections' own.
    subjects : int
        How many subjects each view shows at most.
    fps : float, Hz, or None
        Where no file states it.
    min_confidence : float
        Detections below are not used.
    locate_every : int or None
        The network looks at the whole frame in every so many frames, and follows what it found between them;
        by default in every frame, or every eighth for a model that follows by itself.
    precision : str or None
        Of the network's numbers, one of `PRECISIONS`; by default what suits the machine.
    unswap : bool
        Whether left and right are put right where views mix them up.
    calibration_uncertainty : bool
        Whether covariances of points include the calibration's own.
    smooth : bool
    smoothing : dict of str to object
        Options of `smooth` that are not left to the data.
    formats : tuple of str
        What is exported beside the Parquet; keys of `FORMATS`.
    export_skeleton : str or None
        Name or path of the skeleton whose keypoints are exported, in place of the detections'.
    trials : tuple of Trial
    """

    file: Path
    cameras: tuple[str, ...]
    calibration: CalibrationPlan
    views: dict[str, View] = field(default_factory=dict)
    model: str | None = None
    skeleton: str | None = None
    subjects: int = 1
    fps: float | None = None
    min_confidence: float = 0.0
    locate_every: int | None = None
    precision: str | None = None
    unswap: bool = True
    calibration_uncertainty: bool = False
    smooth: bool = True
    smoothing: dict[str, Any] = field(default_factory=dict)
    formats: tuple[str, ...] = ("trc", "c3d", "csv")
    export_skeleton: str | None = None
    trials: tuple[Trial, ...] = ()

    @property
    def folder(self) -> Path:
        """Where the project file lies; its paths are relative to it."""
        return self.file.parent

    @property
    def corners_folder(self) -> Path:
        """Board corners that were found, kept for when only other options change."""
        return self.folder / ".corners"

    @property
    def rig_file(self) -> Path:
        """The calibration that later stages read."""
        return self.folder / "calibration.toml"

    def refined_rig_file(self, trial: str) -> Path:
        """Return the file for the rig that smoothing a trial refines.

        Parameters
        ----------
        trial : str

        Returns
        -------
        file : path
        """
        return self.folder / f"calibration-refined-{trial}.toml"

    def beside(self, name: str) -> str | Path:
        """Take a name with a suffix as a path beside the project file, others as the name of what is shipped.

        Parameters
        ----------
        name : str

        Returns
        -------
        name : str or path
        """
        return self.folder / name if Path(name).suffix else name

    def results(self, trial: str) -> Path:
        """Return the folder of a trial's results.

        Parameters
        ----------
        trial : str

        Returns
        -------
        folder : path
        """
        return self.folder / "results" / trial

    def chosen(self, names: tuple[str, ...]) -> tuple[Trial, ...]:
        """Return the trials of these names, or all.

        Parameters
        ----------
        names : tuple of str

        Returns
        -------
        trials : tuple of Trial

        Raises
        ------
        ProjectError
            If a name is unknown or there is no trial at all.
        """
        known = {trial.name: trial for trial in self.trials}
        unknown = [name for name in names if name not in known]
        if unknown:
            raise ProjectError(
                f"{self.file}: no trial called {', '.join(unknown)}; there are {', '.join(known) or 'none'}"
            )
        if not known:
            raise ProjectError(f"{self.file}: no trials; add a section [trials.NAME] with a recording")
        return tuple(known[name] for name in dict.fromkeys(names)) or self.trials


def load_project(path: str | Path) -> Project:
    """Read and check a project file.

    Parameters
    ----------
    path : path
        The file, or the folder in which it is called project.toml.

    Returns
    -------
    project : Project

    Raises
    ------
    ProjectError
        If there is no such file, or a section, key or value is wrong: file, line and key are named.
    """
    file = Path(path)
    if file.is_dir():
        file /= FILE
    if not file.is_file():
        raise ProjectError(f"{file}: no such project file; `triangulate init {file.parent}` writes one")
    try:
        document = read_toml(file)
    except ValueError as error:
        raise ProjectError(str(error)) from error
    top = ProjectTable(file, "", document)
    cameras = top.texts("cameras")
    if len(cameras) < 2:
        raise top.error("cameras", f"3D needs at least two cameras, got {len(cameras)}")
    views = read_views(top.section("views"), cameras)
    plan = _calibration(top.section("calibration"), cameras, one_file=bool(views))
    detections = top.section("detections")
    reconstruct = top.section("reconstruct")
    export = top.section("export")
    smooth = reconstruct.switch("smooth", True)
    uncertain = reconstruct.switch("calibration_uncertainty", False)
    project = Project(
        file=file,
        cameras=cameras,
        calibration=plan,
        views=views,
        model=detections.text("model") or None,
        skeleton=detections.text("skeleton"),
        subjects=int(detections.number("subjects", 1, least=1, whole=True) or 1),
        fps=detections.number("fps", above=0.0),
        min_confidence=_share(detections, "min_confidence"),
        locate_every=_locate_every(detections),
        precision=detections.text("precision", among=PRECISIONS),
        unswap=reconstruct.switch("unswap", True),
        calibration_uncertainty=uncertain,
        smooth=smooth,
        smoothing=read_smoothing(reconstruct, smooth=smooth, calibration_uncertainty=uncertain),
        export_skeleton=export.text("skeleton"),
        formats=_formats(export),
        trials=_trials(top.section("trials"), cameras, one_file=bool(views)),
    )
    for section in (detections, reconstruct, top):
        section.finish()
    return project


def _calibration(section: ProjectTable, cameras: tuple[str, ...], *, one_file: bool) -> CalibrationPlan:
    rig, filmed = section.text("rig"), read_boards(section)
    plan = CalibrationPlan(
        recording=_source(section, "recording", cameras, one_file=one_file),
        boards=filmed.boards,
        linked=filmed.linked,
        thickness=filmed.thickness,
        rig=None if rig is None else section.file.parent / rig,
        unit=section.text("unit", among=("m", "cm", "mm")),
        lenses=read_lenses(section, cameras),
        stride=int(section.number("stride", 1, least=1, whole=True) or 1),
        enough=_index(section.number("enough", least=1, whole=True)),
        floor_frame=_index(section.number("floor_frame", least=0, whole=True)),
        floor_filmed_from=section.text("floor_filmed_from", "above", among=("above", "below")) or "above",
        time_offsets=section.switch("time_offsets", False),
    )
    if plan.rig is None and plan.recording is None:
        raise section.error(None, "needs either a recording of a board or a rig calibrated elsewhere")
    if plan.rig is None and not plan.boards:
        raise section.error(None, "the recording needs a section [calibration.board]")
    section.finish()
    return plan


def _locate_every(section: ProjectTable) -> int | None:
    frames = _index(section.number("locate_every", least=1, whole=True))
    if frames is not None and frames > BLOCK:
        raise section.error(
            "locate_every",
            f"expected at most {BLOCK}, got {frames}: frames are taken {BLOCK} at a time, and each time the "
            "network looks at the whole frame first",
        )
    return frames


def _share(section: ProjectTable, key: str) -> float:
    value = section.number(key, 0.0)
    if value is None or not 0 <= value <= 1:
        raise section.error(key, f"expected a number between 0 and 1, got {value!r}")
    return value


def _index(value: float | None) -> int | None:
    return None if value is None else int(value)


def _formats(section: ProjectTable) -> tuple[str, ...]:
    formats = section.texts("formats", ("trc", "c3d", "csv"))
    for name in formats:
        if name not in FORMATS:
            raise section.error("formats", f"no format called {name!r}; known are {', '.join(FORMATS)}")
    section.finish()
    return formats


def _trials(section: ProjectTable, cameras: tuple[str, ...], *, one_file: bool) -> tuple[Trial, ...]:
    trials = []
    for name in section.keys():  # noqa: SIM118 - a Section is not a dict
        inner = section.section(name)
        if not name or name != Path(name).name or name.startswith("."):
            raise inner.error(None, "a trial's name is the name of a folder: no slashes, no leading dot")
        detections = _source(inner, "detections", cameras, one_file=one_file)
        if isinstance(detections, Path):
            raise inner.error("detections", 'expected a file for each camera, as "PATH/{camera}.h5"')
        trial = Trial(
            name=name,
            recording=_source(inner, "recording", cameras, one_file=one_file),
            detections=detections,
        )
        if trial.recording is None and trial.detections is None:
            raise inner.error(None, "needs a recording, or detections of another tool")
        inner.finish()
        trials.append(trial)
    return tuple(trials)


def _source(section: ProjectTable, key: str, cameras: tuple[str, ...], *, one_file: bool) -> Any:
    """Read "FOLDER", "PATH/{camera}.mp4", a table of one path per camera, or one file with all of them."""
    value = section.take(key)
    folder = section.file.parent
    if value is None:
        return None
    if isinstance(value, str):
        odd = [word for word in re.findall(r"\{[^{}]*\}", value) if word != "{camera}"]
        if odd:
            raise section.error(key, f"{value!r}: {odd[0]} is not known; {{camera}} stands for each camera")
        whole = one_file and Path(value).suffix != "" and not (folder / value).is_dir()
        if "{camera}" not in value and not whole and (folder / value).is_file():
            raise section.error(
                key,
                f"{value!r} is one file; write {{camera}} where the name of each camera stands in it",
            )
        if "{camera}" not in value and not whole:
            return folder / value
        return {name: folder / value.replace("{camera}", name) for name in cameras}
    if not isinstance(value, Mapping) or not all(isinstance(path, str) for path in value.values()):
        raise section.error(
            key, f'expected a path such as "PATH/{{camera}}.mp4" or a table of one per camera, got {value!r}'
        )
    unknown, missing = [n for n in value if n not in cameras], [n for n in cameras if n not in value]
    if unknown or missing:
        raise section.error(
            key,
            "; ".join(
                [f"no camera is called {name}" for name in unknown]
                + [f"camera {name} is missing" for name in missing]
            ),
        )
    return {name: folder / value[name] for name in cameras}
