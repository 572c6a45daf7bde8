"""Boards rendered with known truth."""

from dataclasses import dataclass

import cv2
import numpy as np
import pytest

from calibration import Board
from calibration.boards.pattern import board_image


@dataclass(frozen=True)
class Scene:
    """An image of a board and where its corners truly are."""

    image: np.ndarray
    xy: np.ndarray


def tilted(
    board: Board, step: float, size: tuple[int, int], turn: float = 0.0, tilt: float = 0.3
) -> np.ndarray:
    """Homography from board units (squares) to pixels that puts the board in the middle of the image."""
    cos, sin = np.cos(turn), np.sin(turn)
    middle = np.array([[1, 0, -board.columns / 2], [0, 1, -board.rows / 2], [0, 0, 1]])
    rotate = np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]])
    lean = np.array([[1, 0, 0], [0, 1, 0], [tilt / board.rows, 0.5 * tilt / board.columns, 1]])
    place = np.array([[step, 0, size[0] / 2 - 0.3], [0, step, size[1] / 2 + 0.2], [0, 0, 1]])
    return place @ lean @ rotate @ middle


def render(
    board: Board,
    step: float = 40.0,
    size: tuple[int, int] = (640, 480),
    *,
    turn: float = 0.2,
    tilt: float = 0.3,
    blur: float = 0.6,
    noise: float = 2.0,
    dark: float = 30.0,
    bright: float = 200.0,
    seed: int = 0,
) -> Scene:
    """Draw a board through a homography, 8 x 8 rays per pixel, with blur and noise."""
    fine, cell = 8, 64
    H = tilted(board, step, size, turn, tilt)
    margin = cell // 2
    picture = cv2.copyMakeBorder(
        board_image(board, cell), *(margin,) * 4, cv2.BORDER_CONSTANT, value=0 if board.inverted else 255
    )
    # Pixel p of the picture lies at (p + 1/2 - margin) / cell squares; fine pixel q at
    # (q + 1/2) / fine - 1/2.
    from_picture = np.array([[1, 0, 0.5 - margin], [0, 1, 0.5 - margin], [0, 0, cell]]) / cell
    to_fine = np.array([[fine, 0, (fine - 1) / 2], [0, fine, (fine - 1) / 2], [0, 0, 1]])
    large = (size[0] * fine, size[1] * fine)
    drawn = cv2.warpPerspective(
        picture, to_fine @ H @ from_picture, large, flags=cv2.INTER_AREA, borderValue=128
    )
    image = cv2.resize(drawn, size, interpolation=cv2.INTER_AREA).astype(np.float64)
    if blur:
        image = cv2.GaussianBlur(image, (0, 0), blur)
    image = dark + (bright - dark) * image / 255
    image += np.random.default_rng(seed).normal(0, noise, image.shape) if noise else 0
    corners = np.c_[board.corners[:, :2] / board.square, np.ones(len(board.corners))] @ H.T
    return Scene(np.clip(np.rint(image), 0, 255).astype(np.uint8), corners[:, :2] / corners[:, 2:])


@pytest.fixture(scope="session")
def rendered():
    """Function that renders a board."""
    return render
