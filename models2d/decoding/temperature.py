"""Calibrate what heatmaps say about their own uncertainty against labels that were held out."""

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

Float = NDArray[np.float64]


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


def fit_tail(residuals: Float, covariance: Float, fewest: int = 20) -> float | None:
    """Find how heavy the tails of the errors are.

    Parameters
    ----------
    residuals : (samples, keypoints, 2) float, px
        Labelled minus detected; NaN where not labelled.
    covariance : (samples, keypoints, 2, 2) float, px2
        With the temperature that was fitted to them.
    fewest : int
        Residuals that are needed.

    Returns
    -------
    tail : float or None
        Degrees of freedom of a bivariate Student t; None, for a Gaussian, where there are too few residuals.

    Notes
    -----
    Maximum likelihood of the degrees of freedom together with a scale (Lange, Little & Taylor, J. Am. Stat.
    Assoc. 84, 1989), over all keypoints at once, since one alone has too few gross errors to count. The scale
    is left to the temperature, by which the 68% ellipses are right whatever the tails.
    """
    squared = mahalanobis(residuals, covariance)
    squared = squared[np.isfinite(squared)]
    if len(squared) < fewest or not squared.any():
        return None

    def loss(logs: Float) -> float:
        scale, tail = np.exp(logs)
        spread = np.log1p(squared / (scale * tail)).sum()
        return float(len(squared) * np.log(scale) + (tail + 2) / 2 * spread)

    start = np.log([max(float(np.median(squared)), 1e-6), 5.0])
    found = minimize(loss, start, bounds=[(None, None), tuple(np.log([1.0, 100.0]))], method="L-BFGS-B")
    return float(np.exp(found.x[1]))


def squared_radius(level: float, tail: float | None = None) -> float:
    """Squared Mahalanobis radius of the ellipse that holds `level` of the true points.

    Parameters
    ----------
    level : float
        Between 0 and 1.
    tail : float, optional
        As `fit_tail` returns; by default a Gaussian's.

    Returns
    -------
    squared : float
        For 68% the same whatever the tail: that is what covariances are fitted by.

    Examples
    --------
    >>> round(squared_radius(0.95), 2), round(squared_radius(0.95, 3.0), 2)
    (5.99, 12.76)
    >>> round(squared_radius(0.68), 2), round(squared_radius(0.68, 3.0), 2)
    (2.28, 2.28)
    """
    if tail is None:
        return float(-2 * np.log(1 - level))
    student = tail * np.expm1(-2 / tail * np.log1p([-level, -0.68]))
    return float(squared_radius(0.68) * student[0] / student[1])


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


def coverage(residuals: Float, covariance: Float, level: float, tail: float | None = None) -> float:
    """Part of the true points inside the ellipse that should hold `level` of them.

    Parameters
    ----------
    residuals : (..., 2) float, px
    covariance : (..., 2, 2) float, px2
    level : float
        Between 0 and 1.
    tail : float, optional
        As `fit_tail` returns; by default the ellipses are a Gaussian's.

    Returns
    -------
    inside : float
        NaN if nothing can be compared.
    """
    squared = mahalanobis(residuals, covariance)
    squared = squared[np.isfinite(squared)]
    return float(np.mean(squared <= squared_radius(level, tail))) if len(squared) else float("nan")


def _factor(squared: Float) -> float:
    squared = squared[np.isfinite(squared)]
    return float(max(np.quantile(squared, 0.68) / squared_radius(0.68), 1e-6)) if len(squared) else 1.0
