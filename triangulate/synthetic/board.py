"""A calibration board as cameras see it: waved through the volume, drawn through the true lens.

Each pixel's ray is intersected with the board's plane, so lens distortion and perspective are exact; pixels
are sampled several times and averaged, as a sensor does.
"""

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial.transform import RigidTransform, Rotation

from calibration.boards.board import Board
from calibration.boards.pattern import board_image, fewest_pixels
from calibration.camera import Camera

Float = NDArray[np.float64]

SAMPLES = 2
"""Rays per pixel along each axis."""

QUIET = 0.5
"""White border around the printed squares, in squares."""


def wave(board: Board, times: ArrayLike, *, facing: float = 0.0) -> RigidTransform:
    """Lay the board on the floor for a while, then carry it through the volume, tilted in every direction.

    Parameters
    ----------
    board : Board
    times : (frames) float, s
        Negative while the board lies on the floor.
    facing : float, rad
        Direction, seen from the origin, in which the cameras stand.

    Returns
    -------
    world_from_board : RigidTransform, m
        One for each time.
    """
    t = np.asarray(times, dtype=np.float64)
    center = np.stack(
        [
            0.15 + 0.50 * np.sin(0.61 * t + 0.3),
            0.75 * np.sin(0.83 * t),
            0.80 + 0.42 * np.sin(0.47 * t + 1.0),
        ],
        axis=-1,
    )
    turn, nod, roll = 0.55 * np.sin(0.71 * t + 0.5), 0.5 * np.sin(1.13 * t), 0.6 * np.sin(0.37 * t + 2.0)
    # In this pose the board stands upright, x to the right and y down as seen by a camera on the +x axis.
    upright = Rotation.from_matrix(np.array([[0.0, 0, -1], [1, 0, 0], [0, -1, 0]]))
    held = Rotation.from_euler("ZYX", np.stack([turn, nod - 0.30, roll], axis=-1)) * upright
    flat = Rotation.from_matrix(np.array([[0.0, 1, 0], [1, 0, 0], [0, 0, -1]]))
    rotation = Rotation.concatenate(
        [flat if lying else pose for lying, pose in zip(t < 0, held, strict=True)]
    )
    center = np.where(t[:, None] < 0, 0.0, center)
    middle = np.array([board.columns, board.rows, 0.0]) * board.square / 2
    world_from_held = Rotation.from_euler("z", facing)
    world_from_board = world_from_held * rotation
    return RigidTransform.from_components(
        world_from_held.apply(center) - world_from_board.apply(middle), world_from_board
    )


_NO_MAP = np.empty(0, dtype=np.float32)


class BoardRenderer:
    """Draws one board for one camera; the rays of its pixels are computed once.

    Parameters
    ----------
    board : Board
    camera : Camera
    """

    def __init__(self, board: Board, camera: Camera) -> None:
        self.board, self.camera = board, camera
        width, height = camera.intrinsics.size
        scale = max(24, 3 * fewest_pixels(board))
        print_ = board_image(board, scale)
        border = round(QUIET * scale)
        sheet = cv2.copyMakeBorder(print_, border, border, border, border, cv2.BORDER_CONSTANT, value=255)
        # A margin outside the sheet, transparent, so that its edge is as smooth as its print.
        self._texture = np.dstack([np.pad(sheet, 2, mode="edge"), np.pad(np.full_like(sheet, 255), 2)])
        self._pixels_per_meter = scale / board.square
        self._offset = border + 2 - 0.5
        offsets = (np.arange(SAMPLES) + 0.5) / SAMPLES - 0.5
        x = (np.arange(width)[:, None] + offsets).ravel()
        y = (np.arange(height)[:, None] + offsets).ravel()
        grid = np.stack(np.meshgrid(x, y), axis=-1)
        self._rays = camera.intrinsics.undistort(grid).astype(np.float32)

    def draw(
        self, background: NDArray[np.float32], world_from_board: RigidTransform, light: Float
    ) -> NDArray[np.float32]:
        """Draw the board over a background.

        Parameters
        ----------
        background : (height, width, 3) float
        world_from_board : RigidTransform, m
        light : (3,) float, world
            Unit vector towards the light.

        Returns
        -------
        image : (height, width, 3) float
        """
        image = background.copy()
        cam_from_board = self.camera.cam_from_world * world_from_board
        window = self._window(cam_from_board)
        if window is None:
            return image
        left, top, right, bottom = window
        rays = self._rays[top * SAMPLES : bottom * SAMPLES, left * SAMPLES : right * SAMPLES]
        sheet = cv2.perspectiveTransform(rays, self._texture_from_ray(cam_from_board))
        sampled = cv2.remap(self._texture, sheet, _NO_MAP, cv2.INTER_LINEAR, borderValue=0)
        seen = cv2.resize(
            sampled.astype(np.float32), (right - left, bottom - top), interpolation=cv2.INTER_AREA
        )
        normal = -world_from_board.rotation.apply([0.0, 0.0, 1.0])
        ink = (15 + 0.85 * seen[..., :1]) * (0.72 + 0.28 * max(0.0, float(normal @ light)))
        alpha = seen[..., 1:] / 255
        patch = image[top:bottom, left:right]
        image[top:bottom, left:right] = patch + alpha * (ink - patch)
        return image

    def _texture_from_ray(self, cam_from_board: RigidTransform) -> Float:
        matrix = cam_from_board.as_matrix()
        ray_from_board = matrix[:3, [0, 1, 3]]
        scale, offset = self._pixels_per_meter, self._offset
        return np.array([[scale, 0, offset], [0, scale, offset], [0, 0, 1]]) @ np.linalg.inv(ray_from_board)

    def _window(self, cam_from_board: RigidTransform) -> tuple[int, int, int, int] | None:
        width, height = self.camera.intrinsics.size
        board, edge = self.board, QUIET * self.board.square
        x = np.linspace(-edge, board.columns * board.square + edge, 9)
        y = np.linspace(-edge, board.rows * board.square + edge, 9)
        rim = np.stack([*np.meshgrid(x, y), np.zeros((9, 9))], axis=-1).reshape(-1, 3)
        cam = cam_from_board.apply(rim)
        front = cam_from_board.rotation.apply([0.0, 0.0, 1.0]) @ cam_from_board.apply([0.0, 0.0, 0.0]) > 0
        if not front or (cam[:, 2] < 0.2).any():
            return None
        xy = self.camera.intrinsics.project(cam)
        left, top = np.maximum(np.floor(xy.min(axis=0)).astype(int) - 2, 0)
        right, bottom = np.minimum(np.ceil(xy.max(axis=0)).astype(int) + 3, [width, height])
        return (left, top, right, bottom) if left < right and top < bottom else None
