"""Labelled frames as batches of augmented images with their keypoints in input pixels.

What a sample looks like depends only on the seed, the step and its place in the batch, so training that was
killed goes on exactly as it would have.
"""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from models2d.errors import ModelError
from models2d.labels import Labels
from models2d.models.crops import box_around, frame_box
from models2d.training.augmentation import Augmentation, random_affine, recolour, warp

Image = NDArray[np.uint8]
Float = NDArray[np.float64]


class Batch(NamedTuple):
    """What a training step eats.

    Attributes
    ----------
    images : (batch, height, width, 3) uint8
        Blue, green, red.
    xy : (batch, keypoints, 2) or (batch, individuals, keypoints, 2) float, px
        In input pixels, of the individual that a sample is of, or of everybody; NaN where not labelled or
        outside the input.
    """

    images: Image
    xy: Float


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class Sampling:
    """What part of each frame a sample shows.

    Attributes
    ----------
    input_size : (int, int)
        Width and height, px.
    margin : float
        Around the individual, as a fraction of its larger side.
    whole : float
        Part of the samples that show the whole frame instead; 1 for networks that look at whole frames.
    """

    input_size: tuple[int, int]
    margin: float = 0.25
    whole: float = 0.25


class Dataset:
    """Images of labelled frames, decoded once and held in memory, and random samples of them.

    Parameters
    ----------
    labels : Labels
    sampling : Sampling
    augmentation : Augmentation
    seed : int

    Raises
    ------
    ModelError
        If an image cannot be read, a video ends before a labelled frame, a label lies outside its image or no
        frame has a label.
    """

    def __init__(self, labels: Labels, sampling: Sampling, augmentation: Augmentation, seed: int = 0) -> None:
        self.labels, self.sampling, self.augmentation, self.seed = labels, sampling, augmentation, seed
        self.images = read_frames(labels)
        known = np.isfinite(labels.xy).all(axis=-1).any(axis=-1)
        self.individuals = np.argwhere(known)
        if not len(self.individuals):
            raise ModelError(
                "none of the frames has a label: label some frames, or check that names match the images"
            )
        check_inside(labels, self.images)
        self.mirror = np.asarray(labels.skeleton.mirror)

    def __len__(self) -> int:
        """Return the number of labelled individuals over all frames."""
        return len(self.individuals)

    def image(self, frame: int) -> Image:
        """Return the image of a labelled frame.

        Parameters
        ----------
        frame : int

        Returns
        -------
        image : (height, width, 3) uint8
        """
        return _decoded(self.images[frame])

    def sample(self, frame: int, individual: int, random: np.random.Generator) -> tuple[Image, Float]:
        """Draw one augmented sample.

        Parameters
        ----------
        frame, individual : int
        random : numpy Generator

        Returns
        -------
        image : (height, width, 3) uint8
        xy : (keypoints, 2) float, px
        """
        image, xy = self.image(frame), self.labels.xy[frame, individual]
        size = self.sampling.input_size
        if random.random() < self.sampling.whole:
            box = frame_box((image.shape[1], image.shape[0]), size)
        else:
            box = box_around(xy, size, self.sampling.margin)
        transform, mirrored = random_affine(box, size, self.augmentation, random)
        patch, moved = warp(image, xy, transform, size)
        return recolour(patch, self.augmentation, random), moved[self.mirror] if mirrored else moved

    def draw(self, number: int, random: np.random.Generator) -> tuple[Image, Float]:
        """Draw one augmented sample of the individual with this number."""
        frame, individual = self.individuals[number]
        return self.sample(frame, individual, random)

    def batch(self, step: int, size: int) -> Batch:
        """Draw the batch of one step; everything there is occurs once before anything occurs again.

        Parameters
        ----------
        step : int
        size : int

        Returns
        -------
        batch : Batch
        """
        samples = []
        for place in range(step * size, (step + 1) * size):
            epoch, within = divmod(place, len(self))
            order = np.random.default_rng((self.seed, 1, epoch)).permutation(len(self))
            samples.append(self.draw(int(order[within]), np.random.default_rng((self.seed, 2, place))))
        return Batch(np.stack([image for image, _ in samples]), np.stack([xy for _, xy in samples]))

    def batches(self, first: int, stop: int, size: int) -> Iterator[Batch]:
        """Draw the batches of steps `first` to `stop`, two ahead in another thread.

        Parameters
        ----------
        first, stop : int
        size : int

        Yields
        ------
        batch : Batch
        """
        with ThreadPoolExecutor(1) as pool:
            waiting: list[Future[Batch]] = []
            try:
                for step in range(first, stop):
                    waiting.append(pool.submit(self.batch, step, size))
                    if len(waiting) > 2:
                        yield waiting.pop(0).result()
                for future in waiting:
                    yield future.result()
            finally:
                for future in waiting:
                    future.cancel()


