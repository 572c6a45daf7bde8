"""Data that do not determine the cameras get a CalibrationError that names the cause, none of a library."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import RigidTransform, Rotation

from calibration import CalibrationError, calibrate, calibrate_points, refine_cameras
from calibration.geometry.two_views import essential_matrix
from calibration.start.resection import resected
from tests.rigs import ring
from tests.test_calibration.board_scene import observe, true_rig

MIDDLE = np.array([0, 0, 0.9])


@pytest.mark.parametrize("seed", range(4))
def test_a_board_that_never_moved(seed):
    rig = true_rig(4, spread=1.9)
    shown = observe(rig, frames=40, seed=seed, noise=0.0)
    sees = np.isfinite(shown.xy[..., 0]).sum(axis=(1, 2))
    once = shown.xy[np.argmax(sees)]
    xy = once + np.random.default_rng(seed).normal(0, 0.1, (30, *once.shape))
    used = np.isfinite(once[:, :, 0]).sum(axis=1) >= 6
    still = replace(
        shown,
        xy=xy[:, used],
        frame=np.arange(30),
        names=tuple(np.array(shown.names)[used]),
        sizes=shown.sizes[used],
    )
    with pytest.raises(CalibrationError, match=r"the board never moved: over 30 frames .* one pose does not"):
        calibrate(still)
    # Where the lenses are known, one pose gives the places.
    known = {camera.name: camera.intrinsics for camera in rig.cameras if camera.name in still.names}
    if used.sum() >= 2:
        found, _ = calibrate(still, intrinsics=known, validate=False)
        there = rig.select(found.names)
        distance = np.linalg.norm(there.centers[0] - there.centers[1])
        assert np.linalg.norm(found.centers[0] - found.centers[1]) == pytest.approx(distance, rel=0.05)


@pytest.mark.parametrize("focal", [16_000.0, 60_000.0])
@pytest.mark.parametrize("seed", range(6))
def test_cameras_that_see_nearly_parallel_rays(focal, seed):
    rng = np.random.default_rng(seed)
    rig = ring(4, radius=3 * focal / 1100, focal=focal, distortion=(0.0,) * 5)
    xy = np.array(rig.project(rng.uniform(-0.15, 0.15, (300, 3)) + MIDDLE))
    xy += rng.normal(0, 0.5, xy.shape)
    try:
        found, _ = calibrate_points(xy, {camera.name: camera.intrinsics for camera in rig.cameras})
    except CalibrationError:
        return
    back = found.moved(found.cameras[0].cam_from_world).moved(rig.cameras[0].cam_from_world.inv())
    for one, true in zip(back.cameras, rig.cameras, strict=True):
        assert np.degrees((one.cam_from_world.rotation * true.cam_from_world.rotation.inv()).magnitude()) < 2


NO_PLACE = {
    "one point many times": np.zeros((30, 3)),
    "points on a line": np.linspace(0, 1, 30)[:, None] * [1.0, 2.0, 3.0],
    "far behind": np.random.default_rng(0).normal(size=(30, 3)) - [0, 0, 1e9],
    "tiny": 1e-9 * np.random.default_rng(0).normal(size=(30, 3)),
    "huge": 1e12 * np.random.default_rng(0).normal(size=(30, 3)),
}


@pytest.mark.parametrize("name", NO_PLACE)
def test_points_that_give_no_place(name):
    rng = np.random.default_rng(1)
    for uv in (np.zeros((30, 2)), rng.normal(0, 0.1, (30, 2)), np.full((30, 2), 1e8)):
        place = resected(NO_PLACE[name], uv, 1e-3)
        assert place is None or np.isfinite(place.as_matrix()).all()


@pytest.mark.parametrize("spread", [0.0, 1e-12, 1e12])
def test_points_that_give_no_relative_pose(spread):
    a, b = spread * np.random.default_rng(0).normal(size=(2, 30, 2))
    for threshold in (None, 1e-3):
        E = essential_matrix(a, b, threshold)
        assert E is None or np.isfinite(E).all()


def test_rays_that_never_meet():
    rig = ring(3)
    away = Rotation.from_rotvec([0, np.pi, 0])
    turned = [
        replace(camera, cam_from_world=RigidTransform.from_rotation(away) * camera.cam_from_world)
        for camera in rig.cameras
    ]
    xy = np.array(rig.project(np.random.default_rng(0).uniform(-0.3, 0.3, (60, 3)) + MIDDLE))
    with pytest.raises(CalibrationError, match="no two rays of a point meet at an angle before the cameras"):
        refine_cameras(replace(rig, cameras=tuple(turned)), xy)


def test_a_noise_of_zero_is_refused():
    rig = ring(3)
    xy = rig.project(np.random.default_rng(0).uniform(0, 0.3, (60, 3)))
    with pytest.raises(ValueError, match="pixel_sigma: expected a positive number of px, got 0"):
        refine_cameras(rig, xy, pixel_sigma=0.0)
