"""BlazePose's detector of people in whole images (Bazarevsky et al., "BlazePose", arXiv 2006.10204)."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from models2d.models.crops import cut, frame_box
from models2d.models.turned_regions import regions_around
from models2d.networks.device_network import DeviceNetwork

Image = NDArray[np.uint8]
Float = NDArray[np.float64]

SIDE = 224
"""Of the input, px."""

GRIDS = ((28, 2), (14, 2), (7, 6))
"""Cells along a side of the input, and anchors in each cell."""

CLOSER = (1.0, 0.75)
"""Sides of the squares for a closer look, in short sides of the image."""

LEAST_SCORE = 0.5
SAME_PERSON = 0.3
"""Intersection over union from which two boxes are one person's."""


class DetectedPeople(NamedTuple):
    """People in an image, the surest first.

    Attributes
    ----------
    boxes : (n, 4) float, px
        Left, top, right, bottom of the face: what the detector's boxes are put around.
    points : (n, 4, 2) float, px
        Middle of the hips, a point on a circle around the body, and the same two of the upper body.
    score : (n,) float
    """

    boxes: Float
    points: Float
    score: Float

    def mapped(self, scale: Float, shift: Float) -> "DetectedPeople":
        """Return the same people in pixels of another image, by scale and shift (2,) of x and y."""
        corners = self.boxes.reshape(-1, 2, 2) * scale + shift
        return DetectedPeople(corners.reshape(-1, 4), self.points * scale + shift, self.score)


class PersonDetector:
    """The detector: images to regions around people.

    Parameters
    ----------
    network : DeviceNetwork
        (batch, 3, 224, 224) in [-1, 1] to boxes and points (batch, 2254, 12), and scores (batch, 2254, 1).
    """

    def __init__(self, network: DeviceNetwork) -> None:
        self.network = network
        self._anchors = anchors()

    def locate(self, images: Sequence[Image], *, closer: bool = False) -> list[Float]:
        """Find people.

        Parameters
        ----------
        images : sequence of (height, width, 3) uint8
        closer : bool
            Also look at overlapping parts of each image, which finds small people and those beside others.

        Returns
        -------
        regions : list of (n, 4) float, px
            See `turned_regions`. Large and sure ones come first.
        """
        looks = [
            (number, cut(image, box, (SIDE, SIDE)))
            for number, image in enumerate(images)
            for box in squares((image.shape[1], image.shape[0]), closer=closer)
        ]
        if not looks:
            return []
        places, logits = self.network.answer(np.stack([patch for _, (patch, _) in looks]))
        found: list[list[DetectedPeople]] = [[] for _ in images]
        for (number, (_, image_from_input)), place, logit in zip(looks, places, logits, strict=True):
            found[number].append(self.read(place, logit[:, 0]).mapped(*image_from_input))
        return [_regions(people) for people in found]

    def read(self, places: Float, logits: Float) -> DetectedPeople:
        """Read the answer for one image.

        Parameters
        ----------
        places : (2254, 12) float, px
            Of the input, from the anchors on: centre and size of the box, then the four points.
        logits : (2254,) float

        Returns
        -------
        people : DetectedPeople
            In pixels of the input.
        """
        score = expit(np.clip(logits.astype(np.float64), -100, 100))
        sure = np.flatnonzero(score >= LEAST_SCORE)
        pairs = places[sure].astype(np.float64).reshape(-1, 6, 2)
        pairs[:, [0, 2, 3, 4, 5]] += SIDE * self._anchors[sure, None]
        middle, half = pairs[:, 0], pairs[:, 1] / 2
        boxes = np.concatenate([middle - half, middle + half], axis=1)
        boxes, points, score = merged(boxes, pairs[:, 2:], score[sure])
        # Its coordinates count from the edge of the first pixel, ours from the pixel's centre.
        return DetectedPeople(boxes - 0.5, points - 0.5, score)


