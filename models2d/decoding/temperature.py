"""Calibrate what heatmaps say about their own uncertainty against labels that were held out."""

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]

_inside_68 = -2 * np.log(1 - 0.68)
"""Squared Mahalanobis radius that holds 68% of a 2D Gaussian (chi-square with two degrees of freedom)."""


def fit_temperature(residuals: Float, covariance: Float, fewest: int = 20) -> Float:
    """Find the factor per keypoint that makes 68% of true points lie inside the 68% ellipse.

    Parameters
    ----------
    residuals : (samples, keypoints, 2) float, px
        Labelled minus detected; NaN where not labelled.
    covariance : (samples, keypoints, 2, 2) float, px2
        As the heatmaps say.
    fewest : int
        Keypoints with fewer samples share the factor of all together.

    Returns
    -------
    temperature : (keypoints,) float

    Notes
    -----
    One factor per keypoint, as temperature scaling of classifiers (Guo et al., ICML 2017), but matched at a
    quantile: a few gross errors would inflate a likelihood fit and make every other ellipse too large.
    """
    squared = mahalanobis(residuals, covariance)
    together = _factor(squared.ravel())
    return np.array(
        [_factor(column) if np.isfinite(column).sum() >= fewest else together for column in squared.T]
    )


def mahalanobis(residuals: Float, covariance: Float) -> Float:
    """Squared Mahalanobis distance of each residual.

    Parameters
    ----------
    residuals : (..., 2) float, px
    covariance : (..., 2, 2) float, px2

    Returns
    -------
    squared : (...) float
        NaN where either is missing or the covariance is singular.
    """
    known = np.isfinite(residuals.sum(axis=-1) + covariance.sum(axis=(-2, -1)))
    known &= np.linalg.det(np.where(known[..., None, None], covariance, np.eye(2))) > 0
    safe = np.where(known[..., None, None], covariance, np.eye(2))
    scaled = np.linalg.solve(safe, np.where(known[..., None], residuals, 0)[..., None])[..., 0]
    return np.where(known, (residuals * scaled).sum(axis=-1), np.nan)


def coverage(residuals: Float, covariance: Float, level: float) -> float:
    """Part of the true points inside the ellipse that should hold `level` of them.

    Parameters
    ----------
    residuals : (..., 2) float, px
    covariance : (..., 2, 2) float, px2
    level : float
        Between 0 and 1.

    Returns
    -------
    inside : float
        NaN if nothing can be compared.
    """
    squared = mahalanobis(residuals, covariance)
    squared = squared[np.isfinite(squared)]
    return float(np.mean(squared <= -2 * np.log(1 - level))) if len(squared) else float("nan")


def _factor(squared: Float) -> float:
    squared = squared[np.isfinite(squared)]
    return float(max(np.quantile(squared, 0.68) / _inside_68, 1e-6)) if len(squared) else 1.0
