"""SimCC: a keypoint as two distributions over bins, one along x and one along y (Li et al., ECCV 2022)."""

import numpy as np

from models2d.decoding.heatmaps import Floating, Peaks


def decode_simcc(x: Floating, y: Floating, bins_per_pixel: float = 2.0) -> Peaks:
    """Read coordinates from the classifications along the two axes.

    Parameters
    ----------
    x : (..., width * bins_per_pixel) float
    y : (..., height * bins_per_pixel) float
        Scores of each bin: a Gaussian of height 1 where the network is sure.
    bins_per_pixel : float

    Returns
    -------
    peaks : Peaks
        With cells of one input pixel: bin b lies on pixel b / bins_per_pixel, as RTMPose is trained. The
        confidence is the lower of the two peaks.

    Examples
    --------
    >>> x, y = np.zeros((2, 1, 20))
    >>> x[0, 7], y[0, 12] = 1.0, 0.5
    >>> peaks = decode_simcc(x, y)
    >>> peaks.xy.tolist(), peaks.confidence.tolist()
    ([[3.5, 6.0]], [0.5])
    """
    axes = [_peak_and_variance(np.asarray(scores, dtype=np.float64)) for scores in (x, y)]
    xy = np.stack([place for place, _, _ in axes], axis=-1) / bins_per_pixel
    variance = np.stack([spread for _, _, spread in axes], axis=-1) / bins_per_pixel**2
    confidence = np.minimum(axes[0][1], axes[1][1])
    return Peaks(xy=xy, confidence=np.clip(confidence, 0, 1), covariance=variance[..., None] * np.eye(2))


def _peak_and_variance(scores: Floating) -> tuple[Floating, Floating, Floating]:
    """Highest bin to a fraction, its score, and the variance of the scores within twelve bins of it."""
    best = scores.argmax(axis=-1)
    near = np.clip(best[..., None] + np.arange(-12, 13), 0, scores.shape[-1] - 1)
    around = np.maximum(np.take_along_axis(scores, near, axis=-1), 1e-9)
    left, top, right = (np.log(around[..., 12 + step]) for step in (-1, 0, 1))
    curve = left - 2 * top + right
    bent = curve < -1e-3
    step = np.where(bent, (left - right) / np.where(bent, 2 * curve, 1.0), 0.0)
    inside = (best > 0) & (best < scores.shape[-1] - 1) & (around[..., 11] > 1e-6) & (around[..., 13] > 1e-6)
    place = best + np.where(inside, np.clip(step, -0.5, 0.5), 0.0)
    away = near - place[..., None]
    variance = (around * away**2).sum(axis=-1) / around.sum(axis=-1)
    return place, np.take_along_axis(scores, best[..., None], axis=-1)[..., 0], variance + 0.25
