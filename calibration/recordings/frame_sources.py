"""The frames of one view: a video file or a folder of images, decoded in order."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from calibration.errors import CalibrationError

Image = NDArray[np.uint8]

VIDEO_SUFFIXES = (".mp4", ".avi", ".mov", ".mkv", ".m4v", ".webm", ".mpg", ".mpeg", ".wmv", ".mjpeg")
IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp", ".pgm", ".ppm")


def natural_key(text: str) -> tuple[tuple[int, int, str], ...]:
    """Return a key that sorts numbers inside names by value.

    Parameters
    ----------
    text : str

    Returns
    -------
    key : tuple

    Examples
    --------
    >>> sorted(["c10", "c2", "c1"], key=natural_key)
    ['c1', 'c2', 'c10']
    """
    parts = re.split(r"(\d+)", text.lower())
    return tuple((0, int(part), part) if part.isdigit() else (1, 0, part) for part in parts if part)


def trailing_number(path: Path) -> int | None:
    """Return the number at the very end of a file's stem.

    Parameters
    ----------
    path : path

    Returns
    -------
    number : int or None

    Examples
    --------
    >>> trailing_number(Path("back-02242022135225-13.jpg"))
    13
    """
    match = re.search(r"(\d+)$", path.stem)
    return int(match[1]) if match else None


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoFile:
    """A video whose frames were counted by decoding it.

    Attributes
    ----------
    path : path
    count : int
        Frames that can be decoded.
    size : (2,) int, px
        Width, height.
    fps : float, Hz
        As the header says; NaN where it does not.
    promised : int
        Frames that the header promises; 0 where it does not.
    """

    path: Path
    count: int
    size: tuple[int, int]
    fps: float
    promised: int

    @classmethod
    def open(cls, path: Path) -> "VideoFile":
        """Decode a video once, to know what is really in it.

        Parameters
        ----------
        path : path

        Returns
        -------
        video : VideoFile

        Raises
        ------
        FileNotFoundError
            If there is no such file.
        CalibrationError
            If the file is empty, is not a video, or not a single frame can be decoded.
        """
        _check_file(path)
        status = path.stat()
        return _decoded_once(path, status.st_size, status.st_mtime_ns)

    def read(self, indices: NDArray[np.int64]) -> Iterator[Image]:
        """Decode frames in increasing order.

        Parameters
        ----------
        indices : (frames,) int
            Increasing.

        Yields
        ------
        image : (height, width, 3) uint8, BGR
        """
        capture = _capture(self.path)
        try:
            position = 0
            for index in indices.tolist():
                # Seeking by frame number is inexact in OpenCV (opencv#9053): frames are stepped over.
                while position < index and capture.grab():
                    position += 1
                ok, image = capture.read()
                if not ok:
                    raise CalibrationError(
                        f"{self.path}: frame {index} cannot be decoded, although {self.count} frames could "
                        "when the file was opened: it changed meanwhile"
                    )
                position += 1
                yield np.asarray(image, dtype=np.uint8)
        finally:
            capture.release()


@lru_cache(maxsize=256)
def _decoded_once(path: Path, length: int, _modified: int) -> VideoFile:
    capture = _capture(path)
    try:
        ok, image = capture.read()
        if not ok:
            raise CalibrationError(
                f"{path}: not a single frame can be decoded ({length} bytes): the file is truncated or "
                "damaged; copy or record it again"
            )
        count = 1
        while capture.grab():
            count += 1
        fps = capture.get(cv2.CAP_PROP_FPS)
        promised = capture.get(cv2.CAP_PROP_FRAME_COUNT)
    finally:
        capture.release()
    return VideoFile(
        path=path,
        count=count,
        size=(image.shape[1], image.shape[0]),
        fps=float(fps) if np.isfinite(fps) and fps > 0 else float("nan"),
        promised=int(promised) if np.isfinite(promised) and promised > 0 else 0,
    )


def _capture(path: Path) -> cv2.VideoCapture:
    capture = cv2.VideoCapture(str(path))
    if not capture.isOpened():
        capture.release()
        raise CalibrationError(
            f"{path}: cannot be opened as a video: it is not one, it is truncated, or its codec is "
            "unknown to OpenCV; play it elsewhere, or convert it (ffmpeg -i IN -c:v libx264 OUT.mp4)"
        )
    return capture


def _check_file(path: Path) -> None:
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file")
    if path.stat().st_size == 0:
        raise CalibrationError(f"{path}: the file is empty (0 bytes); copy or record it again")


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageFiles:
    """Images of one view in natural order.

    Attributes
    ----------
    path : path
        Their folder.
    files : tuple of path
    size : (2,) int, px
        Width, height of the first; the others must have the same.
    """

    path: Path
    files: tuple[Path, ...]
    size: tuple[int, int]

    @classmethod
    def open(cls, path: Path, files: Sequence[Path] | None = None) -> "ImageFiles":
        """List the images of a folder.

        Parameters
        ----------
        path : path
        files : sequence of path, optional
            Some images of the folder; all of them by default.

        Returns
        -------
        images : ImageFiles

        Raises
        ------
        FileNotFoundError
            If there is no such folder.
        CalibrationError
            If it holds no image, or one that is empty or cannot be decoded.
        """
        if not path.is_dir():
            raise FileNotFoundError(f"{path}: no such folder")
        found = images_in(path) if files is None else sorted(files, key=lambda file: natural_key(file.name))
        if not found:
            raise CalibrationError(
                f"{path}: the folder holds no image ({', '.join(suffix[1:] for suffix in IMAGE_SUFFIXES)})"
            )
        for file in found:
            _check_file(file)
        height, width = read_image(found[0]).shape[:2]
        return cls(path=path, files=tuple(found), size=(width, height))

    @property
    def count(self) -> int:
        """Number of images."""
        return len(self.files)

    @property
    def fps(self) -> float:
        """NaN: images know no rate."""
        return float("nan")

    def read(self, indices: NDArray[np.int64]) -> Iterator[Image]:
        """Decode images.

        Parameters
        ----------
        indices : (frames,) int

        Yields
        ------
        image : (height, width, 3) uint8, BGR
        """
        for index in indices.tolist():
            image = read_image(self.files[index])
            height, width = image.shape[:2]
            if (width, height) != self.size:
                raise CalibrationError(
                    f"{self.files[index]}: the image has {width} x {height} px, the first of its view "
                    f"{self.size[0]} x {self.size[1]}: one view needs one size (move the odd ones elsewhere)"
                )
            yield image


Source = VideoFile | ImageFiles


def images_in(folder: Path) -> list[Path]:
    """List the images of a folder in natural order.

    Parameters
    ----------
    folder : path

    Returns
    -------
    files : list of path
    """
    return _with_suffix(folder, IMAGE_SUFFIXES)


def videos_in(folder: Path) -> list[Path]:
    """List the videos of a folder in natural order.

    Parameters
    ----------
    folder : path

    Returns
    -------
    files : list of path
    """
    return _with_suffix(folder, VIDEO_SUFFIXES)


def read_image(path: Path) -> Image:
    """Decode one image file.

    Parameters
    ----------
    path : path

    Returns
    -------
    image : (height, width, 3) uint8, BGR

    Raises
    ------
    CalibrationError
        If it cannot be decoded.
    """
    # imdecode on bytes reads paths that imread cannot (non-ASCII names on Windows).
    image = cv2.imdecode(np.fromfile(path, dtype=np.uint8), cv2.IMREAD_COLOR)
    if image is None:
        raise CalibrationError(f"{path}: cannot be decoded as an image: it is truncated, damaged or not one")
    return np.asarray(image, dtype=np.uint8)


def _with_suffix(folder: Path, suffixes: tuple[str, ...]) -> list[Path]:
    files = (path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))
    return sorted(
        (path for path in files if path.suffix.lower() in suffixes), key=lambda path: natural_key(path.name)
    )
