"""Board corners in one image: OpenCV's defaults first, stronger settings where they find too little."""

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from calibration.boards.board import Board
from calibration.boards.pattern import TAG_BORDER, charuco_board, dictionary_of
from calibration.corners.refinement import refine_corners

Float = NDArray[np.float64]
Gray = NDArray[np.uint8]

SMALL = 1000
"""Longest side in px at which a chessboard is looked for first."""


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


def detect_corners(image: NDArray[np.uint8], board: Board, *, always_strong: bool = False) -> Float:
    """Find the corners of a board in one image.

    Parameters
    ----------
    image : (height, width) or (height, width, 3) uint8, BGR
    board : Board
    always_strong : bool
        Use the stronger settings also where the defaults see no trace of the board.

    Returns
    -------
    xy : (corners, 2) float, px
        NaN where a corner was not found.

    Notes
    -----
    Where the defaults see some of a board's markers but less than half of its corners, the image is sharpened
    and doubled. Every corner is then fitted with a model of its edges on the original image, and missing ones
    are looked for beside found ones (`calibration.corners.refinement`).
    """
    gray = to_gray(image)
    if board.inverted:
        gray = np.asarray(255 - gray, dtype=np.uint8)
    if board.kind == "chessboard":
        return refine_corners(gray, _chessboard_corners(gray, board, always_strong), board)
    find: Callable[[Gray, Board], tuple[Float, int]] = _charuco if board.kind == "charuco" else _markers
    rough, markers = find(gray, board)
    xy = refine_corners(gray, rough, board)
    few = np.isfinite(xy[:, 0]).sum() < 0.5 * len(xy)
    if few and (markers or always_strong):
        rough, _ = find(_doubled(gray), board)
        stronger = refine_corners(gray, (rough + 0.5) / 2 - 0.5, board)
        if np.isfinite(stronger).sum() > np.isfinite(xy).sum():
            return stronger
    return xy


def _charuco(gray: Gray, board: Board) -> tuple[Float, int]:
    corners, ids, _, markers = cv2.aruco.CharucoDetector(charuco_board(board)).detectBoard(gray)
    xy = np.full((len(board.corners), 2), np.nan)
    if ids is not None and corners is not None and len(ids):
        # OpenCV 4 gives (n, 1, 2), OpenCV 5 (n, 2).
        xy[np.asarray(ids).ravel()] = np.asarray(corners, dtype=np.float64).reshape(-1, 2)
    return xy, 0 if markers is None else len(markers)


def _markers(gray: Gray, board: Board) -> tuple[Float, int]:
    count = board.columns * board.rows
    parameters = cv2.aruco.DetectorParameters()
    parameters.markerBorderBits = TAG_BORDER if board.kind == "aprilgrid" else 1
    detector = cv2.aruco.ArucoDetector(dictionary_of(board.dictionary, board.first + count), parameters)
    quads, ids, _ = detector.detectMarkers(gray)
    xy = np.full((count, 4, 2), np.nan)
    numbers = [] if ids is None else np.asarray(ids, dtype=np.int64).ravel().tolist()
    for number, quad in zip(numbers, quads, strict=True):
        if number >= board.first:
            xy[number - board.first] = np.asarray(quad, dtype=np.float64).reshape(4, 2)
    return xy.reshape(-1, 2), int(np.isfinite(xy[:, 0, 0]).sum())


def _doubled(gray: Gray) -> Gray:
    """Twice the size, sharpened: small and slightly blurred markers come out of it readable."""
    blurred = cv2.GaussianBlur(gray, (0, 0), 2.0)
    sharp = cv2.addWeighted(gray, 2.5, blurred, -1.5, 0)
    return np.asarray(cv2.resize(sharp, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC), dtype=np.uint8)


def _chessboard_corners(gray: Gray, board: Board, strong: bool) -> Float:
    shape = (board.columns - 1, board.rows - 1)
    scale = min(1.0, SMALL / max(gray.shape))
    small = gray if scale == 1 else cv2.resize(gray, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    thorough = cv2.CALIB_CB_NORMALIZE_IMAGE | cv2.CALIB_CB_EXHAUSTIVE
    tries = [(small, scale, 0), (small, scale, thorough)] + [(gray, 1.0, thorough)] * (strong and scale < 1)
    for picture, factor, flags in tries:
        found, corners = cv2.findChessboardCornersSB(picture, shape, flags=flags)
        if found:
            xy = (np.asarray(corners, dtype=np.float64).reshape(-1, 2) + 0.5) / factor - 0.5
            return _in_board_order(gray, xy, board)
    return np.full((len(board.corners), 2), np.nan)


def _in_board_order(gray: Gray, xy: Float, board: Board) -> Float:
    """Order corners so that y is right-handed to x and the square before the first corner is dark."""
    grid = xy.reshape(board.rows - 1, board.columns - 1, 2)
    along, down = grid[0, -1] - grid[0, 0], grid[-1, 0] - grid[0, 0]
    if along[0] * down[1] - along[1] * down[0] < 0:
        grid = grid[:, ::-1]
    right, under = 0.5 * (grid[0, 1] - grid[0, 0]), 0.5 * (grid[1, 0] - grid[0, 0])
    inside, beside = grid[0, 0] + right + under, grid[0, 0] + right - under
    # The square behind the first corner has the shade of the one before it.
    if _shade(gray, inside) > _shade(gray, beside):
        grid = grid[::-1, ::-1]
    return np.ascontiguousarray(grid.reshape(-1, 2))


def _shade(gray: Gray, xy: Float) -> float:
    x, y = np.clip(np.rint(xy).astype(int), 1, np.array(gray.shape[::-1]) - 2)
    return float(gray[y - 1 : y + 2, x - 1 : x + 2].mean())
