"""Board corners in one image: OpenCV's defaults first, stronger settings where they fail."""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from calibration.board import Board
from calibration.board_pattern import charuco_board
from calibration.corner_refinement import refine_corners

Float = NDArray[np.float64]
Gray = NDArray[np.uint8]


def to_gray(image: NDArray[np.uint8]) -> Gray:
    """Return an image in shades of gray.

    Parameters
    ----------
    image : (height, width) or (height, width, 3) uint8, BGR

    Returns
    -------
    gray : (height, width) uint8
    """
    return image if image.ndim == 2 else np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), dtype=np.uint8)


def detect_corners(image: NDArray[np.uint8], board: Board) -> Float:
    """Find the corners of a board in one image.

    Parameters
    ----------
    image : (height, width) or (height, width, 3) uint8, BGR
    board : Board

    Returns
    -------
    xy : (corners, 2) float, px
        NaN where a corner was not found.
    """
    gray = to_gray(image)
    if board.inverted:
        gray = np.asarray(255 - gray, dtype=np.uint8)
    if board.kind == "charuco":
        return _charuco_corners(gray, board)
    raise ValueError(board.kind)


def _charuco_corners(gray: Gray, board: Board) -> Float:
    detector = cv2.aruco.CharucoDetector(charuco_board(board))
    corners, ids, _, _ = detector.detectBoard(gray)
    rough = _placed(corners, ids, len(board.corners))
    return refine_corners(gray, rough, board)


def _placed(corners: Any, ids: Any, count: int) -> Float:
    xy = np.full((count, 2), np.nan)
    if ids is not None and corners is not None and len(ids):
        # OpenCV 4 gives (n, 1, 2), OpenCV 5 (n, 2).
        xy[np.asarray(ids).ravel()] = np.asarray(corners, dtype=np.float64).reshape(-1, 2)
    return xy
