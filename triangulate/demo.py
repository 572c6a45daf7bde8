"""The demo: a rendered recording with known truth goes through every stage as a user's project would.

Only the table at its end knows the truth.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from calibration.arrays import ReadOnlyArrays
from calibration.geometry.similarity import fit_similarity
from calibration.rig import Rig
from models2d.readers.joining import read_detections
from triangulate.export.formats import read
from triangulate.points.solving import triangulate_points
from triangulate.projects.outcomes import Outcome, Progress
from triangulate.projects.pipeline import run_project
from triangulate.projects.project import FILE, Project, load_project
from triangulate.projects.stage import Stage
from triangulate.projects.staging import Staging
from triangulate.projects.start import write_project
from triangulate.synthetic import scene as synthetic
from triangulate.trajectories import Trajectories3D

Float = NDArray[np.float64]

TRIAL = "walk"
HELD_OUT_POINTS = 1000

CHI_SQUARED_95 = 7.8147
"""95% quantile for three degrees of freedom."""


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class TruthComparison(ReadOnlyArrays):
    """The results of the demo beside the truth.

    Attributes
    ----------
    centers : (views,) float, m
        Distance of each camera's centre from the truth.
    held_out : (points,) float, m
        Error of points in the volume that no stage has seen, seen without noise through the calibrated rig.
    pixels : (n,) float, px
        Error of all detections.
    detected : float
        Share of the keypoints inside the images that were detected.
    raw, smoothed : (n,) float, m
        3D errors of the points that both have.
    raw_held, smoothed_held : float
        Share of the truth inside the 95% ellipsoids of the covariances.
    """

    centers: Float
    held_out: Float
    pixels: Float
    detected: float
    raw: Float
    smoothed: Float
    raw_held: float
    smoothed_held: float


def render_demo(folder: Path, scene: synthetic.Scene, progress: Progress | None = None) -> Outcome:
    """Write the recording and its project file, unless they are there.

    Parameters
    ----------
    folder : path
    scene : Scene
    progress : callable, optional

    Returns
    -------
    outcome : Outcome
    """
    videos = tuple(
        folder / part / f"{name}.avi"
        for part in ("calibration", f"trials/{TRIAL}")
        for name in scene.rig.names
    )

    def work(staged: Staging) -> str:
        scratch = staged(folder / FILE).parent
        synthetic.write_recording(scene, scratch, progress=progress)
        for video in videos:
            (scratch / video.relative_to(folder)).replace(staged(video))
        return ""

    outcome = Stage(
        name="render",
        inputs={},
        options={"frames": [len(scene.world_from_board), len(scene.xyz)], "seed": scene.seed},
        outputs=videos,
        work=work,
    ).run()
    if outcome.reason is not None or not (folder / FILE).exists():
        write_project(folder, board=scene.board, model="demo", floor_frame=0, overwrite=True)
    return replace(outcome, outputs=(folder / FILE,))


def run_demo(folder: Path, scene: synthetic.Scene, progress: Progress | None = None) -> Iterator[Outcome]:
    """Render the recording and take it through every stage.

    Parameters
    ----------
    folder : path
    scene : Scene
    progress : callable, optional

    Yields
    ------
    outcome : Outcome
    """
    yield render_demo(folder, scene, progress)
    for outcome in run_project(load_project(folder), progress=progress):
        if outcome.error is not None:
            raise outcome.error
        yield outcome


def compare_with_truth(project: Project, scene: synthetic.Scene) -> TruthComparison:
    """Hold the results of the demo against the truth.

    The world of a calibration is a choice, so the truth is first moved onto it rigidly, without scaling, by
    the held-out points.

    Parameters
    ----------
    project : Project
    scene : Scene

    Returns
    -------
    comparison : TruthComparison
    """
    rig, folder = Rig.load(project.rig_file).select(scene.rig.names), project.results(TRIAL)
    points = np.random.default_rng(1).uniform([-0.6, -0.6, 0.05], [0.6, 0.6, 1.3], size=(HELD_OUT_POINTS, 3))
    seen = triangulate_points(scene.rig.project(points), rig, method="refined")
    _, found_from_true = fit_similarity(points, seen, scale=False)
    true_xyz = found_from_true.apply(scene.xyz.reshape(-1, 3)).reshape(scene.xyz.shape)
    detections = read_detections(folder / "detections.parquet")
    order = [detections.views.index(name) for name in scene.rig.names]
    truth = np.moveaxis(scene.rig.project(scene.xyz), -2, 1)
    pixels = np.linalg.norm(detections.xy[:, order, 0] - truth, axis=-1)
    raw, smoothed = (read(folder / f"{name}.parquet") for name in ("raw", "trajectories"))
    errors = [np.linalg.norm(points.xyz[:, 0] - true_xyz, axis=-1) for points in (raw, smoothed)]
    held = [held_share(points, true_xyz) for points in (raw, smoothed)]
    both = np.isfinite(errors[0]) & np.isfinite(errors[1])
    return TruthComparison(
        centers=np.linalg.norm(rig.centers - found_from_true.apply(scene.rig.centers), axis=-1),
        held_out=np.linalg.norm(seen - found_from_true.apply(points), axis=-1),
        pixels=pixels[np.isfinite(pixels)],
        detected=float(np.isfinite(pixels).mean()),
        raw=errors[0][both],
        smoothed=errors[1][both],
        raw_held=held[0],
        smoothed_held=held[1],
    )


def held_share(points: Trajectories3D, truth: Float) -> float:
    """Return which share of the truth lies inside the 95% ellipsoids of the covariances.

    Parameters
    ----------
    points : Trajectories3D
        Of one subject.
    truth : (frames, keypoints, 3) float, m, world

    Returns
    -------
    share : float
        Of the points that are known.
    """
    error, covariance = points.xyz[:, 0] - truth, points.covariance[:, 0]
    known = np.asarray(np.isfinite(error).all(axis=-1) & np.isfinite(covariance).all(axis=(-2, -1)))
    solved = np.linalg.solve(covariance[known], error[known][:, :, None])[:, :, 0]
    return float(((error[known] * solved).sum(axis=-1) < CHI_SQUARED_95).mean())


def comparison_table(comparison: TruthComparison, outcomes: list[Outcome]) -> str:
    """Lay out the comparison and the seconds of each stage.

    Parameters
    ----------
    comparison : TruthComparison
    outcomes : list of Outcome

    Returns
    -------
    text : str
    """
    mm = {name: 1000 * getattr(comparison, name) for name in ("centers", "held_out", "raw", "smoothed")}
    rows = [
        ("against the truth", "mean", "median", "95% below", "worst"),
        _row("camera centres (mm)", mm["centers"]),
        _row("held-out points (mm)", mm["held_out"]),
        _row("2D detections (px)", comparison.pixels),
        _row("3D raw (mm)", mm["raw"]),
        _row("3D smoothed (mm)", mm["smoothed"]),
    ]
    lines = [f"{name:<24}" + "".join(f"{cell:>12}" for cell in cells) for name, *cells in rows]
    lines.insert(1, "-" * len(lines[0]))
    lines.append(f"{100 * comparison.detected:.1f}% of all keypoints were detected")
    lines.append(
        f"95% ellipsoids hold {100 * comparison.raw_held:.1f}% of the truth raw, "
        f"{100 * comparison.smoothed_held:.1f}% smoothed"
    )
    seconds = ", ".join(f"{outcome.stage} {outcome.seconds:.1f}" for outcome in outcomes)
    total = sum(outcome.seconds for outcome in outcomes)
    return "\n".join([*lines, "", f"seconds: {seconds}; total {total:.1f}"])


def _row(name: str, values: Float) -> tuple[str, ...]:
    cells = (np.mean(values), np.median(values), np.percentile(values, 95), np.max(values))
    return (name, *(f"{cell:.2f}" for cell in cells))
