"""Several boards at once: each on its own, fixed to each other, and on the two sides of a plate."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import RigidTransform, Rotation

from calibration import Board, BoardObservations, CalibrationError, calibrate
from tests.test_calibration.board_scene import aligned_error, board_places, true_rig

inside = np.random.default_rng(9).uniform([-0.6, -0.6, 0.5], [0.6, 0.6, 1.3], (60, 3))
front = Board.charuco(columns=8, rows=11, square=0.06, marker=0.045, dictionary="4X4_1000")
back = Board.charuco(columns=7, rows=9, square=0.07, marker=0.05, dictionary="4X4_1000", first=44)
THICKNESS = 0.0123

# Glued by hand: turned by 7 degrees in its plane and off the middle; parallel.
glued = RigidTransform.from_components(
    [0.011, -0.004, THICKNESS],
    Rotation.from_euler("z", 7, degrees=True) * Rotation.from_euler("y", 180, degrees=True),
)


def centred(board):
    return board.corners - (board.corners.max(axis=0) + board.corners.min(axis=0)) / 2


def seen(rig, board, R, t, *, noise=0.2, seed=0):
    """Observe a board, whose middle is at world_from_board R, t, wherever a camera sees its front."""
    rng = np.random.default_rng(seed)
    xyz = np.einsum("fij,kj->fki", R, centred(board)) + t[:, None]
    xy = rig.project(xyz).transpose(0, 2, 1, 3)
    xy = xy + rng.normal(0, noise, xy.shape)
    towards = rig.centers[None] - t[:, None]
    facing = -np.einsum("fvi,fi->fv", towards, R[..., 2]) / np.linalg.norm(towards, axis=2)
    size = np.array([camera.intrinsics.size for camera in rig.cameras])
    hidden = ~(((xy > 0) & (xy < size[:, None] - 1)).all(axis=-1) & (facing > 0.3)[..., None])
    xy[hidden] = np.nan
    return BoardObservations(board=board, names=rig.names, sizes=size, xy=xy, frame=np.arange(len(R)))


def plate(rig, frames=60, seed=0):
    """Front and back of a plate that is waved among the cameras."""
    R, t = board_places(frames, seed)
    world_from_back = RigidTransform.from_components(t, Rotation.from_matrix(R)) * glued
    return [
        seen(rig, front, R, t, seed=seed),
        seen(rig, back, world_from_back.rotation.as_matrix(), world_from_back.translation, seed=seed + 1),
    ]


def two_facing_pairs():
    """Two cameras before the plate and two behind it, as when one looks from either side."""
    return true_rig(views=12).select(["cam0", "cam1", "cam6", "cam7"])


def never_shared(observations):
    """The plate turned so that one pair of cameras sees its front only and the other pair its back only."""
    one, other = (seen.xy.copy() for seen in observations)
    one[:, 2:], other[:, :2] = np.nan, np.nan
    return [replace(observations[0], xy=one), replace(observations[1], xy=other)]


def test_boards_that_move_on_their_own_serve_one_rig():
    truth = true_rig(views=4, spread=2.0)
    pairs = [seen(truth, front, *board_places(25, 0)), seen(truth, back, *board_places(25, 7), seed=1)]
    rig, report = calibrate(pairs)
    assert aligned_error(rig, truth, inside) < 0.3e-3
    assert aligned_error(rig, truth, inside) < aligned_error(calibrate(pairs[0])[0], truth, inside)
    assert report.frames_total == sum(pair.seen.any(axis=(1, 2)).sum() for pair in pairs)
    assert report.boards == ()
    assert report.held_out.all_pairs < 1.5e-3  # of corners in two narrow views with 0.2 px of noise


def test_boards_seen_by_different_cameras_join_them():
    truth = true_rig(views=4, spread=2.0)
    one, other = seen(truth, front, *board_places(30, 0)), seen(truth, back, *board_places(30, 7), seed=1)
    a, b = one.xy.copy(), other.xy.copy()
    a[:, 3], b[:, 0] = np.nan, np.nan
    rig, _ = calibrate([replace(one, xy=a), replace(other, xy=b)], validate=False)
    assert aligned_error(rig, truth, inside) < 2e-3


@pytest.mark.parametrize("shape", ["rigid", "warp", "free"])
def test_a_two_sided_board_in_a_ring_gives_its_thickness(shape):
    truth = true_rig()
    rig, report = calibrate(
        plate(truth), linked="two-sided", board_shape=shape, lens="pinhole5", validate=False
    )
    assert aligned_error(rig, truth, inside) < 0.15e-3
    (place,) = report.boards
    assert abs(place.depth - THICKNESS) < max(4 * place.deviation[5], 0.05e-3)
    assert place.deviation[5] < 0.1e-3
    middle = glued.apply(np.zeros(3)) + front.corners.mean(axis=0)
    found = place.first_from_board.apply(back.corners.mean(axis=0))
    assert np.linalg.norm(found - middle) < 0.1e-3
    turn = place.first_from_board.rotation * glued.rotation.inv()
    assert np.rad2deg(turn.magnitude()) < 0.05
    assert "mm behind the first board" in report.summary()


def test_cameras_that_never_see_the_same_side_are_joined_by_the_plate():
    truth = two_facing_pairs()
    observations = never_shared(plate(truth, frames=80))
    rig, report = calibrate(
        observations, linked="two-sided", lens="pinhole5", board_shape="rigid", validate=False
    )
    assert abs(report.boards[0].depth - THICKNESS) < 4 * report.boards[0].deviation[5]
    assert aligned_error(rig, truth, inside) < 1e-3


def test_a_measured_thickness_is_believed():
    truth = two_facing_pairs()
    observations = never_shared(plate(truth, frames=80))
    known, loose = (
        calibrate(
            observations,
            linked="two-sided",
            thickness=thickness,
            lens="pinhole5",
            board_shape="rigid",
            validate=False,
        )[1]
        for thickness in (THICKNESS, None)
    )
    assert abs(known.boards[0].depth - THICKNESS) < 0.1e-3
    assert known.boards[0].deviation[5] < min(loose.boards[0].deviation[5], 0.1e-3)


def test_without_the_link_the_two_sides_are_disconnected():
    observations = never_shared(plate(two_facing_pairs(), frames=40))
    with pytest.raises(
        CalibrationError, match=r"2 groups that never see the board together: cam0 and cam1; cam6 and"
    ):
        calibrate(observations)


def test_three_boards_at_angles_are_one_object():
    truth = true_rig(views=4, spread=2.0)
    third = Board.markers(columns=4, rows=5, marker=0.08, gap=0.02, dictionary="APRILTAG_36h11")
    R, t = board_places(50, 3)
    first = RigidTransform.from_components(t, Rotation.from_matrix(R))
    turns = {back: ([0.45, 0, 0.2], [0, 50, 0]), third: ([0, -0.6, 0.25], [50, 0, 5])}
    observations = [seen(truth, front, R, t)]
    for number, (board, (shift, angles)) in enumerate(turns.items()):
        at = first * RigidTransform.from_components(shift, Rotation.from_euler("xyz", angles, degrees=True))
        observations.append(seen(truth, board, at.rotation.as_matrix(), at.translation, seed=number + 1))
    rig, report = calibrate(observations, linked="rigid", board_shape="rigid", lens="pinhole5")
    assert aligned_error(rig, truth, inside) < 0.2e-3
    assert report.held_out.all_pairs < 1.5e-3
    for place, board, (shift, angles) in zip(report.boards, turns, turns.values(), strict=True):
        found = place.first_from_board.apply(board.corners.mean(axis=0))
        assert np.linalg.norm(found - front.corners.mean(axis=0) - shift) < 0.2e-3
        wanted = Rotation.from_euler("xyz", angles, degrees=True)
        assert np.rad2deg((place.first_from_board.rotation * wanted.inv()).magnitude()) < 0.05


def test_the_uncertainty_of_the_thickness_is_its_scatter():
    truth = true_rig(views=3, spread=2.5)
    known = {camera.name: camera.intrinsics for camera in truth.cameras}
    reports = [
        calibrate(
            plate(truth, frames=20, seed=seed),
            linked="two-sided",
            intrinsics=known,
            board_shape="rigid",
            validate=False,
        )[1]
        for seed in range(0, 40, 2)
    ]
    off = np.array([report.boards[0].depth - THICKNESS for report in reports])
    said = np.array([report.boards[0].deviation[5] for report in reports])
    assert 0.7 < np.sqrt(np.mean((off / said) ** 2)) < 1.4


def test_a_board_whose_place_on_the_object_cannot_be_known_is_named():
    truth = two_facing_pairs()
    one, other = plate(truth, frames=40)
    a, b = one.xy.copy(), other.xy.copy()
    a[::2], b[1::2] = np.nan, np.nan
    with pytest.raises(CalibrationError, match=r"charuco 7 x 9.*: its place on the object is not known"):
        calibrate([replace(one, xy=a), replace(other, xy=b)], linked="rigid")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"linked": "glued"}, 'expected "rigid", "two-sided" or None, got \'glued\''),
        ({"thickness": 0.01}, 'only of a plate with linked="two-sided"'),
        ({"linked": "two-sided", "thickness": 12.0}, "expected a length in m, got 12.0"),
    ],
)
def test_links_that_cannot_be_are_refused(options, message):
    observations = plate(true_rig(views=2, spread=1.0), frames=4)
    with pytest.raises(ValueError, match=message):
        calibrate(observations, **options)


@pytest.mark.parametrize(
    ("linked", "message"),
    [("rigid", "two boards or more, got those of one"), ("two-sided", "has 2 boards, got .* of 1")],
)
def test_one_board_is_no_object(linked, message):
    with pytest.raises(ValueError, match=message):
        calibrate(plate(true_rig(views=2, spread=1.0), frames=4)[0], linked=linked)


def test_boards_with_the_same_markers_are_refused():
    one, _ = plate(true_rig(views=2, spread=1.0), frames=4)
    with pytest.raises(
        ValueError, match=r"cannot be told apart.* both have the markers 0 to 43 of 4X4: .*first = 44"
    ):
        calibrate([one, one])
    chess = replace(one, board=Board.chessboard(columns=8, rows=11, square=0.06))
    with pytest.raises(ValueError, match="both are chessboards of one size"):
        calibrate([chess, chess])


def test_observations_of_other_views_do_not_go_together():
    one, other = plate(true_rig(views=2, spread=1.0), frames=4)
    with pytest.raises(ValueError, match="must be of the same views: cam0, cam1 and a, b"):
        calibrate([one, replace(other, names=("a", "b"))])
    with pytest.raises(ValueError, match=r"flipped or cropped for one board .*\(\) and \('cam0',\)"):
        calibrate([one, replace(other, mirrored=("cam0",))])
    with pytest.raises(ValueError, match="those of another have none"):
        calibrate([replace(one, times=np.zeros((4, 2))), other])
    with pytest.raises(ValueError, match="one board at least, got none"):
        calibrate([])
