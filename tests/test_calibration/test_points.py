"""Cameras refined from points alone."""

import numpy as np
import pytest
from scipy.spatial.transform import RigidTransform, Rotation

from calibration import CalibrationError, Camera, Intrinsics, Rig
from calibration.points.kernels import CAMERA_UNKNOWNS, linearised_pixel
from calibration.points.problem import moved, straight_cameras
from calibration.points.refining import refine_cameras

views = 5


def looking_in(number, focal=1000.0, model="pinhole"):
    angle = 2 * np.pi * number / views
    center = np.array([2 * np.cos(angle), 2 * np.sin(angle), 1.0 + 0.2 * number])
    ahead = -center / np.linalg.norm(center)
    right = np.cross(ahead, [0, 0, 1.0])
    right /= np.linalg.norm(right)
    R = np.array([right, np.cross(ahead, right), ahead])
    lens = [-0.2, 0.05, 1e-3, -1e-3, 0.01] if model == "pinhole" else [0.02, 0.01, -0.01, 0.002]
    K = np.array([[focal, 0.8, 652], [0, 1.002 * focal, 500], [0, 0, 1]])
    return Camera(
        name=f"cam{number}",
        intrinsics=Intrinsics(size=(1280, 1024), K=K, distortion=lens, model=model),
        cam_from_world=RigidTransform.from_components(-R @ center, Rotation.from_matrix(R)),
    )


truth = Rig(
    cameras=tuple(
        looking_in(number, model="fisheye" if number == 2 else "pinhole") for number in range(views)
    )
)


def scene(count=400, sigma=0.3, outliers=0.1, missing=0.3, seed=0):
    rng = np.random.default_rng(seed)
    xyz = rng.uniform(-0.5, 0.5, (count, 3))
    xy = truth.project(xyz) + rng.normal(0, sigma, (count, views, 2))
    wrong = rng.random((count, views)) < outliers
    xy[wrong] += rng.normal(0, 80, (wrong.sum(), 2))
    xy[rng.random((count, views)) < missing] = np.nan
    return xyz, xy


def shaken(rig, degrees=3.0, metres=0.08, seed=0, only=None):
    rng = np.random.default_rng(seed)
    cameras = []
    for camera in rig.cameras:
        turn = Rotation.from_rotvec(np.radians(degrees) * rng.normal(size=3) / np.sqrt(3))
        shift = RigidTransform.from_components(metres * rng.normal(size=3) / np.sqrt(3), turn)
        moved = camera.name in (only or rig.names)
        cameras.append(
            Camera(
                name=camera.name,
                intrinsics=camera.intrinsics,
                cam_from_world=shift * camera.cam_from_world if moved else camera.cam_from_world,
            )
        )
    return Rig(cameras=tuple(cameras))


def shape_error(rig):
    """Largest error of a centre, m, after the best similarity."""
    from calibration.geometry.similarity import fit_similarity

    factor, moved = fit_similarity(rig.centers, truth.centers)
    return np.abs(moved.apply(factor * rig.centers) - truth.centers).max()


def camera(arrays, view):
    return tuple(values[view] for values in arrays[:5])


def test_jacobian_equals_finite_differences():
    start = straight_cameras(truth)
    X, xy, step = np.array([0.2, -0.3, 0.1]), np.array([600.0, 500.0]), 1e-6
    for view in range(views):
        J, D, dk = np.zeros((2, CAMERA_UNKNOWNS)), np.zeros((2, 3)), np.zeros((2, 12))
        linearised_pixel(X, xy, *camera(start, view), J, D, dk)

        def error(delta, X, view=view):
            full = np.zeros((views, CAMERA_UNKNOWNS))
            full[view] = delta
            at = moved(start, full)
            spare = np.zeros((2, CAMERA_UNKNOWNS)), np.zeros((2, 3)), np.zeros((2, 12))
            return np.array(linearised_pixel(X, xy, *camera(at, view), *spare))

        for column in range(CAMERA_UNKNOWNS):
            delta = step * np.eye(CAMERA_UNKNOWNS)[column]
            slope = (error(-delta, X) - error(delta, X)) / (2 * step)
            np.testing.assert_allclose(J[:, column], slope, atol=2e-4 * max(1, np.abs(slope).max()))
        for axis in range(3):
            delta = step * np.eye(3)[axis]
            zero = np.zeros(CAMERA_UNKNOWNS)
            slope = (error(zero, X - delta) - error(zero, X + delta)) / (2 * step)
            np.testing.assert_allclose(D[:, axis], slope, rtol=1e-5, atol=1e-3)


def test_a_shaken_rig_is_put_right():
    _, xy = scene()
    rough = shaken(truth)
    refined, report = refine_cameras(rough, xy)
    assert shape_error(rough) > 0.02
    assert shape_error(refined) < 2e-3
    assert report.converged
    assert report.sigma == pytest.approx(0.3, rel=0.15)
    assert report.median_before > 10
    assert report.median_after < 0.5
    assert np.all((report.rejected > 0.05) & (report.rejected < 0.2))


