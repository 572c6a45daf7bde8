"""Rectangles of an image that a network looks at, and the way back from its input to image pixels.

A box is (left, top, right, bottom) in pixels of the image. Pixel centres are integers, so a whole image of
width w spans -0.5 to w - 0.5.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
Float = NDArray[np.float64]


def frame_box(image_size: tuple[int, int], input_size: tuple[int, int]) -> Float:
    """Smallest box of the input's proportions that holds the whole image.

    Parameters
    ----------
    image_size : (int, int)
        Width and height.
    input_size : (int, int)
        Width and height of the network's input.

    Returns
    -------
    box : (4,) float, px

    Examples
    --------
    >>> frame_box((640, 480), (256, 256)).tolist()
    [-0.5, -80.5, 639.5, 559.5]
    """
    width, height = image_size
    return in_proportion(np.array([-0.5, -0.5, width - 0.5, height - 0.5]), input_size)


def box_around(xy: Float, input_size: tuple[int, int], margin: float = 0.25, smallest: float = 16) -> Float:
    """Box of the input's proportions around the points of each individual.

    Parameters
    ----------
    xy : (..., keypoints, 2) float, px
    input_size : (int, int)
    margin : float
        Added on each side, as a fraction of the larger side of the points' own box.
    smallest : float, px
        Sides are at least this long.

    Returns
    -------
    boxes : (..., 4) float, px
        NaN where there is no point.
    """
    known = np.isfinite(xy.sum(axis=-1, keepdims=True))
    low = np.where(known, xy, np.inf).min(axis=-2)
    high = np.where(known, xy, -np.inf).max(axis=-2)
    any_known = np.any(known, axis=-2)
    low, high = np.where(any_known, low, np.nan), np.where(any_known, high, np.nan)
    side = np.maximum((high - low).max(axis=-1, keepdims=True), smallest)
    centre, half = (low + high) / 2, np.maximum(high - low, smallest) / 2 + margin * side
    return in_proportion(np.concatenate([centre - half, centre + half], axis=-1), input_size)


def in_proportion(boxes: Float, input_size: tuple[int, int]) -> Float:
    """Grow boxes about their centres to the proportions of the input.

    Parameters
    ----------
    boxes : (..., 4) float, px
    input_size : (int, int)

    Returns
    -------
    boxes : (..., 4) float, px
    """
    centre = (boxes[..., :2] + boxes[..., 2:]) / 2
    scale = ((boxes[..., 2:] - boxes[..., :2]) / np.array(input_size)).max(axis=-1, keepdims=True)
    half = scale * np.array(input_size) / 2
    return np.concatenate([centre - half, centre + half], axis=-1)


def cut(image: Image, box: Float, input_size: tuple[int, int]) -> tuple[Image, Float]:
    """Cut a box out of an image and resize it, averaging where it shrinks; outside the image is black.

    The box is moved to whole pixels first, so that the way back is exact.

    Parameters
    ----------
    image : (height, width, 3) uint8
    box : (4,) float, px
    input_size : (int, int)
        Width and height of the patch.

    Returns
    -------
    patch : (input height, input width, 3) uint8
    image_from_input : (2, 2) float
        Row 0 scale and row 1 shift, for x and y: x_image = scale * x_input + shift.
    """
    left, top = np.floor(box[:2] + 1).astype(int)
    right, bottom = np.maximum(np.floor(box[2:] + 1).astype(int), (left + 2, top + 2))
    inside = image[max(top, 0) : max(bottom, 0), max(left, 0) : max(right, 0)]
    if inside.shape[:2] != (bottom - top, right - left):
        inside = _padded(image, left, top, right, bottom)
    shrinks = right - left > input_size[0]
    patch = cv2.resize(inside, input_size, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
    scale = np.array([right - left, bottom - top]) / np.array(input_size)
    shift = np.array([left, top]) - 0.5 + 0.5 * scale
    return np.asarray(patch, dtype=np.uint8), np.stack([scale, shift])


def _padded(image: Image, left: int, top: int, right: int, bottom: int) -> Image:
    height, width = image.shape[:2]
    canvas = np.zeros((bottom - top, right - left, *image.shape[2:]), dtype=np.uint8)
    x0, x1 = np.clip([left, right], 0, width)
    y0, y1 = np.clip([top, bottom], 0, height)
    if x1 > x0 and y1 > y0:
        canvas[y0 - top : y1 - top, x0 - left : x1 - left] = image[y0:y1, x0:x1]
    return canvas
