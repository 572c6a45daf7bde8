"""The stages that end in calibration.toml: calibrated from a recording of boards, or taken from elsewhere."""

import shutil
from dataclasses import asdict
from pathlib import Path

import numpy as np

from calibration.atomic import replacing
from calibration.corners.observations import BoardObservations
from calibration.errors import CalibrationError
from calibration.quality.diagnosis import diagnose_rig
from calibration.quality.report import CalibrationReport
from calibration.recordings.recording import Recording
from calibration.rig import Rig
from calibration.rig_files import files_of
from calibration.rig_files.draws import draws_file, save_draws
from calibration.world.levelling import levelled
from triangulate.errors import ProjectError
from triangulate.projects.freshness import cut_off, read_record, record_file
from triangulate.projects.lenses import check_lenses
from triangulate.projects.outcomes import Outcome, Progress
from triangulate.projects.project import Project
from triangulate.projects.recordings import (
    check_mirrored,
    find_boards,
    open_recording,
    paths_of,
    seen_pixels,
)
from triangulate.projects.stage import Stage
from triangulate.projects.staging import Staging, sweep

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
    stage = _stage(project, progress)
    if stage is None:
        return _as_it_is(project)
    source = project.calibration.rig
    if source is not None and not source.exists():
        raise ProjectError(f"{project.file}: calibration: {source} is not there")
    return stage.run(force=force)


def calibrated_rig(project: Project) -> Rig:
    """Load calibration.toml, if it is of the project as it is now; nothing is calibrated.

    Parameters
    ----------
    project : Project

    Returns
    -------
    rig : Rig

    Raises
    ------
    ProjectError
        If it is not there, was cut off, or what it is made from has changed since.
    """
    file = project.rig_file
    if not file.is_file():
        raise ProjectError(f"{file} is not there yet; run `triangulate calibrate` first")
    stage = _stage(project, None)
    reason = stage.outdated() if stage is not None else cut_off(file)
    if reason is not None:
        raise ProjectError(f"{file.name} is out of date ({reason}): run `triangulate calibrate`")
    return Rig.load(file)


def _stage(project: Project, progress: Progress | None) -> Stage | None:
    """Describe how the project gets its rig; None where calibration.toml itself is the one it names."""
    source = project.calibration.rig
    if source is None:
        return _calibration(project, progress)
    return None if source.resolve() == project.rig_file.resolve() else _adoption(project, source)


def _calibration(project: Project, progress: Progress | None) -> Stage:
    plan, rig_file = project.calibration, project.rig_file
    page, draws = rig_file.with_suffix(".html"), draws_file(rig_file)
    options = {
        key: value for key, value in asdict(plan).items() if key not in ("recording", "rig", "lenses")
    } | asdict(plan.lenses)

    def work(staged: Staging) -> str:
        from calibration.calibrator import calibrate

        if plan.recording is None or not plan.boards:
            raise ProjectError(f"{project.file}: calibration: needs a recording and a board")
        recording = open_recording(project, plan.recording, "calibration")
        check_lenses(plan.lenses, recording, f"{project.file}: calibration")
        sweep([project.corners_folder])
        found = find_boards(project, recording, progress)
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
            time_offsets=plan.time_offsets,
        )
        rig = _placed(rig, recording, found[0], plan.floor_frame, plan.floor_filmed_from)
        save_draws(report.draw_rigs(DRAWS, placed=rig), staged(draws))
        report.write_html(staged(page), placed=rig)
        rig.save(staged(rig_file))
        return "; ".join(
            (
                f"{report.median:.3f} px median reprojection",
                f"{report.frames_used} of {report.frames_total} frames with the board",
                *map(str, report.boards),
                *report.alarms,
                *diagnose_rig(rig),
                *_delays(report),
                *dict.fromkeys(note for seen in found for note in seen.notes),
            )
        )

    return Stage(
        name="calibrate",
        inputs=paths_of("recording", plan.recording),
        options={**options, **seen_pixels(project)},
        outputs=(rig_file, page, draws),
        work=work,
    )


def _delays(report: CalibrationReport) -> list[str]:
    """Say the delays that were estimated, in a clause each."""
    unit = "s" if report.lateness.stamped else "frames"
    return [
        f"{name} is {late:+.4g} {unit} late"
        for name, late in zip(report.names, report.clock_offset, strict=True)
        if late
    ]


def _as_it_is(project: Project) -> Outcome:
    output = project.rig_file
    if not output.exists():
        raise ProjectError(f"{project.file}: calibration: {output} is not there")
    Rig.load(output, unit=project.calibration.unit).select(project.cameras)
    if "unfinished" in read_record(output):
        draws_file(output).unlink(missing_ok=True)  # they may be of another calibration
        record_file(output).unlink()
    return Outcome(stage="calibrate", outputs=(output,))


def _adoption(project: Project, source: Path) -> Stage:
    unit, output = project.calibration.unit, project.rig_file

    def work(staged: Staging) -> str:
        rig = Rig.load(source, unit=unit).select(project.cameras)
        rig.save(staged(output))
        _keep(output)
        return "; ".join([f"taken from {source}", *diagnose_rig(rig)])

    files = files_of(source) if source.exists() else (source,)
    return Stage(
        name="calibrate",
        inputs={"rig" if len(files) == 1 else f"rig {file.name}": file for file in files},
        options={"unit": unit, "cameras": project.cameras},
        outputs=(output,),
        retired=(draws_file(output),),  # they are of the calibration before
        work=work,
    )


def _keep(output: Path) -> None:
    """Keep a calibration that was measured here when another one takes its place."""
    measured = output.with_suffix(".html")
    kept = output.with_name("calibration-before.toml")
    if output.exists() and measured.exists() and not kept.exists():
        with replacing(kept) as temporary:
            shutil.copy2(output, temporary)


def _placed(
    rig: Rig,
    recording: Recording,
    observations: BoardObservations,
    floor_frame: int | None,
    filmed_from: str,
) -> Rig:
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
    row = int(np.flatnonzero(observations.frame == floor_frame)[0])
    return placed_on_board(rig, observations, row, filmed_from=filmed_from)
