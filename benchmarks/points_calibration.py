"""Calibration without a board: a rough rig, no rig at all, unsynchronised cameras, a subject's keypoints.

They are looked for in $TRIANGULATE_RECORDINGS or ../shared/data; those that are absent are left out. With
$POINTS_WITH_ANIPOSELIB set, aniposelib's bundle adjustment runs on the rough rig as well (minutes).
"""

import json
import os
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.measurement import save, show
from calibration import (
    Intrinsics,
    Rig,
    Track,
    calibrate_moving_point,
    calibrate_points,
    placed_on_track,
    refine_cameras,
)
from calibration.geometry.similarity import fit_similarity_robustly
from calibration.points.drift import pair_errors
from calibration.points.moving_point import Motion
from models2d import Skeleton, Tracks2D, read_detections
from triangulate import Trajectories3D, on_common_clock, reconstruct, smooth

FOLDER = Path(os.environ.get("TRIANGULATE_RECORDINGS", Path(__file__).parents[2] / "shared" / "data"))


def linear_error(rig: Rig, xy: Any) -> float:
    """Median reprojection error of plain linear triangulation from all views, px; nothing robust about it."""
    uv = rig.undistort(xy)
    seen = np.isfinite(uv[..., 0]) & np.isfinite(xy[..., 0])
    P = np.array([camera.P for camera in rig.cameras])
    rows = np.nan_to_num(uv)[..., None] * P[:, 2][None, :, None] - P[None, :, :2]
    rows = np.where(seen[..., None, None], rows, 0).reshape(len(xy), -1, 4)
    _, _, Vt = np.linalg.svd(np.einsum("nri,nrj->nij", rows, rows))
    xyz = Vt[:, -1, :3] / Vt[:, -1, 3:]
    return float(np.nanmedian(np.linalg.norm(rig.project(xyz) - xy, axis=-1)[seen]))


def rough_rig() -> list[dict[str, Any]]:
    """Twelve cameras, 508,000 observations; fitted on all, and on half and judged on the other half."""
    folder = FOLDER / "rig_12cam_points"
    rig = Rig.load(folder / "calibration_right_4_10_2026_adjusted.toml", unit="m")
    xy = np.load(folder / "points_right_4_10_2026_sub.npz")["p2d"].transpose(1, 0, 2)
    refine_cameras(rig, xy[::200])  # compiles
    rows = []
    for lens in ("fixed", "radial"):
        start = time.perf_counter()
        refined, report = refine_cameras(rig, xy, lens=lens)
        seconds = time.perf_counter() - start
        half, _ = refine_cameras(rig, xy[::2], lens=lens)
        rows.append(
            {
                "method": f"refine_cameras, lens {lens}",
                "seconds": seconds,
                "robust_px_before": report.median_before,
                "robust_px": report.median_after,
                "linear_px_before": linear_error(rig, xy),
                "linear_px": linear_error(refined, xy),
                "held_out_linear_px": linear_error(half, xy[1::2]),
                "held_out_epipolar_px": float(np.nanmedian(pair_errors(half, xy[1::2]))),
            }
        )
    start = time.perf_counter()
    lenses = {camera.name: camera.intrinsics for camera in rig.cameras}
    found, report = calibrate_points(xy, lenses)
    seconds = time.perf_counter() - start
    rows.append(
        {
            "method": "calibrate_points, no rough rig",
            "seconds": seconds,
            "robust_px": report.median_after,
            "linear_px": linear_error(found, xy),
        }
    )
    if "POINTS_WITH_ANIPOSELIB" in os.environ:
        rows.append(aniposelib_row(rig, xy))
    return rows


def aniposelib_row(rig: Rig, xy: Any) -> dict[str, Any]:
    """Run aniposelib's iterative bundle adjustment, extrinsics only, on the same points."""
    from calibration.anipose import from_camera_group, to_camera_group

    group = to_camera_group(rig)
    start = time.perf_counter()
    group.bundle_adjust_iter(np.ascontiguousarray(xy.swapaxes(0, 1)), only_extrinsics=True, verbose=False)
    seconds = time.perf_counter() - start
    refined = from_camera_group(group, unit="m")
    return {
        "method": "aniposelib bundle_adjust_iter, extrinsics",
        "seconds": seconds,
        "linear_px_before": linear_error(rig, xy),
        "linear_px": linear_error(refined, xy),
        "held_out_epipolar_px": float(np.nanmedian(pair_errors(refined, xy))),
    }


