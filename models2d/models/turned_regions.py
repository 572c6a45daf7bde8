"""Turned squares of an image that a network looks at, and the way back from its input to image pixels.

A region is (x, y, up x, up y) in pixels of the image: its centre, and the vector from there to the middle of
its upper side, which is half a side long and says where up is.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
Float = NDArray[np.float64]

ENLARGED = 1.25
"""Half a region's side over the distance of the two points that it is put around."""

COARSE = 2.0
"""Image pixels per input pixel from which an image is averaged before it is cut."""


def regions_around(points: Float) -> Float:
    """Put regions around people, by the middle of the hips and a point above it on a circle around the body.

    Parameters
    ----------
    points : (..., 2, 2) float, px
        The middle of the hips, then the point on the circle.

    Returns
    -------
    regions : (..., 4) float, px

    Examples
    --------
    >>> regions_around(np.array([[50.0, 60.0], [50.0, 20.0]])).tolist()
    [50.0, 60.0, 0.0, -50.0]
    """
    middle, rim = points[..., 0, :], points[..., 1, :]
    return np.concatenate([middle, ENLARGED * (rim - middle)], axis=-1)


def image_from_input(regions: Float, side: int) -> Float:
    """Compute the maps from pixels of the network's input to pixels of the image.

    Parameters
    ----------
    regions : (..., 4) float, px
    side : int, px
        Of the input.

    Returns
    -------
    maps : (..., 2, 3) float
        Affine, between pixel centres.

    Examples
    --------
    >>> image_from_input(np.array([9.5, 9.5, 6.0, -8.0]), 10).round(3).tolist()
    [[1.6, -1.2, 7.7], [1.2, 1.6, -3.1]]
    """
    up = regions[..., 2:] / (side / 2)
    right = np.stack([-up[..., 1], up[..., 0]], axis=-1)
    linear = np.stack([right, -up], axis=-1)
    shift = regions[..., :2] - linear.sum(axis=-1) * (side - 1) / 2
    return np.concatenate([linear, shift[..., None]], axis=-1)


def cut_region(image: Image, region: Float, side: int) -> Image:
    """Cut a region out of an image, turned upright; outside the image is black.

    Parameters
    ----------
    image : (height, width, 3) uint8
    region : (4,) float, px
    side : int, px
        Of the patch.

    Returns
    -------
    patch : (side, side, 3) uint8
    """
    matrix = image_from_input(region, side)
    coarse = int(np.linalg.norm(matrix[:, 0]) / COARSE)
    if coarse > 1:
        image, origin = _averaged(image, matrix, side, coarse)
        matrix = np.column_stack([matrix[:, :2] / coarse, (matrix[:, 2] - origin + 0.5) / coarse - 0.5])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpAffine(image, matrix, (side, side), flags=flags), dtype=np.uint8)


def _averaged(image: Image, matrix: Float, side: int, coarse: int) -> tuple[Image, Float]:
    """Average blocks of pixels in the part of an image that a region needs; also where that part begins."""
    corners = matrix[:, :2] @ (np.array([[0, 1, 0, 1], [0, 0, 1, 1]]) * (side - 1)) + matrix[:, 2:]
    low = np.floor(corners.min(axis=1)).astype(int) - coarse
    high = np.ceil(corners.max(axis=1)).astype(int) + coarse
    height, width = image.shape[:2]
    left, top = np.clip(low, 0, [width - 1, height - 1])
    right, bottom = np.clip(high, [left + 1, top + 1], [width, height])
    cells = (max((right - left) // coarse, 1), max((bottom - top) // coarse, 1))
    part = image[top : top + cells[1] * coarse, left : left + cells[0] * coarse]
    return np.asarray(cv2.resize(part, cells, interpolation=cv2.INTER_AREA), np.uint8), np.array([left, top])
