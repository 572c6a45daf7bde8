"""Cameras placed from points alone, without a rough rig."""

import numpy as np
import pytest
from scipy.spatial.transform import RigidTransform, Rotation

from calibration import CalibrationError, Camera, Intrinsics, Rig
from calibration.geometry.similarity import fit_similarity, fit_similarity_robustly
from calibration.geometry.two_views import epipolar_error, essential_matrix, parallax, relative_pose
from calibration.points.refining import refine_cameras
from calibration.points.rough_start import calibrate_points, calibrate_wand
from calibration.start.resection import resected

pinhole = Intrinsics.from_focal((1280, 1024), 1000.0, [-0.2, 0.05, 1e-3, -1e-3, 0.01])
fisheye = Intrinsics(size=(1280, 1024), K=pinhole.K, distortion=[0.02, 0.01, -0.01, 0.002], model="fisheye")


def looking_in(number, lens):
    angle = 2 * np.pi * number / 5
    center = np.array([2 * np.cos(angle), 2 * np.sin(angle), 1.0 + 0.2 * number])
    ahead = -center / np.linalg.norm(center)
    right = np.cross(ahead, [0, 0, 1.0])
    right /= np.linalg.norm(right)
    R = np.array([right, np.cross(ahead, right), ahead])
    place = RigidTransform.from_components(-R @ center, Rotation.from_matrix(R))
    return Camera(name=f"cam{number}", intrinsics=lens, cam_from_world=place)


truth = Rig(cameras=tuple(looking_in(number, fisheye if number == 2 else pinhole) for number in range(5)))
lenses = {camera.name: camera.intrinsics for camera in truth.cameras}


def observed(xyz, sigma=0.3, outliers=0.05, missing=0.3, seed=0):
    rng = np.random.default_rng(seed)
    xy = np.array(truth.project(xyz)) + rng.normal(0, sigma, (*xyz.shape[:-1], 5, 2))
    wrong = rng.random(xy.shape[:-1]) < outliers
    xy[wrong] += rng.normal(0, 80, (wrong.sum(), 2))
    xy[rng.random(xy.shape[:-1]) < missing] = np.nan
    return xy


def test_relative_pose_of_two_views():
    xyz = np.random.default_rng(0).uniform(-0.5, 0.5, (100, 3))
    a, b = (truth.cameras[view].cam_from_world for view in (0, 1))
    uv = [place.apply(xyz)[:, :2] / place.apply(xyz)[:, 2:] for place in (a, b)]
    E = essential_matrix(*uv, threshold=1e-3)
    assert epipolar_error(E, *uv).max() < 1e-6
    found, points = relative_pose(E, *uv)
    expected = b * a.inv()
    np.testing.assert_allclose(found.rotation.as_matrix(), expected.rotation.as_matrix(), atol=1e-5)
    baseline = np.linalg.norm(expected.translation)
    np.testing.assert_allclose(found.translation * baseline, expected.translation, atol=1e-4)
    np.testing.assert_allclose(points * baseline, a.apply(xyz), atol=1e-3)
    rays = xyz - truth.centers[0], xyz - truth.centers[1]
    cosine = (rays[0] * rays[1]).sum(axis=1) / np.prod([np.linalg.norm(ray, axis=1) for ray in rays], axis=0)
    np.testing.assert_allclose(parallax(found, *uv), np.arccos(cosine), atol=1e-4)
    assert essential_matrix(uv[0][:5], uv[1][:5], threshold=1e-3) is None


def test_resection_despite_wrong_points():
    rng = np.random.default_rng(1)
    xyz = rng.uniform(-0.5, 0.5, (60, 3))
    place = truth.cameras[3].cam_from_world
    uv = place.apply(xyz)[:, :2] / place.apply(xyz)[:, 2:]
    uv[:20] += rng.normal(0, 0.2, (20, 2))
    found = resected(xyz, uv, 1e-3)
    np.testing.assert_allclose(found.as_matrix(), place.as_matrix(), atol=1e-4)
    assert resected(xyz[:5], uv[:5], 1e-3) is None
    assert resected(xyz, rng.uniform(-0.5, 0.5, (60, 2)), 1e-4) is None


