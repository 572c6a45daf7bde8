"""Keypoints in a block of frames: where to look, and what is found there."""

from collections.abc import Sequence
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from models2d.models.pose_model import FrameModel, Model, SequenceModel

Image = NDArray[np.uint8]
Float = NDArray[np.float64]
Frames = Sequence[tuple[Image | None, ...]]
Place = tuple[int, int]


class Block(NamedTuple):
    """What was found in some frames.

    Attributes
    ----------
    xy : (frames, views, slots, keypoints, 2) float, px
    confidence : (frames, views, slots, keypoints) float
    covariance : (frames, views, slots, keypoints, 2, 2) float, px2
    """

    xy: Float
    confidence: Float
    covariance: Float

    @classmethod
    def empty(cls, frames: int, views: int, slots: int, keypoints: int) -> Self:
        """Return a block in which nothing was found."""
        shape = (frames, views, slots, keypoints)
        return cls(np.full((*shape, 2), np.nan), np.full(shape, np.nan), np.full((*shape, 2, 2), np.nan))


def find_everybody(model: FrameModel, frames: Frames, block: Block) -> None:
    """Let the model find everybody in every frame and view at once.

    Parameters
    ----------
    model : FrameModel
    frames : sequence of tuple of (height, width, 3) uint8
        None where a camera has no image.
    block : Block
        Takes what is found.
    """
    seen = [(f, v, image) for f, row in enumerate(frames) for v, image in enumerate(row) if image is not None]
    for (frame, view, _), found in zip(seen, model.find_all([image for *_, image in seen]), strict=True):
        count = min(len(found.xy), block.xy.shape[2])
        for whole, part in zip(block, found, strict=True):
            whole[frame, view, :count] = part[:count]


def follow_everybody(model: SequenceModel, frames: Frames, locate_every: int, block: Block) -> None:
    """Let the model follow everybody through the frames.

    Parameters
    ----------
    model : SequenceModel
    frames : sequence of tuple of (height, width, 3) uint8
        None where a camera has no image.
    locate_every : int
    block : Block
        Takes what is found.
    """
    for frame, views in enumerate(model.find_through(frames, locate_every=locate_every)):
        for view, found in enumerate(views):
            for whole, part in zip(block, found, strict=True):
                whole[frame, view] = part


def find_in_boxes(model: Model, frames: Frames, boxes: Float, block: Block) -> None:
    """Look into boxes.

    Parameters
    ----------
    model : Model
    frames : sequence of tuple of (height, width, 3) uint8
        None where a camera has no image.
    boxes : (frames, views, slots, 4) float, px
        NaN where there is nobody.
    block : Block
        Takes what is found.
    """
    places, images = [], []
    for frame, view, slot in np.argwhere(np.isfinite(boxes).all(axis=-1)):
        image = frames[frame][view]
        if image is not None:
            places.append((frame, view, slot))
            images.append(image)
    if places:
        at = tuple(np.array(places).T)
        for whole, part in zip(block, model.find(images, list(boxes[at])), strict=True):
            whole[at] = part


def find_individuals(model: Model, frames: Frames, locate_every: int, block: Block) -> None:
    """Look for individuals in every so many frames, and follow them through those between.

    Parameters
    ----------
    model : Model
    frames : sequence of tuple of (height, width, 3) uint8
        None where a camera has no image.
    locate_every : int
    block : Block
        Takes what is found.

    Notes
    -----
    The box of a frame is put around the keypoints that were found in the frame before. Where that goes wrong
    (see `_lost`), the model looks for the individuals again in the same frame. Frames that are `locate_every`
    apart depend on each other in nothing and go through the network together.
    """
    count, views, slots = block.xy.shape[:3]
    for first in range(min(locate_every, count)):
        boxes = np.full((count, views, slots, 4), np.nan)
        places = [(f, v) for f in range(first, count, locate_every) for v in range(views)]
        if first:
            for frame, view in places:
                boxes[frame, view] = model.around(
                    block.xy[frame - 1, view], block.confidence[frame - 1, view]
                )
        followed = [at for at in places if np.isfinite(boxes[at]).any()]
        _locate(model, frames, boxes, [at for at in places if at not in followed])
        find_in_boxes(model, frames, boxes, block)
        lost = [at for at in followed if _lost(model, block, at)]
        if lost:
            boxes = np.full_like(boxes, np.nan)
            _locate(model, frames, boxes, lost)
            for at in lost:
                for part in block:
                    part[at] = np.nan
            find_in_boxes(model, frames, boxes, block)


def _locate(model: Model, frames: Frames, boxes: Float, places: list[Place]) -> None:
    """Let the model find boxes in some frames and views."""
    seen = [(f, v, image) for f, v in places if (image := frames[f][v]) is not None]
    for (frame, view, _), found in zip(seen, model.locate([image for *_, image in seen]), strict=True):
        count = min(len(found), boxes.shape[2])
        boxes[frame, view, :count] = found[:count]


def _lost(model: Model, block: Block, at: Place) -> bool:
    """Tell whether an individual is gone, half as sure as a frame ago, or was taken for another one."""
    before = block.confidence[at[0] - 1, at[1]].mean(axis=-1)
    now = block.confidence[at].mean(axis=-1)
    here = np.isfinite(now)
    boxes = model.around(block.xy[at][here], block.confidence[at][here])
    if np.isnan(boxes).any() or (now[here] < 0.5 * before[here]).any():
        return True
    low, high = boxes[:, :2], boxes[:, 2:]
    shared = np.minimum(high[:, None], high) - np.maximum(low[:, None], low)
    overlap = np.prod(np.maximum(shared, 0), axis=-1)
    area = np.diag(overlap)
    return bool((overlap > 0.7 * np.minimum(area[:, None], area)).sum() > len(area))
