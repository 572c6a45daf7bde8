"""Corners of boards in recordings: rendered ones with known truth, and real ones."""

import pytest

from calibration import Board, Recording, find_corners


@pytest.fixture(scope="session")
def mouse(recordings):
    folder = recordings("mouse_4cam")
    names = ("back", "mid", "side", "top")
    return Recording.open({name: folder / name / "calibration_images" for name in names})


def test_mouse_boards_are_found(mouse):
    board = Board.charuco(columns=8, rows=11, square=0.024, marker=0.01875, dictionary="4X4_1000")
    observations = find_corners(mouse, board)
    assert observations.names == ("back", "mid", "side", "top")
    counts = observations.seen.sum(axis=2)
    assert counts.shape == (15, 4)
    assert counts.min() >= 68
    assert counts.sum() >= 4180


def test_webcam_boards_are_found(recordings):
    recording = Recording.open(recordings("webcams_4cam") / "post_optimization/calibration/extrinsic")
    board = Board.charuco(
        columns=4, rows=5, square=0.054, marker=0.0405, dictionary="4X4_1000", inverted=True
    )
    observations = find_corners(recording, board)
    assert (observations.seen.sum(axis=(0, 2)) >= [680, 570, 620, 490]).all()
    assert observations.times.shape == (len(observations.frame), 4)