def test_cameras_are_placed_from_nothing():
    xyz = np.random.default_rng(2).uniform(-0.5, 0.5, (500, 3))
    rig, report = calibrate_points(observed(xyz), lenses)
    assert rig.names == truth.names
    np.testing.assert_allclose(rig.cameras[0].R, np.eye(3), atol=1e-9)
    factor, moved = fit_similarity(rig.centers, truth.centers)
    assert np.abs(moved.apply(factor * rig.centers) - truth.centers).max() < 3e-3
    assert report.sigma == pytest.approx(0.3, rel=0.15)
    miss = np.linalg.norm(moved.apply(factor * report.xyz) - xyz, axis=1)
    assert np.nanmedian(miss) < 2e-3


def test_a_wand_gives_metres():
    rng = np.random.default_rng(3)
    middle = rng.uniform(-0.4, 0.4, (300, 1, 3))
    direction = rng.normal(size=(300, 1, 3))
    direction /= np.linalg.norm(direction, axis=-1, keepdims=True)
    ends = middle + direction * np.array([-0.2, 0.05, 0.2])[:, None]
    rig, report, spread = calibrate_wand(observed(ends), lenses, 0.4)
    between = np.linalg.norm(rig.centers[:, None] - rig.centers, axis=-1)
    np.testing.assert_allclose(
        between, np.linalg.norm(truth.centers[:, None] - truth.centers, axis=-1), atol=5e-3
    )
    assert spread < 2e-3
    xyz = report.xyz.reshape(300, 3, 3)
    assert np.nanmedian(np.linalg.norm(xyz[:, 0] - xyz[:, 2], axis=-1)) == pytest.approx(0.4, abs=1e-3)


def test_what_cannot_be_placed_is_named():
    xyz = np.random.default_rng(2).uniform(-0.5, 0.5, (200, 3))
    xy = observed(xyz, missing=0.0)
    lonely = xy.copy()
    lonely[:, 1:] = np.nan
    with pytest.raises(
        CalibrationError, match="no two of cam0, cam1, cam2, cam3, cam4 see 20 points together"
    ):
        calibrate_points(lonely, lenses)
    shuffled = xy.copy()
    shuffled[:, 4] = np.random.default_rng(0).permutation(shuffled[:, 4])
    with pytest.raises(
        CalibrationError, match=r"cam4 sees .* points that .* have placed, which do not agree"
    ):
        calibrate_points(shuffled, lenses)


def test_one_camera_or_none_is_too_few():
    xy = observed(np.random.default_rng(2).uniform(-0.5, 0.5, (50, 3)))
    with pytest.raises(ValueError, match="two cameras are needed at least, got none"):
        calibrate_points(xy[:, :0], {})
    with pytest.raises(ValueError, match="two cameras are needed at least, got cam0"):
        calibrate_points(xy[:, :1], {"cam0": lenses["cam0"]})


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (0.0, "see 20 different points together: cam0 and cam1 share 200, which are at 1 different pixels"),
        (300.0, "see 20 different points together: cam0 and cam1 share 200, which are at 1 different pixels"),
        (1e300, "share most, 0; 1000 observations lie where no ray of the lens leads"),
        (None, "cam0 and cam1 share 200, but no relative place of the two explains 20 of them within 3 px"),
    ],
)
def test_points_that_are_seen_together_are_not_said_to_be_missing(value, said):
    noise = np.random.default_rng(2).uniform(0, 1000, (200, 5, 2))
    xy = noise if value is None else np.full_like(noise, value)
    with pytest.raises(CalibrationError, match=said):
        calibrate_points(xy, lenses)


@pytest.mark.recordings
def test_twelve_cameras_without_their_rough_rig(recordings):
    """The same rig as from the shipped start, to a few millimetres in one of about a metre."""
    folder = recordings("rig_12cam_points")
    shipped = Rig.load(folder / "calibration_right_4_10_2026_adjusted.toml", unit="m")
    xy = np.load(folder / "points_right_4_10_2026_sub.npz")["p2d"].transpose(1, 0, 2)[::60]
    refined, _ = refine_cameras(shipped, xy)
    rig, report = calibrate_points(xy, {camera.name: camera.intrinsics for camera in shipped.cameras})
    assert report.median_after < 1
    factor, moved = fit_similarity_robustly(rig.centers, refined.centers)
    miss = np.linalg.norm(moved.apply(factor * rig.centers) - refined.centers, axis=1)
    assert np.median(miss) < 0.01
