"""A moved, turned or scaled world moves, turns or scales the answer, and does nothing else."""

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import pytest
from scipy.spatial.transform import RigidTransform, Rotation

from calibration import (
    Board,
    BoardObservations,
    calibrate_points,
    levelled,
    placed_on_board,
    placed_on_floor,
    placed_on_points,
    refine_cameras,
)
from models2d import Detections2D, Skeleton, Tracks2D
from tests.rigs import ring
from triangulate import associate, reconstruct, smooth

home = ring(4)


@dataclass(frozen=True, kw_only=True)
class World:
    """Another world: its points are new_from_old(factor * xyz)."""

    factor: float
    new_from_old: RigidTransform

    @property
    def rig(self):
        return home.scaled(self.factor).moved(self.new_from_old)

    def points(self, xyz):
        return self.new_from_old.apply(self.factor * xyz.reshape(-1, 3)).reshape(xyz.shape)


def moved(x, y, z):
    return RigidTransform.from_translation([x, y, z])


turned = RigidTransform.from_components([1.0, -2.0, 0.5], Rotation.from_rotvec([0.4, 1.0, -2.3]))
WORLDS = {
    "of the first camera": World(factor=1.0, new_from_old=home.cameras[0].cam_from_world),
    "of the last camera": World(factor=1.0, new_from_old=home.cameras[-1].cam_from_world),
    "turned": World(factor=1.0, new_from_old=turned),
    "a kilometre away": World(factor=1.0, new_from_old=moved(800.0, -600.0, 3.0)),
    "of a map": World(factor=1.0, new_from_old=moved(3.2e4, 9.9e4, 250.0)),
    "in millimetres": World(factor=1e3, new_from_old=turned),
    "in micrometres": World(factor=1e6, new_from_old=turned),
    "in kilometres": World(factor=1e-3, new_from_old=RigidTransform.identity()),
}


@pytest.fixture(params=WORLDS)
def world(request):
    return WORLDS[request.param]


def walking(frames=90, keypoints=5, subjects=2, seed=0):
    """Subjects that walk past each other, (frames, subjects, keypoints, 3) m."""
    rng = np.random.default_rng(seed)
    body = rng.uniform(-0.2, 0.2, (subjects, keypoints, 3)) * [1, 1, 3] if keypoints > 1 else np.zeros(3)
    t = np.arange(frames) / 30.0
    sides = np.linspace(-0.4, 0.4, subjects)
    place = np.stack(
        [np.stack([np.cos(t + s), 0 * t + s, 0.9 + 0.1 * np.sin(3 * t)], axis=-1) for s in sides], 1
    )
    return place[:, :, None] * [0.6, 1.0, 1.0] + body


def seen(xyz, *, missing=0.35, seed=1):
    """Pixels (frames, views, subjects, keypoints, 2), of which some are missing: keypoints with one ray."""
    rng = np.random.default_rng(seed)
    xy = np.moveaxis(np.array(home.project(xyz)), 3, 1)
    xy = xy + rng.normal(0, 1.0, xy.shape)
    xy[rng.random(xy.shape[:-1]) < missing] = np.nan
    return xy


def tracks_of(xy):
    names = [f"k{number}" for number in range(xy.shape[3])]
    return Tracks2D(
        xy=xy,
        confidence=np.ones(xy.shape[:-1]),
        views=home.names,
        skeleton=Skeleton.from_names("body", names, list(pairwise(names))),
        subjects=tuple(f"s{number}" for number in range(xy.shape[2])),
        fps=30.0,
    )


@pytest.mark.parametrize("keypoints", [1, 5])
def test_associate_groups_alike(world, keypoints):
    xy = seen(walking(keypoints=keypoints), missing=0.35 if keypoints > 1 else 0.05)
    slots = np.random.default_rng(2).permuted(np.tile([0, 1], (90, 4, 1)), axis=2)
    xy = np.take_along_axis(xy, slots[..., None, None], axis=2)
    tracks = tracks_of(xy)
    found = Detections2D(
        xy=xy, confidence=tracks.confidence, views=home.names, skeleton=tracks.skeleton, fps=30.0
    )
    here, there = associate(found, home), associate(found, world.rig)
    assert here.subjects == there.subjects
    assert np.array_equal(here.xy, there.xy, equal_nan=True)


