"""Labelled frames of videos as image files, and detections as labels."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from models2d.detections import Detections2D, Tracks2D
from models2d.labels import LabelledFrame, Labels

Progress = Callable[..., Iterable[Any]]


def extract_images(
    labels: Labels, folder: str | Path, progress: Progress | None = None, *, name: str | None = None
) -> Labels:
    """Write the labelled frames of videos as images into a DeepLabCut project.

    Parameters
    ----------
    labels : Labels
    folder : path
        Of the project; images go to `labeled-data/<video>/img<frame>.png`.
    progress : callable, optional
        Wraps an iterable as tqdm does.
    name : str, optional
        Folder inside `labeled-data`, in place of the video's name.

    Returns
    -------
    labels : Labels
        The same labels of the images; frames that were images stay as they are.

    Raises
    ------
    ValueError
        If a video cannot be read up to a labelled frame, with the number of frames that could be decoded.
    """
    root = Path(folder)
    wanted: dict[Path, list[int]] = {}
    for frame in labels.frames:
        if frame.index is not None:
            wanted.setdefault(frame.path, []).append(frame.index)
    videos: Iterable[Any] = wanted.items()
    if progress is not None:
        videos = progress(videos, desc="extracting frames", total=len(wanted))
    for video, indices in videos:
        target = root / "labeled-data" / (name or video.stem)
        target.mkdir(parents=True, exist_ok=True)
        for index, image in decoded(video, indices):
            cv2.imwrite(str(target / _name(index)), image)
    frames = [
        frame
        if frame.index is None
        else LabelledFrame(path=root / "labeled-data" / (name or frame.path.stem) / _name(frame.index))
        for frame in labels.frames
    ]
    return replace(labels, frames=tuple(frames))


def _name(index: int) -> str:
    return f"img{index:06d}.png"


def decoded(video: Path, indices: Iterable[int]) -> Iterable[tuple[int, np.ndarray]]:
    """Decode some frames of a video, one after the other: seeking is inexact in many containers.

    Parameters
    ----------
    video : path
    indices : iterable of int

    Yields
    ------
    index, image : int, (height, width, 3) uint8, BGR

    Raises
    ------
    ValueError
        If the video ends before a frame.
    """
    wanted = set(indices)
    capture = cv2.VideoCapture(str(video))
    try:
        position = 0
        while wanted:
            if not capture.grab():
                raise ValueError(
                    f"{video}: frame {min(wanted)} was asked for, but only {position} frames could be decoded"
                )
            if position in wanted:
                _, image = capture.retrieve()
                yield position, image
                wanted.discard(position)
            position += 1
    finally:
        capture.release()


def labels_from(
    points: Detections2D | Tracks2D, videos: Mapping[str, str | Path], least: float = 0.0
) -> Labels:
    """Take detections or tracks as labels, to train on another tool's proofread points.

    Parameters
    ----------
    points : Detections2D or Tracks2D
    videos : mapping of str to path
        The video of each view to take.
    least : float
        Points of lower confidence are left out.

    Returns
    -------
    labels : Labels
        Every frame of these videos that has a point.

    Raises
    ------
    ValueError
        If a view is not among the points.
    """
    unknown = [view for view in videos if view not in points.views]
    if unknown:
        raise ValueError(f"no view called {', '.join(unknown)}: the points have {', '.join(points.views)}")
    frames, blocks = [], []
    for view, video in videos.items():
        place = points.views.index(view)
        with np.errstate(invalid="ignore"):
            sure = points.confidence[:, place, ..., None] >= least
        xy = np.where(sure, points.xy[:, place], np.nan)
        kept = np.flatnonzero(np.isfinite(xy).any(axis=(1, 2, 3)))
        frames += [LabelledFrame(path=Path(video), index=int(frame)) for frame in kept]
        blocks.append(xy[kept])
    slots = points.shape[2]
    names = (
        points.subjects if isinstance(points, Tracks2D) else tuple(f"individual{n + 1}" for n in range(slots))
    )
    return Labels(
        frames=tuple(frames), xy=np.concatenate(blocks), individuals=names, skeleton=points.skeleton
    )


def frame_image(frame: LabelledFrame) -> NDArray[np.uint8]:
    """Read the image of a labelled frame.

    Parameters
    ----------
    frame : LabelledFrame

    Returns
    -------
    image : (height, width, 3) uint8, BGR

    Raises
    ------
    ValueError
        If it is missing or corrupt.
    """
    if frame.index is not None:
        return next(iter(decoded(frame.path, [frame.index])))[1]
    image = cv2.imread(str(frame.path)) if frame.path.is_file() else None
    if image is None:
        raise ValueError(f"{frame.path}: the image is {'corrupt' if frame.path.is_file() else 'missing'}")
    return np.asarray(image, dtype=np.uint8)
