# ruff: noqa: PLR0917
"""Bundle-adjusted, spatiotemporal smoothing: the most likely smooth trajectories given every view at once."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from calibration.projection import fill_coefficients
from calibration.rig import Rig
from models2d.detections import Tracks2D
from triangulate.bone_lengths import components
from triangulate.smoothing_kernels import Observed, Priors, Views, examine
from triangulate.smoothing_solution import Solution
from triangulate.smoothing_solver import Solved, posterior, solve
from triangulate.smoothing_start import Start, robust_start
from triangulate.smoothing_strength import Strength, choose_strength
from triangulate.solve_report import SolveReport
from triangulate.splines import basis, control_points, penalty
from triangulate.trajectories import Trajectories3D
from triangulate.windows import Window, windows

Float = NDArray[np.float64]
Int = NDArray[np.int64]
Progress = Callable[..., Iterable[Any]]

WINDOW_BYTES = 96e6
"""Memory that one window's system may take."""

MISTAKES = 0.05
"""Prior share of detections that are not where the keypoint is."""


class Task(NamedTuple):
    """One solve: a window of one subject's connected keypoints."""

    window: Window
    subject: int
    keypoints: Int


def smooth(
    tracks: Tracks2D,
    rig: Rig,
    trajectories: Trajectories3D | None = None,
    *,
    pixel_sigma: float | None = None,
    jerk_sigma: ArrayLike | None = None,
    acceleration_sigma: ArrayLike | None = None,
    bone_sigma: ArrayLike | None = None,
    bone_lengths: ArrayLike | None = None,
    max_gap: float = 0.25,
    progress: Progress | None = None,
) -> tuple[Trajectories3D, SolveReport]:
    """Find the most likely smooth trajectories given all views, frames, keypoints and bones at once.

    Minimises the reprojection error under a robust noise model, plus the jerk (or acceleration) of every
    keypoint and the deviation of every bone from its length, each over its standard deviation. What is not
    given is chosen from the data and reported.

    Parameters
    ----------
    tracks : Tracks2D
    rig : Rig
        Must have every view of the tracks, by name.
    trajectories : Trajectories3D, optional
        Start, from `reconstruct`; found here unless given.
    pixel_sigma : float, px, optional
        Standard deviation of a detection per axis.
    jerk_sigma : float or (keypoints,) float, m/s3, optional
        Standard deviation of the jerk, independent from frame to frame.
    acceleration_sigma : float or (keypoints,) float, m/s2, optional
        Of the acceleration; penalises it in place of the jerk.
    bone_sigma : float or (bones,) float, m, optional
        Standard deviation of each bone's length from frame to frame; infinity leaves bones free.
    bone_lengths : (bones,) float, m, optional
        Where they are known; NaN for those to be estimated.
    max_gap : float, s
        Longest time without an observation that is bridged.
    progress : callable, optional
        Wraps an iterable as tqdm does.

    Returns
    -------
    trajectories : Trajectories3D
    report : SolveReport

    Raises
    ------
    ValueError
        If a view is not in the rig or an option is out of range.
    """
    if jerk_sigma is not None and acceleration_sigma is not None:
        raise ValueError("give jerk_sigma or acceleration_sigma, not both: the prior is on one of them")
    if not max_gap >= 0:
        raise ValueError(f"max_gap: expected a time of 0 s or more, got {max_gap}")
    rig = rig.select(tracks.views)
    views = pack(rig)
    start = robust_start(tracks, views, trajectories)
    order = 2 if acceleration_sigma is not None else 3
    strength = choose_strength(
        tracks,
        start,
        order,
        pixel_sigma=pixel_sigma,
        motion_sigma=acceleration_sigma if order == 2 else jerk_sigma,
        bone_sigma=bone_sigma,
        bone_lengths=bone_lengths,
    )
    solution = Solution.empty(tracks)
    tasks = list(plan(tracks, strength, max_gap))
    outcomes = list(run(tasks, tracks, rig, views, start, strength, solution, progress))
    solution.judge(tracks, max_gap)
    return solution.trajectories(tracks), solution.report(tracks, strength, outcomes)


def pack(rig: Rig) -> Views:
    """Turn a rig into the arrays that kernels take."""
    cameras = rig.cameras
    return Views(
        R=np.array([camera.R for camera in cameras]),
        t=np.array([camera.t for camera in cameras]),
        K=np.array([camera.intrinsics.K for camera in cameras]),
        k=np.array([fill_coefficients(camera.intrinsics.distortion) for camera in cameras]),
        model=np.array([camera.intrinsics.model == "fisheye" for camera in cameras], dtype=np.int64),
    )


