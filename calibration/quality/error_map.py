"""The expected error of points on a regular grid of the working volume."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibration.arrays import frozen
from calibration.bundle.covariance import PointError
from calibration.rig import Rig
from calibration.world.levelling import levelled

Float = NDArray[np.float64]

STEPS = 12
"""Grid points along the longest side."""

INSIDE = (1.0, 99.0)
"""Percentiles of the board's places, along each axis, between which the grid lies."""


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class ErrorMap:
    """Expected error of points on a grid whose z axis points up: by a floor, or as the cameras stand.

    Attributes
    ----------
    x, y, z : (nx,), (ny,), (nz,) float, m
        Of the grid, in the levelled world of `calibration.levelled`, or that of the placed rig.
    views : (nx, ny, nz) int
        Cameras that see each point with the covered part of their image.
    calibration : (nx, ny, nz) float, m
        Standard deviation (length of the error vector) from the calibration; NaN where fewer than two cameras
        see a point.
    per_pixel : (nx, ny, nz) float, m
        RMS length of the error from one pixel of noise in x and in y in every view.
    """

    x: Float
    y: Float
    z: Float
    views: NDArray[np.int64]
    calibration: Float
    per_pixel: Float

    def __post_init__(self) -> None:
        """Check and freeze."""
        shape = (len(self.x), len(self.y), len(self.z))
        for name in ("x", "y", "z"):
            object.__setattr__(self, name, frozen(getattr(self, name), ("n",), name))
        object.__setattr__(self, "views", frozen(self.views, shape, "views", np.int64))
        for name in ("calibration", "per_pixel"):
            object.__setattr__(self, name, frozen(getattr(self, name), shape, name))

    def expected(self, pixel_sigma: float = 1.0) -> Float:
        """Return the expected error with so much noise, the calibration's own included.

        Parameters
        ----------
        pixel_sigma : float, px
            Standard deviation of a detection in x and in y.

        Returns
        -------
        error : (nx, ny, nz) float, m
            RMS length of the error vector.
        """
        return np.asarray(np.hypot(self.calibration, pixel_sigma * self.per_pixel))


def error_map(
    rig: Rig,
    xyz: Float,
    point_error: Callable[[Float, NDArray[np.bool_]], PointError],
    *,
    placed: Rig | None = None,
) -> ErrorMap:
    """Work out the expected error on a grid around points.

    Parameters
    ----------
    rig : Rig
        With the covered part of each image.
    xyz : (points, 3) float, m, world
        Where the board was.
    point_error : callable
        From points, (n, 3) m, and which camera sees which, (n, views) bool, to their errors.
    placed : Rig, optional
        The same rig in the world whose axes the grid shall have; levelled unless given.

    Returns
    -------
    error_map : ErrorMap
    """
    there = levelled(rig) if placed is None else placed
    upright = there.cameras[0].cam_from_world.inv() * rig.cameras[0].cam_from_world
    low, high = np.percentile(upright.apply(xyz), INSIDE, axis=0)
    step = max(float((high - low).max()) / (STEPS - 1), 1e-6)
    axes = [
        start + step * np.arange(int((end - start) / step + 1e-6) + 1)
        for start, end in zip(low, high, strict=True)
    ]
    grid = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
    points = upright.inv().apply(grid.reshape(-1, 3))
    xy = rig.project(points)
    seen = np.stack([c.intrinsics.covers(xy[:, v]) for v, c in enumerate(rig.cameras)], axis=1)
    found = point_error(points, seen)
    shape = grid.shape[:3]
    x, y, z = axes
    return ErrorMap(
        x=x,
        y=y,
        z=z,
        views=found.views.reshape(shape),
        calibration=found.calibration.reshape(shape),
        per_pixel=found.per_pixel.reshape(shape),
    )
