"""Boards as OpenCV knows them: marker dictionaries, board objects, images."""

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from calibration.boards.board import Board

TAG_BORDER = 2
"""Width of the black border of an AprilGrid's tags in cells; of every other marker it is 1."""


def dictionaries() -> tuple[str, ...]:
    """Return the names of all marker dictionaries.

    Returns
    -------
    names : tuple of str

    Examples
    --------
    >>> "4X4_1000" in dictionaries()
    True
    """
    return tuple(
        name.removeprefix("DICT_")
        for name in sorted(vars(cv2.aruco))
        # OpenCV spells the AprilTag families twice, with h and with H.
        if name.startswith("DICT_") and not (name.startswith("DICT_A") and "H" in name.rsplit("_", 1)[1])
    )


def dictionary_of(name: str, count: int | None = None) -> cv2.aruco.Dictionary:
    """Return a marker dictionary by name.

    Parameters
    ----------
    name : str
        As "4X4_1000".
    count : int, optional
        Keep only so many markers: comparing every candidate with 1000 of them takes OpenCV 5 nine tenths of
        its time.

    Returns
    -------
    dictionary : cv2.aruco.Dictionary

    Raises
    ------
    ValueError
        If there is none of that name (the known ones are listed), or it has fewer markers.
    """
    number = getattr(cv2.aruco, f"DICT_{name}", None)
    if number is None:
        raise ValueError(f"dictionary: {name!r} is not known; there are {', '.join(dictionaries())}")
    dictionary = cv2.aruco.getPredefinedDictionary(number)
    if count is None:
        return dictionary
    have = len(dictionary.bytesList)
    if count > have:
        raise ValueError(f"dictionary: {name} has {have} markers, the board needs {count}")
    return cv2.aruco.Dictionary(
        dictionary.bytesList[:count].copy(), dictionary.markerSize, dictionary.maxCorrectionBits
    )


def check_pattern(board: Board) -> None:
    """Refuse a board that nobody can have printed, without drawing it.

    Parameters
    ----------
    board : Board

    Raises
    ------
    ValueError
        If its dictionary is not known, or has fewer markers than the board.
    """
    if board.kind != "chessboard":
        dictionary_of(board.dictionary, board.first + _markers_on(board))


def _markers_on(board: Board) -> int:
    return board.columns * board.rows if board.is_grid else board.columns * board.rows // 2


def charuco_board(board: Board) -> cv2.aruco.CharucoBoard:
    """Return OpenCV's object for a Charuco board, in metres.

    Parameters
    ----------
    board : Board

    Returns
    -------
    charuco_board : cv2.aruco.CharucoBoard

    Raises
    ------
    ValueError
        If the board has more markers than its dictionary.
    """
    count = _markers_on(board)
    dictionary = dictionary_of(board.dictionary, board.first + count)
    ids = np.arange(board.first, board.first + count, dtype=np.int32)
    size = (board.columns, board.rows)
    # OpenCV writes a line about large markers for every board object, that is for every image.
    level = cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_ERROR)
    try:
        charuco = cv2.aruco.CharucoBoard(size, board.square, board.marker, dictionary, ids)
    finally:
        cv2.utils.logging.setLogLevel(level)
    charuco.setLegacyPattern(board.legacy)
    return charuco


def fewest_pixels(board: Board) -> int:
    """Return the fewest pixels per square in which every cell of a marker has one.

    Parameters
    ----------
    board : Board

    Returns
    -------
    pixels_per_square : int

    Raises
    ------
    ValueError
        If its dictionary is not known.

    Examples
    --------
    >>> board = Board.charuco(columns=7, rows=5, square=0.1, marker=0.075, dictionary="4X4_50")
    >>> fewest_pixels(board)
    8
    """
    if board.kind == "chessboard":
        return 1
    border = TAG_BORDER if board.kind == "aprilgrid" else 1
    cells = dictionary_of(board.dictionary).markerSize + 2 * border
    return math.ceil(cells * board.square / board.marker - 1e-9)


def board_image(board: Board, pixels_per_square: int) -> NDArray[np.uint8]:
    """Draw a board without margin.

    Parameters
    ----------
    board : Board
    pixels_per_square : int

    Returns
    -------
    image : (height, width) uint8
        A marker grid ends at the last marker's edge, an AprilGrid behind its last small squares.

    Raises
    ------
    ValueError
        If the dictionary is not known or too small, or the cells of a marker do not get a pixel each.

    Examples
    --------
    >>> board_image(Board.chessboard(columns=4, rows=3, square=0.03), 10).shape
    (30, 40)
    """
    least = fewest_pixels(board)
    if pixels_per_square < least:
        raise ValueError(
            f"pixels_per_square: expected {least} or more, for each cell of a marker to have a pixel, "
            f"got {pixels_per_square}"
        )
    squares = board.columns * pixels_per_square, board.rows * pixels_per_square
    if board.is_grid:
        image = np.full(
            [round(side + _outside(board, pixels_per_square)) for side in squares[::-1]], 255, np.uint8
        )
    else:
        x, y = np.indices(squares).transpose(0, 2, 1) // pixels_per_square
        image = np.asarray(255 * ((x + y + board.legacy * (board.rows % 2 == 0)) % 2), dtype=np.uint8)
    if board.kind != "chessboard":
        _draw_markers(image, board, pixels_per_square)
    if board.kind == "aprilgrid":
        _draw_small_squares(image, board, pixels_per_square)
    return np.asarray(255 - image if board.inverted else image, dtype=np.uint8)


def _outside(board: Board, pixels_per_square: int) -> float:
    """How far a marker grid reaches beyond its last square, px: an AprilGrid to its last small squares."""
    gap = pixels_per_square * (1 - board.marker / board.square)
    return gap if board.kind == "aprilgrid" else -gap


def _draw_markers(image: NDArray[np.uint8], board: Board, pixels_per_square: int) -> None:
    """Draw the markers where OpenCV's board object, or an AprilGrid, has them."""
    scale, tags = pixels_per_square / board.square, board.kind == "aprilgrid"
    grid = board.corners if board.is_grid else np.array(charuco_board(board).getObjPoints(), np.float64)
    corners = grid.reshape(-1, 4, 3)[:, 2 if tags else 0, :2]  # tags stand on their heads
    dictionary, side = dictionary_of(board.dictionary), round(scale * board.marker)
    places = np.minimum(np.rint(scale * corners).astype(int), np.array(image.shape[::-1]) - side)
    for number, (left, top) in enumerate(places, board.first):
        marker = dictionary.generateImageMarker(number, side, borderBits=TAG_BORDER if tags else 1)
        image[top : top + side, left : left + side] = marker[::-1, ::-1] if tags else marker


def _draw_small_squares(image: NDArray[np.uint8], board: Board, pixels_per_square: int) -> None:
    side = round(pixels_per_square * board.rim / board.square)
    for row in range(board.rows + 1):
        for column in range(board.columns + 1):
            left, top = column * pixels_per_square, row * pixels_per_square
            image[top : top + side, left : left + side] = 0