def plan(tracks: Tracks2D, strength: Strength, max_gap: float) -> Iterator[Task]:
    """Split the problem into windows of connected keypoints."""
    frames, _, subjects, keypoints = tracks.shape
    margin = int(np.ceil(max_gap * tracks.fps)) + strength.memory
    for subject in range(subjects):
        used = tracks.skeleton.bones[np.isfinite(strength.bone_sigma[subject])]
        for part in components(keypoints, used):
            known = np.isfinite(strength.motion_sigma[subject, part])
            if not known.any():
                continue
            length = max(int(WINDOW_BYTES / (4 * 8 * (3 * len(part)) ** 2)), 2 * margin, 64)
            length = min(length, max(-(-frames // 2), 4 * margin))
            for window in windows(frames, length, margin):
                yield Task(window, subject, part)


def run(
    tasks: list[Task],
    tracks: Tracks2D,
    rig: Rig,
    views: Views,
    start: Start,
    strength: Strength,
    solution: Solution,
    progress: Progress | None,
) -> Iterator[Solved]:
    """Solve every task on all cores and put what it keeps into the solution."""

    def work(task: Task) -> Solved:
        return solve_task(task, tracks, rig, views, start, strength, solution)

    with ThreadPoolExecutor() as pool:
        done: Iterable[Solved] = pool.map(work, tasks)
        if progress is not None:
            done = progress(done, desc="smooth", total=len(tasks))
        yield from done


def solve_task(
    task: Task,
    tracks: Tracks2D,
    rig: Rig,
    views: Views,
    start: Start,
    strength: Strength,
    solution: Solution,
) -> Solved:
    """Solve one window and write the frames that it keeps."""
    (begin, end, first, last), subject, part = task
    count = control_points(end - begin - 1)
    time = np.arange(end - begin, dtype=np.float64)
    index, weights = basis(time, count)
    observed = observations(task, tracks, rig, strength, index, weights)
    at = np.arange(count) - 1.0  # control point i weighs most at knot i - 1
    nearest = np.clip(at, 0, end - begin - 1).astype(np.int64)
    control = np.ascontiguousarray(start.xyz[begin:end, subject][nearest][:, part])
    seen = np.any(observed.information[..., 0] > 0, axis=1)
    priors = prior_terms(task, tracks, strength, seen, count)
    solved = solve(control, views, observed, priors)
    xyz, covariance = posterior(solved, index, weights)
    inliers = np.zeros(observed.xy.shape[:-1], dtype=np.bool_)
    error = np.empty(xyz.shape[:-1])
    examine(xyz[:, None], views, observed, inliers, error)
    kept = slice(first - begin, last - begin)
    solution.xyz[first:last, subject, part] = xyz[kept]
    solution.covariance[first:last, subject, part] = covariance[kept] / strength.information
    solution.inliers[first:last, :, subject, part] = inliers[kept]
    solution.error[first:last, subject, part] = error[kept]
    return solved._replace(control=np.empty(0), inverse=np.empty(0))


def observations(
    task: Task, tracks: Tracks2D, rig: Rig, strength: Strength, index: Int, weights: Float
) -> Observed:
    """Cut out what the views saw in a window, with the information of each detection."""
    window = slice(task.window.begin, task.window.end)
    xy = np.ascontiguousarray(tracks.xy[window, :, task.subject][:, :, task.keypoints])
    information = np.zeros((*xy.shape[:-1], 3))
    seen = np.isfinite(xy[..., 0])
    information[seen] = np.array([1.0, 0.0, 1.0]) / strength.pixel_sigma**2
    areas = np.array([np.prod(camera.intrinsics.size) for camera in rig.cameras], dtype=np.float64)
    return Observed(
        xy=np.where(seen[..., None], xy, 0.0),
        information=information,
        kappa=MISTAKES / (1 - MISTAKES) * 2 * np.pi / areas,
        nu=strength.nu,
        first=np.ascontiguousarray(index[:, None]),
        weights=np.ascontiguousarray(weights[:, None]),
    )


def prior_terms(
    task: Task, tracks: Tracks2D, strength: Strength, seen: NDArray[np.bool_], count: int
) -> Priors:
    """Express the priors of a window per knot interval."""
    part = task.keypoints
    sigma = strength.motion_sigma[task.subject, part]
    sigma = np.where(np.isfinite(sigma), sigma, np.nanmedian(sigma))
    roughness = tracks.fps ** (2 * strength.order) / sigma**2
    inside = np.isin(tracks.skeleton.bones, part).all(axis=1)
    bone_sigma = strength.bone_sigma[task.subject, inside]
    near = np.zeros((count, len(part)), dtype=np.bool_)
    for shift in range(4):
        near[shift : shift + len(seen)] |= seen[: count - shift]
    return Priors(
        form=penalty(strength.order),
        roughness=roughness,
        bones=np.searchsorted(part, tracks.skeleton.bones[inside]),
        lengths=strength.bone_lengths[task.subject, inside],
        stiffness=np.where(np.isfinite(bone_sigma), 1.0 / bone_sigma, 0.0),
        anchor=np.where(near, 1e-12, 1e-9) * roughness,
    )
