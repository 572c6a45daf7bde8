"""Boards as OpenCV knows them: marker dictionaries, board objects, images."""

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
    count = board.columns * board.rows // 2
    dictionary = dictionary_of(board.dictionary, board.first + count)
    ids = np.arange(board.first, board.first + count, dtype=np.int32)
    size = (board.columns, board.rows)
    charuco = cv2.aruco.CharucoBoard(size, board.square, board.marker, dictionary, ids)
    charuco.setLegacyPattern(board.legacy)
    return charuco


def marker_grid(board: Board) -> cv2.aruco.GridBoard:
    """Return OpenCV's object for a marker grid, in metres.

    Parameters
    ----------
    board : Board

    Returns
    -------
    grid : cv2.aruco.GridBoard

    Raises
    ------
    ValueError
        If the board has more markers than its dictionary.
    """
    count = board.columns * board.rows
    dictionary = dictionary_of(board.dictionary, board.first + count)
    ids = np.arange(board.first, board.first + count, dtype=np.int32)
    size = (board.columns, board.rows)
    return cv2.aruco.GridBoard(size, board.marker, board.square - board.marker, dictionary, ids)


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

    Examples
    --------
    >>> board_image(Board.chessboard(columns=4, rows=3, square=0.03), 10).shape
    (30, 40)
    """
    width, height = board.columns * pixels_per_square, board.rows * pixels_per_square
    if board.kind == "chessboard":
        y, x = np.indices((height, width)) // pixels_per_square
        image = np.asarray(255 * ((x + y) % 2), dtype=np.uint8)
    elif board.kind == "aprilgrid":
        image = _aprilgrid_image(board, pixels_per_square)
    else:
        if board.kind == "markers":
            gap = round(pixels_per_square * (1 - board.marker / board.square))
            width, height = width - gap, height - gap
        pattern = marker_grid(board) if board.kind == "markers" else charuco_board(board)
        drawn = pattern.generateImage((width, height), marginSize=0, borderBits=1)
        image = np.asarray(drawn, dtype=np.uint8)
    return np.asarray(255 - image if board.inverted else image, dtype=np.uint8)


def _aprilgrid_image(board: Board, pixels_per_square: int) -> NDArray[np.uint8]:
    scale = pixels_per_square / board.square
    width, height = (round(scale * (n * board.square + board.rim)) for n in (board.columns, board.rows))
    image = np.full((height, width), 255, dtype=np.uint8)
    dictionary = dictionary_of(board.dictionary, board.first + board.columns * board.rows)
    for number, quad in enumerate(board.corners.reshape(-1, 4, 3), board.first):
        (left, top), (right, bottom) = np.rint(scale * quad[[2, 0], :2]).astype(int)
        tag = dictionary.generateImageMarker(number, right - left, borderBits=TAG_BORDER)
        image[top:bottom, left:right] = cv2.resize(
            tag[::-1, ::-1], (right - left, bottom - top), interpolation=cv2.INTER_NEAREST
        )
    for row in range(board.rows + 1):
        for column in range(board.columns + 1):
            left, top = round(column * pixels_per_square), round(row * pixels_per_square)
            side = round(scale * board.rim)
            image[top : top + side, left : left + side] = 0
    return image
