"""Sub-pixel corners: against rendered truth and beside OpenCV's."""

import cv2
import numpy as np
import pytest

from calibration import Board
from calibration.boards.pattern import charuco_board
from calibration.corners.detectors import detect_corners
from calibration.corners.refinement import refine_corners

charuco = Board.charuco(columns=8, rows=6, square=0.03, marker=0.0225, dictionary="4X4_250")
chessboard = Board.chessboard(columns=9, rows=7, square=0.03)
markers = Board.markers(columns=5, rows=4, marker=0.03, gap=0.01, dictionary="APRILTAG_36h11")


def rms(xy, truth):
    return float(np.sqrt(np.nanmean(((xy - truth) ** 2).sum(axis=-1))))


def shaken(truth, by, seed=0):
    return truth + np.random.default_rng(seed).uniform(-by, by, truth.shape)


@pytest.mark.parametrize("blur", [0.0, 0.6, 1.0])
@pytest.mark.parametrize("step", [24.0, 45.0])
@pytest.mark.parametrize("board", [charuco, chessboard], ids=lambda board: board.kind)
def test_crossings_come_from_rough_starts_to_the_truth(rendered, board, step, blur):
    scene = rendered(board, step, blur=blur, noise=1.0)
    xy = refine_corners(scene.image, shaken(scene.xy, 1.0), board)
    assert np.isfinite(xy).all()
    assert rms(xy, scene.xy) < 0.03


@pytest.mark.parametrize("blur", [0.0, 0.6])
@pytest.mark.parametrize("step", [34.0, 45.0])
def test_marker_corners_come_from_rough_starts_to_the_truth(rendered, step, blur):
    scene = rendered(markers, step, blur=blur, noise=1.0)
    xy = refine_corners(scene.image, shaken(scene.xy, 1.0), markers)
    assert rms(xy, scene.xy) < 0.05


def test_corners_do_not_depend_on_the_start(rendered):
    scene = rendered(charuco)
    one, other = (refine_corners(scene.image, shaken(scene.xy, 1.5, seed), charuco) for seed in (1, 2))
    assert np.abs(one - other).max() < 0.01


def test_corners_beat_opencv(rendered):
    ours, theirs = [], []
    for seed in range(6):
        scene = rendered(charuco, 34.0, turn=0.5 * seed, noise=3.0, seed=seed)
        ours.append(rms(detect_corners(scene.image, charuco), scene.xy))
        corners, ids, _, _ = cv2.aruco.CharucoDetector(charuco_board(charuco)).detectBoard(scene.image)
        theirs.append(rms(corners.reshape(-1, 2), scene.xy[ids.ravel()]))
    assert np.median(ours) < 0.5 * np.median(theirs)


def test_rotated_boards_and_strong_tilt(rendered):
    for turn in np.arange(0, 6, 1.1):
        scene = rendered(charuco, 34.0, turn=turn, tilt=0.7)
        xy = detect_corners(scene.image, charuco)
        assert np.isfinite(xy).all()
        assert rms(xy, scene.xy) < 0.05


def test_missed_corners_are_found_from_their_neighbours(rendered):
    scene = rendered(charuco)
    rough = shaken(scene.xy, 0.5)
    rough[[0, 8, 17, 34]] = np.nan
    xy = refine_corners(scene.image, rough, charuco)
    assert np.isfinite(xy).all()
    assert rms(xy, scene.xy) < 0.05


def test_covered_corners_are_not_invented(rendered):
    scene = rendered(charuco)
    image = scene.image.copy()
    covered = [2, 3, 9, 10]
    for x, y in scene.xy[covered]:
        cv2.circle(image, (round(x), round(y)), 24, 90, -1)
    rough = shaken(scene.xy, 0.5)
    rough[covered[:2]] = np.nan
    xy = refine_corners(image, rough, charuco)
    assert np.isnan(xy[covered]).all()
    assert np.isfinite(np.delete(xy, covered, axis=0)).all(axis=1).sum() >= 28
    assert rms(xy, scene.xy) < 0.05
