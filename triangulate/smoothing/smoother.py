"""Bundle-adjusted, spatiotemporal smoothing: the most likely smooth trajectories given every view at once."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from calibration.geometry.camera_arrays import camera_arrays
from calibration.rig import Rig
from calibration.threads import cores
from models2d.detections import Tracks2D
from triangulate.common_clock import synchronised
from triangulate.points.calibration_scatter import with_calibration
from triangulate.points.matched_rig import matched
from triangulate.smoothing.bone_lengths import components
from triangulate.smoothing.contradictions import check_given
from triangulate.smoothing.detection_noise import time_unit
from triangulate.smoothing.drawing import Drawing
from triangulate.smoothing.gap_errors import add_curvature
from triangulate.smoothing.joint_limits import Hinges
from triangulate.smoothing.knots import KNOT_BLOCK, usual_spacing
from triangulate.smoothing.local_world import LocalWorld
from triangulate.smoothing.offsets import REACH
from triangulate.smoothing.solution import Solution
from triangulate.smoothing.solve_report import SolveReport
from triangulate.smoothing.solver import Solved, posterior, solve
from triangulate.smoothing.splines import sample
from triangulate.smoothing.stated_limits import JointLimit
from triangulate.smoothing.strength import Options, choose_strength
from triangulate.smoothing.view_terms import examine
from triangulate.smoothing.window_problem import Problem, Task, prepare
from triangulate.smoothing.windows import windows
from triangulate.trajectories import Status, Trajectories3D

Float = NDArray[np.float64]
Int = NDArray[np.int64]
Bool = NDArray[np.bool_]
Progress = Callable[..., Iterable[Any]]

WINDOW_BYTES = 96e6
"""Memory that one window's system may take."""


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
    symmetric: bool = False,
    joint_limits: Sequence[JointLimit] = (),
    max_gap: float = 0.25,
    min_confidence: float = 0.0,
    rigs: Sequence[Rig] = (),
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
        Start, from `reconstruct` without `rigs`; found here unless given.
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
    symmetric : bool
        Whether bones left and right have the same length.
    joint_limits : sequence of JointLimit
        How far joints bend.
    max_gap : float, s
        Longest time without an observation that is bridged.
    min_confidence : float
        Detections below are treated as not seen, as in `reconstruct`.
    rigs : sequence of Rig, optional
        Draws from the calibration's own uncertainty, as `reconstruct` takes them.
    progress : callable, optional
        Wraps an iterable as tqdm does.

    Returns
    -------
    trajectories : Trajectories3D
    report : SolveReport

    Raises
    ------
    ValueError
        If a view is not in the rig, an option is out of range, or two exclude each other.
    TriangulationError
        If strengths that are given contradict nearly all observations on which the views agree, with the
        values given and those that the data show.
    """
    options = Options.given(
        pixel_sigma=pixel_sigma,
        jerk_sigma=jerk_sigma,
        acceleration_sigma=acceleration_sigma,
        bone_sigma=bone_sigma,
        bone_lengths=bone_lengths,
        symmetric=symmetric,
        joint_limits=joint_limits,
    )
    solved = solve_tracks(
        tracks, rig, trajectories, options, max_gap=max_gap, min_confidence=min_confidence, progress=progress
    )
    smoothed = solved.solution.trajectories(solved.problem.tracks)
    if rigs:
        moved = [solved.world.rig(one) for one in rigs]
        smoothed = with_calibration(smoothed, solved.problem.tracks, solved.problem.rig, moved)
    report = solved.solution.report(solved.problem.tracks, solved.problem.strength, solved.outcomes)
    return solved.world.points(smoothed, back=True), report


class SolvedTracks(NamedTuple):
    """What is known after all windows are solved, in coordinates near the rig."""

    problem: Problem
    solution: Solution
    outcomes: list[Solved]
    world: LocalWorld


def solve_tracks(
    tracks: Tracks2D,
    rig: Rig,
    trajectories: Trajectories3D | None,
    options: Options,
    *,
    max_gap: float,
    min_confidence: float,
    progress: Progress | None = None,
    drawing: Drawing | None = None,
) -> SolvedTracks:
    """Pose the problem, solve it in windows and judge the points; for the errors raised see `smooth`."""
    if not max_gap >= 0:
        raise ValueError(f"max_gap: expected a time of 0 s or more, got {max_gap}")
    rig, tracks = matched(rig, tracks.views, tracks.sizes), tracks.confident(min_confidence)
    local = LocalWorld.of(rig)
    rig = local.rig(rig)
    trajectories = None if trajectories is None else local.points(trajectories)
    if trajectories is not None and tracks.shared_error is not None:  # it is added again after smoothing
        covariance = trajectories.covariance / (1.0 + tracks.shared_error)[:, None, None]
        trajectories = replace(trajectories, covariance=covariance)
    views = camera_arrays(rig.cameras)
    together = synchronised(tracks)
    strength = choose_strength(together, rig, views, options)
    hinges = Hinges.of(options.joint_limits, tracks.skeleton)
    problem = Problem(tracks, together, rig, views, trajectories, strength, hinges, drawing)
    solution = Solution.empty(tracks, 0 if drawing is None else drawing.draws)
    outcomes = list(run(list(plan(problem, max_gap)), problem, solution, progress))
    solution.judge(tracks, rig, max_gap)
    for subject, errors in enumerate(strength.gap_errors):
        growth = errors.growth(solution.inliers[:, :, subject].sum(axis=1) >= 2)
        solution.covariance[:, subject] *= growth[..., None, None]
        solution.drawn[:, :, subject] *= np.sqrt(growth)[..., None]
        used = np.isfinite(strength.bone_sigma[subject])
        add_curvature(
            solution.xyz[:, subject],
            solution.covariance[:, subject],
            solution.status[:, subject] == Status.FILLED,
            strength.bones[used],
            strength.bone_lengths[subject, used],
        )
    check_given(options, together, rig, views, solution.inliers)
    return SolvedTracks(problem, solution, outcomes, local)


def plan(problem: Problem, max_gap: float) -> Iterator[Task]:
    """Split the problem into windows of connected keypoints."""
    tracks, strength = problem.tracks, problem.strength
    frames, _, subjects, keypoints = tracks.shape
    margin = int(np.ceil(max_gap * tracks.fps)) + strength.memory
    margin += time_unit(tracks.fps) * REACH if strength.persistence.any() else 0
    for subject in range(subjects):
        used = np.concatenate(
            [strength.bones[np.isfinite(strength.bone_sigma[subject])], problem.hinges.pairs]
        )
        for part in components(keypoints, used):
            corner = strength.corner[subject, part]
            if not np.isfinite(corner).any():
                continue
            spacing = usual_spacing(float(np.nanmax(corner)))
            length = max(int(WINDOW_BYTES * spacing / (4 * 8 * (3 * len(part)) ** 2)), 2 * margin, 64)
            length = min(length, max(-(-frames // 2), 4 * margin))
            for window in windows(frames, length, margin, KNOT_BLOCK):
                yield Task(window, subject, part)


def run(
    tasks: list[Task], problem: Problem, solution: Solution, progress: Progress | None
) -> Iterator[Solved]:
    """Solve every task on all cores and put what it keeps into the solution."""
    with ThreadPoolExecutor(cores()) as pool:
        done: Iterable[Solved] = pool.map(lambda task: solve_task(task, problem, solution), tasks)
        if progress is not None:
            done = progress(done, desc="smooth", total=len(tasks))
        yield from done


def solve_task(task: Task, problem: Problem, solution: Solution) -> Solved:
    """Solve one window and write the frames that it keeps."""
    (begin, _, first, last), subject, part = task
    strength = problem.strength
    ready = prepare(task, problem)
    observed = ready.observed
    drawing = problem.drawing
    normal = None if drawing is None else drawing.normal(subject, part, ready.knots.times + begin)
    solved = solve(ready.start, problem.views, observed, ready.priors, normal)
    xyz, covariance = posterior(solved, ready.first, ready.weights)
    inliers, error = np.zeros(observed.xy.shape[:-1], dtype=np.bool_), np.empty(xyz.shape[:-1])
    squared = np.empty(inliers.shape)
    examine(solved.control, problem.views, observed, ready.offset, inliers, error, squared)
    inflation = ready.inflation[:, :, None, None]
    covariance = inflation * covariance / strength.information + ready.lasting
    kept = slice(first - begin, last - begin)
    solution.xyz[first:last, subject, part] = xyz[kept]
    solution.covariance[first:last, subject, part] = covariance[kept]
    solution.inliers[first:last, :, subject, part] = inliers[kept].transpose(0, 2, 1)
    solution.error[first:last, subject, part] = error[kept]
    solution.squared[first:last, :, subject, part] = squared[kept].transpose(0, 2, 1)
    if drawing is not None:
        deviation = sample(solved.drawn, ready.first, ready.weights)
        deviation *= np.sqrt(ready.inflation / strength.information)[:, :, None, None]
        deviation += drawing.persistent(subject, part, ready.lasting)
        solution.drawn[:, first:last, subject, part] = np.moveaxis(deviation[kept], -1, 0)
    return solved._replace(control=np.empty(0), inverse=np.empty(0), drawn=np.empty(0))
