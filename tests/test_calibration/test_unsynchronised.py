"""Cameras with clocks of their own, calibrated from one moving point."""

import json

import numpy as np
import pytest
from scipy.spatial.transform import RigidTransform, Rotation

from calibration import CalibrationError, Intrinsics
from calibration.geometry.similarity import fit_similarity
from calibration.points.moving_point import Track
from calibration.points.time_offsets import pair_offset
from calibration.points.track_alignment import placed_on_track
from calibration.points.unsynchronised import calibrate_moving_point
from models2d import Skeleton, Tracks2D
from triangulate import on_common_clock, reconstruct, smooth

lens = Intrinsics.from_focal((1920, 1080), 1500.0, [-0.1, 0.05, 0, 0, 0])
truth = {
    "a": ((0.0, -40.0, 2.0), 30.0, 0.0, 1.0),
    "b": ((35.0, -20.0, 4.0), 25.0, 1.7, 1.0005),
    "c": ((-30.0, -25.0, 3.0), 50.0, -2.3, 0.9998),
}


def path(times):
    return np.stack(
        [
            8 * np.sin(0.5 * times) + 3 * np.sin(1.3 * times + 1),
            6 * np.cos(0.37 * times) + 2 * np.sin(0.9 * times),
            8 + 3 * np.sin(0.61 * times + 2),
        ],
        axis=-1,
    )


def cam_from_world(center):
    ahead = np.array([0, 0, 8.0]) - center
    ahead /= np.linalg.norm(ahead)
    right = np.cross(ahead, [0, 0, 1.0])
    right /= np.linalg.norm(right)
    R = np.array([right, np.cross(ahead, right), ahead])
    return RigidTransform.from_components(-R @ center, Rotation.from_matrix(R))


def tracks(seconds=25, sigma=0.3, outliers=0.03, seed=0):
    rng = np.random.default_rng(seed)
    seen = {}
    for name, (center, fps, offset, rate) in truth.items():
        frames = np.arange(int(seconds * fps))
        xyz = path(offset + rate * frames / fps)
        xy = lens.project(cam_from_world(np.array(center)).apply(xyz)) + rng.normal(
            0, sigma, (len(frames), 2)
        )
        wrong = rng.random(len(frames)) < outliers
        xy[wrong] += rng.normal(0, 100, (wrong.sum(), 2))
        lost = int(rng.integers(0, len(frames) - fps))
        xy[lost : lost + int(fps)] = np.nan
        seen[name] = Track(intrinsics=lens, xy=xy, fps=fps)
    return seen


@pytest.fixture(scope="module")
def calibrated():
    return calibrate_moving_point(tracks(), longest_offset=3.0, knot_interval=0.5)


def test_offset_of_a_pair_is_found_from_its_epipolar_geometry():
    seen = tracks()
    found = pair_offset(seen["a"], seen["b"], (0, 1), longest=4.0, step=0.5)
    assert found.offset == pytest.approx(-1.7, abs=0.05)
    assert found.doubt < 0.5


def test_places_clocks_and_path_are_found(calibrated):
    rig, motion = calibrated
    assert rig.names == ("a", "b", "c")
    offset, rate = ([values[number] for values in truth.values()] for number in (2, 3))
    np.testing.assert_allclose(motion.clocks.offset, offset, atol=5e-3)
    np.testing.assert_allclose(motion.clocks.rate, rate, atol=2e-4)
    assert motion.sigma == pytest.approx(0.3, rel=0.15)
    times = np.arange(0, 24, 0.1)
    ours = motion.position(times)
    known = np.isfinite(ours[:, 0])
    assert known.mean() > 0.9
    factor, moved = fit_similarity(ours[known], path(times[known]))
    assert np.median(np.linalg.norm(moved.apply(factor * ours[known]) - path(times[known]), axis=1)) < 0.02
    centers = np.array([values[0] for values in truth.values()])
    assert np.abs(moved.apply(factor * rig.centers) - centers).max() < 0.1
    np.testing.assert_allclose(motion.rejected, 0.03, atol=0.03)