def read_frames(labels: Labels, most_bytes: int = 2 << 30) -> list[Image]:
    """Read every labelled frame; beyond `most_bytes` in all they are held compressed.

    Parameters
    ----------
    labels : Labels
    most_bytes : int

    Returns
    -------
    images : list of (height, width, 3) uint8, or (bytes,) uint8 of an image file

    Raises
    ------
    ModelError
        Naming the file that cannot be read.
    """
    images: list[Image | None] = [None] * len(labels.frames)
    videos: dict[Path, dict[int, int]] = {}
    total = 0
    for number, frame in enumerate(labels.frames):
        if frame.index is None:
            image = cv2.imread(str(frame.path), cv2.IMREAD_COLOR)
            if image is None:
                state = "cannot be read as an image" if frame.path.is_file() else "does not exist"
                raise ModelError(f"labelled image {frame.path} {state}; replace it or remove its labels")
            total += image.nbytes
            packed = total > most_bytes
            images[number] = (
                np.fromfile(frame.path, dtype=np.uint8) if packed else np.asarray(image, np.uint8)
            )
        else:
            videos.setdefault(frame.path, {})[frame.index] = number
    for path, wanted in videos.items():
        for index, image in _video_frames(path, wanted):
            total += image.nbytes
            images[wanted[index]] = _packed(image) if total > most_bytes else image
    return [image for image in images if image is not None]


def _video_frames(path: Path, wanted: dict[int, int]) -> Iterator[tuple[int, Image]]:
    """Decode from the start: seeking in compressed video lands on wrong frames."""
    video = cv2.VideoCapture(str(path))
    if not video.isOpened():
        raise ModelError(f"labelled video {path} cannot be opened as a video; check the path of the labels")
    try:
        for index in range(max(wanted) + 1):
            if not video.grab():
                raise ModelError(f"{path} has {index} frames, but frame {max(wanted)} (from 0) is labelled")
            if index in wanted:
                image = video.retrieve()[1]
                yield index, np.asarray(image, dtype=np.uint8)
    finally:
        video.release()


def _packed(image: Image) -> Image:
    return np.asarray(cv2.imencode(".png", image, [cv2.IMWRITE_PNG_COMPRESSION, 1])[1], dtype=np.uint8)


def _decoded(image: Image) -> Image:
    return image if image.ndim == 3 else np.asarray(cv2.imdecode(image, cv2.IMREAD_COLOR), dtype=np.uint8)


def check_inside(labels: Labels, images: list[Image]) -> None:
    """Refuse labels that lie more than a tenth of the image's side outside it.

    Parameters
    ----------
    labels : Labels
    images : list of (height, width, 3) uint8

    Raises
    ------
    ModelError
        Naming the keypoint, the frame and the coordinates.
    """
    for frame, xy, image in zip(labels.frames, labels.xy, images, strict=True):
        height, width = _decoded(image).shape[:2]
        size = np.array([width, height])
        outside = ((xy < -0.1 * size) | (xy > 1.1 * size)).any(axis=-1)
        if outside.any():
            individual, keypoint = np.argwhere(outside)[0]
            raise ModelError(
                f"{labels.skeleton.keypoints[keypoint]} in {frame} is labelled at "
                f"{np.round(xy[individual, keypoint], 1).tolist()}, outside the image of {width} x {height}; "
                "were the labels made on images of another size?"
            )
