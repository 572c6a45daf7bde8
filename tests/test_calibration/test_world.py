"""Placing the world: proper, exact, and refused where the data cannot say."""

import numpy as np
import pytest
from scipy.spatial.transform import RigidTransform, Rotation

from calibration import Board, BoardObservations, CalibrationError, Camera, Intrinsics, Rig, ShapeError
from calibration.geometry.similarity import fit_similarity, fit_similarity_robustly
from calibration.known_length import scaled_to_length
from calibration.world import placement as world

rng = np.random.default_rng(3)
somewhere = RigidTransform.from_components([0.3, -2.0, 1.5], Rotation.from_rotvec([1.0, -0.7, 0.4]))


def looking_at(center, target=(0, 0, 0), name="a"):
    ahead = np.subtract(target, center, dtype=np.float64)
    ahead /= np.linalg.norm(ahead)
    right = np.cross(ahead, [0, 0.1, 1.0])
    right /= np.linalg.norm(right)
    R = np.array([right, np.cross(ahead, right), ahead])
    cam_from_world = RigidTransform.from_components(-R @ center, Rotation.from_matrix(R))
    lens = Intrinsics.from_focal((1280, 1024), 1100.0, [-0.2, 0.05, 0, 0, 0])
    return Camera(name=name, intrinsics=lens, cam_from_world=cam_from_world)


rig = Rig(
    cameras=tuple(
        looking_at(np.array(center), name=name)
        for name, center in {
            "left": (1.5, 0.2, 1.2),
            "right": (-1.2, 0.9, 1.4),
            "back": (0.1, -1.6, 1.0),
        }.items()
    )
)


def distances(points):
    return np.linalg.norm(points[:, None] - points[None], axis=-1)


def assert_proper(before, after):
    for a, b in zip(before.cameras, after.cameras, strict=True):
        np.testing.assert_allclose(np.linalg.det(b.R), 1, atol=1e-12)
        np.testing.assert_allclose(b.R @ b.R.T, np.eye(3), atol=1e-12)
        assert a.intrinsics is b.intrinsics
    np.testing.assert_allclose(distances(before.centers), distances(after.centers), atol=1e-9)


@pytest.mark.parametrize("count", [3, 4, 30])
@pytest.mark.parametrize("flat", [False, True])
def test_similarity_is_found_exactly(count, flat):
    source = rng.normal(size=(count, 3)) * [1, 1, not flat]
    factor, moved = fit_similarity(source, somewhere.apply(2.5 * source))
    assert factor == pytest.approx(2.5, abs=1e-9)
    np.testing.assert_allclose((moved * somewhere.inv()).as_matrix(), np.eye(4), atol=1e-9)


def test_a_mirror_image_is_met_by_a_rotation():
    source = rng.normal(size=(20, 3))
    _, moved = fit_similarity(source, source * [1, 1, -1])
    assert np.linalg.det(moved.rotation.as_matrix()) == pytest.approx(1)


def test_similarity_ignores_missing_points_and_outliers():
    source = rng.normal(size=(40, 3))
    target = somewhere.apply(0.7 * source)
    target[:5] += 10
    target[5] = np.nan
    factor, moved = fit_similarity_robustly(source, target)
    assert factor == pytest.approx(0.7, abs=1e-6)
    np.testing.assert_allclose(moved.apply(factor * source[6:]), target[6:], atol=1e-5)


def test_points_on_a_line_are_refused():
    line = np.outer(np.arange(5.0), [1, 2, 3])
    with pytest.raises(CalibrationError, match="lie on one line"):
        fit_similarity(line, rng.normal(size=(5, 3)))
    with pytest.raises(CalibrationError, match="2 points are known"):
        fit_similarity(line[:2], line[:2])
    with pytest.raises(ShapeError, match="one shape"):
        fit_similarity(line[:2], line[:3])


