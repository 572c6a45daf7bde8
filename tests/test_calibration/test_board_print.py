"""Printed boards: their scale, and that they are found."""

import re
import zlib

import cv2
import numpy as np
import pytest

from calibration import Board
from calibration.boards.printing import board_page, save_board
from calibration.corners.detectors import detect_corners

charuco = Board.charuco(columns=5, rows=7, square=0.03, marker=0.0225, dictionary="4X4_250")
tags = Board.markers(columns=4, rows=3, marker=0.03, gap=0.01, dictionary="APRILTAG_36h11")
aprilgrid = Board.aprilgrid(columns=4, rows=3, marker=0.03, spacing=0.3)
chessboard = Board.chessboard(columns=6, rows=5, square=0.03)


@pytest.mark.parametrize("board", [charuco, chessboard, tags, aprilgrid], ids=str)
def test_a_page_at_scale_has_squares_of_the_right_size(board):
    xy = detect_corners(board_page(board, 150), board)
    metres = (xy - xy[0]) * 0.0254 / 150
    assert np.abs(metres - (board.corners - board.corners[0])[:, :2]).max() < 5e-4


def test_a_pdf_page_has_the_true_size_and_shows_the_board(tmp_path):
    save_board(charuco, tmp_path / "board.pdf", dpi=150)
    content = (tmp_path / "board.pdf").read_bytes()
    width, height = (float(value) for value in re.search(rb"MediaBox \[0 0 (\S+) (\S+)\]", content).groups())
    columns, rows = (int(value) for value in re.search(rb"/Width (\d+) /Height (\d+)", content).groups())
    start = content.index(b"stream\n", content.index(b"/Width")) + 7
    page = np.frombuffer(zlib.decompress(content[start:]), np.uint8).reshape(rows, columns)
    xy = detect_corners(page, charuco)
    metres = (xy - xy[0]) * [width / columns, height / rows] * 0.0254 / 72
    assert np.abs(metres - (charuco.corners - charuco.corners[0])[:, :2]).max() < 2e-5


def test_a_png_carries_its_resolution(tmp_path):
    save_board(charuco, tmp_path / "board.png", dpi=254)
    content = (tmp_path / "board.png").read_bytes()
    place = content.index(b"pHYs")
    assert int.from_bytes(content[place + 4 : place + 8], "big") == 10_000
    assert np.isfinite(detect_corners(cv2.imread(str(tmp_path / "board.png"), 0), charuco)).all()


def test_bad_requests():
    with pytest.raises(ValueError, match="expected a name ending in"):
        save_board(charuco, "board.svg")
    with pytest.raises(ValueError, match="gives 6 px per square"):
        board_page(charuco, 5)
