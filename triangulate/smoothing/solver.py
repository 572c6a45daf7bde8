"""Gauss-Newton on one block of keypoints in one window; importing this loads numba."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from calibration.geometry.camera_arrays import CameraArrays
from triangulate.smoothing import bands
from triangulate.smoothing.kernels import Observed, Priors, assemble, covariance_at
from triangulate.smoothing.splines import sample

Float = NDArray[np.float64]

ITERATIONS = 20
CLOSE = 1e-2
"""Mean squared step, in posterior standard deviations, that is the last: the next would be hundreds of times
smaller, as Newton's steps square the error."""

NEAR = 0.03
"""The same, below which the factor at hand serves for the steps that remain, and for the covariance."""


class Solved(NamedTuple):
    """Result of one solve.

    Attributes
    ----------
    control : (knots, keypoints, 3) float, m
    inverse : (knots, 4, n, n) float, m2
        Band of the posterior covariance of the control points.
    before, after : float
        Cost.
    iterations : int
    converged : bool
    drawn : (knots, keypoints, 3, draws) float, m
        Draws of the control points' deviations from the optimum, by the posterior covariance.
    """

    control: Float
    inverse: Float
    before: float
    after: float
    iterations: int
    converged: bool
    drawn: Float


def solve(
    start: Float, views: CameraArrays, observed: Observed, priors: Priors, normal: Float | None = None
) -> Solved:
    """Minimise the cost from a start.

    Parameters
    ----------
    start : (knots, keypoints, 3) float, m
    views : CameraArrays
    observed : Observed
    priors : Priors
    normal : (knots, n, draws) float, optional
        Standard normal numbers, n = 3 keypoints, from which deviations are drawn.

    Returns
    -------
    solved : Solved
    """
    knots, keypoints, _ = start.shape
    n = 3 * keypoints
    band, right = np.empty((knots, 4, n, n)), np.empty((knots, n))
    best, step, control = start, np.zeros_like(start), start
    before = after = np.inf
    curved, converged = True, False
    for iteration in range(1, ITERATIONS + 1):
        cost = assemble(control, start, views, observed, priors, band, right, curved)
        before = cost if iteration == 1 else before
        if cost > after + 1e-9 * abs(after):  # the step was too long
            step = 0.5 * step
            control = best + step
            continue
        best, after = control, cost
        force = right.copy()
        if curved and np.isnan(bands.factor(band)):
            raise_diagonal(best, start, views, observed, priors, band, right)
        bands.solve(band, right)
        step = right.reshape(start.shape).copy()
        decrement = float((force * right).sum()) / right.size
        curved = decrement > NEAR
        control = best + step
        if decrement < CLOSE:
            best, converged = control, True
            break
    if curved:  # the band holds a system that was not factored, or the factor of one far away
        assemble(best, start, views, observed, priors, band, right, True)
        if np.isnan(bands.factor(band)):
            raise_diagonal(best, start, views, observed, priors, band, right)
    drawn = np.empty((knots, n, 0)) if normal is None else normal.copy()
    if normal is not None:
        bands.draw(band, drawn)
    bands.invert(band)
    drawn = drawn.reshape(knots, keypoints, 3, -1)
    return Solved(best, band, before, after, iteration, converged, drawn)


def raise_diagonal(*system: Any) -> None:
    """Factor a system (the arguments of `assemble`) that rounding made indefinite, with the least ridge."""
    ridge, band = 1e-12, system[5]
    for _ in range(8):
        control, start, views, observed, priors, _, right = system
        assemble(control, start, views, observed, priors, band, right, True)
        diagonal = np.einsum("kii->ki", band[:, 0])
        diagonal += ridge * diagonal.max()
        if not np.isnan(bands.factor(band)):
            return
        ridge *= 10


def posterior(solved: Solved, first: NDArray[np.int64], weights: Float) -> tuple[Float, Float]:
    """Read positions and covariances at given times.

    Parameters
    ----------
    solved : Solved
    first : (frames,) int
    weights : (frames, 4) float

    Returns
    -------
    xyz : (frames, keypoints, 3) float, m
    covariance : (frames, keypoints, 3, 3) float, m2
    """
    covariance = np.empty((len(first), solved.control.shape[1], 3, 3))
    covariance_at(solved.inverse, first, weights, covariance)
    return sample(solved.control, first, weights), covariance