def test_placed_on_known_points():
    known = np.array([[0, 0, 0], [1.0, 0, 0], [0, 2.0, 0]])
    moved = rig.moved(somewhere)
    back = world.placed_on_points(moved, somewhere.apply(known), known)
    assert_proper(moved, back)
    np.testing.assert_allclose(back.centers, rig.centers, atol=1e-9)
    scaled = world.placed_on_points(moved, somewhere.apply(known), 3 * known, scale=True)
    np.testing.assert_allclose(scaled.centers, 3 * rig.centers, atol=1e-9)


def test_points_that_are_off_by_millimetres_are_averaged():
    known = rng.normal(size=(12, 3))
    off = known + rng.normal(0, 0.005, known.shape)
    placed = world.placed_on_points(rig, off, known)
    np.testing.assert_allclose(placed.centers, rig.centers, atol=0.05)


def test_known_points_of_a_mirrored_world_are_refused():
    known = rng.normal(size=(5, 3))
    with pytest.raises(
        CalibrationError, match=r"stay .* mm \(rms\) off .* their mirror image fits \(.* mm\)"
    ):
        world.placed_on_points(rig, known, known * [1, 1, -1])
    with pytest.raises(CalibrationError, match="their mirror image fits"):
        world.placed_on_points(rig, somewhere.apply(known), 3 * known[:, [1, 0, 2]], scale=True)


def test_known_points_in_another_order_or_unit_are_refused():
    known = rng.normal(size=(8, 3))
    with pytest.raises(CalibrationError, match=r"mirror image does not fit either .* the same order$"):
        world.placed_on_points(rig, known, known[::-1], scale=True)
    with pytest.raises(CalibrationError, match="both are in metres"):
        world.placed_on_points(rig, known, 1e3 * known)


@pytest.mark.parametrize("times", [1e-300, 1e-200, 1e-12, 1e12, 1e200, 1e300])
def test_known_points_of_impossible_size_are_said_to_be(times):
    known = rng.normal(size=(8, 3))
    for one, other in ((known * times, known), (known, known * times)):
        with pytest.raises(CalibrationError, match=r"the known points are 1e.* times as large"):
            world.placed_on_points(rig, one, other, scale=True)
        with pytest.raises(CalibrationError, match="both are in metres"):
            world.placed_on_points(rig, one, other)


def board_frame(rig_now, world_from_board):
    board = Board.charuco(columns=8, rows=11, square=0.024, marker=0.018, dictionary="4X4_1000")
    xy = rig_now.project(world_from_board.apply(board.corners)).swapaxes(0, 1)[None]
    return BoardObservations(board=board, names=rig_now.names, sizes=[[1280, 1024]] * 3, xy=xy, frame=[7])


def test_placed_on_a_board_on_the_ground():
    lying = RigidTransform.from_rotation(Rotation.from_rotvec([np.pi, 0, 0]))  # printed side, so -z, upwards
    moved = rig.moved(somewhere)
    placed = world.placed_on_board(moved, board_frame(moved, somewhere * lying))
    assert_proper(moved, placed)
    np.testing.assert_allclose(placed.centers, rig.centers, atol=1e-6)


def test_a_floor_filmed_from_below():
    seen = board_frame(rig, RigidTransform.from_rotation(Rotation.from_rotvec([np.pi, 0, 0])))
    above = world.placed_on_board(rig, seen)
    below = world.placed_on_board(rig, seen, filmed_from="below")
    assert_proper(above, below)
    assert (above.centers[:, 2] > 0).all()
    assert np.allclose(below.centers, above.centers * [1, -1, -1])
    with pytest.raises(ValueError, match='filmed_from: expected "above" or "below"'):
        world.placed_on_board(rig, seen, filmed_from="beside")


