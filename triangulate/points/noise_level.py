"""How noisy detections are, found from how well the views agree."""

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaincinv

from calibration.rig import Rig

Float = NDArray[np.float64]

SAMPLE = 4000
"""Points looked at; more change the answer by less than 2%."""

FIRST_GUESS = 0.005
"""Of the image's longer side. Far too large on purpose: it shrinks to the inliers' scatter round by round."""

LEAST = 1e-5
"""px. Below this, residuals are rounding: simulated pixels, or projections of points that were known."""


def noise_scale(xy: Float, information: Float, rig: Rig) -> float:
    """Find the factor on all standard deviations that makes the reprojection errors as large as expected.

    The sum of squared residuals of a point seen by n views has a chi-square distribution with 2 n - 3 degrees
    of freedom; its median over points is compared with the expected one, so that up to half of the points may
    be disturbed. The consensus is found anew with every guess.

    Parameters
    ----------
    xy : (points, views, 2) float, px
    information : (points, views, 3) float, 1/px2
        Inverse covariance, up to the factor that is looked for.
    rig : Rig

    Returns
    -------
    scale : float
        1 where no point has two views.
    """
    seen = np.isfinite(xy).all(axis=-1).sum(axis=1)
    useful = np.flatnonzero(seen >= min(3, max(2, seen.max(initial=0))))
    if not len(useful):
        return 1.0
    useful = useful[np.linspace(0, len(useful) - 1, min(SAMPLE, len(useful))).astype(int)]
    xy, information = xy[useful], information[useful]
    unit = stated_sigma(xy, information)
    side = max(max(camera.intrinsics.size) for camera in rig.cameras)
    scale = FIRST_GUESS * side / unit
    for _ in range(12):
        before, scale = scale, scale * _misfit(xy, information / scale**2, rig)
        if not np.isfinite(scale):
            return 1.0
        scale = max(scale, LEAST / unit)
        if abs(scale / before - 1) < 0.01:
            break
    return float(scale)


def stated_sigma(xy: Float, information: Float) -> float:
    """Return the standard deviation that detections typically have by their information.

    Parameters
    ----------
    xy : (..., 2) float, px
    information : (..., 3) float, 1/px2

    Returns
    -------
    sigma : float, px
        NaN where there are no detections.
    """
    present = np.isfinite(xy).all(axis=-1)
    if not present.any():
        return float("nan")
    return float(1 / np.sqrt(np.median((information[..., 0] + information[..., 2])[present]) / 2))


def _misfit(xy: Float, information: Float, rig: Rig) -> float:
    from triangulate.points.solving import solve_information

    points = solve_information(xy, information, rig)
    residual = np.where(points.inliers[..., None], xy - rig.project(points.xyz), 0.0)
    dx, dy = residual[..., 0], residual[..., 1]
    squares = information[..., 0] * dx**2 + 2 * information[..., 1] * dx * dy + information[..., 2] * dy**2
    freedom = 2 * points.inliers.sum(axis=1) - 3
    solved = np.isfinite(points.error) & (freedom > 0)
    if not solved.any():
        return np.nan
    median = 2 * gammaincinv(freedom[solved] / 2, 0.5)  # of chi squared; scipy.stats takes a second to load
    ratio = squares.sum(axis=1)[solved] / median
    return float(np.sqrt(np.median(ratio)))