def drone_tracks() -> dict[str, Track]:
    """Read what four unsynchronised cameras of different frame rates saw of a drone."""
    folder = FOLDER / "drone_rtk"
    cameras = {
        "iphone6": "iphone6",
        "p20pro": "p20pro",
        "sonyG": "sonyG_1",
        "sony5n_1920x1080": "sony5n_1920x1080",
    }
    tracks = {}
    for number, (camera, file) in enumerate(cameras.items()):
        given = json.loads((folder / "calibration" / camera / f"{file}.json").read_text())
        lines = (folder / "dataset1" / "detections" / f"cam{number}.txt").read_text().splitlines()
        rows = np.array([line.split() for line in lines if line[:1].isdigit()], dtype=np.float64)
        xy = np.full((int(rows[-1, 0]), 2), np.nan)
        xy[rows[:, 0].astype(int) - 1] = np.where(
            (rows[:, 1:] == 0).any(axis=1)[:, None], np.nan, rows[:, 1:]
        )
        lens = Intrinsics(
            size=given["resolution"],
            K=np.array(given["K-matrix"], dtype=float),
            distortion=given["distCoeff"],
        )
        tracks[camera] = Track(intrinsics=lens, xy=xy, fps=given["fps"])
    return tracks


def drone() -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Poses and clocks unknown; judged by RTK after a similarity. Then the path, with and without clocks."""
    tracks = drone_tracks()
    start = time.perf_counter()
    rig, motion = calibrate_moving_point(tracks)
    seconds = time.perf_counter() - start
    rtk = np.loadtxt(FOLDER / "drone_rtk" / "dataset1" / "trajectory" / "rtk.txt")
    rig, motion, match = placed_on_track(rig, motion, np.arange(len(rtk)) / 5.0, rtk)
    calibrated = [
        {
            "cameras": len(rig),
            "seconds": seconds,
            "median_px": float(np.median(motion.errors_px)),
            "rtk_positions": int(np.isfinite(match.error).sum()),
            "median_cm": 100 * float(np.nanmedian(match.error)),
            "p90_cm": 100 * float(np.nanpercentile(match.error, 90)),
            "offsets_s": ", ".join(
                f"{offset - motion.clocks.offset[0]:.3f}" for offset in motion.clocks.offset
            ),
        }
    ]
    return calibrated, drone_path(tracks, rig, motion, rtk)


def drone_path(tracks: dict[str, Track], rig: Rig, motion: Motion, rtk: Any) -> list[dict[str, Any]]:
    """Reconstruct and smooth the path with the clocks as found, to the nearest frame, and with none.

    Cameras of 50 Hz are looked at in every other frame, so that all are near the 30 Hz of the rows.
    """
    alone, blind = [], []
    for view, (name, track) in enumerate(tracks.items()):
        every = 2 if track.fps > 40 else 1
        frames = np.arange(0, len(track.xy), every)
        xy = track.xy[frames][:, None, None, None]
        one = Tracks2D(
            xy=xy,
            confidence=np.ones(xy.shape[:-1]),
            views=(name,),
            skeleton=Skeleton(name="drone", keypoints=("drone",)),
            subjects=("drone",),
            fps=track.fps / every,
            times=motion.clocks.times(view, frames, track.fps)[:, None],
        )
        alone.append(one)
        blind.append(replace(one, times=motion.clocks.offset[0] + frames[:, None] / track.fps))
    timed, start = on_common_clock(alone, fps=30.0)
    nearest, (untimed, _) = replace(timed, times=None), on_common_clock(blind, fps=30.0)
    rows = []
    for method, seen in (
        ("with offsets and rates", timed),
        ("to the nearest frame", nearest),
        ("without offsets", untimed),
    ):
        began = time.perf_counter()
        raw = reconstruct(seen, rig)
        smoothed, _ = smooth(seen, rig)
        for name, found in (("reconstruct", raw), ("smooth", smoothed)):
            rows.append({"method": f"{name} {method}", **path_error(found, start, rtk)})
        rows[-1]["seconds"] = time.perf_counter() - began
    return rows


def path_error(found: Trajectories3D, start: float, rtk: Any) -> dict[str, Any]:
    """Compare a path with the RTK positions after a similarity of its own."""
    xyz, at = found.xyz[:, 0, 0], (np.arange(len(rtk)) / 5.0 - start) * found.fps
    before = np.clip(np.floor(at).astype(int), 0, len(xyz) - 2)
    share = (at - before)[:, None]
    ours = (1 - share) * xyz[before] + share * xyz[before + 1]
    known = np.isfinite(ours[:, 0]) & (share[:, 0] >= 0) & (share[:, 0] <= 1)
    factor, moved = fit_similarity_robustly(ours[known], rtk[known])
    error = 100 * np.linalg.norm(moved.apply(factor * ours[known]) - rtk[known], axis=1)
    return {
        "points": int(np.isfinite(xyz[:, 0]).sum()),
        "rtk_positions": int(known.sum()),
        "median_cm": float(np.median(error)),
        "p90_cm": float(np.percentile(error, 90)),
    }


def human() -> list[dict[str, Any]]:
    """Four cameras, the subject's keypoints: fitted on even frames, judged on odd ones and a static trial."""
    folder = FOLDER / "human_4cam"

    def points(trial: str) -> Any:
        poses = folder / "S00_P00_SingleParticipant" / trial / "pose-associated"
        files = {f"cam_{number:02d}": poses / f"cam{number:02d}_json" for number in range(1, 5)}
        seen = read_detections(files, fps=60.0)
        xy = np.where((seen.confidence > 0.5)[..., None], seen.xy, np.nan)[:, :, 0]
        return xy.swapaxes(1, 2)

    trial, static = points("S00_P00_T01_BalancingTrial"), points("S00_P00_T00_StaticTrial")
    rows = []
    for file in ("Calib_qualisys.toml", "Calib.qca.txt"):
        rig = Rig.load(folder / "S00_Calibration" / file)
        for lens in ("fixed", "focal"):
            refined, report = refine_cameras(rig, trial[::2], lens=lens)
            row: dict[str, Any] = {"file": file, "lens": lens, "moved_mm": 1000 * float(report.moved.max())}
            for name, held_out in (("odd_frames", trial[1::2]), ("static", static)):
                xy = held_out.reshape(-1, 4, 2)
                row[f"{name}_px_before"] = linear_error(rig, xy)
                row[f"{name}_px"] = linear_error(refined, xy)
            rows.append(row)
    return rows


