"""Real recordings: leave one camera out, and see how well the others predict what it saw.

They are looked for in $TRIANGULATE_RECORDINGS or ../shared/data; those that are absent are left out.
"""

import os
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.measurement import save, show
from benchmarks.scenes import Float
from calibration import Board, Recording, Rig, calibrate, find_corners, refine_cameras
from calibration.anipose import to_camera_group
from models2d import Tracks2D, read_detections
from triangulate import associate, reconstruct, smooth
from triangulate.points.noise_level import noise_scale
from triangulate.points.pixel_noise import pixel_information

FOLDER = Path(os.environ.get("TRIANGULATE_RECORDINGS", Path(__file__).parents[2] / "shared" / "data"))

ANIPOSE = {"scale_smooth": 2, "scale_length": 2, "n_deriv_smooth": 3, "reproj_error_threshold": 5}
"""The options with which anipose calls aniposelib."""


def mouse() -> tuple[Tracks2D, Rig]:
    """Four cameras, calibrated here from 15 board images each; proofread tracks of 120 frames."""
    folder = FOLDER / "mouse_4cam"
    names = ("back", "mid", "side", "top")
    board = Board.charuco(columns=8, rows=11, square=0.024, marker=0.01875, dictionary="4X4_1000")
    recording = Recording.open({name: folder / name / "calibration_images" for name in names})
    rig, _ = calibrate(find_corners(recording, board))
    files = {name: folder / name / f"minimal_{name}_proofread.analysis.h5" for name in names}
    return read_detections(files, fps=60.0).as_tracks(), rig


def fly() -> tuple[Tracks2D, Rig]:
    """Three cameras of long focal length, 500 frames; the median of three networks."""
    folder = FOLDER / "animals_eks" / "fly"
    rig = Rig.load(folder / "calibration.toml", unit="mm")
    networks = [
        read_detections(
            {name: sorted(folder.glob(f"*_{name}_*={seed}.csv"))[0] for name in rig.names}, fps=150.0
        )
        for seed in range(3)
        if all(list(folder.glob(f"*_{name}_*={seed}.csv")) for name in rig.names)
    ]
    first = networks[0]
    return (
        Tracks2D(
            xy=np.median([network.xy for network in networks], axis=0),
            confidence=np.median([network.confidence for network in networks], axis=0),
            views=first.views,
            skeleton=first.skeleton,
            subjects=("fly",),
            fps=first.fps,
        ),
        rig,
    )


def human() -> tuple[Tracks2D, Rig]:
    """Four cameras, 100 frames of a person balancing, other people in the background."""
    folder = FOLDER / "human_4cam"
    trial = folder / "S00_P00_SingleParticipant" / "S00_P00_T01_BalancingTrial" / "pose"
    rig = Rig.load(folder / "S00_Calibration" / "Calib_qualisys.toml")
    files = dict(zip(rig.names, sorted(path for path in trial.iterdir() if path.is_dir()), strict=True))
    return associate(read_detections(files, skeleton="body25b", fps=60.0), rig, subjects=1), rig


def human_refined() -> tuple[Tracks2D, Rig]:
    """Read the same person, and refine the cameras from these tracks: every method gets the same rig."""
    tracks, rig = human()
    rig, _ = refine_cameras(rig, np.moveaxis(tracks.xy, 1, -2).reshape(-1, len(rig), 2))
    return tracks, rig


RECORDINGS: dict[str, tuple[str, Callable[[], tuple[Tracks2D, Rig]]]] = {
    "mouse": ("mouse_4cam", mouse),
    "fly": ("animals_eks/fly", fly),
    "human": ("human_4cam", human),
    "human, refined rig": ("human_4cam", human_refined),
}


def main() -> None:
    tables = {}
    for name, (place, read) in RECORDINGS.items():
        if not (FOLDER / place).is_dir():
            print(f"{name}: {FOLDER / place} is not there")
            continue
        tracks, rig = read()
        tables[name] = [row for view in tracks.views for row in without(view, tracks, rig)]
        show(f"{name}: {read.__doc__}", tables[name])
    print("\nReprojection into the camera left out, px, over the detections that every method predicts.")
    print("answered: share of its detections predicted. size: actual over predicted size of the residuals.")
    print(f"Written to {save('real_recordings', tables)}")


