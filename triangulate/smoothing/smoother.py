"""Bundle-adjusted, spatiotemporal smoothing: the most likely smooth trajectories given every view at once."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from calibration.geometry.camera_arrays import CameraArrays, camera_arrays
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
from triangulate.smoothing.inputs import Pixels, RawPoints, cut_pixels, given_points, raw_points
from triangulate.smoothing.joint_limits import Hinges
from triangulate.smoothing.kernels import Observed, Priors
from triangulate.smoothing.knots import KNOT_BLOCK, usual_spacing
from triangulate.smoothing.local_motion import LocalMotion, local_motion
from triangulate.smoothing.local_world import LocalWorld
from triangulate.smoothing.offsets import REACH, lasting_offsets
from triangulate.smoothing.residuals import MOST
from triangulate.smoothing.solution import Solution
from triangulate.smoothing.solve_report import SolveReport
from triangulate.smoothing.solver import Solved, posterior, solve
from triangulate.smoothing.splines import Knots, basis, penalties, sample
from triangulate.smoothing.stated_limits import JointLimit
from triangulate.smoothing.strength import Options, Strength, choose_strength
from triangulate.smoothing.view_terms import examine
from triangulate.smoothing.windows import Window, windows
from triangulate.trajectories import Trajectories3D

Float = NDArray[np.float64]
Int = NDArray[np.int64]
Bool = NDArray[np.bool_]
Progress = Callable[..., Iterable[Any]]

WINDOW_BYTES = 96e6
"""Memory that one window's system may take."""


class Task(NamedTuple):
    """One solve: a window of one subject's connected keypoints."""

    window: Window
    subject: int
    keypoints: Int


class Prepared(NamedTuple):
    """A task with everything that its solve reads; `at` are the views' times in frames from its begin.

    `first` and `weights` are the basis at the frames. `offset` was taken off the detections, and `lasting` is
    the covariance of what stays unknown; `inflation` is that of the rest, see `LocalMotion`.
    """

    offset: Float
    lasting: Float
    inflation: Float
    at: Float
    knots: Knots
    first: Int
    weights: Float
    start: Float
    observed: Observed
    priors: Priors


class Problem(NamedTuple):
    """What every window's solve reads; `together` are the tracks interpolated at common times."""

    tracks: Tracks2D
    together: Tracks2D
    rig: Rig
    views: CameraArrays
    trajectories: Trajectories3D | None
    strength: Strength
    hinges: Hinges
    drawing: Drawing | None = None


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
    views = camera_arrays(rig.cameras)
    together = synchronised(tracks)
    strength = choose_strength(together, rig, views, options)
    hinges = Hinges.of(options.joint_limits, tracks.skeleton)
    problem = Problem(tracks, together, rig, views, trajectories, strength, hinges, drawing)
    solution = Solution.empty(tracks, 0 if drawing is None else drawing.draws)
    outcomes = list(run(list(plan(problem, max_gap)), problem, solution, progress))
    solution.judge(tracks, rig, max_gap)
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


def prepare(task: Task, problem: Problem, room: float = 0.0) -> Prepared:
    """Gather what a task's solve reads; its splines span `room` frames more than the times at either end."""
    begin, end, _, _ = task.window
    pixels, offset, raw, lasting = detections(task, problem)
    at, early, late = observation_times(problem.tracks, slice(begin, end))
    local = window_motion(task, problem, raw, (early + room, late + room))
    knots = local.knots
    index, weights = basis(np.arange(end - begin), knots)
    seen_index, seen_weights = basis(at, knots)
    near = carrying(seen_index, np.asarray((pixels.information[..., 0] > 0).any(axis=-1)), knots.number)
    priors = prior_terms(task, problem, near, knots, local.sigma)
    observed = observe(pixels, problem, seen_index, seen_weights, local.sure[..., None] & raw.inliers)
    return Prepared(
        offset, lasting, local.inflation, at, knots, index, weights, local.start, observed, priors
    )


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


def detections(task: Task, problem: Problem) -> tuple[Pixels, Float, RawPoints, Float]:
    """Cut out the detections of a task and take off the errors that last.

    Returns
    -------
    pixels : Pixels
    offset : (frames, keypoints, views, 2) float, px
        What was taken off.
    raw : RawPoints
    covariance : (frames, keypoints, 3, 3) float, m2
        By which the views' common answer may be off for the whole time.
    """
    strength, part = problem.strength, task.keypoints
    pixels = part_pixels(problem.tracks, task, strength)
    apart = problem.together is not problem.tracks
    together = part_pixels(problem.together, task, strength) if apart else pixels
    if problem.trajectories is not None:
        given = given_points(problem.trajectories, slice(task.window.begin, task.window.end), task.subject)
        raw = RawPoints(given.xyz[:, part], given.covariance[:, part], given.inliers[:, part])
    else:
        raw = raw_points(together, problem.rig)
    share = strength.persistence[part]
    if not share.any():
        return pixels, np.zeros(pixels.xy.shape), raw, np.zeros((3, 3))
    offset = lasting_offsets(together, raw, problem.rig, share > 0, time_unit(problem.tracks.fps))
    pixels, together = (less(one, offset, strength, part) for one in (pixels, together))
    return pixels, offset, raw_points(together, problem.rig), persistent(raw, share)


