"""Everything that keeps a board from being found, and what the doctor says about it."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from calibration import Board
from calibration.boards.layout import Sighting, layout_of, marker_places
from calibration.corners.doctor import diagnose
from calibration.recordings.frame_sources import VideoFile, images_in, read_image

board = Board.charuco(columns=8, rows=6, square=0.03, marker=0.0225, dictionary="4X4_250")
chessboard = Board.chessboard(columns=9, rows=6, square=0.03)


@pytest.fixture(scope="module")
def images(rendered):
    """Function that renders three images of a board."""

    def of(shown, **options):
        return [rendered(shown, 34.0, turn=0.3 * turn, **options).image for turn in range(3)]

    return of


def test_a_board_that_is_fine(images):
    assert diagnose(images(board), board).cause == "none"


def test_legacy_layout(images):
    found = diagnose(images(replace(board, legacy=True)), board)
    assert (found.cause, found.safe, found.before, found.after) == ("legacy layout", True, 0, 105)
    assert found.board.legacy
    assert found.message.startswith("legacy layout: 0 corners in 3 images as configured, 105 with that.")
    assert "OpenCV before 4.6: set legacy = true" in found.message


def test_inverted_print(images):
    found = diagnose(images(replace(board, inverted=True)), board)
    assert (found.cause, found.safe, found.after) == ("inverted print", True, 105)
    assert "printed white on black: set inverted = true" in found.message


def test_mirrored_image(images):
    found = diagnose([np.ascontiguousarray(image[:, ::-1]) for image in images(board)], board)
    assert (found.cause, found.safe, found.mirrored, found.after) == ("mirrored image", True, True, 105)
    assert "mirrored left to right: open the recordings of this camera with mirrored" in found.message


def test_inverted_print_of_a_legacy_board(images):
    found = diagnose(images(replace(board, inverted=True, legacy=True)), board)
    assert (found.cause, found.safe, found.after) == ("inverted print and legacy layout", True, 105)


def test_swapped_columns_and_rows(images):
    found = diagnose(images(board), replace(board, columns=6, rows=8))
    assert (found.cause, found.safe) == ("swapped columns and rows", False)
    assert (found.board.columns, found.board.rows) == (8, 6)
    assert "exchange columns and rows" in found.message


def test_an_aprilgrid_in_place_of_plain_tags(images):
    plain = Board.markers(columns=5, rows=4, marker=0.03, gap=0.01, dictionary="APRILTAG_36h11")
    kalibrs = Board.aprilgrid(columns=5, rows=4, marker=0.03, spacing=1 / 3)
    found = diagnose(images(kalibrs), replace(plain, columns=5))
    assert (found.cause, found.safe, found.board.kind) == ("AprilGrid", False, "aprilgrid")
    assert found.after > 3 * found.before
    assert 'set kind = "aprilgrid"' in found.message
    found = diagnose(images(plain), kalibrs)
    assert (found.cause, found.safe, found.board.kind) == ("markers without squares", False, "markers")
    assert 'set kind = "markers"' in found.message


def test_another_dictionary(images):
    found = diagnose(images(board), replace(board, dictionary="5X5_250"))
    assert (found.cause, found.safe) == ("another dictionary", False)
    assert "markers of 4X4_1000, numbers 0 to 23" in found.message
    assert found.after == 105


def test_board_size(images):
    found = diagnose(images(board), replace(board, columns=7, rows=5))
    assert found.cause == "board size"
    assert "lie as on a board of 8 x 6 squares" in found.message
    assert found.after == 105


def test_marker_size(images):
    found = diagnose(images(board), replace(board, marker=0.012))
    assert (found.cause, found.safe, found.before, found.after) == ("marker size", False, 0, 105)
    assert "with markers of 0.7" in found.message
    assert "configured are charuco 8 x 6, squares of 30 mm, markers of 12 mm" in found.message
    assert found.message.endswith("Measure the print and correct the configuration")


def test_board_size_and_marker_size(images):
    found = diagnose(images(board), replace(board, columns=5, marker=0.012))
    assert found.cause == "board size and marker size"
    assert "markers of 0.7" in found.message


def test_blur(images):
    found = diagnose(images(board, blur=5.0)[:1], board)
    assert found.cause == "blur"
    assert "Edges are blurred over about" in found.message
    assert "Focus the lens" in found.message


def test_exposure(images):
    found = diagnose(images(board, dark=3.0, bright=9.0, noise=1.0)[:1], board)
    assert found.cause == "exposure"
    assert "They are too dark" in found.message
    assert "Change the light, aperture or exposure time" in found.message
    pale = diagnose(images(board, dark=246.0, bright=255.0, noise=1.0)[:1], board)
    assert pale.cause == "exposure"
    assert "They are too bright or flat" in pale.message


def test_no_board_in_view(rendered):
    image = cv2.GaussianBlur(np.random.default_rng(0).integers(0, 255, (240, 320), dtype=np.uint8), (0, 0), 1)
    found = diagnose([image], board)
    assert (found.cause, found.after) == ("no board", 0)
    assert "No marker of any known dictionary and no chessboard was found" in found.message


def test_few_corners_because_most_of_the_board_is_hidden(images):
    hidden = [np.where(np.arange(640) < 260, image, 115).astype(np.uint8) for image in images(board)]
    found = diagnose(hidden, board)
    assert found.cause == "few corners"
    assert "hidden, cut off" in found.message


def test_a_chessboard_in_place_of_a_charuco_board(images):
    found = diagnose(images(chessboard), board)
    assert found.cause == "another target"
    assert "chessboard of 9 x 6 squares (8 x 5 inner corners)" in found.message


def test_a_charuco_board_in_place_of_a_chessboard(images):
    found = diagnose(images(board)[:1], Board.chessboard(columns=12, rows=7, square=0.03))
    assert found.cause == "another target"
    assert "Charuco board of 8 x 6 squares" in found.message


def test_inner_corners_given_for_squares(images):
    found = diagnose(images(chessboard)[:1], Board.chessboard(columns=8, rows=5, square=0.03))
    assert found.cause == "board size"
    assert "columns and rows count squares, not inner corners" in found.message


def test_no_images_are_refused():
    with pytest.raises(ValueError, match="expected one at least"):
        diagnose([], board)


@pytest.mark.parametrize("bright_first", [False, True])
@pytest.mark.parametrize("columns", [3, 4, 7, 12])
def test_a_layout_is_recognised_from_marker_places(columns, bright_first):
    places = marker_places(columns, 20, bright_first)
    square = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * 0.3
    corners = 40.0 * (places[:, None] + 0.5 + square) + [30, 50]
    order = np.random.default_rng(0).permutation(20)
    seen = Sighting(
        dictionary="4X4_50", inverted=False, mirrored=False, views=((order, corners[order].astype(float)),)
    )
    layout = layout_of(seen)
    assert (layout.columns, layout.bright_first) == (columns, bright_first)
    assert layout.marker == pytest.approx(0.6)


def test_the_webcams_inverted_board(recordings):
    folder = recordings("webcams_4cam") / "post_optimization/calibration/extrinsic"
    video = VideoFile.open(folder / "cam_0.mp4")
    images = list(video.read(np.arange(0, 57, 14)))
    configured = Board.charuco(columns=4, rows=5, square=0.054, marker=0.0405, dictionary="4X4_1000")
    found = diagnose(images, configured)
    assert (found.cause, found.safe, found.before) == ("inverted print", True, 0)
    assert found.after >= 55
    assert "set inverted = true" in found.message


def test_the_webcam_image_without_a_board(recordings):
    image = read_image(recordings("webcams_4cam") / "chessboard_intrinsic/cam_0_frame_000.jpg")
    found = diagnose([image], Board.chessboard(columns=10, rows=7, square=0.025))
    assert found.cause == "no board"


def test_the_webcam_chessboard_of_another_size(recordings):
    image = read_image(recordings("webcams_4cam") / "chessboard_intrinsic/cam_1_frame_1070.jpg")
    found = diagnose([image], Board.chessboard(columns=9, rows=6, square=0.025))
    assert found.cause == "board size"
    assert "chessboard of 10 x 7 squares (9 x 6 inner corners)" in found.message


def test_a_single_marker_in_place_of_a_charuco_board(recordings):
    files = images_in(recordings("webcams_4cam") / "aruco_extrinsic")[:3]
    found = diagnose([read_image(path) for path in files], board)
    assert found.cause == "few corners"
    assert "markers of 4X4_1000, numbers 0 to 0" in found.message
