"""Tracks as flat points with views last, as kernels take them."""

import numpy as np
from numpy.typing import NDArray

from models2d.detections import Tracks2D
from triangulate.points.pixel_noise import pixel_information

Float = NDArray[np.float64]


def observations(
    tracks: Tracks2D,
    frames: slice = slice(None),
    *,
    pixel_sigma: float = 1.0,
    scale: float = 1.0,
) -> tuple[Float, Float]:
    """Flatten tracks to points with views last, each detection with its information.

    Parameters
    ----------
    tracks : Tracks2D
    frames : slice
    pixel_sigma : float, px
    scale : float
        Factor on all standard deviations.

    Returns
    -------
    xy : (points, views, 2) float, px
        Points are frames, subjects and keypoints flattened.
    information : (points, views, 3) float, 1/px2
    """
    views = len(tracks.views)
    xy = np.moveaxis(tracks.xy[frames], 1, 3).reshape(-1, views, 2)
    confidence = np.moveaxis(tracks.confidence[frames], 1, 3).reshape(-1, views)
    covariance = None
    if tracks.covariance is not None:
        covariance = np.moveaxis(tracks.covariance[frames], 1, 3).reshape(-1, views, 2, 2)
    information = pixel_information(xy.shape[:2], pixel_sigma, confidence, covariance)
    return xy, information / scale**2