def test_a_known_path_gives_scale_world_and_time(calibrated):
    rig, motion = calibrated
    times = np.arange(0, 24, 0.2)
    placed, moved, match = placed_on_track(rig, motion, times + 100.0, path(times))
    assert match.offset == pytest.approx(100.0, abs=0.01)
    assert np.nanmedian(match.error) < 0.02
    centers = np.array([values[0] for values in truth.values()])
    assert np.abs(placed.centers - centers).max() < 0.1
    np.testing.assert_allclose(moved.position([120.0]), path(np.array([20.0])), atol=0.05)


def test_a_path_that_was_never_shared_is_refused(calibrated):
    rig, motion = calibrated
    with pytest.raises(CalibrationError, match="must not be straight"):
        placed_on_track(rig, motion, np.arange(100.0), np.outer(np.arange(100.0), [1, 2, 3]))


def test_tracks_that_nobody_shares_are_refused():
    seen = tracks()
    blind = {**seen, "c": Track(intrinsics=lens, xy=np.full((100, 2), np.nan), fps=30.0)}
    with pytest.raises(CalibrationError, match=r"c: no time offset up to 2 s"):
        calibrate_moving_point(blind, longest_offset=2.0)
    with pytest.raises(ValueError, match="at least two tracks are needed, got 1"):
        calibrate_moving_point({"a": seen["a"]})
    with pytest.raises(ValueError, match="fps: expected a positive number"):
        Track(intrinsics=lens, xy=np.zeros((3, 2)), fps=0)


def drone_tracks(folder):
    cameras = {
        "iphone6": "iphone6",
        "p20pro": "p20pro",
        "sonyG": "sonyG_1",
        "sony5n_1920x1080": "sony5n_1920x1080",
    }
    found = {}
    for number, (camera, file) in enumerate(cameras.items()):
        given = json.loads((folder / "calibration" / camera / f"{file}.json").read_text())
        lines = (folder / "dataset1" / "detections" / f"cam{number}.txt").read_text().splitlines()
        rows = np.array([line.split() for line in lines if line[:1].isdigit()], dtype=np.float64)
        xy = np.full((int(rows[-1, 0]), 2), np.nan)
        xy[rows[:, 0].astype(int) - 1] = np.where(
            (rows[:, 1:] == 0).any(axis=1)[:, None], np.nan, rows[:, 1:]
        )
        intrinsics = Intrinsics(
            size=given["resolution"],
            K=np.array(given["K-matrix"], dtype=float),
            distortion=given["distCoeff"],
        )
        every = 2 if given["fps"] > 40 else 1
        found[camera] = Track(intrinsics=intrinsics, xy=xy[::every], fps=given["fps"] / every)
    return found


@pytest.mark.recordings
def test_drone_against_its_rtk_track(recordings):
    folder = recordings("drone_rtk")
    tracks = drone_tracks(folder)
    rig, motion = calibrate_moving_point(tracks, offsets=[0.0, 0.52, 19.27, 2.72], knot_interval=0.4)
    rtk = np.loadtxt(folder / "dataset1" / "trajectory" / "rtk.txt")
    rig, motion, match = placed_on_track(rig, motion, np.arange(len(rtk)) / 5.0, rtk)
    assert np.isfinite(match.error).sum() > 500
    assert np.nanmedian(match.error) < 0.05
    seen, start = on_common_clock([timed(tracks, name, motion) for name in tracks])
    when = np.round((np.arange(len(rtk)) / 5.0 - start) * seen.fps).astype(int)
    use = (when >= 0) & (when < len(seen.xy))
    speed = np.linalg.norm(np.gradient(rtk, 0.2, axis=0), axis=1)
    near = use & (speed < 0.5)  # a row is up to 17 ms from the RTK's instant
    for found in (reconstruct(seen, rig), smooth(seen, rig)[0]):
        away = np.linalg.norm(found.xyz[when[near], 0, 0] - rtk[near], axis=1)
        assert np.isfinite(away).sum() > 100
        assert np.nanmedian(away) < 0.06


def timed(tracks, name, motion):
    """What one camera saw, each frame at its time."""
    track, view = tracks[name], motion.names.index(name)
    xy = track.xy[:, None, None, None]
    return Tracks2D(
        xy=xy,
        confidence=np.ones(xy.shape[:-1]),
        views=(name,),
        skeleton=Skeleton(name="drone", keypoints=("drone",)),
        subjects=("drone",),
        fps=track.fps,
        times=motion.clocks.times(view, np.arange(len(xy)), track.fps)[:, None],
    )
