"""Levenberg-Marquardt on cameras and free points, under a robust loss that tightens step by step.

The loss begins as wide as the errors are and narrows to the noise that is there (graduated non-convexity:
Yang et al. 2020, "Graduated non-convexity for robust spatial perception"), and the points are triangulated
afresh whenever it narrows, so that neither a wrong start of a point nor an outlier holds a camera back.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibration.errors import CalibrationError
from calibration.geometry.camera_arrays import CameraArrays
from calibration.geometry.robust_triangulation import rays_of_observations, triangulate_listed
from calibration.points import kernels
from calibration.points.problem import Freedom, Observations, moved, straight_cameras
from calibration.rig import Rig

Float = NDArray[np.float64]

NARROWING = 0.5
"""Each scale of the loss as a part of the one before."""

ENOUGH = 100
"""Observations from which the noise is estimated."""

UNDETERMINED = (
    "the points do not determine where the cameras are: no two rays of a point meet at an angle before the "
    "cameras. Move the point through a larger volume, near and far, as seen by cameras that look from "
    "different sides; check the lenses' focal lengths"
)

CUTOFF = 3.0
"""Scale of the loss in standard deviations of the noise."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PointSolution:
    """What the solver found.

    Attributes
    ----------
    cameras : CameraArrays
    points : (points, 3) float, m, world
    errors : (observations, 2) float, px
    sigma : float, px
        Standard deviation of the noise in x and in y.
    iterations : int
    converged : bool
    information : (free, free) float
        Inverse covariance of the free unknowns, for noise of 1 px.
    """

    cameras: CameraArrays
    points: Float
    errors: Float
    sigma: float
    iterations: int
    converged: bool
    information: Float


def triangulated(
    observations: Observations, cameras: CameraArrays, scale: float, points: Float | None = None
) -> Float:
    """Triangulate every point robustly, (points, 3) m; NaN where no two rays meet."""
    direction = rays_of_observations(observations.view, observations.xy, cameras)
    points = np.full((len(observations.start) - 1, 3), np.nan) if points is None else points.copy()
    triangulate_listed(
        observations.start,
        observations.view,
        observations.xy,
        direction,
        cameras.centers,
        cameras,
        scale**2,
        points,
    )
    return points


def triangulated_points(rig: Rig, xy: Float) -> Float:
    """Triangulate points robustly, as the bundle adjustment does.

    Parameters
    ----------
    rig : Rig
    xy : (points, views, 2) float, px

    Returns
    -------
    xyz : (points, 3) float, m, world
        NaN where fewer than two views see the point.
    """
    return triangulated(Observations.of(np.array(xy, dtype=np.float64), rig), straight_cameras(rig), 30.0)


def errors_of(observations: Observations, cameras: CameraArrays, points: Float) -> Float:
    """Observed minus predicted of every observation, (observations, 2) px; NaN without a point."""
    out = np.empty((len(observations.view), 2))
    kernels.point_residuals(
        observations.start,
        observations.view,
        observations.xy,
        points,
        cameras,
        out,
    )
    return out


def adjust_cameras(
    observations: Observations,
    given: CameraArrays,
    freedoms: Sequence[Freedom],
    *,
    pixel_sigma: float | None = None,
    per_pair: int = 300,
) -> PointSolution:
    """Refine the cameras: on a spread-out part of the points first, then on all.

    Parameters
    ----------
    observations : Observations
    given : CameraArrays
        Where to start, and the middle of the lenses' prior.
    freedoms : sequence of Freedom
        Stages, each freer than the one before.
    pixel_sigma : float, px, optional
        Noise in x and in y; estimated from the errors where not given.
    per_pair : int
        Points of every pair of views in the first part.

    Returns
    -------
    solution : PointSolution

    Raises
    ------
    CalibrationError
        If no rays of a point meet before the cameras, at the start or on the way.
    """
    part = observations.select(observations.spread_out(per_pair))
    if not np.isfinite(triangulated(part, given, 1e3)).any():
        raise CalibrationError(UNDETERMINED)
    cameras, used = given, 0

    def sigma_of(observed: Observations, cameras: CameraArrays, points: Float) -> float:
        return point_noise(observed, cameras, points) if pixel_sigma is None else pixel_sigma

    least = 0.0 if pixel_sigma is None else pixel_sigma
    scale = 2 * CUTOFF * max(point_noise(part, cameras, triangulated(part, cameras, 1e3)), least)
    for number, freedom in enumerate(freedoms):
        points = triangulated(part, cameras, scale)
        for _ in range(40):
            descent = _Descent(part, freedom, scale, given, cameras, points)
            used += descent.run(12, 1e-3)
            cameras, points = descent.cameras, triangulated(part, descent.cameras, scale, descent.points)
            sigma = sigma_of(part, cameras, points)
            if scale <= CUTOFF * sigma * 1.05:
                break
            scale = max(NARROWING * scale, CUTOFF * sigma)
        descent = _Descent(part, freedom, scale, given, cameras, points)
        used += descent.run(20 if number < len(freedoms) - 1 else 60, 1e-6)
        cameras = descent.cameras
    points = triangulated(observations, cameras, scale)
    scale = CUTOFF * sigma_of(observations, cameras, points)
    descent = _Descent(observations, freedoms[-1], scale, given, cameras, points)
    used += descent.run(20, 3e-4)
    errors = errors_of(observations, descent.cameras, descent.points)
    return PointSolution(
        cameras=descent.cameras,
        points=descent.points,
        errors=errors,
        sigma=sigma_of(observations, descent.cameras, descent.points),
        iterations=used,
        converged=descent.converged,
        information=descent.information(),
    )