def test_reconstruct_moves_along(world):
    tracks = tracks_of(seen(walking()))
    here, there = reconstruct(tracks, home), reconstruct(tracks, world.rig)
    assert (here.status == there.status).all()
    assert (here.inliers == there.inliers).all()
    away = np.linalg.norm(world.points(here.xyz) - there.xyz, axis=-1) / world.factor
    assert np.nanmax(away) < 1e-6
    R = world.new_from_old.rotation.as_matrix()
    expected = world.factor**2 * R @ here.covariance @ R.T
    known = np.isfinite(here.xyz[..., 0])
    assert np.allclose(expected[known], there.covariance[known], rtol=1e-3, atol=1e-9 * world.factor**2)


def test_smooth_moves_along(world):
    tracks = tracks_of(seen(walking()))
    (here, before), (there, after) = smooth(tracks, home), smooth(tracks, world.rig)
    assert (here.status == there.status).mean() > 0.995
    sd = np.sqrt(np.trace(here.covariance, axis1=-2, axis2=-1))
    away = np.linalg.norm(world.points(here.xyz) - there.xyz, axis=-1) / world.factor
    assert np.nanmax(away / sd) < 0.1
    assert after.pixel_sigma == pytest.approx(before.pixel_sigma, rel=1e-3)
    assert np.allclose(after.motion_sigma, world.factor * before.motion_sigma, rtol=0.05)
    assert np.allclose(after.bone_lengths, world.factor * before.bone_lengths, rtol=1e-3, equal_nan=True)
    assert np.isfinite(there.xyz).mean() > 0.8


def test_smooth_takes_a_start_and_gives_refined_cameras_in_the_world_of_the_rig(world):
    from triangulate import fit_cameras

    tracks = tracks_of(seen(walking(60)))
    raw = reconstruct(tracks, world.rig)
    with_start, _ = smooth(tracks, world.rig, raw)
    without, _ = smooth(tracks, world.rig)
    sd = np.sqrt(np.trace(without.covariance, axis1=-2, axis2=-1))
    assert np.nanmax(np.linalg.norm(with_start.xyz - without.xyz, axis=-1) / sd) < 0.2
    if world.factor == 1.0:  # priors have a unit
        cameras = fit_cameras(tracks, world.rig)
        assert np.abs(cameras.rig.centers - world.rig.centers).max() < 0.03


def points(count=200, seed=3):
    rng = np.random.default_rng(seed)
    xyz = rng.uniform(-0.6, 0.6, (count, 3)) + np.array([0, 0, 0.9])
    xy = np.array(home.project(xyz))
    return xyz, xy + rng.normal(0, 0.3, xy.shape)


@pytest.mark.parametrize("cameras", [None, ("cam2",)])
def test_refined_cameras_move_along(world, cameras):
    _, xy = points()
    push = RigidTransform.from_components([0.01, 0.02, 0], Rotation.from_rotvec([0, 0.01, 0]))
    old = home.cameras[2]
    knocked = replace(
        home,
        cameras=(*home.cameras[:2], replace(old, cam_from_world=push * old.cam_from_world), home.cameras[3]),
    )
    there = knocked.scaled(world.factor).moved(world.new_from_old)
    (here, before), (there, after) = (refine_cameras(rig, xy, cameras=cameras) for rig in (knocked, there))
    away = np.linalg.norm(world.points(here.centers) - there.centers, axis=1) / world.factor
    assert away.max() < 1e-4
    assert after.sigma == pytest.approx(before.sigma, rel=1e-3)
    assert np.allclose(after.center_sigma, world.factor * before.center_sigma, rtol=0.02)
    if cameras:
        assert np.linalg.norm(here.centers - home.centers, axis=1).max() < 2e-3


