"""A camera that moved is mended; a wrong lens, and labels that disagree, are not called a move."""

import re
from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import RigidTransform, Rotation

from calibration import Intrinsics, Rig, ShapeError, check_drift, refine_cameras
from calibration.points.exchanged_views import exchange
from calibration.points.move_evidence import held_to, objections
from tests.rigs import looking_at

KEYPOINTS = [f"k{number}" for number in range(10)]
now = Rig(
    cameras=tuple(
        looking_at(f"cam{view}", [3 * np.cos(a), 3 * np.sin(a), 1.2 + 0.4 * (view % 2)], [0, 0, 1.0])
        for view, a in enumerate(np.pi / 2 * np.arange(4))
    )
)


def moved(rig, view, rng, *, millimetres, degrees):
    camera = rig.cameras[view]
    shift, axis = (one / np.linalg.norm(one) for one in rng.normal(size=(2, 3)))
    R = Rotation.from_rotvec(np.radians(degrees) * axis) * camera.cam_from_world.rotation
    center = camera.center + 1e-3 * millimetres * shift
    place = RigidTransform.from_components(-R.apply(center), R)
    return with_camera(rig, view, replace(camera, cam_from_world=place))


def with_camera(rig, view, camera):
    return Rig(cameras=tuple(camera if v == view else one for v, one in enumerate(rig.cameras)))


def filmed(rig, rng, frames=200):
    """Pixels (frames, keypoints, views, 2) of a body that walks in a circle, with a bias of each label."""
    t = np.arange(frames) / 30
    body = rng.uniform(-0.4, 0.4, (10, 3)) * [1, 1, 2] + np.array([0, 0, 1.0])
    walk = np.stack([0.8 * np.cos(1.2 * t), 0.8 * np.sin(1.2 * t), 0.05 * np.sin(6 * t)], axis=-1)
    xy = np.array(rig.project(body + walk[:, None]))
    return xy + rng.normal(0, 1.0, xy.shape) + rng.normal(0, 0.5, (1, *xy.shape[1:]))


def flat(xy):
    return xy.reshape(-1, 4, 2), KEYPOINTS * len(xy)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("millimetres", "degrees"), [(0, 0.5), (5, 0.5), (50, 0.5), (50, 0)])
def test_a_real_move_is_mended(seed, millimetres, degrees):
    rng = np.random.default_rng(seed)
    view = int(rng.integers(4))
    after = moved(now, view, rng, millimetres=millimetres, degrees=degrees)
    xy, keypoint = flat(filmed(after, rng))
    report = check_drift(now, xy, keypoint=keypoint, draws=draws())
    assert report.moved == (f"cam{view}",)
    assert report.objections == ()
    # Biases of the labels alone displace a refined camera by up to 6 mm.
    assert np.linalg.norm(report.mended.centers[view] - after.centers[view]) < 8e-3
    assert "has moved by" in str(report)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("wrong", ["other focal length and no distortion", "other focal length"])
def test_a_wrong_lens_is_not_a_move(seed, wrong):
    rng = np.random.default_rng(seed)
    camera = now.cameras[3]
    coefficients = () if "no distortion" in wrong else camera.intrinsics.distortion
    lens = Intrinsics.from_focal((1280, 1024), 1210.0, coefficients)
    old = with_camera(now, 3, replace(camera, intrinsics=lens))
    xy, keypoint = flat(filmed(now, rng))
    report = check_drift(old, xy, keypoint=keypoint)
    assert report.moved == ("cam3",)
    (said,) = report.objections
    assert said.startswith("cam3 would move by")
    assert "a place does not explain its pixels, another lens does" in said
    assert "for 1210 px" in said
    assert "which is no move" in str(report)


@pytest.mark.parametrize("seed", range(3))
def test_labels_that_disagree_between_views_are_named(seed):
    rng = np.random.default_rng(seed)
    xy = filmed(now, rng)
    xy[:, [2, 5, 7], 1] += np.array([6.0, 2.0])
    xy, keypoint = flat(xy)
    refined, report = refine_cameras(now, xy, cameras=["cam1"])
    (said,) = objections(now, refined, report, xy, keypoint=keypoint)
    assert said.startswith("cam1 would move by")
    assert "stay rejected" in said or "keypoints fit better there" in said
    assert "k2, k5, k7" in said