def without(view: str, tracks: Tracks2D, rig: Rig) -> list[dict[str, Any]]:
    """Reconstruct from all cameras but one, and compare with what that one saw."""
    rig = rig.select(tracks.views)
    others = [name for name in tracks.views if name != view]
    kept = [tracks.views.index(name) for name in others]
    rest = Tracks2D(
        xy=tracks.xy[:, kept],
        confidence=tracks.confidence[:, kept],
        covariance=None if tracks.covariance is None else tracks.covariance[:, kept],
        views=tuple(others),
        skeleton=tracks.skeleton,
        subjects=tracks.subjects,
        fps=tracks.fps,
    )
    camera = rig.cameras[tracks.views.index(view)]
    seen = tracks.xy[:, tracks.views.index(view)]
    answers = predictions(rest, rig.select(others))
    residuals = {name: seen - camera.project(xyz) for name, (xyz, _, _) in answers.items()}
    present = np.isfinite(seen[..., 0])
    common = np.all([np.isfinite(residual[..., 0]) for residual in residuals.values()], axis=0) & present
    sigma = pixel_sigma(tracks, rig)
    rows = []
    for name, (xyz, covariance, seconds) in answers.items():
        distance = np.linalg.norm(residuals[name][common], axis=-1)
        rows.append(
            {
                "left out": view,
                "method": name,
                "mean_px": distance.mean(),
                "median_px": np.median(distance),
                "p90_px": np.percentile(distance, 90),
                "answered_%": 100 * np.isfinite(residuals[name][..., 0])[present].mean(),
                "size": None
                if covariance is None
                else size(camera, residuals[name][common], xyz[common], covariance[common], sigma),
                "seconds": seconds,
            }
        )
    return rows


def predictions(rest: Tracks2D, rig: Rig) -> dict[str, tuple[Float, Float | None, float]]:
    """Return points, covariances and seconds of every method."""
    answers: dict[str, tuple[Float, Float | None, float]] = {}
    start = time.perf_counter()
    raw = reconstruct(rest, rig)
    answers["raw"] = raw.xyz, raw.covariance, time.perf_counter() - start
    start = time.perf_counter()
    smoothed, _ = smooth(rest, rig)
    answers["smoothed"] = smoothed.xyz, smoothed.covariance, time.perf_counter() - start
    for fast in (False, True):
        start = time.perf_counter()
        xyz = aniposelib(rest, rig, fast)
        name = f"aniposelib, {'fast' if fast else 'linear'} start"
        answers[name] = xyz, None, time.perf_counter() - start
    return answers


def aniposelib(rest: Tracks2D, rig: Rig, fast: bool) -> Float:
    """Run optim_points with anipose's settings on one subject."""
    group = to_camera_group(rig, unit="mm")
    xy = np.ascontiguousarray(np.moveaxis(rest.xy[:, :, 0], 1, 0))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        start = group.triangulate(xy.reshape(len(xy), -1, 2), fast=fast).reshape(*xy.shape[1:3], 3)
        bones = [(int(a), int(b)) for a, b in rest.skeleton.bones]
        return group.optim_points(xy.copy(), start, constraints=bones, **ANIPOSE)[:, None] / 1000


def pixel_sigma(tracks: Tracks2D, rig: Rig) -> float:
    xy = np.moveaxis(tracks.xy, 1, 3).reshape(-1, len(rig), 2)
    return noise_scale(xy, pixel_information(xy.shape[:2], 1.0), rig)


def size(camera: Any, residual: Float, xyz: Float, covariance: Float, sigma: float) -> float:
    """Return the median size of residuals over what their noise and the points' covariance predict."""
    step = 1e-5 * np.linalg.norm(camera.center - xyz.mean(axis=0))
    J = np.stack(
        [
            (camera.project(xyz + step * axis) - camera.project(xyz - step * axis)) / (2 * step)
            for axis in np.eye(3)
        ],
        axis=-1,
    )
    predicted = J @ covariance @ np.swapaxes(J, 1, 2) + sigma**2 * np.eye(2)
    known = np.isfinite(predicted).all(axis=(1, 2))
    solved = np.linalg.solve(predicted[known], residual[known][..., None])[..., 0]
    # The median of a chi-square variable with two degrees of freedom is 2 ln 2.
    return float(np.sqrt(np.median((residual[known] * solved).sum(axis=-1)) / (2 * np.log(2))))


if __name__ == "__main__":
    main()
