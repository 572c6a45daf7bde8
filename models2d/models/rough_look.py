"""From a rough look at whole frames to the boxes worth a closer one."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from models2d.models.crops import box_around

Image = NDArray[np.uint8]
Float = NDArray[np.float64]
Sureness = Callable[[Sequence[Image], Sequence[Float]], Float]


def sure_box(
    xy: Float, confidence: Float, input_size: tuple[int, int], margin: float, part: float = 0.0
) -> Float:
    """Box around the keypoints that are there.

    Parameters
    ----------
    xy : (..., keypoints, 2) float, px
    confidence : (..., keypoints) float
        Keypoints count from 0.15.
    input_size : (int, int)
    margin : float
        As for `box_around`.
    part : float
        Keypoints count from this part of the surest one's confidence, too.

    Returns
    -------
    boxes : (..., 4) float, px
        NaN where fewer than two keypoints count, of several.

    Examples
    --------
    >>> xy = np.array([[10.0, 10.0], [50.0, 30.0], [400.0, 7.0]])
    >>> sure_box(xy, np.array([0.9, 0.8, 0.1]), (64, 64), 0.5).tolist()
    [-10.0, -20.0, 70.0, 60.0]
    """
    known = np.where(np.isfinite(confidence), confidence, 0.0)
    sure = known >= np.maximum(0.15, part * known.max(axis=-1, keepdims=True))
    sure &= sure.sum(axis=-1, keepdims=True) >= min(2, known.shape[-1])
    return box_around(np.where(sure[..., None], xy, np.nan), input_size, margin)


def surest_boxes(images: Sequence[Image], close: Float, wide: Float, sureness: Sureness) -> Float:
    """Choose between two boxes in each image, by a look at both where they differ much.

    A keypoint that the rough look was not sure of is either far off, and a box that holds it shows the
    individual too small, or it is where it seems and a box without it cuts the individual in two.

    Parameters
    ----------
    images : sequence of (height, width, 3) uint8
    close, wide : (images, 4) float, px
        Around the sure keypoints, and around all; NaN where there is nobody.
    sureness : callable
        Images and boxes to the mean confidence in each, (n).

    Returns
    -------
    boxes : (images, 4) float, px
    """
    area = [np.prod(box[:, 2:] - box[:, :2], axis=1) for box in (close, wide)]
    unclear = np.flatnonzero(area[1] > 2 * area[0])
    if not len(unclear):
        return close
    shown = [images[int(number)] for number in unclear]
    better = sureness(shown, list(wide[unclear])) > sureness(shown, list(close[unclear]))
    boxes = close.copy()
    boxes[unclear[better]] = wide[unclear[better]]
    return boxes
