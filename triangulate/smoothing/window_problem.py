"""One window of the smoother's problem: what its solve reads."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from calibration.geometry.camera_arrays import CameraArrays
from calibration.rig import Rig
from models2d.detections import Tracks2D
from triangulate.smoothing.detection_noise import time_unit
from triangulate.smoothing.drawing import Drawing
from triangulate.smoothing.inputs import Pixels, RawPoints, cut_pixels, given_points, raw_points
from triangulate.smoothing.joint_limits import Hinges
from triangulate.smoothing.kernels import Observed, Priors
from triangulate.smoothing.local_motion import LocalMotion, local_motion
from triangulate.smoothing.offsets import lasting_offsets
from triangulate.smoothing.residuals import MOST
from triangulate.smoothing.splines import Knots, basis, penalties
from triangulate.smoothing.strength import Strength
from triangulate.smoothing.windows import Window
from triangulate.trajectories import Trajectories3D

Float = NDArray[np.float64]
Int = NDArray[np.int64]
Bool = NDArray[np.bool_]


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


def prepare(task: Task, problem: Problem, room: float = 0.0) -> Prepared:
    """Gather what a task's solve reads; its splines span `room` frames more than the times at either end."""
    begin, end, _, _ = task.window
    pixels, offset, raw, lasting = detections(task, problem)
    at, early, late = observation_times(problem.tracks, slice(begin, end))
    share = problem.tracks.shared_error
    if share is not None:
        lasting = lasting + persistent(raw, share[task.keypoints])
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
    pixels, together = (white_pixels(one, offset, strength, part) for one in (pixels, together))
    return pixels, offset, raw_points(together, problem.rig), persistent(raw, share)


def white_pixels(pixels: Pixels, offset: Float, strength: Strength, part: Int) -> Pixels:
    """Subtract persistent errors and give the detections the information of the white noise that remains."""
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
