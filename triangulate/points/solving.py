"""Triangulate arrays of pixels: `triangulate_points`, and `solve_points` which says all that is known."""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from calibration.errors import ShapeError
from calibration.rig import Rig
from calibration.threads import over_chunks
from triangulate.points.pixel_noise import checked_pixels, pixel_information

Float = NDArray[np.float64]

CHUNK = 400_000
"""Points solved at a time where only their places are asked for: covariances need more memory than pixels."""

METHODS = ("linear", "refined", "ransac")

INLIER_SIGMAS = 4.0
"""Distance, in standard deviations, up to which a detection agrees with a point (misses 3 in 10,000)."""

NARROW_DEG = 2.0
"""Largest angle between two rays below which a baseline counts as narrow."""


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class SolvedPoints:
    """Triangulated points and what is known about each.

    Attributes
    ----------
    xyz : (..., 3) float, m, world
        NaN where unknown; `status` says why.
    covariance : (..., 3, 3) float, m2
    inliers : (..., views) bool
    error : (...) float, px
        Root mean square reprojection error over the inliers.
    status : (...) int
        See `Status`.
    candidate : (..., views) int
        Which candidate of each view was taken; -1 for none.
    """

    xyz: Float
    covariance: Float
    inliers: NDArray[np.bool_]
    error: Float
    status: NDArray[np.int64]
    candidate: NDArray[np.int64]

    def reshaped(self, leading: tuple[int, ...]) -> Self:
        """Return the same points with other leading axes.

        Parameters
        ----------
        leading : tuple of int

        Returns
        -------
        points : SolvedPoints
        """
        views = self.inliers.shape[-1]
        return replace(
            self,
            xyz=self.xyz.reshape(*leading, 3),
            covariance=self.covariance.reshape(*leading, 3, 3),
            inliers=self.inliers.reshape(*leading, views),
            error=self.error.reshape(leading),
            status=self.status.reshape(leading),
            candidate=self.candidate.reshape(*leading, views),
        )


def triangulate_points(
    xy: ArrayLike,
    rig: Rig,
    *,
    method: str = "ransac",
    pixel_sigma: float = 1.0,
    confidence: ArrayLike | None = None,
    covariance: ArrayLike | None = None,
    inlier_sigmas: float = INLIER_SIGMAS,
) -> Float:
    """Triangulate points seen by several cameras.

    Parameters
    ----------
    xy : (..., views, 2) float, px
        NaN where a view does not see a point. Views in the order of the rig.
    rig : Rig
    method : "ransac", "refined" or "linear"
        "ransac" finds the views that agree and refines on them; "refined" minimises the reprojection error
        over all views; "linear" is the fastest and trusts every view.
    pixel_sigma : float, px
        Standard deviation of a detection of confidence 1.
    confidence : (..., views) float, optional
        A detection has the standard deviation pixel_sigma / max(confidence, 0.1).
    covariance : (..., views, 2, 2) float, px2, optional
        Of each detection, in place of pixel_sigma and confidence; where it is NaN those are used.
    inlier_sigmas : float
        Distance in standard deviations of its own up to which a detection agrees with a point ("ransac").

    Returns
    -------
    xyz : (..., 3) float, m, world
        NaN where fewer than two views see a point, they do not agree, or the point would lie behind a camera.

    Raises
    ------
    ValueError
        For an unknown method, an infinite pixel (the place is named) or options out of range.
    ShapeError
        If the arrays do not fit the rig.

    Examples
    --------
    >>> from calibration import Camera, Intrinsics
    >>> lens = Intrinsics.from_focal((640, 480), 800.0)
    >>> rig = Rig(cameras=(Camera(name="left", intrinsics=lens),
    ...     Camera.from_rotvec("right", lens, [0, 0.5, 0], [-1.0, 0, 0.2])))
    >>> triangulate_points(rig.project([[0.1, 0.2, 2.0]]), rig).round(9)
    array([[0.1, 0.2, 2. ]])
    """
    flat, leading = checked_pixels(xy, len(rig))
    information = pixel_information(flat.shape[:2], pixel_sigma, confidence, covariance)
    if method == "linear":
        return _linear(flat, information, rig).reshape(*leading, 3)
    out = np.empty((len(flat), 3))
    for first in range(0, max(1, len(flat)), CHUNK):
        part = slice(first, first + CHUNK)
        out[part] = solve_information(
            flat[part], information[part], rig, method=method, inlier_sigmas=inlier_sigmas
        ).xyz
    return out.reshape(*leading, 3)


def solve_points(
    xy: ArrayLike,
    rig: Rig,
    *,
    method: str = "ransac",
    pixel_sigma: float = 1.0,
    confidence: ArrayLike | None = None,
    covariance: ArrayLike | None = None,
    inlier_sigmas: float = INLIER_SIGMAS,
    narrow_deg: float = NARROW_DEG,
) -> SolvedPoints:
    """Triangulate points and say what is known about each.

    Parameters
    ----------
    xy, rig, method, pixel_sigma, confidence, covariance, inlier_sigmas
        As `triangulate_points`.
    narrow_deg : float, deg
        Largest angle between two rays below which the status is NARROW_BASELINE.

    Returns
    -------
    points : SolvedPoints

    Raises
    ------
    ValueError, ShapeError
        As `triangulate_points`.
    """
    flat, leading = checked_pixels(xy, len(rig))
    information = pixel_information(flat.shape[:2], pixel_sigma, confidence, covariance)
    solved = solve_information(
        flat, information, rig, method=method, inlier_sigmas=inlier_sigmas, narrow_deg=narrow_deg
    )
    return solved.reshaped(leading)


