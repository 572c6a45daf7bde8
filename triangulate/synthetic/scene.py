"""Recordings with known truth: a rig, a waved board and a walking figure, written as real video files."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import RigidTransform

from calibration.arrays import ReadOnlyArrays
from calibration.boards.board import Board
from calibration.camera import Intrinsics
from calibration.rig import Rig
from triangulate.synthetic.board import BoardRenderer, wave
from triangulate.synthetic.body import figure_limbs, walk
from triangulate.synthetic.rendering import Sensor, draw_figure, looking_at, textured_background

Float = NDArray[np.float64]
Image = NDArray[np.uint8]
Progress = Callable[..., Iterable[Any]]

SIZE = (800, 600)
BOARD_FPS = 10.0
FIGURE_FPS = 50.0
SHUTTER = 0.004
"""Exposure time, s: what moves is blurred by as much."""
FLOOR_FRAMES = 4
"""The recording of the board begins with it lying on the floor, its centre at the origin of the world."""


def demo_board() -> Board:
    """Return the board of the demo.

    Returns
    -------
    board : Board
    """
    return Board.charuco(columns=7, rows=5, square=0.10, marker=0.075, dictionary="4X4_50")


def demo_rig() -> Rig:
    """Return the rig of the demo: four cameras about three metres away, each with a lens of its own.

    Returns
    -------
    rig : Rig

    Examples
    --------
    >>> demo_rig().names
    ('north', 'east', 'south', 'west')
    """
    table = [
        ("north", 75.0, 1.70, 905.0, (-0.21, 0.07, 4e-4, -3e-4, 0.0)),
        ("east", 25.0, 2.30, 930.0, (-0.17, 0.04, -5e-4, 2e-4, 0.0)),
        ("south", -25.0, 1.95, 890.0, (-0.24, 0.10, 3e-4, 6e-4, 0.0)),
        ("west", -75.0, 2.50, 915.0, (-0.19, 0.05, -2e-4, -4e-4, 0.0)),
    ]
    cameras = []
    for number, (name, azimuth_deg, height, focal, distortion) in enumerate(table):
        azimuth = np.radians(azimuth_deg)
        K = np.array(
            [[focal, 0, 399.5 + 6 * number - 9], [0, focal * 1.002, 299.5 - 4 * number + 5], [0, 0, 1]]
        )
        lens = Intrinsics(size=SIZE, K=K, distortion=np.array(distortion))
        center = np.array([3.0 * np.cos(azimuth), 3.0 * np.sin(azimuth), height])
        cameras.append(looking_at(name, lens, center, np.array([0.0, 0.0, 0.70]), roll=0.03 * (number - 1.5)))
    return Rig(cameras=tuple(cameras))


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class Scene(ReadOnlyArrays):
    """Everything that is true about a rendered recording.

    Attributes
    ----------
    rig : Rig
    board : Board
    world_from_board : RigidTransform, m
        One for each frame of the board's recording.
    xyz : (frames, 15, 3) float, m, world
        The figure's keypoints.
    seed : int
        Of backgrounds and noise.
    """

    rig: Rig
    board: Board
    world_from_board: RigidTransform
    xyz: Float
    seed: int = 0


def demo_scene(board_frames: int = 90, figure_frames: int = 150, seed: int = 0) -> Scene:
    """Return the scene of the demo.

    Parameters
    ----------
    board_frames, figure_frames : int
    seed : int

    Returns
    -------
    scene : Scene
    """
    board = demo_board()
    return Scene(
        rig=demo_rig(),
        board=board,
        world_from_board=wave(board, _board_times(board_frames)),
        xyz=walk(np.arange(figure_frames) / FIGURE_FPS),
        seed=seed,
    )


def _board_times(frames: int) -> Float:
    times = (np.arange(frames) - FLOOR_FRAMES) / BOARD_FPS
    return np.where(times < 0, times, 4 * times)  # carried about for a while between the frames that are kept


def render_board(scene: Scene, view: int) -> Iterable[Image]:
    """Render the board's recording as one camera sees it.

    Parameters
    ----------
    scene : Scene
    view : int

    Yields
    ------
    image : (height, width, 3) uint8
    """
    camera = scene.rig.cameras[view]
    renderer = BoardRenderer(scene.board, camera)
    background, sensor = _studio(scene, view)
    light = np.array([0.6, 0.2, 0.77])
    frames = len(scene.world_from_board)
    times = _board_times(frames)
    early, late = (wave(scene.board, times + np.where(times < 0, 0, s) * SHUTTER) for s in (-0.5, 0.5))
    for frame in range(frames):
        first = renderer.draw(background, early[frame], light)
        second = renderer.draw(background, late[frame], light)
        yield sensor.expose(cv2.addWeighted(first, 0.5, second, 0.5, 0.0))


def render_figure(scene: Scene, view: int) -> Iterable[Image]:
    """Render the figure's recording as one camera sees it.

    Parameters
    ----------
    scene : Scene
    view : int

    Yields
    ------
    image : (height, width, 3) uint8
    """
    camera = scene.rig.cameras[view]
    background, sensor = _studio(scene, view)
    light = camera.R @ np.array([-0.5, -0.3, -0.81])
    limbs = figure_limbs()
    speed = np.gradient(scene.xyz, axis=0) * FIGURE_FPS
    for xyz, velocity in zip(scene.xyz, speed, strict=True):
        early, late = (
            draw_figure(background, camera, xyz + s * SHUTTER * velocity, light, limbs) for s in (-0.5, 0.5)
        )
        yield sensor.expose(cv2.addWeighted(early, 0.5, late, 0.5, 0.0))


def _studio(scene: Scene, view: int) -> tuple[NDArray[np.float32], Sensor]:
    rng = np.random.default_rng([scene.seed, view])
    size = scene.rig.cameras[view].intrinsics.size
    return textured_background(size, rng, colourful=0.15), Sensor(size, 3.0, 0.6, rng)


def write_recording(
    scene: Scene, folder: str | Path, *, progress: Progress | None = None
) -> dict[str, dict[str, Path]]:
    """Render a scene to video files: `calibration/NAME.avi` and `trials/walk/NAME.avi`.

    Parameters
    ----------
    scene : Scene
    folder : path
    progress : callable, optional
        Wraps an iterable as tqdm does.

    Returns
    -------
    paths : dict of str to dict of str to path
        "calibration" and "walk", by camera.
    """
    folder = Path(folder)
    jobs = [
        (recording, view, name)
        for recording in ("calibration", "walk")
        for view, name in enumerate(scene.rig.names)
    ]
    paths: dict[str, dict[str, Path]] = {"calibration": {}, "walk": {}}
    for recording, view, name in progress(jobs, desc="render", total=len(jobs)) if progress else jobs:
        if recording == "calibration":
            path, images, fps = folder / recording, render_board(scene, view), BOARD_FPS
        else:
            path, images, fps = folder / "trials" / recording, render_figure(scene, view), FIGURE_FPS
        path.mkdir(parents=True, exist_ok=True)
        paths[recording][name] = path / f"{name}.avi"
        write_video(paths[recording][name], images, fps)
    return paths


def write_video(path: str | Path, images: Iterable[Image], fps: float) -> None:
    """Write images as a Motion JPEG video, which every build of OpenCV reads, frame by frame alike.

    Parameters
    ----------
    path : path
        Ends in .avi; written beside and renamed when complete.
    images : iterable of (height, width, 3) uint8
    fps : float, Hz

    Raises
    ------
    OSError
        If the video cannot be written.
    ValueError
        If there is no image.
    """
    path = Path(path)
    partial = path.with_name(f".{path.stem}.partial{path.suffix}")
    writer = None
    for image in images:
        if writer is None:
            height, width = image.shape[:2]
            writer = cv2.VideoWriter(str(partial), cv2.VideoWriter.fourcc(*"MJPG"), fps, (width, height))
            if not writer.isOpened():
                raise OSError(f"{path}: OpenCV cannot write a Motion JPEG video here")
        writer.write(image)
    if writer is None:
        raise ValueError(f"{path}: a video needs at least one image")
    writer.release()
    partial.replace(path)
