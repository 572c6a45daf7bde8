"""The commands on projects: one for each stage, and those around them."""

import os
import traceback
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from triangulate.cli.console import EXPECTED, bar, complain, say
from triangulate.cli.program import app
from triangulate.errors import ProjectError
from triangulate.projects.outcomes import Outcome

Folder = Annotated[Path, typer.Argument(help="The project's folder, or its project.toml.")]
Trials = Annotated[list[str] | None, typer.Argument(help="Names of trials; all unless given.")]
Force = Annotated[bool, typer.Option("--force", help="Run even if everything is up to date.")]


@app.command(epilog="Example: triangulate demo --out demo")
def demo(
    out: Annotated[Path, typer.Option(help="Folder for the recording and its results.")] = Path(
        "triangulate-demo"
    ),
    board_frames: Annotated[int, typer.Option(min=12, help="Length of the board's recording.")] = 90,
    figure_frames: Annotated[int, typer.Option(min=20, help="Length of the figure's recording.")] = 150,
) -> None:
    """Render a recording of known truth and reconstruct it.

    Four cameras film a waved Charuco board and then a walking figure, as real video files; calibration,
    detection, triangulation and smoothing go as in a project of your own. Ends with the errors against the
    truth. Takes about two minutes.
    """
    from triangulate import demo as demonstration
    from triangulate.projects.project import load_project
    from triangulate.synthetic.scene import demo_scene

    scene = demo_scene(board_frames, figure_frames)
    outcomes = []
    for outcome in demonstration.run_demo(out, scene, progress=bar):
        outcomes.append(outcome)
        _report(outcome)
    project = load_project(out)
    comparison = demonstration.compare_with_truth(project, scene)
    say()
    say(demonstration.comparison_table(comparison, outcomes))
    say()
    say(f"look at   {project.results(demonstration.TRIAL) / 'report.html'}")
    say(f"          {project.rig_file.with_suffix('.html')}")
    say(f"project   {project.file}")


@app.command(epilog="Example: triangulate init recordings/ --board 7x5 --square 0.04 --marker 0.03")
def init(  # noqa: PLR0917 - options of a command line, each with a name
    folder: Annotated[Path, typer.Argument(help="Folder with the recordings.")],
    board: Annotated[str | None, typer.Option(help="Squares of the Charuco board, as 7x5.")] = None,
    square: Annotated[float | None, typer.Option(help="Side of a square, in metres.")] = None,
    marker: Annotated[float | None, typer.Option(help="Side of a marker, in metres.")] = None,
    dictionary: Annotated[str, typer.Option(help="Dictionary of the markers.")] = "4X4_50",
    model: Annotated[
        str | None, typer.Option(help='Network that finds the keypoints: "human", or a file of yours.')
    ] = None,
) -> None:
    """Look at a folder of videos and write a project.toml.

    Files of one recording may differ only in the name of the camera, in whatever part of the path it stands:
    calibration/left.mp4, calibration/right.mp4, or left/trial1.avi, right/trial1.avi. Without a board the
    file holds an example to be changed.
    """
    from models2d.model_files.places import check_named
    from triangulate.projects.given_rigs import find_rig
    from triangulate.projects.start import charuco_of, find_recordings, write_project

    if board is None and (square is not None or marker is not None):
        raise ValueError("--square and --marker need --board, its columns and rows, as --board 7x5")
    if model is not None:
        check_named(model, folder)
    wanted = None if board is None else charuco_of(board, square=square, marker=marker, dictionary=dictionary)
    file = write_project(folder, board=wanted, model=model)
    found = find_recordings(folder)
    say(f"{len(found.cameras)} cameras: {', '.join(found.cameras)}")
    calibrated = found.calibration or find_rig(folder, found.cameras)
    say(f"calibration: {calibrated or 'none found'}")
    for name, pattern in found.trials.items():
        say(f"trial {name}: {pattern}")
    if wanted is not None:
        assumed = " (three quarters of a square, unless --marker says)" if marker is None else ""
        say(f"board: {wanted}{assumed}")
    say(f"wrote {file}; look through it, then: triangulate check {folder}")


@app.command(epilog="Example: triangulate check recordings/")
def check(project: Folder) -> None:
    """Look at every recording and say what to mend.

    Counts frames, compares sizes and rates, looks for the board, reads the detections; once there are
    detections, says whether the calibration still fits them and which camera moved.

    Exit code 1 if anything keeps a stage from running (lines with !); lines with ? are to be mended, too.
    """
    from triangulate.projects.checks import check_project
    from triangulate.projects.project import load_project

    bad, weak = 0, []
    for finding in check_project(load_project(project), progress=bar):
        bad += finding.bad
        weak += [finding.where] * (finding.weak and not finding.bad)
        say(f"{'!' if finding.bad else '?' if finding.weak else ' '} {finding.where}: {finding.text}")
    if bad:
        raise ProjectError(f"{bad} of these keep a stage from running.")
    say(f"every stage can run, but mend first: {'; '.join(weak)}" if weak else "nothing to mend")


@app.command(epilog="Example: triangulate calibrate recordings/")
def calibrate(project: Folder, force: Force = False) -> None:
    """Find lenses and places of the cameras.

    Writes calibration.toml and calibration.html. The board's corners are kept in .corners, so that other
    options do not look for them again; delete it at will.
    """
    from triangulate.projects.project import load_project
    from triangulate.projects.rig_stages import calibrate_project

    _report(calibrate_project(load_project(project), force=force, progress=bar))