def less(pixels: Pixels, offset: Float, strength: Strength, part: Int) -> Pixels:
    """Take lasting errors off detections, which leaves them with less noise."""
    gain = (strength.pixel_sigma[:, part] / strength.white_sigma[:, part]) ** 2
    return Pixels(pixels.xy - offset, pixels.information * gain.T[:, :, None])


def persistent(raw: RawPoints, share: Float) -> Float:
    """Return the part of the raw covariance that comes from errors that time does not average out."""
    known = np.asarray(np.isfinite(raw.covariance).all(axis=(-2, -1)))
    typical = np.zeros((raw.xyz.shape[1], 3, 3))
    for keypoint in np.flatnonzero(known.any(axis=0)):
        typical[keypoint] = np.median(raw.covariance[known[:, keypoint], keypoint], axis=0)
    return np.where(known[..., None, None], raw.covariance, typical) * share[:, None, None]


def part_pixels(tracks: Tracks2D, task: Task, strength: Strength) -> Pixels:
    """Cut out the detections of a task."""
    frames = slice(task.window.begin, task.window.end)
    return cut_pixels(tracks, frames, task.subject, strength.pixel_sigma, task.keypoints)


def observation_times(tracks: Tracks2D, frames: slice) -> tuple[Float, float, float]:
    """Return when views saw the frames of a window, in frames from its begin, and by how much they stick out.

    Returns
    -------
    at : (frames, groups) float
        One group where all views are synchronous, else one per view.
    early, late : float
        Frames before the first and after the last.
    """
    numbers = np.arange(frames.start, frames.stop)
    if tracks.times is None:
        return (numbers - frames.start)[:, None].astype(np.float64), 0.0, 0.0
    at = tracks.times[frames] * tracks.fps - frames.start
    at = np.where(np.isfinite(at), at, (numbers - frames.start)[:, None])
    return at, max(0.0, -float(at.min())), max(0.0, float(at.max()) - (len(numbers) - 1))


def observe(pixels: Pixels, problem: Problem, index: Int, weights: Float, sure: Bool) -> Observed:
    """Join detections with the noise model and the spline's basis at their times."""
    areas = np.array([np.prod(camera.intrinsics.size) for camera in problem.rig.cameras], dtype=np.float64)
    return Observed(
        xy=np.nan_to_num(pixels.xy),
        information=pixels.information,
        kappa=MOST * 2 * np.pi / areas,
        sure=sure,
        nu=problem.strength.nu,
        first=index,
        weights=weights,
    )


def window_motion(task: Task, problem: Problem, raw: RawPoints, beyond: tuple[float, float]) -> LocalMotion:
    """Find how a window's keypoints move, frame by frame, and place knots."""
    part, strength = task.keypoints, problem.strength
    sigma = strength.motion_sigma[task.subject, part] / problem.tracks.fps**strength.order
    sigma = np.where(np.isfinite(sigma), sigma, np.nanmedian(sigma))
    group = np.minimum(part, np.asarray(problem.tracks.skeleton.mirror)[part])
    errors = strength.correlation[part]
    return local_motion(raw, group, sigma, strength.order, errors, steady=strength.steady, beyond=beyond)


def carrying(index: Int, seen: Bool, count: int) -> Bool:
    """Return which control points carry frames in which a keypoint is seen, (control points, keypoints)."""
    near = np.zeros((count, seen.shape[1]), dtype=np.bool_)
    for shift in range(4):
        for group in range(index.shape[1]):
            np.logical_or.at(near, index[:, group] + shift, seen)
    return near


def prior_terms(task: Task, problem: Problem, near: Bool, knots: Knots, sigma: Float) -> Priors:
    """Express the priors of a window per knot interval; `near` are control points that detections hold."""
    part, strength = task.keypoints, problem.strength
    middle = 0.5 * (knots.times[1:] + knots.times[:-1])
    frames = np.arange(len(sigma))
    logs = np.log(sigma)
    roughness = np.exp(-2 * np.stack([np.interp(middle, frames, row) for row in logs.T], axis=-1))
    inside = np.isin(strength.bones, part).all(axis=1)
    bone_sigma = strength.bone_sigma[task.subject, inside]
    form = penalties(knots, strength.order)
    at_knot, share = knots.values()
    nearest = np.clip(np.arange(knots.number) - 1, 0, len(form) - 1)
    pull = roughness[nearest] * form[nearest, 0, 0, None]
    return Priors(
        form=form,
        roughness=roughness,
        at_knot=at_knot,
        share=share,
        bones=np.searchsorted(part, strength.bones[inside]),
        lengths=strength.bone_lengths[task.subject, inside],
        stiffness=np.where(np.isfinite(bone_sigma), 1.0 / bone_sigma, 0.0),
        anchor=np.where(near, 1e-12, 1e-9) * pull,
        hinges=problem.hinges.within(part),
    )
