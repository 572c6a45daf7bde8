"""Triangulating arrays: accuracy beside the Cramer-Rao floor, status by name, what is refused."""

import cv2
import numpy as np
import pytest

from calibration import Rig
from calibration.geometry.lens import project_from_camera
from tests.rigs import looking_at, ring
from triangulate import solve_candidates, solve_points, triangulate_points

METHODS = ["linear", "refined", "ransac"]


def cloud(count, seed=0, size=0.6):
    return np.random.default_rng(seed).uniform(-size, size, (count, 3)) + np.array([0, 0, 0.9])


def disturbed(xy, seed=0, missing=0.15, outliers=0.05, spread=80.0):
    """Noise of 1 px, gross outliers and gaps; returns pixels and which are good."""
    rng = np.random.default_rng(seed)
    xy = xy + rng.normal(size=xy.shape)
    bad = rng.random(xy.shape[:-1]) < outliers
    xy[bad] += rng.normal(0, spread, (bad.sum(), 2))
    gone = rng.random(xy.shape[:-1]) < missing
    xy[gone] = np.nan
    return xy, ~bad & ~gone


def floor(rig, xyz, seen):
    """Smallest RMS error, m, that an unbiased estimate can have for 1 px noise."""
    information = np.zeros((len(xyz), 3, 3))
    for view, camera in enumerate(rig.cameras):
        lens = camera.intrinsics
        local = xyz @ camera.R.T + camera.t
        h = 1e-6
        J = np.stack(
            [
                (
                    project_from_camera(local + h * camera.R[:, axis], lens.K, lens.distortion, lens.model)
                    - project_from_camera(local - h * camera.R[:, axis], lens.K, lens.distortion, lens.model)
                )
                / (2 * h)
                for axis in range(3)
            ],
            axis=-1,
        )
        information += seen[:, view, None, None] * np.swapaxes(J, 1, 2) @ J
    return np.sqrt(np.trace(np.linalg.inv(information), axis1=1, axis2=2))


def relative_rms(found, xyz, bound):
    return np.sqrt((np.linalg.norm(found - xyz, axis=1) ** 2).mean() / (bound**2).mean())


@pytest.mark.parametrize(("method", "limit"), [("linear", 1.05), ("refined", 1.01), ("ransac", 1.01)])
def test_clean_data_is_at_the_statistical_floor(method, limit):
    rig, xyz = ring(), cloud(40000)
    xy, good = disturbed(rig.project(xyz), missing=0, outliers=0)
    assert relative_rms(triangulate_points(xy, rig, method=method), xyz, floor(rig, xyz, good)) < limit


def test_outliers_and_gaps_leave_ransac_at_the_floor_of_the_good_views():
    rig, xyz = ring(), cloud(40000)
    xy, good = disturbed(rig.project(xyz))
    enough = good.sum(axis=1) >= 3
    found = triangulate_points(xy[enough], rig)
    assert np.isfinite(found).all(axis=1).mean() > 0.999
    enough[enough] = known = np.isfinite(found[:, 0])
    assert relative_rms(found[known], xyz[enough], floor(rig, xyz[enough], good[enough])) < 1.05


def test_one_outlier_in_five_stays_bounded():
    rig, xyz = ring(), cloud(40000)
    xy, good = disturbed(rig.project(xyz), outliers=0.2)
    solvable = good.sum(axis=1) >= 2
    found = triangulate_points(xy[solvable], rig)
    ratio = np.linalg.norm(found - xyz[solvable], axis=1) / floor(rig, xyz[solvable], good[solvable])
    assert np.nanpercentile(ratio, 99) < 5


@pytest.mark.parametrize("method", ["refined", "ransac"])
def test_ellipsoids_hold_95_percent_of_the_truth(method):
    rig, xyz = ring(), cloud(40000)
    xy, _ = disturbed(rig.project(xyz), outliers=0.0 if method == "refined" else 0.05)
    points = solve_points(xy, rig, method=method)
    known = np.isfinite(points.error)
    error = (points.xyz - xyz)[known]
    squared = np.einsum(
        "ni,ni->n", error, np.linalg.solve(points.covariance[known], error[..., None])[..., 0]
    )
    assert 0.93 < (squared < 7.815).mean() < 0.97


@pytest.mark.parametrize("method", METHODS)
def test_fisheye_and_pinhole_mix_in_one_rig(method):
    wide = ring(3, distortion=(-0.02, 0.01, -0.003, 0.0005), model="fisheye", focal=420.0).cameras
    rig = Rig(cameras=(*ring(6).cameras[3:], *wide))
    xyz = cloud(1000)
    assert np.allclose(triangulate_points(rig.project(xyz), rig, method=method), xyz, atol=1e-9)