def test_calibrate_points_does_not_know_the_world_and_a_wand_sets_any_unit(world):
    xyz, xy = points(400)
    rig, report = calibrate_points(xy, {camera.name: camera.intrinsics for camera in home.cameras})
    placed = placed_on_points(rig, report.xyz, world.points(xyz), scale=True)
    size = np.linalg.norm(world.rig.centers - world.rig.centers[0], axis=1).max()
    assert np.linalg.norm(placed.centers - world.rig.centers, axis=1).max() < 2e-3 * size


def alike(one, other, factor=1.0):
    """Whether two rigs are the same but for the unit."""
    assert np.allclose(factor * one.centers, other.centers, atol=1e-6 * factor)
    for a, b in zip(one.cameras, other.cameras, strict=True):
        assert np.allclose(a.R, b.R, atol=1e-7)


def test_placement_forgets_the_world(world):
    xyz, _ = points()
    alike(levelled(home), levelled(world.rig), world.factor)
    known = xyz @ Rotation.from_rotvec([0.3, 0.2, 0.1]).as_matrix()
    alike(
        placed_on_points(home, xyz, known, scale=True),
        placed_on_points(world.rig, world.points(xyz), known, scale=True),
    )
    floor = xyz * [1, 1, 0.0]
    floor[::9] += [0, 0, 0.3]
    forward = np.array([0.3, 1.0, 0.2])
    there = world.new_from_old.rotation.apply(1e-4 * forward)
    alike(
        placed_on_floor(home, floor, forward=forward),
        placed_on_floor(world.rig, world.points(floor), forward=there),
        world.factor,
    )


def test_a_rig_above_its_subject_is_levelled_alike(world):
    over = home.cameras[0]
    down = replace(
        over, cam_from_world=RigidTransform.from_components([0, 0, 3.0], Rotation.from_rotvec([np.pi, 0, 0]))
    )
    side = [
        replace(
            down,
            name=f"side{n}",
            cam_from_world=RigidTransform.from_components([s, 0, 3.0], Rotation.from_rotvec([np.pi, 0, 0])),
        )
        for n, s in enumerate((-0.5, 0.5))
    ]
    rig = replace(home, cameras=(down, *side))
    alike(levelled(rig), levelled(rig.scaled(world.factor).moved(world.new_from_old)), world.factor)


def test_placed_on_a_board_forgets_the_world(world):
    board = Board.charuco(columns=7, rows=5, square=0.1, marker=0.075, dictionary="4X4_50")
    lying = world.points(board.corners - board.corners.mean(axis=0) + [0, 0, 0.5])
    large = replace(board, square=world.factor * board.square, marker=world.factor * board.marker)
    sizes = np.array([camera.intrinsics.size for camera in home.cameras])
    xy = np.swapaxes(np.array(world.rig.project(lying)), 0, 1)[None]
    found = BoardObservations(board=large, names=home.names, sizes=sizes, xy=xy, frame=np.arange(1))
    placed = placed_on_board(world.rig, found)
    at_home = placed_on_board(home, replace(found, board=board))
    alike(at_home, placed, world.factor)


def test_a_stiff_prior_moves_along(world):
    still = np.broadcast_to(np.array([[0, 0, 0.9], [0.2, 0, 0.9]]), (300, 1, 2, 3))
    tracks = replace(tracks_of(seen(still, missing=0.0)), fps=200.0)
    here, _ = smooth(tracks, home, jerk_sigma=1e-3)
    there, report = smooth(tracks, world.rig, jerk_sigma=1e-3 * world.factor)
    assert report.converged
    sd = np.sqrt(np.trace(here.covariance, axis1=-2, axis2=-1))
    away = np.linalg.norm(world.points(here.xyz) - there.xyz, axis=-1) / world.factor
    assert np.nanmax(away / sd) < 0.01