@app.command(epilog="Example: triangulate refine recordings/ walk --camera left")
def refine(
    project: Folder,
    trials: Trials = None,
    camera: Annotated[
        list[str] | None, typer.Option(help="Which camera moved; found out if not given.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="A new file for the calibration.")] = None,
) -> None:
    """Put a camera right that moved after the calibration.

    Takes the keypoints of trials made since, holds the other cameras, and writes calibration-refined.toml;
    no file is overwritten.
    """
    from triangulate.projects.drift import refine_project
    from triangulate.projects.project import load_project

    loaded = load_project(project)
    chosen = loaded.chosen(tuple(trials or ()))
    file, report = refine_project(loaded, chosen, cameras=tuple(camera or ()), out=out)
    say(str(report))
    say(f'wrote {file}; to use it, set rig = "{file.name}" under [calibration] in {loaded.file}')


@app.command(epilog="Example: triangulate detect recordings/ walk run")
def detect(project: Folder, trials: Trials = None, force: Force = False) -> None:
    """Find keypoints in every view of a trial.

    Writes results/TRIAL/detections.parquet.
    """
    from triangulate.projects.detection import detect_trial
    from triangulate.projects.pipeline import run_trials
    from triangulate.projects.project import load_project

    loaded = load_project(project)
    chosen = loaded.chosen(tuple(trials or ()))
    _report_all(run_trials(loaded, chosen, (detect_trial,), force=force, progress=bar))


@app.command(epilog="Example: triangulate reconstruct recordings/ walk")
def reconstruct(project: Folder, trials: Trials = None, force: Force = False) -> None:
    """Triangulate and smooth trials.

    Writes results/TRIAL/trajectories.parquet, report.html and the exports.
    """
    from triangulate.projects.pipeline import run_trials
    from triangulate.projects.project import load_project
    from triangulate.projects.reconstruction import reconstruct_trial

    loaded = load_project(project)
    chosen = loaded.chosen(tuple(trials or ()))
    _report_all(run_trials(loaded, chosen, (reconstruct_trial,), force=force, progress=bar))


@app.command(epilog="Example: triangulate run recordings/ walk")
def run(project: Folder, trials: Trials = None, force: Force = False) -> None:
    """Do every stage that is out of date.

    A trial that fails does not stop the others; exit code 1 if one did, or an export could not be written.
    """
    from triangulate.projects.pipeline import run_project
    from triangulate.projects.project import load_project

    _report_all(run_project(load_project(project), tuple(trials or ()), force=force, progress=bar))


@app.command(epilog="Example: triangulate export results/walk/trajectories.parquet --to trc,c3d,movement")
def export(
    file: Annotated[Path, typer.Argument(help="A trajectories.parquet.")],
    to: Annotated[
        str, typer.Option(help="Formats, separated by commas: trc,c3d,csv,anipose,dlc,sleap,movement,nwb.")
    ],
    skeleton: Annotated[
        str | None,
        typer.Option(help='With the keypoints of a skeleton, such as coco17, or "opensim" for its markers.'),
    ] = None,
) -> None:
    """Write trajectories for other tools, beside the file."""
    from triangulate.export.formats import FORMATS, read, write

    wanted = [name.strip().lower().lstrip(".") for name in to.split(",") if name.strip()]
    unknown = [name for name in wanted if name not in FORMATS]
    if unknown or not wanted:
        raise ValueError(f"no format called {', '.join(unknown) or repr(to)}; known are {', '.join(FORMATS)}")
    trajectories, stem = read(file), file.name.removesuffix(".parquet")
    if skeleton is not None:
        from models2d.skeleton import Skeleton
        from triangulate.other_skeleton import in_skeleton

        trajectories = in_skeleton(trajectories, Skeleton.load(skeleton))
        stem += f"-{trajectories.skeleton.name}"
    failed = []
    for name in wanted:
        path = file.with_name(stem + FORMATS[name][0])
        try:
            write(trajectories, path)
        except EXPECTED as error:
            failed.append(str(error) or type(error).__name__)
        else:
            say(f"wrote {path}")
    if failed:
        complain(*failed)
        raise typer.Exit(1)


def _report_all(outcomes: Iterable[Outcome]) -> None:
    """Say what stages did as they end, and at the end what failed; exit code 1 then."""
    failed = []
    for outcome in outcomes:
        _report(outcome)
        failed += [
            f"{outcome.what}: {format} is not written: {why}" for format, why in outcome.missing.items()
        ]
        if outcome.error is None:
            continue
        if not isinstance(outcome.error, EXPECTED) or os.environ.get("TRIANGULATE_TRACEBACK"):
            traceback.print_exception(outcome.error)
        failed.append(f"{outcome.what}: {str(outcome.error) or type(outcome.error).__name__}")
    if failed:
        complain(*failed)
        raise typer.Exit(1)


def _report(outcome: Outcome) -> None:
    if outcome.error is not None:
        say(f"{outcome.what}: failed")
    elif outcome.reason is None:
        say(f"{outcome.what}: up to date")
    else:
        summary = f"; {outcome.summary}" if outcome.summary else ""
        say(f"{outcome.what}: {outcome.seconds:.1f} s ({outcome.reason}){summary}")
