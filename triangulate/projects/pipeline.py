"""The stages of a project, each of them restartable: calibrate, detect, reconstruct, export.

A stage writes its results whole or not at all, with a record of its inputs and options beside them, and does
nothing where that record still holds.
"""

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibration.corners.observations import BoardObservations
from calibration.errors import CalibrationError
from calibration.recordings.recording import Recording
from calibration.rig import Rig
from calibration.rig_files.draws import draws_file, save_draws
from calibration.world.levelling import levelled
from models2d.detections import Detections2D
from triangulate.errors import ProjectError
from triangulate.projects.freshness import record_of, save_record, stale
from triangulate.projects.lenses import check_lenses
from triangulate.projects.outcomes import Outcome, Progress
from triangulate.projects.project import BLOCK, Project, Trial
from triangulate.projects.reconstruction import reconstruct_trial
from triangulate.projects.recordings import check_mirrored, find_boards, open_recording, read_files
from triangulate.projects.resolution import rig_for

Int = NDArray[np.int64]

DRAWS = 100
"""Rigs drawn from the calibration's uncertainty, kept beside it for the covariance of points."""


def calibrate_project(project: Project, *, force: bool = False, progress: Progress | None = None) -> Outcome:
    """Find the rig, or take the one that the project names, and write calibration.toml (and .html).

    Parameters
    ----------
    project : Project
    force : bool
        Whether to run although everything is up to date.
    progress : callable, optional

    Returns
    -------
    outcome : Outcome

    Raises
    ------
    ProjectError, CalibrationError, ValueError, OSError
        If recording, board or rig cannot be used; nothing is written then.
    """
    began, plan = perf_counter(), project.calibration
    if plan.rig is not None:
        return _adopt_rig(project, force)
    outputs = (project.rig_file, project.rig_file.with_suffix(".html"), draws_file(project.rig_file))
    options = {
        key: value for key, value in asdict(plan).items() if key not in ("recording", "rig", "lenses")
    } | asdict(plan.lenses)
    record = record_of(_named("recording", plan.recording), {**options, **_seen_by(project)})
    reason = "asked to" if force else stale(outputs, record)
    if reason is None:
        return Outcome(stage="calibrate", outputs=outputs)
    from calibration.calibrator import calibrate

    if plan.recording is None or not plan.boards:
        raise ProjectError(f"{project.file}: calibration: needs a recording and a board")
    recording = open_recording(project, plan.recording, "calibration")
    check_lenses(plan.lenses, recording, f"{project.file}: calibration")
    found = find_boards(project, recording, progress)
    observations = found[0]
    for seen in found:
        check_mirrored(project, seen)
    lenses = plan.lenses
    rig, report = calibrate(
        found,
        linked=plan.linked,
        thickness=plan.thickness,
        lens=lenses.lens,
        fixed=lenses.fixed,
        shared=lenses.shared or (),
    )
    rig = _placed(rig, recording, observations, plan.floor_frame)
    save_draws(report.draw_rigs(DRAWS, placed=rig), outputs[2])
    report.write_html(outputs[1], placed=rig)
    rig.save(outputs[0])
    save_record(outputs[0], record)
    return Outcome(
        stage="calibrate",
        outputs=outputs,
        seconds=perf_counter() - began,
        reason=reason,
        summary="; ".join(
            (
                f"{report.median:.3f} px median reprojection",
                f"{report.frames_used} of {report.frames_total} frames with the board",
                *map(str, report.boards),
                *dict.fromkeys(note for seen in found for note in seen.notes),
            )
        ),
    )


def _adopt_rig(project: Project, force: bool) -> Outcome:
    plan, output = project.calibration, project.rig_file
    if plan.rig is None:
        raise ProjectError(f"{project.file}: calibration: names no rig")
    if not plan.rig.exists():
        raise ProjectError(f"{project.file}: calibration: {plan.rig} is not there")
    if plan.rig.resolve() == output.resolve():
        Rig.load(output, unit=plan.unit).select(project.cameras)
        return Outcome(stage="calibrate", outputs=(output,))
    record = record_of({"rig": plan.rig}, {"unit": plan.unit, "cameras": project.cameras})
    reason = "asked to" if force else stale([output], record)
    if reason is not None:
        _keep(output)
        Rig.load(plan.rig, unit=plan.unit).select(project.cameras).save(output)
        draws_file(output).unlink(missing_ok=True)  # they would be of another calibration
        save_record(output, record)
    return Outcome(stage="calibrate", outputs=(output,), reason=reason, summary=f"taken from {plan.rig}")