def same_rig() -> list[dict[str, Any]]:
    """How far the rig found from nothing is from the one refined from the rough start, on some points."""
    folder = FOLDER / "rig_12cam_points"
    rig = Rig.load(folder / "calibration_right_4_10_2026_adjusted.toml", unit="m")
    xy = np.load(folder / "points_right_4_10_2026_sub.npz")["p2d"].transpose(1, 0, 2)[::10]
    refined, _ = refine_cameras(rig, xy)
    found, _ = calibrate_points(xy, {camera.name: camera.intrinsics for camera in rig.cameras})
    factor, moved = fit_similarity_robustly(found.centers, refined.centers)
    miss = 1000 * np.linalg.norm(moved.apply(factor * found.centers) - refined.centers, axis=1)
    return [{"median_mm": float(np.median(miss)), "largest_mm": float(miss.max())}]


def main() -> None:
    tables = {}
    for name, folder, table in (
        ("rough rig of twelve cameras", "rig_12cam_points", rough_rig),
        ("from nothing against from a rough rig", "rig_12cam_points", same_rig),
        ("subject's keypoints", "human_4cam", human),
    ):
        if (FOLDER / folder).is_dir():
            tables[name] = table()
            show(name, tables[name])
    if (FOLDER / "drone_rtk").is_dir():
        names = ("drone against RTK", "the drone's path, by what is made of the cameras' clocks")
        for name, rows in zip(names, drone(), strict=True):
            tables[name] = rows
            show(name, rows)
    print(save("points_calibration", tables))


if __name__ == "__main__":
    main()
