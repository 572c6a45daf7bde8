"""Kalibr's targets: read, drawn, found by OpenCV, and where Kalibr says that their corners are."""

import cv2
import numpy as np
import pytest

from calibration import Board, calibrate, read_target
from calibration.boards.pattern import board_image
from calibration.corners.detectors import detect_corners
from tests.test_calibration import board_scene

APRILGRID = """\
target_type: 'aprilgrid' #gridtype
tagCols: 3               #number of apriltags
tagRows: 2
tagSize: 0.08            #size of apriltag, edge to edge [m]
tagSpacing: 0.25         #ratio of space between tags to tagSize
"""

CODE_0 = 0xD5D628584
"""Tag 0 of the family 36h11 in AprilTag's own table: 36 bits row by row from the top left, 1 is white."""


@pytest.fixture
def target(tmp_path):
    def write(text):
        (tmp_path / "target.yaml").write_text(text)
        return tmp_path / "target.yaml"

    return write


def test_corners_are_where_kalibr_says(target):
    board = read_target(target(APRILGRID))
    # Kalibr: x right, y up from the bottom left corner of tag 0; tags 0.08 m, every 0.10 m. The corners of
    # one tag are its bottom left, bottom right, top right, top left.
    kalibr = {
        0: [[0, 0], [0.08, 0], [0.08, 0.08], [0, 0.08]],
        2: [[0.20, 0], [0.28, 0], [0.28, 0.08], [0.20, 0.08]],
        4: [[0.10, 0.10], [0.18, 0.10], [0.18, 0.18], [0.10, 0.18]],
    }
    # The print is 0.22 m high: two tags, and small squares of 0.02 m below, between and above them.
    for tag, expected in kalibr.items():
        x, y = np.transpose(expected)
        ours = board.corners.reshape(-1, 4, 3)[tag]
        np.testing.assert_allclose(ours[[1, 0, 3, 2]], np.stack([0.02 + x, 0.20 - y, 0 * x], 1), atol=1e-12)


def test_the_print_is_kalibrs(target):
    board = read_target(target(APRILGRID))
    image = board_image(board, 100)  # 1 mm per px: cells of a tag are 8 px
    assert image.shape == (220, 320)
    cells = image[120:200, 20:100][4::8, 4::8] > 127  # tag 0, at the bottom left
    border = np.ones((10, 10), dtype=bool)
    border[2:-2, 2:-2] = False
    assert not cells[border].any()
    bits = [(CODE_0 >> bit) & 1 for bit in range(35, -1, -1)]
    assert cells[2:-2, 2:-2].ravel().tolist() == [bool(bit) for bit in bits]
    for x in (0, 100, 200, 300):
        for y in (0, 100, 200):
            assert not image[y : y + 20, x : x + 20].any()
    assert (image[20:100, 0:20] == 255).all()
    assert (image[100:120, 20:100] == 255).all()


def test_opencv_finds_the_tags_with_a_border_of_two_cells(target, rendered):
    board = read_target(target(APRILGRID.replace("0.25", str(1 / 3))))  # whole pixels when drawn
    scene = rendered(board, 120.0, turn=0.1, noise=1.0)
    parameters = cv2.aruco.DetectorParameters()
    parameters.markerBorderBits = 2
    family = cv2.aruco.getPredefinedDictionary(cv2.aruco.DICT_APRILTAG_36h11)
    quads, ids, _ = cv2.aruco.ArucoDetector(family, parameters).detectMarkers(scene.image)
    assert sorted(np.ravel(ids)) == list(range(6))
    truth = scene.xy.reshape(-1, 4, 2)
    for number, quad in zip(np.ravel(ids), quads, strict=True):
        assert np.abs(np.reshape(quad, (4, 2)) - truth[number]).max() < 5  # the small squares pull at them
    found = detect_corners(scene.image, board)
    assert np.sqrt(((found - scene.xy) ** 2).sum(axis=1).mean()) < 0.02


def test_corners_of_unread_tags_are_found_from_their_neighbours(rendered):
    board = Board.aprilgrid(columns=5, rows=4, marker=0.03, spacing=1 / 3)
    scene = rendered(board, 60.0)
    image = scene.image.copy()
    x, y = scene.xy.reshape(-1, 4, 2)[7].mean(axis=0)
    cv2.circle(image, (round(x), round(y)), 12, 90, -1)  # hides what the tag says, not its corners
    assert np.isfinite(detect_corners(image, board)).all()


def test_a_rig_is_calibrated_with_an_aprilgrid(monkeypatch):
    board = Board.aprilgrid(columns=6, rows=6, marker=0.06, spacing=0.3)
    monkeypatch.setattr(board_scene, "board", board)
    truth = board_scene.true_rig(views=3, spread=1.5)
    seen = board_scene.observe(truth, frames=40)
    rig, _ = calibrate(seen, lens="pinhole5", board_shape="rigid", validate=False)
    volume = np.random.default_rng(9).uniform([-0.5, -0.5, 0.6], [0.5, 0.5, 1.2], (200, 3))
    assert board_scene.aligned_error(rig, truth, volume) < 0.2e-3


def test_a_checkerboard_counts_inner_corners(target):
    text = "target_type: 'checkerboard'\ntargetCols: 6\ntargetRows: 7\nrowSpacingMeters: 0.06\n"
    board = read_target(target(text + "colSpacingMeters: 0.06\n"))
    assert (board.kind, board.columns, board.rows, board.square) == ("chessboard", 7, 8, 0.06)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("'aprilgrid'", "'circlegrid'", "target_type: expected aprilgrid or checkerboard, got 'circlegrid'"),
        ("tagCols: 3", "tagCols: 3.5", "tagCols: expected a whole number, got 3.5"),
        ("tagSize: 0.08", "", "tagSize: expected a number, got None"),
        ("tagSpacing: 0.25", "tagSpacing: 0", "marker: expected a length between 0 and"),
        (APRILGRID, "[", "not a YAML file"),
        (APRILGRID, "cam0: {}", "target_type: expected aprilgrid or checkerboard, got None"),
    ],
)
def test_what_is_no_target_is_named(target, old, new, message):
    with pytest.raises(ValueError, match=message) as caught:
        read_target(target(APRILGRID.replace(old, new)))
    assert "target.yaml: " in str(caught.value)


def test_rectangles_are_refused(target):
    text = "target_type: checkerboard\ntargetCols: 6\ntargetRows: 7\nrowSpacingMeters: 0.06\n"
    with pytest.raises(ValueError, match=r"0\.06 and colSpacingMeters 0\.05 differ; boards have squares"):
        read_target(target(text + "colSpacingMeters: 0.05\n"))