class _Descent:
    """Levenberg-Marquardt at one scale of the loss."""

    def __init__(  # noqa: PLR0917
        self,
        observations: Observations,
        freedom: Freedom,
        scale: float,
        given: CameraArrays,
        cameras: CameraArrays,
        points: Float,
    ):
        self.observations, self.freedom, self.c2, self.given = observations, freedom, scale**2, given
        self.precision = freedom.precision * (scale / CUTOFF) ** 2  # the cost is in px2, not in sigmas
        self.cameras, self.points = cameras, points
        self.damping, self.converged = 1e-4, False
        self.cost = self._cost(cameras, points)

    def run(self, iterations: int, tolerance: float) -> int:
        """Descend until a step gains less than a part `tolerance` of the cost; return the steps tried."""
        for step in range(iterations):
            cameras, points = self._stepped()
            cost = self._cost(cameras, points)
            if not cost < self.cost:
                self.damping *= 10
                if self.damping > 1e8:
                    self.converged = True
                    return step + 1
                continue
            gain = self.cost - cost
            self.cameras, self.points, self.cost = cameras, points, cost
            self.damping = max(self.damping / 5, 1e-9)
            if gain < tolerance * cost:
                self.converged = True
                return step + 1
        return iterations

    def information(self) -> Float:
        """Inverse covariance of the free unknowns."""
        S, _, _ = self._equations(0.0)
        return S

    def _equations(self, damping: float) -> tuple[Float, Float, Float]:
        freedom = self.freedom
        size = len(freedom.spread)
        S, g, diagonal = np.zeros((size, size)), np.zeros(size), np.zeros(size)
        kernels.reduced_equations(
            self.observations.start,
            self.observations.view,
            self.observations.xy,
            self.points,
            self.cameras,
            self.c2,
            damping,
            freedom.columns,
            S,
            g,
            diagonal,
        )
        spread = freedom.spread
        S = spread.T @ S @ spread + np.diag(self.precision)
        g = spread.T @ g - self.precision * freedom.offset(self.cameras, self.given)
        return S, g, (spread**2).T @ diagonal + self.precision

    def _stepped(self) -> tuple[CameraArrays, Float]:
        freedom = self.freedom
        S, g, diagonal = self._equations(self.damping)
        # Unknowns in units of their own precision: radians and metres differ by any factor. A singular matrix
        # (the gauge) is met by the damping; lstsq is for the rest.
        unit = 1.0 / np.sqrt(np.where(diagonal > 0, diagonal, 1.0))
        S, g = unit[:, None] * S * unit + self.damping * np.eye(len(g)), unit * g
        if not (np.isfinite(S).all() and np.isfinite(g).all()):
            raise CalibrationError(UNDETERMINED)
        x = unit * np.linalg.lstsq(S, g, rcond=None)[0]
        full = freedom.full(np.asarray(x), len(self.cameras.t))
        points = np.empty_like(self.points)
        kernels.step_points(
            self.observations.start,
            self.observations.view,
            self.observations.xy,
            self.points,
            self.cameras,
            self.c2,
            self.damping,
            freedom.columns,
            np.ascontiguousarray(full[:, freedom.columns]).ravel(),
            points,
        )
        return moved(self.cameras, full), points

    def _cost(self, cameras: CameraArrays, points: Float) -> float:
        cost = kernels.geman_mcclure_cost(
            self.observations.start,
            self.observations.view,
            self.observations.xy,
            points,
            cameras,
            self.c2,
        )
        offset = self.freedom.offset(cameras, self.given)
        return float(cost + np.sum(self.precision * offset**2))


def point_noise(observations: Observations, cameras: CameraArrays, points: Float) -> float:
    """Estimate the noise in x and in y from the middle of the errors and what the points have absorbed."""
    errors = errors_of(observations, cameras, points)
    count = np.diff(observations.start)[observations.point]
    known = np.isfinite(errors).all(axis=1)
    # Two rays leave one number of four, and a median of such errors says little: look at three and more.
    if np.count_nonzero(known & (count > 2)) >= ENOUGH:
        known &= count > 2
    if not known.any():
        return 1.0
    absorbed = np.sqrt(1 - 1.5 / count[known])
    return float(1.4826 * np.median(np.abs(errors[known]) / absorbed[:, None]))