def test_exact_points_give_the_exact_rig():
    _, xy = scene(sigma=0.0, outliers=0.0)
    refined, report = refine_cameras(shaken(truth), xy, pixel_sigma=0.5)
    assert shape_error(refined) < 1e-6
    assert report.median_after < 1e-5


def test_the_focal_length_can_be_free():
    _, xy = scene(count=800)
    wrong = Rig(
        cameras=tuple(
            looking_in(n, focal=950.0, model=c.intrinsics.model) for n, c in enumerate(truth.cameras)
        )
    )
    refined, _ = refine_cameras(shaken(wrong, 1.0, 0.03), xy, lens="focal", shared_lens=True)
    for camera in refined.cameras:
        assert camera.intrinsics.K[0, 0] == pytest.approx(1000.0, rel=2e-3)
        assert camera.intrinsics.K[1, 1] == pytest.approx(1002.0, rel=2e-3)
        assert camera.intrinsics.K[0, 1] == 0.8
    assert shape_error(refined) < 2e-3


def test_only_the_camera_that_moved_is_refined():
    _, xy = scene()
    rough = shaken(truth, only=["cam3"])
    refined, report = refine_cameras(rough, xy, cameras=["cam3"])
    np.testing.assert_allclose(refined.centers, truth.centers, atol=1.5e-3)
    for number in (0, 1, 2, 4):
        np.testing.assert_allclose(refined.cameras[number].t, rough.cameras[number].t, atol=1e-14)
    assert report.refined == ("cam3",)


def test_reported_deviation_equals_the_scatter():
    """cam3 is free, the rest hold the world; 60 draws of the noise."""
    off, told = [], []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        xyz = np.random.default_rng(0).uniform(-0.5, 0.5, (60, 3))
        xy = truth.project(xyz) + rng.normal(0, 0.5, (60, views, 2))
        refined, report = refine_cameras(truth, xy, cameras=["cam3"], pixel_sigma=0.5)
        off.append(refined.centers[3] - truth.centers[3])
        told.append(report.center_sigma[3])
    scatter = np.sqrt(np.sum(np.var(off, axis=0)))
    assert np.mean(told) == pytest.approx(scatter, rel=0.25)


def test_the_same_points_give_the_same_rig():
    _, xy = scene()
    one, two = (refine_cameras(shaken(truth), xy)[0] for _ in range(2))
    assert np.array_equal(one.centers, two.centers)


def test_cameras_that_share_too_few_points_are_named():
    _, xy = scene(missing=0.0)
    lonely = xy.copy()
    lonely[10:, 4] = np.nan
    with pytest.raises(CalibrationError, match=r"another one \(cam4 10; 20 are needed\)"):
        refine_cameras(truth, lonely)
    split = xy.copy()
    split[:200, :2] = np.nan
    split[200:, 2:] = np.nan
    with pytest.raises(CalibrationError, match=r"cam0, cam1 \| cam2, cam3, cam4"):
        refine_cameras(truth, split)
    with pytest.raises(ValueError, match="lens: expected one of"):
        refine_cameras(truth, xy, lens="everything")
    with pytest.raises(ValueError, match="no camera called nose"):
        refine_cameras(truth, xy, cameras=["nose"])


@pytest.mark.recordings
def test_twelve_cameras_of_a_rough_rig(recordings):
    folder = recordings("rig_12cam_points")
    rig = Rig.load(folder / "calibration_right_4_10_2026_adjusted.toml", unit="m")
    xy = np.load(folder / "points_right_4_10_2026_sub.npz")["p2d"].transpose(1, 0, 2)
    some = xy[::25]
    refined, report = refine_cameras(rig, some)
    assert refined.names == tuple(map(str, range(10, 22)))
    assert report.median_before > 5
    assert report.median_after < 1
    # Points that the fit has not seen.
    held = refine_cameras(refined, xy[5::25], pixel_sigma=report.sigma)[1]
    assert held.median_before < 1


@pytest.mark.parametrize("cameras", [None, ["cam3"]])
def test_the_stated_error_of_the_centres_is_their_scatter(cameras):
    """Also where all cameras are free: the place, heading and size of the whole rig are then no error."""
    xyz, _ = scene(count=200)
    exact, centers, stated = truth.project(xyz), [], []
    for seed in range(40):
        noise = np.random.default_rng(seed).normal(0, 0.5, exact.shape)
        refined, report = refine_cameras(truth, exact + noise, cameras=cameras)
        centers.append(refined.centers)
        stated.append(report.center_sigma)
    scatter = np.sqrt(np.var(centers, axis=0).sum(axis=1))
    free = [3] if cameras else slice(None)
    np.testing.assert_allclose(np.mean(stated, axis=0)[free], scatter[free], rtol=0.3)
