"""The stage that goes from detections to trajectories: left and right put right, triangulated, smoothed."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from calibration.quality.diagnosis import diagnose_rig
from calibration.rig import Rig
from calibration.rig_files.draws import draws_file, load_draws
from models2d.detections import Tracks2D
from triangulate.camera_fit.priors import CameraPriors
from triangulate.camera_fit.refined import RefinedCameras
from triangulate.errors import ProjectError
from triangulate.export.formats import write
from triangulate.points.image_bounds import inside_images
from triangulate.projects.drift import wrong_views
from triangulate.projects.exports import export_trial, exports_of
from triangulate.projects.freshness import read_record
from triangulate.projects.identities import identified
from triangulate.projects.outcomes import Outcome, Progress
from triangulate.projects.project import Project, Trial
from triangulate.projects.resolution import SUSPECT, rig_for
from triangulate.projects.stage import Stage
from triangulate.projects.staging import Staging
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
    solved = _reconstruction(project, trial, progress).run(force=force)
    return export_trial(project, trial, solved, force=force)


def _reconstruction(project: Project, trial: Trial, progress: Progress | None) -> Stage:
    folder, rig_file = project.results(trial.name), project.rig_file
    detections = folder / "detections.parquet"
    for path, stage in ((rig_file, "calibrate"), (detections, f"detect {project.file}")):
        if not path.exists():
            raise ProjectError(f"{path} is not there yet; run `triangulate {stage}` first")
    if "unfinished" in read_record(rig_file):
        raise ProjectError(
            f"{rig_file}: the last calibration was cut off while its files were replaced, and they may not "
            f"belong together; run `triangulate calibrate {project.file}` first"
        )
    final_file, raw_file, page = (
        folder / name for name in ("trajectories.parquet", "raw.parquet", "report.html")
    )
    priors, limits = project.smoothing.get("refine_cameras"), _joint_limits(project)
    new_rig = None if priors is None else _new_rig_file(project, trial)
    options = {
        "subjects": project.subjects,
        "min_confidence": project.min_confidence,
        "unswap": project.unswap,
        "smooth": project.smooth,
        **project.smoothing,
        **({} if priors is None else {"refine_cameras": asdict(priors)}),
        **({"joint_limits": [asdict(limit) for limit in limits]} if limits else {}),
        **({"calibration_uncertainty": True} if project.calibration_uncertainty else {}),
    }

    def work(staged: Staging) -> str:
        from models2d.readers.joining import read_detections
        from triangulate.points.reconstruction import reconstruct
        from triangulate.reporting.report import write_report

        found, where = read_detections(detections), f"trial {trial.name}"
        rig, rescaled = rig_for(Rig.load(rig_file), found.views, found.sizes, where)
        rigs = tuple(rig_for(one, found.views, found.sizes, where)[0] for one in _draws(project))
        inside, dropped = inside_images(found, rig)
        tracks, swaps = _sides_mended(project, identified(project, inside, rig), rig)
        raw = final = reconstruct(tracks, rig, pixel_sigma=project.smoothing.get("pixel_sigma"))
        report, cameras, timed = None, None, tracks
        if rigs:  # the smoother starts without, and adds it once by itself
            from triangulate.points.calibration_scatter import with_calibration

            final = with_calibration(raw, tracks, rig, rigs)
        kept = final
        if project.smooth:
            from triangulate.smoothing.smoother import smooth

            given = {**project.smoothing, "joint_limits": limits}
            priors = given.pop("refine_cameras", None)
            if priors is None or new_rig is None:
                final, report = smooth(tracks, rig, raw, rigs=rigs, progress=progress, **given)
            else:
                cameras = _refined(tracks, rig, priors, given)
                cameras.rig.save(staged(new_rig))
                rig, rigs, timed = cameras.rig, cameras.draw(), cameras.timed(tracks)
                final, report = smooth(timed, rig, rigs=rigs, progress=progress, **given)
        write(final, staged(final_file))
        write(kept, staged(raw_file))
        problems = (*diagnose_rig(rig), *wrong_views(timed, rig, rigs))
        write_report(
            staged(page),
            final,
            rig,
            tracks=timed,
            raw=raw,
            solve=report,
            cameras=cameras,
            swaps=swaps,
            notes=[rescaled] if rescaled else [],
            problems=problems,
            title=trial.name,
        )
        return (
            f"{100 * np.isfinite(final.xyz[..., 0]).mean():.0f}% of points, "
            f"{_median(final.error):.2f} px median reprojection"
            + _contradiction(final.error, rig)
            + "".join(
                f"; left and right exchanged in {count} frames of {view}" for view, count in swaps.items()
            )
            + "".join(
                f"; {count} detections outside the image of {view} left out"
                for view, count in dropped.items()
            )
            + _moved(cameras, new_rig)
            + (f"; {rescaled}" if rescaled else "")
            + "".join(f"; {problem}" for problem in problems)
        )

    return Stage(
        name="reconstruct",
        trial=trial.name,
        inputs={
            "calibration": rig_file,
            "detections": detections,
            **({"draws": draws_file(rig_file)} if project.calibration_uncertainty else {}),
        },
        options=options,
        outputs=(final_file, raw_file, page, *(() if new_rig is None else (new_rig,))),
        retired=exports_of(project, trial),
        work=work,
    )


def _contradiction(error: np.ndarray, rig: Rig) -> str:
    """Say in a clause that cameras contradict each other, where they do."""
    width = np.mean([camera.intrinsics.size[0] for camera in rig.cameras])
    return (
        ": the cameras contradict each other, see `triangulate check`"
        if _median(error) > SUSPECT * width
        else ""
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


def _refined(tracks: Tracks2D, rig: Rig, priors: CameraPriors, given: dict[str, Any]) -> RefinedCameras:
    """Refine the cameras with the options of smoothing, but for the one about gaps."""
    from triangulate.camera_fit.fitting import fit_cameras

    options = {key: value for key, value in given.items() if key != "max_gap"}
    return fit_cameras(tracks, rig, priors, **options)


def _moved(cameras: RefinedCameras | None, file: Path | None) -> str:
    """Say in a clause which camera was moved the farthest, where they were refined."""
    if cameras is None or file is None:
        return ""
    most = int(np.argmax(cameras.moved))
    moved = f"{1e3 * cameras.moved[most]:.1f} mm ({cameras.rig.names[most]})"
    return f"; cameras refined by up to {moved}: {file.name}"


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