def test_a_board_of_another_size_or_not_seen_is_refused():
    lying = RigidTransform.from_rotation(Rotation.from_rotvec([np.pi, 0, 0]))
    seen = board_frame(rig, lying)
    with pytest.raises(CalibrationError, match=r"frame 7: the triangulated corners are .* mm off"):
        world.placed_on_board(rig.scaled(1000), seen)
    hidden = np.array(seen.xy)
    hidden[:, 1:] = np.nan
    with pytest.raises(CalibrationError, match="0 corners of the board are seen"):
        world.placed_on_board(
            rig,
            BoardObservations(board=seen.board, names=seen.names, sizes=seen.sizes, xy=hidden, frame=[7]),
        )
    with pytest.raises(ValueError, match="expected an index below 1, got 1"):
        world.placed_on_board(rig, seen, frame=1)


def test_placed_on_the_floor_despite_lifted_feet():
    feet = np.column_stack([rng.uniform(-1, 1, (200, 2)), rng.normal(0, 1e-4, 200)])
    feet[:40, 2] += rng.uniform(0.05, 0.3, 40)
    feet[50] = np.nan
    moved = rig.moved(somewhere)
    placed = world.placed_on_floor(moved, somewhere.apply(feet))
    assert_proper(moved, placed)
    np.testing.assert_allclose(placed.centers[:, 2], rig.centers[:, 2], atol=2e-3)
    head = world.placed_on_floor(moved, somewhere.apply(feet), above=somewhere.apply([[0, 0, -1.7]]))
    np.testing.assert_allclose(head.centers[:, 2], -rig.centers[:, 2], atol=2e-3)
    ahead = world.placed_on_floor(moved, somewhere.apply(feet), forward=somewhere.rotation.apply([0, 3.0, 1]))
    turned = ahead.centers - ahead.centers.mean(axis=0)
    expected = (rig.centers - rig.centers.mean(axis=0)) @ [[0, -1, 0], [1, 0, 0], [0, 0, 1]]
    np.testing.assert_allclose(turned, expected, atol=2e-3)


def test_a_direction_upright_on_the_floor_is_no_direction_along_it():
    feet = np.column_stack([rng.uniform(-1, 1, (50, 2)), np.zeros(50)])
    for moved in (RigidTransform.identity(), somewhere):
        upright = moved.rotation.apply([0, 0, 1.0])
        for forward in (upright, -1e9 * upright):
            with pytest.raises(ValueError, match=r"forward: expected a direction along the floor, got \["):
                world.placed_on_floor(rig.moved(moved), moved.apply(feet), forward=forward)
    far = world.placed_on_floor(rig, feet, forward=[1e300, 0, 0])
    near = world.placed_on_floor(rig, feet, forward=[1.0, 0, 0])
    np.testing.assert_allclose(far.centers, near.centers)
    with pytest.raises(ValueError, match=r"forward: expected a direction, got \[0.0, inf"):
        world.placed_on_floor(rig, feet, forward=[0, np.inf, 0])


def test_a_walk_along_a_line_is_no_floor():
    line = np.outer(np.linspace(0, 1, 20), [1, 0, 0])
    with pytest.raises(CalibrationError, match="lie on one line"):
        world.placed_on_floor(rig, line)
    with pytest.raises(CalibrationError, match="2 points on the floor"):
        world.placed_on_floor(rig, line[:2])


def test_scaled_to_a_known_length():
    a = rng.normal(size=(50, 3))
    direction = rng.normal(size=(50, 3))
    b = a + 0.4 * direction / np.linalg.norm(direction, axis=1)[:, None]
    b[3] = np.nan
    np.testing.assert_allclose(scaled_to_length(rig, a, b, 0.6).centers, 1.5 * rig.centers)
    with pytest.raises(ValueError, match="positive length in m, got -1"):
        scaled_to_length(rig, a, b, -1)
    with pytest.raises(ValueError, match="positive length in m, got inf"):
        scaled_to_length(rig, a, b, np.inf)
    with pytest.raises(CalibrationError, match="never both seen"):
        scaled_to_length(rig, a, a * np.nan, 1)
