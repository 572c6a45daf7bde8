"""Cameras that have moved since the calibration are found, named and put right."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import RigidTransform, Rotation

from calibration import Camera, Intrinsics, Rig
from calibration.points.drift import check_drift, pair_errors
from calibration.points.refining import refine_cameras

lens = Intrinsics.from_focal((1280, 1024), 1000.0, [-0.2, 0.05, 1e-3, -1e-3, 0.01])


def looking_in(number):
    angle = 2 * np.pi * number / 5
    center = np.array([2 * np.cos(angle), 2 * np.sin(angle), 1.0 + 0.2 * number])
    ahead = -center / np.linalg.norm(center)
    right = np.cross(ahead, [0, 0, 1.0])
    right /= np.linalg.norm(right)
    R = np.array([right, np.cross(ahead, right), ahead])
    place = RigidTransform.from_components(-R @ center, Rotation.from_matrix(R))
    return Camera(name=f"cam{number}", intrinsics=lens, cam_from_world=place)


now = Rig(cameras=tuple(looking_in(number) for number in range(5)))


def knocked(*names, degrees=0.6, metres=0.02):
    """The old calibration: these cameras have been knocked since."""
    push = RigidTransform.from_components([metres, 0, 0], Rotation.from_rotvec([0, np.radians(degrees), 0]))
    return Rig(
        cameras=tuple(
            Camera(
                name=camera.name,
                intrinsics=lens,
                cam_from_world=push * camera.cam_from_world
                if camera.name in names
                else camera.cam_from_world,
            )
            for camera in now.cameras
        )
    )


def seen(sigma=0.5, outliers=0.05):
    rng = np.random.default_rng(0)
    xy = np.array(now.project(rng.uniform(-0.5, 0.5, (60, 5, 3)))) + rng.normal(0, sigma, (60, 5, 5, 2))
    wrong = rng.random(xy.shape[:-1]) < outliers
    xy[wrong] += rng.normal(0, 60, (wrong.sum(), 2))
    xy[rng.random(xy.shape[:-1]) < 0.2] = np.nan
    return xy


def test_nothing_has_moved():
    report = check_drift(now, seen())
    assert report.moved == ()
    assert report.certain
    assert report.mended is now
    assert str(report).startswith("all cameras agree")
    assert np.nanmax(report.pair_px) < 0.7


@pytest.mark.parametrize("names", [("cam2",), ("cam0", "cam4")])
def test_the_cameras_that_moved_are_named_and_mended(names):
    old = knocked(*names)
    report = check_drift(old, seen())
    assert report.moved == names
    assert report.certain
    np.testing.assert_allclose(report.mended.centers, now.centers, atol=3e-3)
    for view, name in enumerate(now.names):
        if name in names:
            expected = np.linalg.norm(now.centers[view] - old.centers[view])
            assert report.shift[view] == pytest.approx(expected, abs=4e-3)
            assert report.turn[view] == pytest.approx(0.6, abs=0.1)
        else:
            assert report.turn[view] == 0
            np.testing.assert_allclose(report.shift[view], 0, atol=1e-12)
    assert f"{names[0]} has moved by" in str(report)


def test_two_cameras_cannot_tell_which_of_them_moved():
    report = check_drift(knocked("cam1").select(["cam0", "cam1"]), seen()[..., :2, :])
    assert len(report.moved) == 1
    assert not report.certain
    assert str(report).startswith("something has moved, but another camera may be the one")


def test_pair_errors_are_what_the_noise_explains():
    xy = seen(sigma=1.0, outliers=0.0).reshape(-1, 5, 2)
    error = pair_errors(now, xy)
    assert np.isnan(np.diag(error)).all()
    np.testing.assert_allclose(error[~np.eye(5, dtype=bool)], 0.6745, rtol=0.25)
    xy[10:, 3] = np.nan
    assert np.isnan(pair_errors(now, xy)[3]).all()


@pytest.mark.recordings
def test_a_knocked_camera_of_twelve_is_found_in_real_points(recordings):
    folder = recordings("rig_12cam_points")
    rough = Rig.load(folder / "calibration_right_4_10_2026_adjusted.toml", unit="m")
    xy = np.load(folder / "points_right_4_10_2026_sub.npz")["p2d"].transpose(1, 0, 2)
    rig, _ = refine_cameras(rough, xy[::50])
    push = RigidTransform.from_components([0.02, 0, 0], Rotation.from_rotvec([0, np.radians(1), 0]))
    cameras = [
        replace(camera, cam_from_world=push * camera.cam_from_world) if camera.name == "15" else camera
        for camera in rig.cameras
    ]
    report = check_drift(Rig(cameras=tuple(cameras)), xy[25::50], tolerance_px=2.0)
    assert report.moved == ("15",)
    view = rig.names.index("15")
    assert np.linalg.norm(report.mended.centers[view] - rig.centers[view]) < 0.005
