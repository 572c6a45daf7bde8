"""The stage that goes from detections to trajectories: left and right put right, triangulated, smoothed."""

from dataclasses import asdict
from pathlib import Path
from time import perf_counter

import numpy as np

from calibration.rig import Rig
from calibration.rig_files.draws import draws_file, load_draws
from models2d.detections import Tracks2D
from triangulate.errors import ProjectError
from triangulate.export.formats import FORMATS, write
from triangulate.points.image_bounds import inside_images
from triangulate.projects.freshness import record_of, save_record, stale
from triangulate.projects.identities import identified
from triangulate.projects.outcomes import Outcome, Progress
from triangulate.projects.project import Project, Trial
from triangulate.smoothing.solve_report import SolveReport
from triangulate.smoothing.stated_limits import JointLimit, read_joint_limits


def reconstruct_trial(
    project: Project, trial: Trial, *, force: bool = False, progress: Progress | None = None
) -> Outcome:
    """Triangulate and smooth a trial; write trajectories, raw points, the exports and report.html.

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
    ProjectError, TriangulationError, ValueError, OSError
        If calibration or detections are not there or do not fit.
    """
    began, folder = perf_counter(), project.results(trial.name)
    detections, rig_file = folder / "detections.parquet", project.rig_file
    for path, stage in ((rig_file, "calibrate"), (detections, f"detect {project.file}")):
        if not path.exists():
            raise ProjectError(f"{path} is not there yet; run `triangulate {stage}` first")
    exports = [folder / f"trajectories{FORMATS[name][0]}" for name in project.formats]
    outputs = [folder / "trajectories.parquet", folder / "raw.parquet", folder / "report.html", *exports]
    priors = project.smoothing.get("refine_cameras")
    if priors is not None:
        outputs.append(_new_rig_file(project, trial))
    options = {
        "subjects": project.subjects,
        "min_confidence": project.min_confidence,
        "unswap": project.unswap,
        "smooth": project.smooth,
        **project.smoothing,
        **({} if priors is None else {"refine_cameras": asdict(priors)}),
    }
    limits = _joint_limits(project)
    if limits:
        options["joint_limits"] = [asdict(limit) for limit in limits]
    inputs = {"calibration": rig_file, "detections": detections}
    if project.calibration_uncertainty:
        options["calibration_uncertainty"] = True
        inputs["draws"] = draws_file(rig_file)
    record = record_of(inputs, options)
    reason = "asked to" if force else stale(outputs, record)
    if reason is None:
        return Outcome(stage="reconstruct", trial=trial.name, outputs=tuple(outputs))
    from models2d.readers.joining import read_detections
    from triangulate.points.reconstruction import reconstruct
    from triangulate.reporting.report import write_report

    rig, rigs = Rig.load(rig_file), _draws(project)
    inside, dropped = inside_images(read_detections(detections), rig)
    tracks, swaps = _sides_mended(project, identified(project, inside, rig), rig)
    raw = final = reconstruct(tracks, rig, pixel_sigma=project.smoothing.get("pixel_sigma"))
    report = None
    if rigs:  # the smoother starts without, and adds it once by itself
        from triangulate.points.calibration_scatter import with_calibration

        final = with_calibration(raw, tracks, rig, rigs)
    kept = final
    if project.smooth:
        from triangulate.smoothing.smoother import smooth

        final, report = smooth(
            tracks, rig, raw, rigs=rigs, joint_limits=limits, progress=progress, **project.smoothing
        )
    if report is not None and report.cameras is not None:
        rig = report.cameras.rig
        rig.save(outputs[-1])
    write(kept, outputs[1])
    for path in exports:
        write(final, path)
    write_report(outputs[2], final, rig, tracks=tracks, raw=raw, solve=report, swaps=swaps, title=trial.name)
    write(final, outputs[0])
    save_record(outputs[0], record)
    return Outcome(
        stage="reconstruct",
        trial=trial.name,
        outputs=tuple(outputs),
        seconds=perf_counter() - began,
        reason=reason,
        summary=f"{100 * np.isfinite(final.xyz[..., 0]).mean():.0f}% of points, "
        f"{_median(final.error):.2f} px median reprojection"
        + "".join(f"; left and right exchanged in {count} frames of {view}" for view, count in swaps.items())
        + "".join(
            f"; {count} detections outside the image of {view} left out" for view, count in dropped.items()
        )
        + _moved(report, outputs[-1].name),
    )


def _new_rig_file(project: Project, trial: Trial) -> Path:
    """Return where the refined rig goes, which is not where the project takes its own from."""
    file = project.refined_rig_file(trial.name)
    if project.calibration.rig is not None and project.calibration.rig.resolve() == file.resolve():
        raise ProjectError(
            f"{project.file}: reconstruct.refine_cameras: would write over {file.name}, which is the rig in "
            "use; leave refine_cameras out, or rename the rig"
        )
    return file


def _moved(report: SolveReport | None, file: str) -> str:
    """Say in a clause which camera was moved the farthest, where they were refined."""
    if report is None or report.cameras is None:
        return ""
    cameras = report.cameras
    most = int(np.argmax(cameras.moved))
    return (
        f"; cameras refined by up to {1e3 * cameras.moved[most]:.1f} mm ({cameras.rig.names[most]}): {file}"
    )


def _joint_limits(project: Project) -> tuple[JointLimit, ...]:
    """Return those of the skeleton that the project names."""
    if project.skeleton is None or not project.smooth:
        return ()
    try:
        return read_joint_limits(project.beside(project.skeleton))
    except (FileNotFoundError, ValueError) as error:
        raise ProjectError(f"{project.file}: detections.skeleton: {error}") from error


def _draws(project: Project) -> tuple[Rig, ...]:
    if not project.calibration_uncertainty:
        return ()
    path = draws_file(project.rig_file)
    if not path.is_file():
        raise ProjectError(
            f"{path} is not there: calibration_uncertainty = true needs a calibration made here from a "
            "recording of a board; run `triangulate calibrate`, or leave the option out"
        )
    return load_draws(path)


def _median(error: np.ndarray) -> float:
    known = error[np.isfinite(error)]
    return float(np.median(known)) if len(known) else float("nan")


def _sides_mended(project: Project, tracks: Tracks2D, rig: Rig) -> tuple[Tracks2D, dict[str, int]]:
    """Put left and right right where that is wanted and safe; count the frames of each view touched."""
    from triangulate.swaps import sides_can_be_told, unswap

    if not (project.unswap and sides_can_be_told(tracks)):
        return tracks, {}
    mended, swapped = unswap(tracks, rig)
    frames = swapped.any(axis=(2, 3)).sum(axis=0)
    return mended, {view: int(count) for view, count in zip(tracks.views, frames, strict=True) if count}
