"""How noisy the detections of each view and keypoint are, found from how well the views agree."""

import numpy as np
from numpy.typing import NDArray

from calibration.rig import Rig
from triangulate.smoothing_input import Pixels, raw_points

Float = NDArray[np.float64]

PSEUDO = 30
"""Detections' worth of belief that a keypoint in a view is as noisy as all are."""

MEDIAN = 2 * np.log(2)
"""Median of a chi-square variable with two degrees of freedom."""


def noise_factors(pixels: Pixels, rig: Rig, rounds: int = 3) -> Float:
    """Compare the residuals of robustly triangulated points with the information of the detections.

    The residuals of a point are smaller than the noise, since the point was fitted to them: by 1 - 3 / (2
    n) in the mean square over n views. Medians, so that mistakes hardly matter.

    Parameters
    ----------
    pixels : Pixels
    rig : Rig
    rounds : int
        The points are found anew with the factors of the round before.

    Returns
    -------
    factors : (views, keypoints) float
        On the standard deviations that the information implies.
    """
    _, keypoints, views, _ = pixels.xy.shape
    factors = np.ones((views, keypoints))
    for _ in range(rounds):
        scaled = Pixels(pixels.xy, pixels.information / factors.T[:, :, None] ** 2)
        raw = raw_points(scaled, rig)
        count = raw.inliers.sum(axis=-1)
        spare = raw.inliers & (count >= min(3, count.max(initial=0)))[..., None] & (count >= 2)[..., None]
        if not spare.any():
            return factors
        residual = np.where(spare[..., None], pixels.xy - rig.project(raw.xyz), np.nan)
        x, y, (a, b, c) = residual[..., 0], residual[..., 1], np.moveaxis(scaled.information, -1, 0)
        squares = a * x * x + 2 * b * x * y + c * y * y
        squares *= (2 * count / np.maximum(2 * count - 3, 1))[..., None]
        factors = factors * shrunk_scale(squares, spare)
    return factors


def shrunk_scale(squares: Float, use: NDArray[np.bool_]) -> Float:
    """Return the root of each view's and keypoint's median square over the expected one, drawn to the mean.

    Parameters
    ----------
    squares : (frames, keypoints, views) float
    use : (frames, keypoints, views) bool

    Returns
    -------
    scale : (views, keypoints) float
    """
    _, keypoints, views = squares.shape
    overall = np.median(squares[use]) / MEDIAN
    scale = np.full((views, keypoints), overall)
    for view, keypoint in np.ndindex(views, keypoints):
        own = squares[:, keypoint, view][use[:, keypoint, view]]
        if own.size:
            share = own.size / (own.size + PSEUDO)
            scale[view, keypoint] = np.exp(
                share * np.log(max(np.median(own) / MEDIAN, 1e-12))
                + (1 - share) * np.log(max(overall, 1e-12))
            )
    return np.sqrt(scale)
