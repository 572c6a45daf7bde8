"""The stage that finds keypoints in every view of a trial."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from calibration.rig import Rig
from models2d.detections import Detections2D
from models2d.model_files.places import is_shipped, weights_of
from triangulate.errors import ProjectError
from triangulate.projects.outcomes import Outcome, Progress
from triangulate.projects.project import BLOCK, Project, Trial
from triangulate.projects.recordings import open_recording, paths_of, read_files, seen_pixels
from triangulate.projects.resolution import rig_for
from triangulate.projects.stage import Stage
from triangulate.projects.staging import Staging


def detect_trial(
    project: Project, trial: Trial, *, force: bool = False, progress: Progress | None = None
) -> Outcome:
    """Find keypoints in every view of a trial, by the network or from files, and write detections.parquet.

    Parameters
    ----------
    project : Project
    trial : Trial
    force : bool
    progress : callable, optional

    Returns
    -------
    outcome : Outcome

    Raises
    ------
    ProjectError, ModelError, ValueError, OSError
        If there is nothing to detect with, or recording or files do not fit.
    """
    return _detection(project, trial, progress).run(force=force)


def _detection(project: Project, trial: Trial, progress: Progress | None) -> Stage:
    output, model = project.results(trial.name) / "detections.parquet", _model(project)
    inputs = paths_of("recording", trial.recording)
    options = {
        "model": project.model,
        "skeleton": project.skeleton,
        "fps": project.fps,
        **seen_pixels(project),
    }
    if trial.detections:
        inputs |= paths_of("detections", trial.detections)
        skeleton = None if project.skeleton is None else project.beside(project.skeleton)
        inputs |= {"skeleton file": skeleton} if isinstance(skeleton, Path) else {}
    else:
        files = () if model is None else weights_of(model)
        inputs |= {"model" if file == files[0] else "detector": file for file in files}
        options["precision"] = project.precision
        options["locate_every"] = project.locate_every
        options["subjects"] = project.subjects if project.subjects > 1 else None

    def work(staged: Staging) -> str:
        from models2d.readers.writing import write_detections

        found = (
            read_files(project, trial) if trial.detections else _run_network(project, trial, model, progress)
        )
        _check_size(project, trial, found.views, found.sizes)
        write_detections(found, staged(output))
        seen = np.isfinite(found.xy[..., 0]).any(axis=2).mean()
        return f"{found.shape[0]} frames, {len(found.views)} views, {100 * seen:.0f}% of keypoints found"

    return Stage(
        name="detect", trial=trial.name, inputs=inputs, options=options, outputs=(output,), work=work
    )


def _check_size(
    project: Project, trial: Trial, views: Sequence[str], sizes: NDArray[np.int64] | None
) -> None:
    """Refuse images that do not fit the rig, where there is one already, before they are looked at."""
    if project.rig_file.is_file():
        rig_for(Rig.load(project.rig_file), views, sizes, f"trial {trial.name}")


def _model(project: Project) -> str | Path | None:
    """Return the name of a shipped model or one of a hub, or the path of a file or folder of the project."""
    if project.model is None:
        return None
    here = project.folder / project.model
    return here if here.is_dir() and not is_shipped(project.model) else project.beside(project.model)


def _run_network(
    project: Project, trial: Trial, model: str | Path | None, progress: Progress | None
) -> Detections2D:
    if model is None:
        raise ProjectError(
            f"{project.file}: detections: trial {trial.name} has no files of another tool, and no model is "
            'named; set model = "NAME or PATH", or detections = "PATH/{camera}.h5" in the trial'
        )
    from models2d.inference.detecting import detect
    from models2d.model_files.weights import load_model
    from models2d.models.pose_model import SequenceModel

    if trial.recording is None:
        raise ProjectError(f"{project.file}: trial {trial.name}: needs a recording")
    recording = open_recording(project, trial.recording, f"trial {trial.name}")
    _check_size(project, trial, recording.names, recording.sizes)
    try:
        network = load_model(model, precision=project.precision)
    except ValueError as error:
        if project.precision is None:
            raise
        raise ProjectError(
            f"{project.file}: detections.precision: {project.precision!r} cannot be had: {error}"
        ) from error
    if isinstance(network, SequenceModel):
        network = network.with_individuals(project.subjects)
    return detect(
        recording,
        network,
        locate_every=project.locate_every,
        block=BLOCK,
        fps=project.fps,
        progress=progress,
    )
