"""Random changes to training images that move the keypoints with them."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
Float = NDArray[np.float64]
Random = np.random.Generator


@dataclass(frozen=True, slots=True, kw_only=True)
class Augmentation:
    """How much training images are changed; zero switches a change off.

    Attributes
    ----------
    rotation_deg : float
        Turned by a uniform angle up to this, either way.
    scale : float
        Enlarged or shrunk by up to this factor minus one (0.3: between 1/1.3 and 1.3).
    shift : float
        Moved by up to this fraction of the input's side.
    flip : float
        Probability of a mirror image; left and right keypoints change places.
    colour : float
        Largest change of brightness, contrast, saturation and of each channel, as a fraction.
    blur : float, px
        Largest standard deviation of a Gaussian blur.
    motion_blur : float, px
        Longest streak.
    noise : float
        Largest standard deviation of pixel noise, in grey levels of 255.
    cutout : float
        Probability that a rectangle is painted over; keypoints under it stay labelled.
    mosaic : float
        Probability that a sample is put together from four frames at different scales; for networks that find
        everybody in a frame.
    """

    rotation_deg: float = 25.0
    scale: float = 0.25
    shift: float = 0.08
    flip: float = 0.0
    colour: float = 0.2
    blur: float = 1.0
    motion_blur: float = 4.0
    noise: float = 6.0
    cutout: float = 0.3
    mosaic: float = 0.0

    @classmethod
    def none(cls) -> "Augmentation":
        """Change nothing."""
        return cls(
            rotation_deg=0,
            scale=0,
            shift=0,
            flip=0,
            colour=0,
            blur=0,
            motion_blur=0,
            noise=0,
            cutout=0,
        )


def random_affine(
    box: Float, input_size: tuple[int, int], augmentation: Augmentation, random: Random
) -> tuple[Float, bool]:
    """Draw the map from image pixels to input pixels for a box, turned, scaled, moved and perhaps mirrored.

    Parameters
    ----------
    box : (4,) float, px
        What the input shows when nothing is changed.
    input_size : (int, int)
        Width and height.
    augmentation : Augmentation
    random : numpy Generator

    Returns
    -------
    input_from_image : (2, 3) float, px
    mirrored : bool
    """
    size = np.array(input_size, dtype=np.float64)
    angle = np.deg2rad(random.uniform(-1, 1) * augmentation.rotation_deg)
    zoom = (1 + augmentation.scale) ** random.uniform(-1, 1)
    moved = random.uniform(-1, 1, 2) * augmentation.shift * size
    mirrored = bool(random.random() < augmentation.flip)
    turn = zoom * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    linear = turn @ np.diag(size / (box[2:] - box[:2]))
    if mirrored:
        linear = np.diag([-1.0, 1.0]) @ linear
    centre = (box[:2] + box[2:]) / 2
    shift = (size - 1) / 2 + moved - linear @ centre
    return np.column_stack([linear, shift]), mirrored


def warp(
    image: Image, xy: Float, input_from_image: Float, input_size: tuple[int, int]
) -> tuple[Image, Float]:
    """Apply an affine map to an image and its keypoints, without aliasing where it shrinks.

    Parameters
    ----------
    image : (height, width, 3) uint8
    xy : (..., 2) float, px
    input_from_image : (2, 3) float, px
    input_size : (int, int)

    Returns
    -------
    image : (input height, input width, 3) uint8
    xy : (..., 2) float, px
        NaN where the point falls outside the input.
    """
    moved = xy @ input_from_image[:, :2].T + input_from_image[:, 2]
    shrink = int(1 / max(np.sqrt(abs(np.linalg.det(input_from_image[:, :2]))), 1e-3))
    if shrink > 1:
        image, input_from_image = _halved(image, input_from_image, shrink)
    patch = cv2.warpAffine(image, input_from_image, input_size, flags=cv2.INTER_LINEAR)
    inside = np.abs(moved / (np.array(input_size) - 1) - 0.5).max(axis=-1, keepdims=True) <= 0.5
    return np.asarray(patch, dtype=np.uint8), np.where(inside, moved, np.nan)


def _halved(image: Image, input_from_image: Float, shrink: int) -> tuple[Image, Float]:
    """Average blocks of pixels first; the map then starts from the smaller image."""
    height, width = (side - side % shrink for side in image.shape[:2])
    small = cv2.resize(
        image[:height, :width], (width // shrink, height // shrink), interpolation=cv2.INTER_AREA
    )
    adapted = input_from_image.copy()
    adapted[:, 2] += adapted[:, :2] @ np.full(2, (shrink - 1) / 2)
    adapted[:, :2] *= shrink
    return np.asarray(small, dtype=np.uint8), adapted


def recolour(image: Image, augmentation: Augmentation, random: Random) -> Image:
    """Change colours, sharpness and noise, and paint rectangles; geometry stays.

    Parameters
    ----------
    image : (height, width, 3) uint8
    augmentation : Augmentation
    random : numpy Generator

    Returns
    -------
    image : (height, width, 3) uint8
    """
    image = _colours(image, augmentation.colour, random)
    if augmentation.blur and random.random() < 0.3:
        sigma = random.uniform(0.2, 1) * augmentation.blur
        image = np.asarray(cv2.GaussianBlur(image, (0, 0), max(sigma, 0.1)), dtype=np.uint8)
    if augmentation.motion_blur > 1 and random.random() < 0.3:
        image = _streaked(image, random.uniform(1, augmentation.motion_blur), random.uniform(0, np.pi))
    if random.random() < augmentation.cutout:
        image = _painted(image, random)
    if augmentation.noise and random.random() < 0.5:
        sigma = random.uniform(0, augmentation.noise)
        noise = random.standard_normal(image.shape, dtype=np.float32) * sigma
        image = np.clip(image + noise, 0, 255).astype(np.uint8)
    return image


def _colours(image: Image, amount: float, random: Random) -> Image:
    if not amount:
        return image
    gain = (1 + random.uniform(-1, 1) * amount) * (1 + random.uniform(-0.5, 0.5, 3) * amount)
    lift = random.uniform(-0.5, 0.5) * amount * 255
    mixed = cv2.transform(image, _saturation(1 + random.uniform(-1, 1) * amount) * gain[:, None])
    return np.clip(mixed.astype(np.float32) + lift, 0, 255).astype(np.uint8)


def _saturation(factor: float) -> Float:
    grey = np.tile([0.114, 0.587, 0.299], (3, 1))
    return grey + factor * (np.eye(3) - grey)


def _streaked(image: Image, length: float, angle: float) -> Image:
    size = int(np.ceil(length)) | 1
    kernel = np.zeros((size, size), dtype=np.float32)
    reach = np.array([np.cos(angle), np.sin(angle)]) * (size - 1) / 2
    centre = (size - 1) / 2
    start, end = np.round(centre - reach).astype(int), np.round(centre + reach).astype(int)
    cv2.line(kernel, tuple(start.tolist()), tuple(end.tolist()), 1.0)
    return np.asarray(cv2.filter2D(image, -1, kernel / kernel.sum()), dtype=np.uint8)


def _painted(image: Image, random: Random) -> Image:
    image = image.copy()
    height, width = image.shape[:2]
    for _ in range(random.integers(1, 4)):
        w, h = (random.uniform(0.05, 0.25, 2) * (width, height)).astype(int)
        x, y = random.integers(0, width - w), random.integers(0, height - h)
        image[y : y + h, x : x + w] = random.integers(0, 256, 3)
    return image