@pytest.mark.parametrize("focal", [2e4, 1.4e5])
@pytest.mark.parametrize("method", METHODS)
def test_nearly_orthographic_cameras(focal, method):
    size = 3e-4
    middle = np.array([0, 0, 0.9])
    xyz = middle + np.random.default_rng(0).uniform(-size, size, (4000, 3))
    places = {a: middle + focal * 5e-7 * np.array([np.cos(a), np.sin(a), 0.1]) for a in (0.0, 1.0, 2.2)}
    cameras = (
        looking_at(f"c{a}", place, middle, focal=focal, distortion=(0.0,) * 5) for a, place in places.items()
    )
    rig = Rig(cameras=tuple(cameras))
    xy, good = disturbed(rig.project(xyz), missing=0, outliers=0)
    assert relative_rms(triangulate_points(xy, rig, method=method), xyz, floor(rig, xyz, good)) < 1.05
    exact = triangulate_points(rig.project(xyz), rig, method=method)
    assert np.abs(exact - xyz).max() < 1e-9 * size / 1e-4


def test_refined_minimises_what_opencv_calls_the_reprojection_error():
    rig, xyz = ring(), cloud(20)
    xy, _ = disturbed(rig.project(xyz), missing=0, outliers=0)

    def cost(points):
        total = np.zeros(len(points))
        for view, camera in enumerate(rig.cameras):
            lens = camera.intrinsics
            seen, _ = cv2.projectPoints(points, camera.rotvec, camera.t, lens.K, lens.distortion)
            total += ((seen.reshape(-1, 2) - xy[:, view]) ** 2).sum(axis=1)
        return total

    points = solve_points(xy, rig, method="refined")
    least = cost(points.xyz)
    assert np.allclose(np.sqrt(least / len(rig)), points.error, rtol=1e-6)
    for axis in range(3):
        for step in (-1e-5, 1e-5):
            assert (cost(points.xyz + step * np.eye(3)[axis]) > least).all()


def test_precise_detections_count_more():
    rig, xyz = ring(4), cloud(5000)
    sigma = np.random.default_rng(1).choice([0.3, 3.0], (5000, 4))
    xy = rig.project(xyz) + sigma[..., None] * np.random.default_rng(2).normal(size=(5000, 4, 2))
    stated = sigma[..., None, None] ** 2 * np.eye(2)

    def error(**options):
        return np.sqrt((np.linalg.norm(triangulate_points(xy, rig, **options) - xyz, axis=1) ** 2).mean())

    plain = error(method="refined")
    for method in METHODS:
        assert error(method=method, covariance=stated) < 0.75 * plain
        assert error(method=method, confidence=0.3 / sigma, pixel_sigma=0.3) < 0.75 * plain


def test_missing_covariance_falls_back_to_pixel_sigma():
    rig, xyz = ring(), cloud(10)
    xy, _ = disturbed(rig.project(xyz), missing=0, outliers=0)
    nothing = np.full((10, 6, 2, 2), np.nan)
    assert (triangulate_points(xy, rig, covariance=nothing) == triangulate_points(xy, rig)).all()


def test_a_second_candidate_replaces_a_wrong_first():
    rig, xyz = ring(), cloud(2000)
    xy, _ = disturbed(rig.project(xyz), missing=0, outliers=0)
    wrong = xy + np.random.default_rng(5).uniform(30, 90, xy.shape)
    swapped = np.random.default_rng(6).random(xy.shape[:-1]) < 0.3
    both = np.where(swapped[..., None, None], np.stack([wrong, xy], axis=-2), np.stack([xy, wrong], axis=-2))
    points = solve_candidates(both, rig)
    clean = np.linalg.norm(triangulate_points(xy, rig) - xyz, axis=1)
    found = np.linalg.norm(points.xyz - xyz, axis=1)
    assert np.sqrt((found**2).mean()) < 1.02 * np.sqrt((clean**2).mean())
    assert (points.candidate == swapped).mean() > 0.99


def test_candidates_that_are_missing_change_nothing():
    rig, xyz = ring(), cloud(500)
    xy, _ = disturbed(rig.project(xyz))
    both = np.stack([xy, np.full_like(xy, np.nan)], axis=-2)
    plain, points = solve_points(xy, rig), solve_candidates(both, rig)
    assert np.array_equal(plain.status, points.status)
    assert np.allclose(plain.xyz, points.xyz, atol=1e-9, equal_nan=True)