def solve_candidates(
    xy: ArrayLike,
    rig: Rig,
    *,
    pixel_sigma: float = 1.0,
    confidence: ArrayLike | None = None,
    covariance: ArrayLike | None = None,
    inlier_sigmas: float = INLIER_SIGMAS,
    narrow_deg: float = NARROW_DEG,
) -> SolvedPoints:
    """Triangulate points for which every view offers several candidates, of which at most one is right.

    Parameters
    ----------
    xy : (..., views, candidates, 2) float, px
    rig : Rig
    pixel_sigma : float, px
    confidence : (..., views, candidates) float, optional
    covariance : (..., views, candidates, 2, 2) float, px2, optional
    inlier_sigmas, narrow_deg
        As `solve_points`.

    Returns
    -------
    points : SolvedPoints
        `candidate` says which one of each view was taken.

    Raises
    ------
    ValueError, ShapeError
        As `triangulate_points`.
    """
    xy = np.asarray(xy, dtype=np.float64)
    if xy.ndim < 3 or xy.shape[-3] != len(rig) or xy.shape[-1] != 2 or xy.shape[-2] == 0:
        raise ShapeError(f"xy: expected (..., {len(rig)} views, candidates, 2), got {xy.shape}")
    candidates, leading = xy.shape[-2], xy.shape[:-3]
    rows = (*leading, len(rig) * candidates)
    for name, value, tail in (("confidence", confidence, ()), ("covariance", covariance, (2, 2))):
        if value is not None and np.shape(value) != (*xy.shape[:-1], *tail):
            raise ShapeError(f"{name}: expected {(*xy.shape[:-1], *tail)} like xy, got {np.shape(value)}")
    flat, _ = checked_pixels(xy.reshape(*rows, 2), len(rig) * candidates)
    information = pixel_information(
        flat.shape[:2],
        pixel_sigma,
        None if confidence is None else np.reshape(confidence, rows),
        None if covariance is None else np.reshape(covariance, (*rows, 2, 2)),
    )
    solved = solve_information(
        flat, information, rig, candidates=candidates, inlier_sigmas=inlier_sigmas, narrow_deg=narrow_deg
    )
    return solved.reshaped(leading)


def _linear(flat: Float, information: Float, rig: Rig) -> Float:
    from calibration.geometry.block_triangulation import LANES, linear_range
    from calibration.geometry.camera_arrays import camera_arrays, looked_at

    out = np.empty((len(flat), 3))
    cameras = camera_arrays(rig.cameras)
    origin = looked_at(cameras.R, cameras.t)
    arrays = flat, information, cameras.around(origin), origin, out
    over_chunks(linear_range, len(flat), *arrays, multiple=LANES)
    return out


def solve_information(
    xy: Float,
    information: Float,
    rig: Rig,
    *,
    candidates: int = 1,
    method: str = "ransac",
    inlier_sigmas: float = INLIER_SIGMAS,
    narrow_deg: float = NARROW_DEG,
) -> SolvedPoints:
    """Triangulate checked pixels whose information is known.

    Parameters
    ----------
    xy : (points, rows, 2) float, px
        One row per candidate of every view, views in the order of the rig.
    information : (points, rows, 3) float, 1/px2
        Inverse covariance xx, xy, yy of every detection.
    rig : Rig
    candidates : int
        Rows per view.
    method, inlier_sigmas, narrow_deg
        As `solve_points`.

    Returns
    -------
    points : SolvedPoints

    Raises
    ------
    ValueError
        For an unknown method or options out of range.
    """
    from calibration.geometry.block_triangulation import LANES, solve_range
    from calibration.geometry.camera_arrays import camera_arrays, looked_at

    if method not in METHODS:
        raise ValueError(f"method: expected one of {', '.join(METHODS)}, got {method!r}")
    if not inlier_sigmas > 0:
        raise ValueError(f"inlier_sigmas: expected a positive number, got {inlier_sigmas}")
    if not 0 <= narrow_deg < 90:
        raise ValueError(f"narrow_deg: expected an angle from 0 to 90 degrees, got {narrow_deg}")
    points, rows = xy.shape[:2]
    cameras = camera_arrays(rig.cameras)
    origin = looked_at(cameras.R, cameras.t)
    xyz, covariance = np.empty((points, 3)), np.empty((points, 3, 3))
    inliers, error = np.empty((points, rows), dtype=np.bool_), np.empty(points)
    status = np.empty(points, dtype=np.int64)
    over_chunks(
        solve_range,
        points,
        METHODS.index(method),
        xy,
        information,
        cameras.around(origin).repeated(candidates),
        origin,
        candidates,
        float(inlier_sigmas) ** 2,
        float(np.sin(np.radians(narrow_deg)) ** 2),
        xyz,
        covariance,
        inliers,
        error,
        status,
        multiple=LANES,
    )
    chosen = inliers.reshape(points, rows // candidates, candidates)
    views = np.asarray(chosen.any(axis=-1))
    return SolvedPoints(
        xyz=xyz,
        covariance=covariance,
        inliers=views,
        error=error,
        status=status,
        candidate=np.where(views, chosen.argmax(axis=-1) if candidates > 1 else 0, -1),
    )
