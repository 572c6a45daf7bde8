"""Labelled frames as batches of augmented images with everybody in them."""

import numpy as np
from numpy.typing import NDArray

from models2d.models.crops import frame_box
from models2d.training.augmentation import random_affine, recolour, warp
from models2d.training.dataset import Dataset

Image = NDArray[np.uint8]
Float = NDArray[np.float64]
TILES = 4
"""Frames in a mosaic."""


class Scenes(Dataset):
    """Whole frames, for networks that find everybody in one; the arguments are those of `Dataset`.

    `sampling.margin` and `sampling.whole` do not matter here. Samples have rows for everybody who may be
    labelled in a frame, four times as many where mosaics are asked for.
    """

    def __len__(self) -> int:
        """Return the number of frames in which somebody is labelled."""
        return len(self.frames)

    @property
    def frames(self) -> NDArray[np.int64]:
        """Frames in which somebody is labelled."""
        return np.unique(self.individuals[:, 0])

    def draw(self, number: int, random: np.random.Generator) -> tuple[Image, Float]:
        """Draw one augmented sample of the frame with this number.

        Parameters
        ----------
        number : int
        random : numpy Generator

        Returns
        -------
        image : (height, width, 3) uint8
        xy : (individuals, keypoints, 2) float, px
        """
        size, chance = self.sampling.input_size, self.augmentation.mosaic
        if chance and random.random() < chance:
            others = random.choice(self.frames, TILES - 1)
            image, xy = self.mosaic([int(self.frames[number]), *others], random)
        else:
            image, xy = self.part(int(self.frames[number]), size, random)
            if chance:
                xy = np.concatenate([xy, np.full(((TILES - 1) * len(xy), *xy.shape[1:]), np.nan)])
        return recolour(image, self.augmentation, random), xy

    def part(
        self, frame: int, size: tuple[int, int], random: np.random.Generator, zoom: float = 1.0
    ) -> tuple[Image, Float]:
        """Show a frame, moved, turned and scaled, in an image of some size.

        Parameters
        ----------
        frame : int
        size : (int, int)
            Width and height, px.
        random : numpy Generator
        zoom : float
            1 shows the whole frame, more a part of it somewhere.

        Returns
        -------
        image : (height, width, 3) uint8
        xy : (individuals, keypoints, 2) float, px
        """
        image = self.image(frame)
        box = frame_box((image.shape[1], image.shape[0]), size)
        half = (box[2:] - box[:2]) / 2
        centre = (box[:2] + box[2:]) / 2
        if zoom > 1:
            centre = centre + random.uniform(-1, 1, 2) * (1 - 1 / zoom) * half
        box = np.concatenate([centre - half / zoom, centre + half / zoom])
        transform, mirrored = random_affine(box, size, self.augmentation, random)
        shown, xy = warp(image, self.labels.xy[frame], transform, size)
        return shown, xy[:, self.mirror] if mirrored else xy

    def mosaic(self, frames: list[int], random: np.random.Generator) -> tuple[Image, Float]:
        """Tile four frames around a random point, each at a random scale.

        A tile shows between the whole frame, shrunk into it, and a part of the frame at its usual size.

        Parameters
        ----------
        frames : list of int
            Left top, right top, left bottom, right bottom.
        random : numpy Generator

        Returns
        -------
        image : (height, width, 3) uint8
        xy : (4 * individuals, keypoints, 2) float, px
            Tile after tile.
        """
        width, height = self.sampling.input_size
        x, y = (random.uniform(0.3, 0.7, 2) * (width, height)).astype(int)
        canvas = np.empty((height, width, 3), dtype=np.uint8)
        everybody = []
        corners = [(0, 0, x, y), (x, 0, width, y), (0, y, x, height), (x, y, width, height)]
        for frame, (left, top, right, bottom) in zip(frames, corners, strict=True):
            size = (right - left, bottom - top)
            most = 1 / max(size[0] / width, size[1] / height)
            canvas[top:bottom, left:right], xy = self.part(frame, size, random, most ** random.uniform())
            everybody.append(xy + np.array([left, top]))
        return canvas, np.concatenate(everybody)