def exchanged(rig, one, two):
    order = list(rig.names)
    a, b = order.index(one), order.index(two)
    order[a], order[b] = two, one
    cameras = (replace(camera, name=name) for camera, name in zip(rig.cameras, order, strict=True))
    return Rig(cameras=tuple(cameras)).select(rig.names)


@pytest.mark.parametrize("pair", [("cam0", "cam1"), ("cam0", "cam2"), ("cam1", "cam3")])
def test_exchanged_files_are_no_move(pair):
    xy, keypoint = flat(filmed(now, np.random.default_rng(0)))
    old = exchanged(now, *pair)
    report = check_drift(old, xy, keypoint=keypoint)
    assert f"{pair[0]} and {pair[1]}" in str(report)
    assert re.match(r"the files of .* look exchanged", str(report))
    if pair == ("cam0", "cam1"):
        assert report.exchanged == pair
    else:  # to exchange both opposite pairs of this ring is to turn it by half: either explains the points
        assert all(name in str(report) for name in now.names)
    assert report.mended is old


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("millimetres", "degrees"), [(20, 0.5), (300, 5), (2000, 0), (0, 40)])
def test_a_move_is_not_taken_for_an_exchange(seed, millimetres, degrees):
    rng = np.random.default_rng(seed)
    after = moved(now, int(rng.integers(4)), rng, millimetres=millimetres, degrees=degrees)
    assert exchange(now, filmed(after, rng).reshape(-1, 4, 2)) is None


def test_a_held_camera_that_contradicts_speaks_against_a_move():
    xy, keypoint = flat(filmed(now, np.random.default_rng(0)))
    old = exchanged(now, "cam0", "cam1")
    refined, report = refine_cameras(old, xy, cameras=["cam1"])
    assert report.rejected[0] > 0.5
    said = objections(old, refined, report, xy, keypoint=keypoint)
    assert any("cam0, which is held, would keep" in one for one in said)


def test_keypoints_that_want_a_move_are_named_where_others_do_not():
    rng = np.random.default_rng(0)
    xy = filmed(now, rng)
    away = moved(now, 1, rng, millimetres=40, degrees=0)
    refined, report = refine_cameras(now, filmed(away, rng).reshape(-1, 4, 2), cameras=["cam1"])
    xy[:, :4] = filmed(away, np.random.default_rng(0))[:, :4]
    xy, keypoint = flat(xy)
    (said,) = objections(now, refined, report, xy, keypoint=keypoint)
    assert "only 4 of 10 keypoints fit better there (k0, k1, k2, k3), not k4, k5, k6, k7, k8, k9" in said


def draws(count=30, millimetres=0.3, degrees=0.005):
    rng = np.random.default_rng(8)
    rigs = []
    for _ in range(count):
        rig = now
        for view in range(1, 4):
            rig = moved(rig, view, rng, millimetres=millimetres, degrees=degrees)
        rigs.append(rig)
    return rigs


def test_how_well_the_calibration_holds_a_camera_does_not_depend_on_the_world():
    metres, radians = held_to(now, 2, draws())
    assert 0.2e-3 < metres < 1.5e-3
    assert np.radians(0.002) < radians < np.radians(0.05)
    turn = RigidTransform.from_components([30.0, -20.0, 5.0], Rotation.from_rotvec([0.3, 1.0, 2.0]))
    elsewhere = [rig.moved(turn) for rig in draws()]
    np.testing.assert_allclose(held_to(now, 2, elsewhere), (metres, radians), rtol=1e-6)


def test_a_move_that_the_calibration_forbids_needs_more_than_one_keypoint():
    rng = np.random.default_rng(0)
    after = moved(now, 1, rng, millimetres=30, degrees=0.3)
    xy = filmed(after, rng)[:, :1].reshape(-1, 4, 2)
    refined, report = refine_cameras(now, xy, cameras=["cam1"])
    one = ["ball"] * len(xy)
    assert objections(now, refined, report, xy, keypoint=one) == ()
    (said,) = objections(now, refined, report, xy, keypoint=one, draws=draws())
    assert "the calibration holds it to" in said


def test_every_point_has_a_name():
    xy, keypoint = flat(filmed(now, np.random.default_rng(0), frames=20))
    with pytest.raises(ShapeError, match="keypoint: expected 200 names, one of each point, got 199"):
        check_drift(now, xy, keypoint=keypoint[1:])
