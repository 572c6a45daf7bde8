"""Refine cameras from points that several of them see: keypoints of the subject, a ball, a light, a wand."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse.csgraph import connected_components

from calibration.arrays import ReadOnlyArrays, frozen
from calibration.errors import CalibrationError
from calibration.geometry.similarity import fit_similarity_robustly
from calibration.points.problem import FREE_LENSES, Freedom, Observations, rig_of_cameras, straight_cameras
from calibration.points.solver import (
    CUTOFF,
    UNDETERMINED,
    PointSolution,
    adjust_cameras,
    errors_of,
    triangulated,
)
from calibration.rig import Rig

Float = NDArray[np.float64]

FEWEST = 20
"""Observations that a camera needs to be refined, and points that two need to be tied together."""

GAUGE = 1e-9
"""Eigenvalue of the scaled information, relative to the largest, below which points do not tell a motion.

Of the seven of a rig that is free as a whole, rounding leaves some 1e-11; what points do tell, be it all
numbers of a lens, was above 1e-7.
"""


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class PointsReport(ReadOnlyArrays):
    """How well the points fit, camera by camera, before and after.

    Attributes
    ----------
    names : tuple of str
    refined : tuple of str
        Cameras that were free to move.
    observations : (views,) int
    before_px, after_px : (views,) float, px
        Median reprojection error.
    rejected : (views,) float
        Part of the observations beyond three standard deviations of the noise, after.
    median_before, median_after : float, px
        Over all observations.
    sigma : float, px
        Standard deviation of the noise in x and in y.
    center_sigma : (views,) float, m
        Standard deviation of each camera's centre that this noise causes; 0 for a camera that was not free.
    moved : (views,) float, m
        How far each centre has moved.
    iterations : int
    converged : bool
    xyz : (points, 3) float, m, world
        The points; NaN where fewer than two views see one or no two rays meet.
    """

    names: tuple[str, ...]
    refined: tuple[str, ...]
    observations: NDArray[np.int64]
    before_px: Float
    after_px: Float
    rejected: Float
    median_before: float
    median_after: float
    sigma: float
    center_sigma: Float
    moved: Float
    iterations: int
    converged: bool
    xyz: Float

    def __str__(self) -> str:
        """Table of the cameras."""
        rows = [
            f"{self.observations.sum()} observations of {len(self.xyz)} points: median error "
            f"{self.median_before:.2f} -> {self.median_after:.2f} px, noise {self.sigma:.2f} px"
        ]
        for view, name in enumerate(self.names):
            state = f"moved {1e3 * self.moved[view]:.1f} mm" if name in self.refined else "held"
            rows.append(
                f"{name}: {self.observations[view]} observations, {self.before_px[view]:.2f} -> "
                f"{self.after_px[view]:.2f} px, {self.rejected[view]:.0%} rejected, {state}"
            )
        return "\n".join(rows)


def refine_cameras(
    rig: Rig,
    xy: ArrayLike,
    *,
    cameras: Sequence[str] | None = None,
    lens: str = "fixed",
    shared_lens: bool = False,
    pixel_sigma: float | None = None,
) -> tuple[Rig, PointsReport]:
    """Refine a rough rig such that the points that several cameras see agree.

    Bundle adjustment with the points eliminated and a bounded loss, so that a minority of wrong points does
    no harm. Where all cameras are free, the result is laid over the rig given, which fixes the world and the
    scale that points alone do not tell.

    Parameters
    ----------
    rig : Rig
        Off by a few degrees and a tenth of its size at most.
    xy : (..., views, 2) float, px
        Points in the order of the rig's cameras; NaN where not seen.
    cameras : sequence of str, optional
        Names of the cameras to refine; all where not given. The others hold the world.
    lens : "fixed", "focal", "radial" or "full"
        What else is free: nothing, the focal length, also k1 and k2, or all nine numbers of a pinhole lens.
    shared_lens : bool
        Whether the free numbers of the lens are the same for all cameras.
    pixel_sigma : float, px, optional
        Noise of the points in x and in y; estimated where not given.

    Returns
    -------
    rig : Rig
    report : PointsReport

    Raises
    ------
    ValueError
        If a camera is not in the rig, `lens` is none of the above or pixel_sigma is not positive.
    CalibrationError
        If a camera shares too few points with the others, with the counts.
    """
    xy = frozen(xy, ("...", len(rig), 2), "xy").reshape(-1, len(rig), 2)
    names = rig.names if cameras is None else rig.select(cameras).names
    observations = Observations.of(xy, rig)
    _check_ties(rig, observations, names)
    stages = list(FREE_LENSES)
    if lens not in stages:
        raise ValueError(f"lens: expected one of {', '.join(stages)}, got {lens!r}")
    if pixel_sigma is not None and not (np.isfinite(pixel_sigma) and pixel_sigma > 0):
        raise ValueError(f"pixel_sigma: expected a positive number of px, got {pixel_sigma}")
    given = straight_cameras(rig)
    freedoms = [
        Freedom.of(rig, lens=stage, free=names, shared_lens=shared_lens)
        for stage in stages[: stages.index(lens) + 1]
    ]
    solution = adjust_cameras(observations, given, freedoms, pixel_sigma=pixel_sigma)
    if not np.isfinite(solution.errors).any():
        raise CalibrationError(UNDETERMINED)
    refined, factor, transform = rig_of_cameras(rig, solution.cameras), 1.0, None
    if len(names) == len(rig):
        factor, transform = fit_similarity_robustly(_frames(refined), _frames(rig))
        refined = refined.scaled(factor).moved(transform)
    points = solution.points if transform is None else transform.apply(factor * solution.points)
    return refined, _report(rig, refined, names, observations, solution, points, factor)


def _check_ties(rig: Rig, observations: Observations, free: Sequence[str]) -> None:
    """See that every camera shares points with others and all hang together."""
    seen = np.zeros((len(observations.start) - 1, len(rig)), dtype=np.int64)
    seen[observations.point, observations.view] = 1
    shared = seen.T @ seen
    few = [name for view, name in enumerate(rig.names) if name in free and shared[view, view] < FEWEST]
    if few:
        counts = ", ".join(f"{name} {shared[rig.names.index(name)][rig.names.index(name)]}" for name in few)
        raise CalibrationError(
            f"too few points are seen by these cameras and another one ({counts}; {FEWEST} are needed): "
            "leave them out with rig.select, or move a point through what they and their neighbours see"
        )
    groups, group = connected_components(shared >= FEWEST, directed=False)
    if groups > 1:
        members = [[name for name, g in zip(rig.names, group, strict=True) if g == n] for n in range(groups)]
        told = " | ".join(", ".join(names) for names in members)
        raise CalibrationError(
            f"these groups of cameras share fewer than {FEWEST} points with each other: {told}. Move a point "
            "through what two of them see together, or refine them one group at a time"
        )


def median_known(errors: Float) -> float:
    """Median of what is known, NaN where nothing is.

    Parameters
    ----------
    errors : (n,) float

    Returns
    -------
    median : float
    """
    known = errors[np.isfinite(errors)]
    return float(np.median(known)) if len(known) else float("nan")


def _frames(rig: Rig) -> Float:
    """Centres of the cameras and points one rig's size along their axes: what a place and a turn show in."""
    size = np.linalg.norm(rig.centers - rig.centers.mean(axis=0), axis=1).mean()
    axes = np.concatenate([camera.center + size * camera.R for camera in rig.cameras])
    return np.concatenate([rig.centers, axes])


