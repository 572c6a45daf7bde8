"""Cameras that are not synchronous: the offsets and rates of their clocks, found from motion."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline

from calibration.arrays import frozen
from calibration.rig import Rig
from models2d.detections import Tracks2D
from triangulate.common_clock import clock, synchronised
from triangulate.errors import TriangulationError
from triangulate.points.matched_rig import matched
from triangulate.points.solving import solve_information
from triangulate.trajectories import Trajectories3D

Float = NDArray[np.float64]

ROUNDS = 8
SETTLED = 1e-3
"""Frames by which an offset may still change at the end."""

SAMPLE = 600
"""Frames that are looked at for the coarse search."""


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class TimeOffsets:
    """How the clocks of the views run, relative to the first one's.

    A frame that its view dates t was taken at t + offset + rate (t - start).

    Attributes
    ----------
    views : tuple of str
    offset : (views,) float, s
    rate : (views,) float
        Seconds per second; 0 where it was not looked for.
    sigma : (views,) float, s
        Standard deviation of the offset.
    """

    views: tuple[str, ...]
    offset: Float
    rate: Float
    sigma: Float

    def __post_init__(self) -> None:
        """Check and freeze."""
        for name in ("offset", "rate", "sigma"):
            object.__setattr__(self, name, frozen(getattr(self, name), (len(self.views),), name))

    def applied(self, tracks: Tracks2D) -> Tracks2D:
        """Return tracks whose times are corrected.

        Parameters
        ----------
        tracks : Tracks2D

        Returns
        -------
        tracks : Tracks2D
        """
        times = clock(tracks)
        return replace(tracks, times=times + self.offset + self.rate * (times - times.min(initial=0.0)))


def find_offsets(
    tracks: Tracks2D, rig: Rig, *, longest: float = 0.5, rates: bool = False
) -> tuple[TimeOffsets, Trajectories3D]:
    """Find the time offsets of the views from the motion that they see.

    First by whole frames, each view against the first; then all at once, alternating between the smooth
    trajectory given the times and the times given the trajectory, where a residual along the image velocity
    is a time.

    Parameters
    ----------
    tracks : Tracks2D
    rig : Rig
        Must have every view of the tracks, by name.
    longest : float, s
        Largest offset that is looked for.
    rates : bool
        Whether clocks may run at different speeds.

    Returns
    -------
    offsets : TimeOffsets
    trajectories : Trajectories3D
        Smoothed with these offsets.

    Raises
    ------
    TriangulationError
        If there is too little motion in view of several cameras to tell.
    """
    from triangulate.smoothing.smoother import smooth

    rig = matched(rig, tracks.views, tracks.sizes)
    times = clock(tracks)
    start = times.min(initial=0.0)
    views = len(tracks.views)
    offset, rate = coarse_offsets(tracks, rig, longest), np.zeros(views)
    sigma = np.zeros(views)
    for _ in range(ROUNDS):
        current = times + offset + rate * (times - start)
        trajectories, _ = smooth(replace(tracks, times=current), rig)
        change, drift, sigma = time_step(trajectories, tracks, rig, current, rates)
        change, drift = change - change[0], drift - drift[0]
        offset, rate = offset + change, rate + drift
        if np.abs(change).max() * tracks.fps < SETTLED:
            break
    return TimeOffsets(views=tracks.views, offset=offset, rate=rate, sigma=sigma), trajectories


def coarse_offsets(tracks: Tracks2D, rig: Rig, longest: float) -> Float:
    """Find each view's offset against the first in whole frames, by how well the two rays meet."""
    aligned = synchronised(tracks)
    frames = len(aligned.xy)
    reach = int(min(longest * tracks.fps, max(frames // 3, 0)))
    offset = np.zeros(len(tracks.views))
    for view in range(1, len(tracks.views)):
        pair = rig.select([tracks.views[0], tracks.views[view]])
        costs = [ray_gap(aligned.xy, view, shift, pair) for shift in range(-reach, reach + 1)]
        if np.isfinite(costs).any():
            offset[view] = (int(np.nanargmin(costs)) - reach) / tracks.fps
    return offset


def ray_gap(xy: Float, view: int, shift: int, pair: Rig) -> float:
    """Return the median reprojection error (px) when a view's frame n - shift is taken for frame n."""
    frames = len(xy)
    here = np.arange(max(0, shift), min(frames, frames + shift))
    here = here[np.linspace(0, len(here) - 1, min(SAMPLE, len(here))).astype(int)] if len(here) else here
    rows = np.stack([xy[here, 0], xy[here - shift, view]], axis=-2).reshape(-1, 2, 2)
    rows = rows[np.isfinite(rows).all(axis=(1, 2))]
    if len(rows) < 8:
        return np.nan
    plain = np.broadcast_to([1.0, 0.0, 1.0], (*rows.shape[:2], 3))
    solved = solve_information(rows, plain, pair, method="refined")
    return float(np.median(np.nan_to_num(solved.error, nan=1e9)))


def time_step(
    trajectories: Trajectories3D, tracks: Tracks2D, rig: Rig, times: Float, rates: bool
) -> tuple[Float, Float, Float]:
    """Solve for the change of every view's offset and rate that explains its residuals along the motion.

    Returns
    -------
    offset : (views,) float, s
    rate : (views,) float
    sigma : (views,) float, s
    """
    views = len(tracks.views)
    offset, rate, sigma = np.zeros(views), np.zeros(views), np.full(views, np.nan)
    for view in range(views):
        slope, residual, when = motion_residuals(trajectories, tracks, rig, times, view)
        if len(when) < 8 or not (slope**2).sum() > 0:
            raise TriangulationError(
                f"view {tracks.views[view]} sees too little motion to date its frames ({len(when)} "
                "detections of moving points); record faster motion or give the times"
            )
        columns = [slope, slope * (when - when.mean())[:, None]] if rates else [slope]
        A, weight = np.stack([column.ravel() for column in columns], axis=1), np.ones(residual.size)
        for _ in range(5):
            normal = A.T @ (A * weight[:, None])
            solution = np.linalg.solve(normal, A.T @ (residual.ravel() * weight))
            left = residual.ravel() - A @ solution
            scale = max(1.4826 * float(np.median(np.abs(left))), 1e-6)
            weight = 1.0 / (1.0 + (left / scale) ** 2 / 9) ** 2
        rate[view] = solution[1] if rates else 0.0
        offset[view] = solution[0] - rate[view] * (when.mean() - times.min())
        sigma[view] = scale * np.sqrt(np.linalg.inv(normal)[0, 0])
    return offset, rate, sigma


def motion_residuals(
    trajectories: Trajectories3D, tracks: Tracks2D, rig: Rig, times: Float, view: int
) -> tuple[Float, Float, Float]:
    """Collect the image velocity (px/s), the residual (px) and the time of every detection in a view."""
    camera, clock_times = rig.cameras[view], trajectories.times
    slopes, residuals, when = [], [], []
    for subject, keypoint in np.ndindex(trajectories.xyz.shape[1:3]):
        track = trajectories.xyz[:, subject, keypoint]
        known = np.isfinite(track[:, 0])
        if known.sum() < 8:
            continue
        spline = CubicSpline(clock_times[known], track[known])
        t, xy = times[:, view], tracks.xy[:, view, subject, keypoint]
        nearest = np.clip(np.rint((t - trajectories.start) * trajectories.fps), 0, len(track) - 1)
        use = np.isfinite(xy[:, 0]) & known[np.nan_to_num(nearest).astype(int)]
        use &= (t > clock_times[known][0]) & (t < clock_times[known][-1])
        x, v, step = spline(t[use]), spline(t[use], 1), 0.1 / tracks.fps
        slopes.append((camera.project(x + step * v) - camera.project(x - step * v)) / (2 * step))
        residuals.append(xy[use] - camera.project(x))
        when.append(t[use])
    if not slopes:
        return np.empty((0, 2)), np.empty((0, 2)), np.empty(0)
    slope, residual = np.concatenate(slopes), np.concatenate(residuals)
    good = np.isfinite(slope).all(axis=1) & np.isfinite(residual).all(axis=1)
    return slope[good], residual[good], np.concatenate(when)[good]