def _regions(parts: Sequence[DetectedPeople]) -> Float:
    """Merge what was found in parts of one image; large and sure people come first."""
    boxes, points, score = (np.concatenate([part[n] for part in parts]) for n in range(3))
    _, points, score = merged(boxes, points, score)
    regions = regions_around(points[:, :2])
    return regions[np.argsort(-score * np.linalg.norm(regions[:, 2:], axis=1), kind="stable")]


def squares(size: tuple[int, int], *, closer: bool) -> list[Float]:
    """Compute the squares of an image that the detector looks at.

    Parameters
    ----------
    size : (int, int), px
        Width and height.
    closer : bool
        Besides the smallest square that holds the whole image, those of `CLOSER` times its short side, which
        overlap by half.

    Returns
    -------
    boxes : list of (4,) float, px

    Examples
    --------
    >>> [box.tolist() for box in squares((640, 480), closer=False)]
    [[-0.5, -80.5, 639.5, 559.5]]
    """
    boxes = [frame_box(size, (SIDE, SIDE))]
    for part in CLOSER if closer else ():
        side = part * min(size)
        starts = [np.linspace(0, n - side, int(np.ceil(2 * (n - side) / side)) + 1) - 0.5 for n in size]
        boxes += [np.array([x, y, x + side, y + side]) for y in starts[1] for x in starts[0]]
    return boxes


def anchors() -> Float:
    """Compute from where the detector counts.

    Returns
    -------
    anchors : (2254, 2) float
        Fractions of the input's sides.

    Examples
    --------
    >>> anchors().shape
    (2254, 2)
    """
    found = []
    for cells, count in GRIDS:
        y, x = (np.mgrid[:cells, :cells] + 0.5) / cells
        found.append(np.repeat(np.stack([x, y], axis=-1).reshape(-1, 2), count, axis=0))
    return np.concatenate(found)


def merged(boxes: Float, points: Float, score: Float) -> tuple[Float, Float, Float]:
    """Merge the boxes of each person: means weighted by score of all that overlap with the surest.

    Weighted non-maximum suppression (Bazarevsky et al., "BlazeFace", arXiv 1907.05047, section 3.3).

    Parameters
    ----------
    boxes : (n, 4) float, px
    points : (n, points, 2) float, px
    score : (n,) float

    Returns
    -------
    boxes : (people, 4) float, px
    points : (people, points, 2) float, px
    score : (people,) float
        Of the surest box of each, which is not averaged.

    Examples
    --------
    >>> boxes = np.array([[0.0, 0, 10, 10], [1.0, 0, 11, 10], [50.0, 0, 60, 10]])
    >>> merged(boxes, boxes[:, None, :2], np.array([0.6, 0.6, 0.9]))[0][:, 0].round(3).tolist()
    [50.0, 0.5]
    """
    left = np.argsort(-score, kind="stable")
    chosen: list[tuple[Float, Float, float]] = []
    while len(left):
        together = left[overlap(boxes[left[0]], boxes[left]) > SAME_PERSON]
        together = together if len(together) else left[:1]
        weight = score[together] / score[together].sum()
        chosen.append(
            (weight @ boxes[together], np.einsum("i,ijk->jk", weight, points[together]), score[left[0]])
        )
        left = np.setdiff1d(left, together, assume_unique=True)
        left = left[np.argsort(-score[left], kind="stable")]
    return (
        np.array([box for box, _, _ in chosen]).reshape(-1, 4),
        np.array([point for _, point, _ in chosen]).reshape(-1, *points.shape[1:]),
        np.array([height for _, _, height in chosen]),
    )


def overlap(box: Float, boxes: Float) -> Float:
    """Intersection over union of one box with others.

    Parameters
    ----------
    box : (4,) float, px
    boxes : (n, 4) float, px

    Returns
    -------
    share : (n,) float
    """
    low, high = np.maximum(box[:2], boxes[:, :2]), np.minimum(box[2:], boxes[:, 2:])
    both = np.prod(np.maximum(high - low, 0), axis=1)
    areas = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1) + np.prod(box[2:] - box[:2])
    return np.asarray(both / np.maximum(areas - both, 1e-12))
