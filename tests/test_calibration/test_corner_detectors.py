"""Corners of every kind of board in one image."""

import cv2
import numpy as np
import pytest

from calibration import Board
from calibration.corners.detectors import detect_corners
from calibration.recordings.frame_sources import images_in, read_image

charuco = Board.charuco(columns=8, rows=6, square=0.03, marker=0.0225, dictionary="4X4_250")
legacy = Board.charuco(columns=8, rows=6, square=0.03, marker=0.0225, dictionary="4X4_250", legacy=True)
inverted = Board.charuco(columns=8, rows=6, square=0.03, marker=0.0225, dictionary="4X4_250", inverted=True)
chessboard = Board.chessboard(columns=10, rows=7, square=0.03)
aruco = Board.markers(columns=5, rows=4, marker=0.03, gap=0.01, dictionary="5X5_50", first=7)
tags = Board.markers(columns=5, rows=4, marker=0.03, gap=0.01, dictionary="APRILTAG_36h11")
aprilgrid = Board.aprilgrid(columns=5, rows=4, marker=0.03, spacing=1 / 3)
boards = {
    "charuco": charuco,
    "legacy": legacy,
    "inverted": inverted,
    "chessboard": chessboard,
    "aruco": aruco,
    "apriltags": tags,
    "aprilgrid": aprilgrid,
}


@pytest.mark.parametrize("turn", [0.2, 2.0, 4.0])
@pytest.mark.parametrize("board", boards.values(), ids=boards)
def test_every_corner_is_found_and_named(rendered, board, turn):
    scene = rendered(board, 36.0, turn=turn)
    xy = detect_corners(scene.image, board)
    assert np.isfinite(xy).all()
    assert np.sqrt(((xy - scene.xy) ** 2).sum(axis=1).mean()) < 0.06


@pytest.mark.parametrize("board", boards.values(), ids=boards)
def test_nothing_is_found_where_there_is_no_board(board):
    image = np.random.default_rng(0).integers(0, 255, (240, 320), dtype=np.uint8)
    assert np.isnan(detect_corners(cv2.GaussianBlur(image, (0, 0), 3), board)).all()


def test_small_blurred_boards_are_found_with_stronger_settings(rendered):
    scene = rendered(charuco, 17.0, blur=0.9, noise=3.0)
    assert np.isfinite(detect_corners(scene.image, charuco)[:, 0]).sum() > 30
    assert np.isfinite(detect_corners(scene.image, charuco, always_strong=True)[:, 0]).sum() > 30


def test_a_board_cut_by_the_image_keeps_its_numbers(rendered):
    scene = rendered(charuco, 90.0, (500, 400))
    xy = detect_corners(scene.image, charuco)
    found = np.isfinite(xy[:, 0])
    assert 5 < found.sum() < len(xy)
    assert np.abs(xy - scene.xy)[found].max() < 0.1


def test_webcam_chessboards_and_the_image_without_one(recordings):
    board = Board.chessboard(columns=10, rows=7, square=0.025)
    counts = {
        path.stem: int(np.isfinite(detect_corners(read_image(path), board)[:, 0]).sum())
        for path in images_in(recordings("webcams_4cam") / "chessboard_intrinsic")
    }
    assert {name for name, count in counts.items() if count == 0} == {"cam_0_frame_000"}
    assert sorted(counts.values())[2:] == [54] * 6
    # The last one is so oblique that some corners lie in no clear crossing.
    assert sorted(counts.values())[1] > 40


def test_human_chessboards_cut_by_the_image_edge(recordings):
    board = Board.chessboard(columns=5, rows=8, square=0.06)
    folder = recordings("human_4cam") / "S00_Calibration/intrinsics/int_cam04_img"
    counts = {
        path.stem: int(np.isfinite(detect_corners(read_image(path), board)[:, 0]).sum())
        for path in images_in(folder)
    }
    # In the fourth image two rows of corners lie outside.
    assert counts == {f"cam04_0{number}_int": 0 if number == 4 else 28 for number in range(1, 8)}


def test_one_hand_held_marker(recordings):
    board = Board.markers(columns=1, rows=1, marker=0.05, gap=0.01, dictionary="4X4_50")
    folder = recordings("webcams_4cam") / "aruco_extrinsic"
    found = [np.isfinite(detect_corners(read_image(path), board)).all() for path in images_in(folder)]
    assert len(found) == 36
    assert sum(found) >= 31
