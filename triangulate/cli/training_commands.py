"""The commands around networks: label, train, evaluate."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from triangulate.cli.console import bar, say
from triangulate.cli.program import app
from triangulate.errors import ProjectError


class How(StrEnum):
    """How frames to label are chosen."""

    uniform = "uniform"
    clusters = "clusters"
    doubt = "doubt"
    jumps = "jumps"
    residuals = "residuals"


LabelFiles = Annotated[
    Path, typer.Argument(help="A DeepLabCut project, a csv or h5 of labels, COCO JSON, or a SLEAP .slp.")
]
Fraction = Annotated[
    float, typer.Option(help="Part of the labelled instants to train on; the rest is the test.")
]
Seed = Annotated[int, typer.Option(help="Of the split into instants to train on and to test.")]


@app.command(epilog="Example: triangulate label recordings/ walk --how residuals")
def label(  # noqa: PLR0917 - options of a command line, each with a name
    project: Annotated[Path, typer.Argument(help="The project's folder, or its project.toml.")],
    trial: Annotated[str, typer.Argument(help="Name of the trial to label.")],
    frames: Annotated[int, typer.Option(help="Number of instants to label.")] = 20,
    how: Annotated[
        How,
        typer.Option(help="Evenly, unlike each other, or where detections are unsure, jump, or contradict."),
    ] = How.uniform,
    individuals: Annotated[str, typer.Option(help="Names, separated by commas.")] = "individual1",
    out: Annotated[Path | None, typer.Option(help="Folder of the labels; labels/TRIAL unless given.")] = None,
    port: Annotated[int, typer.Option(help="0 takes a free one.")] = 0,
    scorer: Annotated[str, typer.Option(help="Your name, in DeepLabCut's files.")] = "labeller",
) -> None:
    """Label keypoints in the browser, all views of an instant side by side.

    Serves a page to this machine only, until Ctrl+C; every change is saved at once as a DeepLabCut project.
    """
    from triangulate.labelling.server import LabellingServer
    from triangulate.labelling.session import LabellingSession
    from triangulate.projects.project import load_project
    from triangulate.projects.recordings import open_recording

    loaded = load_project(project)
    chosen = loaded.chosen((trial,))[0]
    if chosen.recording is None:
        raise ProjectError(f"trial {trial} has no recording in {loaded.file}, so there is nothing to label")
    recording = open_recording(loaded, chosen.recording, f"trial {trial}")
    session = LabellingSession.open(
        recording,
        out or loaded.folder / "labels" / trial,
        _frames(loaded, trial, recording, how, frames),
        _skeleton(loaded, trial),
        individuals=[name.strip() for name in individuals.split(",")],
        rig=_rig(loaded),
        scorer=scorer,
        progress=bar,
    )
    server = LabellingServer(session, port)
    say(f"labels go to {session.folder}; open {server.url} and press Ctrl+C here when done")
    server.run()


def _rig(project: Any) -> Any:
    from calibration.rig import Rig

    return Rig.load(project.rig_file) if project.rig_file.is_file() else None


def _skeleton(project: Any, trial: str) -> Any:
    from models2d.readers.joining import read_detections
    from models2d.skeleton import Skeleton

    if project.skeleton is not None:
        named = Path(project.skeleton)
        return Skeleton.load(project.folder / named if named.suffix else project.skeleton)
    detections = project.folder / "results" / trial / "detections.parquet"
    if detections.is_file():
        return read_detections(detections).skeleton
    raise ProjectError(
        f'{project.file} names no skeleton: add skeleton = "coco17" under [detections] (or another shipped '
        f"one, or the path "
        f"of a TOML with "
        "keypoints and bones)"
    )


def _frames(project: Any, trial: str, recording: Any, how: How, count: int) -> list[int]:
    from models2d.labelling import selection
    from models2d.readers.joining import read_detections

    if how is How.uniform:
        return selection.pick_uniform(len(recording), min(count, len(recording))).tolist()
    if how is How.clusters:
        small = selection.small_images(recording, progress=bar)
        return selection.pick_by_clusters(small, min(count, len(small))).tolist()
    file = project.folder / "results" / trial / "detections.parquet"
    if not file.is_file():
        raise ProjectError(
            f"--how {how} needs detections: run triangulate detect {project.file} {trial} first"
        )
    detections = read_detections(file)
    if how is How.residuals:
        return selection.pick_highest(_contradiction(project, detections), count).tolist()
    score = selection.doubt(detections) if how is How.doubt else selection.jumps(detections)
    return selection.pick_highest(score, count).tolist()


def _contradiction(project: Any, detections: Any) -> np.ndarray:
    from triangulate.association.subjects import associate
    from triangulate.points.residual_selection import contradiction

    rig = _rig(project)
    if rig is None:
        raise ProjectError(
            f"--how residuals needs a calibration: run triangulate calibrate {project.file} first"
        )
    tracks = detections.as_tracks() if detections.shape[2] == 1 else associate(detections, rig)
    return np.nan_to_num(contradiction(tracks, rig), nan=-1.0).max(axis=1)


@app.command(epilog="Example: triangulate train labels/walk --out runs/first")
def train(  # noqa: PLR0917 - options of a command line, each with a name
    labels: LabelFiles,
    out: Annotated[Path, typer.Option(help="Run folder: configuration, log, curve, checkpoint, best model.")],
    steps: Annotated[int, typer.Option(help="Batches to train on.")] = 3000,
    architecture: Annotated[
        str,
        typer.Option(
            help="Name of a network, see the documentation; for several individuals in a frame one that "
            "groups keypoints, as unet_tags, unet_pairwise, higher_hrnet or deeper_cut."
        ),
    ] = "unet",
    size: Annotated[
        int, typer.Option(help="Width and height of what the network sees, px: a multiple of 32.")
    ] = 256,
    weights: Annotated[str | None, typer.Option(help="Start from this model.")] = None,
    fraction: Fraction = 0.95,
    seed: Seed = 0,
) -> None:
    """Train a network on labelled frames; interrupted, the same command goes on."""
    from models2d.labelling.choosing import read_labels
    from models2d.models.recipe import Recipe
    from models2d.training.trainer import TrainingOptions
    from models2d.training.trainer import train as train_network

    learn, test = read_labels(labels).split(fraction, seed)
    say(f"{_counted(learn)} to train on, {_counted(test)} kept for the test")
    recipe = Recipe(architecture=architecture, input_size=(size, size))
    options = TrainingOptions(recipe=recipe, steps=steps, seed=seed)
    train_network(learn, out, options, weights=weights, progress=bar)
    say(
        f"wrote {out / 'best.safetensors'}; judge it with triangulate evaluate {labels} "
        f"{out / 'best.safetensors'}"
    )


def _counted(labels: Any) -> str:
    instants = len(set(labels.instants.tolist()))
    return f"{len(labels)} frames" + (f" of {instants} instants" if instants < len(labels) else "")


@app.command(epilog="Example: triangulate evaluate labels/walk runs/first/best.safetensors")
def evaluate(  # noqa: PLR0917 - options of a command line, each with a name
    labels: LabelFiles,
    model: Annotated[str, typer.Argument(help="A model file, or the name of a shipped one.")],
    out: Annotated[Path, typer.Option(help="The page to write; the table goes beside it.")] = Path(
        "evaluation.html"
    ),
    fraction: Fraction = 0.95,
    seed: Seed = 0,
    cut: Annotated[float, typer.Option(help="Confidence below which predictions are left out.")] = 0.6,
) -> None:
    """Compare a network with labels: a table, and a page with the worst frames drawn."""
    from models2d.evaluation.evaluating import evaluate as compare
    from models2d.labelling.choosing import read_labels
    from models2d.model_files.weights import load_model

    there = read_labels(labels)
    learn, test = there.split(fraction, seed)
    place = {frame: number for number, frame in enumerate(there.frames)}
    parts = {
        name: np.array([place[frame] for frame in part.frames])
        for name, part in (("train", learn), ("test", test))
    }
    evaluation = compare(there, load_model(model), parts=parts, cut=cut, progress=bar)
    evaluation.write_html(out)
    evaluation.write_csv(out.with_suffix(".csv"))
    for row in evaluation.rows():
        if row["keypoint"] == "all":
            say(
                f"{row['part']}: {row['labels']} labels, mean {row['mean px']:.2f} px, RMSE "
                f"{row['RMSE px']:.2f} px, "
                f"above {cut:g}: mean {row['mean px above cut']:.2f} px"
            )
    say(f"wrote {out} and {out.with_suffix('.csv')}")