def _keep(output: Path) -> None:
    """Keep a calibration that was measured here when another one takes its place."""
    measured = output.with_suffix(".html")
    kept = output.with_name("calibration-before.toml")
    if output.exists() and measured.exists() and not kept.exists():
        output.replace(kept)


def _placed(rig: Rig, recording: Recording, observations: BoardObservations, floor_frame: int | None) -> Rig:
    if floor_frame is None:
        return levelled(rig)
    from calibration.corners.finding import find_corners
    from calibration.world.placement import placed_on_board

    if floor_frame not in observations.frame:
        # A stride, or an early end of the search, may have left it out.
        this = recording.select(np.flatnonzero(recording.instants == floor_frame))
        try:
            observations = find_corners(this, observations.board, doctor=False)
        except CalibrationError as error:
            raise CalibrationError(
                f"floor_frame: no camera sees the board in frame {floor_frame}; choose a frame in which two "
                "cameras see it lying on the floor"
            ) from error
    return placed_on_board(rig, observations, int(np.flatnonzero(observations.frame == floor_frame)[0]))


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
    began, output = perf_counter(), project.results(trial.name) / "detections.parquet"
    inputs = (
        _named("detections", trial.detections) if trial.detections else _named("recording", trial.recording)
    )
    model = None if project.model is None else project.beside(project.model)
    if isinstance(model, Path) and not trial.detections:
        inputs["model"] = model
    options = {
        "model": str(model),
        "skeleton": project.skeleton,
        "fps": project.fps,
        **_seen_by(project),
    }
    if not trial.detections:
        options["precision"] = project.precision
        options["locate_every"] = project.locate_every if project.locate_every > 1 else None
    record = record_of(inputs, options)
    reason = "asked to" if force else stale([output], record)
    if reason is None:
        return Outcome(stage="detect", trial=trial.name, outputs=(output,))
    found = read_files(project, trial) if trial.detections else _run_network(project, trial, model, progress)
    _check_size(project, found.views, found.sizes, trial)
    from models2d.readers.writing import write_detections

    output.parent.mkdir(parents=True, exist_ok=True)
    write_detections(found, output)
    save_record(output, record)
    seen = np.isfinite(found.xy[..., 0]).any(axis=2).mean()
    return Outcome(
        stage="detect",
        trial=trial.name,
        outputs=(output,),
        seconds=perf_counter() - began,
        reason=reason,
        summary=f"{found.shape[0]} frames, {len(found.views)} views, {100 * seen:.0f}% of keypoints found",
    )


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

    if trial.recording is None:
        raise ProjectError(f"{project.file}: trial {trial.name}: needs a recording")
    recording = open_recording(project, trial.recording, f"trial {trial.name}")
    _check_size(project, recording.names, recording.sizes, trial)
    try:
        network = load_model(model, precision=project.precision)
    except ValueError as error:
        if project.precision is None:
            raise
        raise ProjectError(
            f"{project.file}: detections.precision: {project.precision!r} cannot be had: {error}"
        ) from error
    return detect(
        recording,
        network,
        locate_every=project.locate_every,
        block=BLOCK,
        fps=project.fps,
        progress=progress,
    )


def _check_size(project: Project, views: Sequence[str], sizes: Int | None, trial: Trial) -> None:
    """Refuse images that do not fit the rig, where there is one already, before they are looked at."""
    if project.rig_file.is_file():
        rig_for(Rig.load(project.rig_file), views, sizes, f"trial {trial.name}")


def run_project(
    project: Project, *, force: bool = False, progress: Progress | None = None
) -> Iterable[Outcome]:
    """Run every stage that is out of date, one after the other.

    Parameters
    ----------
    project : Project
    force : bool
    progress : callable, optional

    Yields
    ------
    outcome : Outcome
        As each stage ends.
    """
    trials = project.chosen(())
    yield calibrate_project(project, force=force, progress=progress)
    for trial in trials:
        yield detect_trial(project, trial, force=force, progress=progress)
        yield reconstruct_trial(project, trial, force=force, progress=progress)


def _seen_by(project: Project) -> dict[str, Any]:
    """Return what says which pixels the cameras are."""
    views = {name: asdict(view) for name, view in project.views.items()}
    return {"cameras": project.cameras, **({"views": views} if views else {})}


def _named(what: str, source: Any) -> dict[str, Path]:
    if isinstance(source, dict):
        return {f"{what} {name}": path for name, path in source.items()}
    return {} if source is None else {what: source}
