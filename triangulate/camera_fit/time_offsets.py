"""Cameras that are not synchronous: the offsets and rates of their clocks, found from motion."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline

from calibration.rig import Rig
from models2d.detections import Tracks2D
from triangulate.camera_fit.whole_frames import whole_frames
from triangulate.common_clock import clock, synchronised
from triangulate.errors import TriangulationError
from triangulate.points.matched_rig import matched
from triangulate.time_offsets import TimeOffsets, first_time
from triangulate.trajectories import Trajectories3D

Float = NDArray[np.float64]

ROUNDS = 12
SETTLED = 1e-3
"""Frames by which an offset may still change at the end."""

CLOSE = 0.1
"""The same in its standard deviations."""

MEMORY = 3
"""Earlier steps that the next one is extrapolated from."""


def find_offsets(
    tracks: Tracks2D, rig: Rig, *, longest: float = 0.5, rates: bool = False
) -> tuple[TimeOffsets, Trajectories3D]:
    """Find the time offsets of the views from the motion that they see.

    First by whole frames, from how well the rays of all pairs of views meet at every lag; then all at once,
    alternating between the smooth trajectory given the times and the times given the trajectory, where a
    residual along the image velocity is a time. Of offsets that explain the motion alike, as it repeats, the
    smallest is taken and the others are named. Assumes that the rig fits the views, apart from their clocks.

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
        If there is too little motion in view of several cameras to tell, or the best offset is the largest
        that was looked for.
    """
    from triangulate.smoothing.smoother import smooth

    rig = matched(rig, tracks.views, tracks.sizes)
    times = clock(tracks)
    start = first_time(times)
    views = len(tracks.views)
    coarse, alike = coarse_offsets(tracks, rig, longest)
    offset, rate = coarse.copy(), np.zeros(views)
    sigma = np.zeros(views)
    here, steps = np.concatenate([offset, rate]), []
    for _ in range(ROUNDS):
        offset, rate = np.split(here, 2)
        current = times + offset + rate * (times - start)
        trajectories, _ = smooth(replace(tracks, times=current), rig)
        change, drift, sigma = time_step(trajectories, tracks, rig, current, rates)
        steps.append((here, np.concatenate([change - change[0], drift - drift[0]])))
        here = accelerated(steps)
        if (np.abs(here[:views] - offset) < np.maximum(SETTLED / tracks.fps, CLOSE * sigma)).all():
            break
    offset, rate = np.split(here, 2)
    alternatives = tuple(
        tuple(float(other + offset[view] - coarse[view]) for other in alike[view]) for view in range(views)
    )
    found = TimeOffsets(views=tracks.views, offset=offset, rate=rate, sigma=sigma, alternatives=alternatives)
    return found, trajectories


def accelerated(steps: list[tuple[Float, Float]]) -> Float:
    """Return the next place of a fixed-point iteration from the last places and the steps found there.

    The trajectory follows in part the times that it was smoothed with, so plain steps close only part of the
    gap. Source: Anderson 1965; Walker & Ni 2011, "Anderson acceleration for fixed-point iterations", eq. 2.5.

    Parameters
    ----------
    steps : list of (place, step)
        From the first to the last.

    Returns
    -------
    place : (n,) float
    """
    place, step = steps[-1]
    last = steps[-1 - MEMORY :]
    if len(last) < 2:
        return np.asarray(place + step)
    moves = np.diff([place for place, _ in last], axis=0).T
    turns = np.diff([step for _, step in last], axis=0).T
    share = np.linalg.lstsq(turns, step, rcond=1e-6)[0]
    ahead = step - (moves + turns) @ share
    longest = 10 * float(np.abs(step).max())
    return np.asarray(place + np.clip(ahead, -longest, longest))


def coarse_offsets(tracks: Tracks2D, rig: Rig, longest: float) -> tuple[Float, tuple[tuple[float, ...], ...]]:
    """Find each view's offset against the first in whole frames, and others that explain the motion alike.

    Raises
    ------
    TriangulationError
        If nothing tells the offset of a view, or the best one is the largest that was looked for.
    """
    aligned = synchronised(tracks)
    reach = int(min(longest * tracks.fps, max(len(aligned.xy) // 3, 0)))
    lag, evidence = whole_frames(aligned.xy, rig, reach)
    unknown = [name for name, one in zip(tracks.views, evidence, strict=True) if not one.determined]
    if unknown:
        share = max(one.share for one in evidence)
        raise TriangulationError(
            f"too little motion to date the frames of {', '.join(unknown)}: {share:.0%} of the offsets "
            f"within +-{reach / tracks.fps:.2f} s explain the detections alike; record a faster motion, seen "
            "by several cameras, give the times, or a larger `longest` where a view may be later than that"
        )
    ends = [name for name, one in zip(tracks.views[1:], evidence[1:], strict=True) if one.at_end]
    if ends:
        raise TriangulationError(
            f"the best offset of {', '.join(ends)} is the largest that was looked for, "
            f"{reach / tracks.fps:.2f} s: give a larger `longest`, or check that the views show the same "
            "recording"
        )
    fps = tracks.fps
    others = tuple(tuple(at / fps for at in sorted(one.alike)) for one in evidence)
    return lag / fps, ((), *others[1:])


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
        offset[view] = solution[0] - rate[view] * (when.mean() - first_time(times))
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
