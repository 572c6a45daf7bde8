"""How sharp and how well exposed an image is."""

import cv2
import numpy as np
from numpy.typing import NDArray

Gray = NDArray[np.uint8]


def stretched(gray: Gray) -> Gray:
    """Spread the gray levels of an image over the whole range, locally.

    Parameters
    ----------
    gray : (height, width) uint8

    Returns
    -------
    stretched : (height, width) uint8
    """
    low, high = np.percentile(gray, (0.5, 99.5))
    wide = np.clip((gray - low) * (255 / max(high - low, 1)), 0, 255).astype(np.uint8)
    return np.asarray(cv2.createCLAHE(2.0, (8, 8)).apply(wide), dtype=np.uint8)


def blur_of(gray: Gray) -> float:
    """Estimate the blur of the sharpest edges of an image.

    Parameters
    ----------
    gray : (height, width) uint8

    Returns
    -------
    blur : float, px
        Standard deviation of the Gaussian that blurs a step between the image's dark and bright.
    """
    smooth = cv2.GaussianBlur(gray, (0, 0), 0.7).astype(np.float64)
    slope = np.hypot(np.gradient(smooth, axis=0), np.gradient(smooth, axis=1))
    contrast = float(np.subtract(*np.percentile(smooth, (98, 2))))
    # The steepest slope of a blurred step is contrast / (sqrt(2 pi) sigma).
    return contrast / (np.sqrt(2 * np.pi) * max(float(np.percentile(slope, 99.9)), 1e-9))
