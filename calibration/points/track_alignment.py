"""Lay a calibration from a moving point over a path that is known from elsewhere: RTK, a robot, a tracker."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.interpolate import BSpline
from scipy.spatial.transform import RigidTransform

from calibration.arrays import ReadOnlyArrays, frozen
from calibration.errors import CalibrationError
from calibration.geometry.similarity import fit_similarity, fit_similarity_robustly
from calibration.points.moving_point import Clocks, Motion
from calibration.rig import Rig

Float = NDArray[np.float64]

FEWEST = 30
"""Positions that the two paths must share."""

STEP = 0.5
"""Of the first search of the time offset, s."""


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class TrackMatch(ReadOnlyArrays):
    """How a path fits one that is known.

    Attributes
    ----------
    factor : float
        Metres per unit before.
    offset : float, s
        Known time minus ours.
    error : (n,) float, m
        Distance of the known positions from our path; NaN where it was not observed.
    """

    factor: float
    offset: float
    error: Float


def placed_on_track(
    rig: Rig, motion: Motion, times: ArrayLike, xyz: ArrayLike
) -> tuple[Rig, Motion, TrackMatch]:
    """Scale, place and time a calibration by a known path, whose clock may be another one.

    Parameters
    ----------
    rig : Rig
    motion : Motion
    times : (n,) float, s
        Of the known path, in its own clock.
    xyz : (n, 3) float, m
        The known path.

    Returns
    -------
    rig : Rig
        In metres, in the world of the known path.
    motion : Motion
        The same, in its time.
    match : TrackMatch

    Raises
    ------
    CalibrationError
        If the two paths nowhere overlap, or the known one is straight.
    """
    xyz = frozen(xyz, ("n", 3), "xyz")
    times = frozen(times, (len(xyz),), "times")
    offset = _offset(motion, times, xyz)
    ours = motion.position(times - offset)
    known = np.isfinite(ours[:, 0]) & np.isfinite(xyz[:, 0])
    factor, new_from_old = fit_similarity_robustly(ours[known], xyz[known])
    error = np.linalg.norm(new_from_old.apply(factor * ours) - xyz, axis=1)
    spline = BSpline(motion.spline.t + offset, new_from_old.apply(factor * motion.spline.c), motion.spline.k)
    moved = Motion(
        names=motion.names,
        clocks=Clocks(offset=motion.clocks.offset + offset, rate=motion.clocks.rate),
        spline=spline,
        errors_px=motion.errors_px,
        sigma=motion.sigma,
        rejected=motion.rejected,
        observed=motion.observed + offset,
    )
    placed = rig.scaled(factor).moved(new_from_old)
    return placed, moved, TrackMatch(factor=factor, offset=offset, error=error)


def _offset(motion: Motion, times: Float, xyz: Float) -> float:
    """Search the time offset at which the two paths are most alike."""
    span = motion.observed[-1] - motion.observed[0]
    shortest = 0.5 * min(span, times[-1] - times[0])
    best = np.arange(
        times[0] - motion.observed[-1] + shortest, times[-1] - motion.observed[0] - shortest, STEP
    )
    if not best.size:
        best = np.array([times[0] - motion.observed[0]])
    step, robust = STEP, False
    while True:
        misses = [_miss(motion, times - offset, xyz, robust) for offset in best]
        if not np.isfinite(misses).any():
            raise CalibrationError(
                f"the known path and the observed one share fewer than {FEWEST} positions at every time "
                "offset: they must be of the same minute, and the known one must not be straight"
            )
        found = float(best[int(np.argmin(misses))])
        if step < 1e-3:
            return found
        step, robust = step / 4, True
        best = found + step * np.arange(-4, 5)


def _miss(motion: Motion, times: Float, xyz: Float, robust: bool) -> float:
    ours = motion.position(times)
    known = np.isfinite(ours[:, 0]) & np.isfinite(xyz[:, 0])
    if known.sum() < FEWEST:
        return np.inf
    try:
        factor, moved = (fit_similarity_robustly if robust else fit_similarity)(ours[known], xyz[known])
    except CalibrationError:
        return np.inf
    size = float(np.median(np.linalg.norm(xyz[known] - np.median(xyz[known], axis=0), axis=1)))
    distance = np.linalg.norm(_applied(moved, factor, ours[known]) - xyz[known], axis=1)
    # Relative to the size of the stretch that is compared: a stretch at rest fits everything.
    return float(np.median(distance)) / max(size, 1e-9)


def _applied(moved: RigidTransform, factor: float, xyz: Float) -> Float:
    return np.asarray(moved.apply(factor * xyz))
