"""Data that do not determine the cameras get a CalibrationError that names the cause, none of a library."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import RigidTransform, Rotation

from calibration import BoardObservations, CalibrationError, calibrate, calibrate_points, refine_cameras
from calibration.geometry.two_views import essential_matrix
from calibration.start.resection import resected
from tests.rigs import ring
from tests.test_calibration.board_scene import board, observe, true_rig

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


def shown_at(rig, R, t, *, noise=0.1, seed=0, described=board, corners=None):
    """Corners of a board with these world_from_board, its middle at t, in every view that it faces."""
    X = described.corners if corners is None else corners
    X = X - X.mean(axis=0)
    world = np.einsum("fij,kj->fki", R, X) + t[:, None]
    xy = rig.project(world).transpose(0, 2, 1, 3)
    xy = xy + np.random.default_rng(seed).normal(0, noise, xy.shape)
    towards = rig.centers[None] - t[:, None]
    facing = -np.einsum("fvi,fi->fv", towards, R[..., 2]) / np.linalg.norm(towards, axis=2)
    sizes = np.array([camera.intrinsics.size for camera in rig.cameras])
    xy[~(((xy > 0) & (xy < sizes[:, None] - 1)).all(axis=-1) & (facing > 0.25)[..., None])] = np.nan
    return BoardObservations(board=described, names=rig.names, sizes=sizes, xy=xy, frame=np.arange(len(R)))


def facing(rig):
    """Return world_from_board of a board that looks at the middle of the cameras, upright."""
    away = MIDDLE - rig.centers.mean(axis=0)
    z = away / np.linalg.norm(away)
    x = np.cross([0, 0, 1.0], z)
    x /= np.linalg.norm(x)
    return np.stack([x, np.cross(z, x), z], axis=1)


def slides(rng, rig, frames):
    R = facing(rig)
    return np.repeat(R[None], frames, axis=0), MIDDLE + rng.uniform(-0.3, 0.3, (frames, 2)) @ R[:, :2].T


def spins(rng, rig, frames):
    turn = Rotation.from_rotvec(rng.uniform(-3, 3, (frames, 1)) * [0, 0, 1.0]).as_matrix()
    return facing(rig) @ turn, np.repeat(MIDDLE[None], frames, axis=0)


def stands_in_two_places(rng, rig, frames):
    R = facing(rig)
    t = MIDDLE + np.where(np.arange(frames)[:, None] < frames // 2, -0.1, 0.1) * R[:, 0]
    return np.repeat(R[None], frames, axis=0), t


@pytest.mark.parametrize("views", [1, 3])
@pytest.mark.parametrize("motion", [slides, spins, stands_in_two_places])
def test_a_board_that_keeps_its_tilt(motion, views):
    rig = true_rig(4, spread=1.9)
    rig = rig.select(rig.names[:views])
    R, t = motion(np.random.default_rng(views), rig, 30)
    seen = shown_at(rig, R, t)
    with pytest.raises(CalibrationError, match=r"poses (of the board )?do not determine the (focal|cameras)"):
        calibrate(seen, validate=False)
    # Where the lenses are known nothing of this matters, and tilting the board mends it.
    known = {camera.name: camera.intrinsics for camera in rig.cameras}
    assert calibrate(seen, intrinsics=known, validate=False)[0].names == rig.names
    lean = Rotation.from_rotvec(np.random.default_rng(5).normal(0, 0.35, (30, 3))).as_matrix()
    found, _ = calibrate(shown_at(rig, lean @ R, t), validate=False)
    for one, true in zip(found.cameras, rig.cameras, strict=True):
        assert one.intrinsics.K[0, 0] == pytest.approx(true.intrinsics.K[0, 0], rel=0.03)


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
