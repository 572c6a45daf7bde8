"""Individuals first, their keypoints second: any detector of boxes with any network that looks at boxes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from models2d.models.pose_model import FoundKeypoints, Model
from models2d.skeleton import Skeleton

Image = NDArray[np.uint8]
Float = NDArray[np.float64]


class Detector(Protocol):
    """What finds individuals: boxes (n, 4) px for each image, the surest first."""

    def locate(self, images: Sequence[Image]) -> list[Float]:
        """Find the individuals."""
        ...


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class TopDown:
    """A detector and a network that looks at its boxes, as one model.

    Attributes
    ----------
    detector : Detector
    model : Model
    individuals : int
        At most so many, the surest.
    """

    detector: Detector
    model: Model
    individuals: int = 1

    @property
    def skeleton(self) -> Skeleton:
        """The network's skeleton."""
        return self.model.skeleton

    def locate(self, images: Sequence[Image]) -> list[Float]:
        """Find the individuals, (n, 4) px in each image."""
        return [boxes[: self.individuals] for boxes in self.detector.locate(images)]

    def find(self, images: Sequence[Image], boxes: Sequence[Float]) -> FoundKeypoints:
        """Find the keypoints of each box."""
        return self.model.find(images, boxes)

    def around(self, xy: Float, confidence: Float) -> Float:
        """Put boxes around poses as the network does."""
        return self.model.around(xy, confidence)