def _report(  # noqa: PLR0917
    rig: Rig,
    refined: Rig,
    names: Sequence[str],
    observations: Observations,
    solution: PointSolution,
    points: Float,
    factor: float,
) -> PointsReport:
    given = straight_cameras(rig)
    before = np.linalg.norm(
        errors_of(observations, given, triangulated(observations, given, CUTOFF * 10 * solution.sigma)),
        axis=1,
    )
    after = np.linalg.norm(solution.errors, axis=1)
    views = range(len(rig))
    own = [observations.view == view for view in views]
    sigma = np.zeros(len(rig))
    diagonal = np.diag(solution.information)
    unit = 1.0 / np.sqrt(np.where(diagonal > 0, diagonal, 1.0))  # radians and metres differ by any factor
    inverse = np.linalg.pinv(unit[:, None] * solution.information * unit, rtol=GAUGE, hermitian=True)
    covariance = unit[:, None] * inverse * unit * solution.sigma**2
    free = [view for view in views if rig.names[view] in names]
    for number, view in enumerate(free):
        # The centre moves by -R' (v + w x ... ) for a left step (w, v); about the centre itself it is -R' v.
        block = covariance[6 * number : 6 * number + 6, 6 * number : 6 * number + 6]
        sigma[view] = factor * np.sqrt(max(np.trace(block[3:, 3:]), 0.0))
    return PointsReport(
        names=rig.names,
        refined=tuple(names),
        observations=np.bincount(observations.view, minlength=len(rig)),
        before_px=np.array([median_known(before[rows]) for rows in own]),
        after_px=np.array([median_known(after[rows]) for rows in own]),
        rejected=np.array(
            [np.mean(~(after[rows] < CUTOFF * solution.sigma)) if rows.any() else 0.0 for rows in own]
        ),
        median_before=median_known(before),
        median_after=median_known(after),
        sigma=solution.sigma,
        center_sigma=sigma,
        moved=np.linalg.norm(refined.centers - rig.centers, axis=1),
        iterations=solution.iterations,
        converged=solution.converged,
        xyz=points,
    )
