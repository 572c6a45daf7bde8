"""Refining the cameras of a recording: pieces of it, and rounds of choosing strengths."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from calibration.geometry.camera_arrays import camera_arrays
from calibration.rig import Rig
from models2d.detections import Tracks2D
from triangulate.camera_fit.priors import CameraPriors
from triangulate.camera_fit.refined import RefinedCameras, with_cameras
from triangulate.camera_fit.solving import Cameras, Piece, Refined, crosses, prior_information, refine
from triangulate.common_clock import retimed, synchronised
from triangulate.points.matched_rig import matched
from triangulate.smoothing.joint_limits import Hinges
from triangulate.smoothing.local_world import LocalWorld
from triangulate.smoothing.smoother import plan
from triangulate.smoothing.stated_limits import JointLimit
from triangulate.smoothing.strength import Options, choose_strength
from triangulate.smoothing.window_problem import Problem, prepare
from triangulate.smoothing.windows import Window

Float = NDArray[np.float64]

LENGTH = 512
"""Frames of a piece."""

PIECES = 8
"""Pieces, spread over the recording, that cameras are refined from; the whole of shorter recordings."""

ROUNDS = 4
SETTLED = 0.05
"""Standard deviations by which a camera may still move when strengths are chosen anew."""

REACH = 4.0
"""Standard deviations of the time offsets that the splines leave room for."""


def fit_cameras(
    tracks: Tracks2D,
    rig: Rig,
    priors: CameraPriors | None = None,
    *,
    pixel_sigma: float | None = None,
    jerk_sigma: ArrayLike | None = None,
    acceleration_sigma: ArrayLike | None = None,
    bone_sigma: ArrayLike | None = None,
    bone_lengths: ArrayLike | None = None,
    symmetric: bool = False,
    joint_limits: Sequence[JointLimit] = (),
    min_confidence: float = 0.0,
) -> RefinedCameras:
    """Refine places and clocks of cameras from a recording's keypoints, in the problem that `smooth` solves.

    Cameras, trajectories and time offsets are solved for at once; what is chosen from the data is chosen anew
    for the cameras found, until they stay where they are. Smooth with the result as
    `smooth(cameras.timed(tracks), cameras.rig, rigs=cameras.draw())`.

    Parameters
    ----------
    tracks : Tracks2D
    rig : Rig
        Must have every view of the tracks, by name.
    priors : CameraPriors, optional
        How far the cameras may be off.
    pixel_sigma : float, px, optional
    jerk_sigma : float or (keypoints,) float, m/s3, optional
    acceleration_sigma : float or (keypoints,) float, m/s2, optional
    bone_sigma : float or (bones,) float, m, optional
    bone_lengths : (bones,) float, m, optional
    symmetric : bool
    joint_limits : sequence of JointLimit
    min_confidence : float
        All as in `smooth`.

    Returns
    -------
    cameras : RefinedCameras

    Raises
    ------
    ValueError
        If a view is not in the rig, an option is out of range, or two exclude each other.

    Notes
    -----
    Assumes that the cameras stand still during the recording and that errors of detections are independent
    between views; errors that one view repeats in every frame look like a camera that is off.
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
    rig, tracks = matched(rig, tracks.views, tracks.sizes), tracks.confident(min_confidence)
    local = LocalWorld.of(rig)
    cameras = _fitted(tracks, local.rig(rig), options, priors or CameraPriors())
    return replace(cameras, rig=local.rig(cameras.rig, back=True))


def _fitted(tracks: Tracks2D, rig: Rig, options: Options, priors: CameraPriors) -> RefinedCameras:
    given = cameras = Cameras(camera_arrays(rig.cameras), np.zeros(len(rig)))
    noise = []
    for turn in range(1, ROUNDS + 1):
        timed = retimed(tracks, cameras.late) if cameras.late.any() else tracks
        # What is wrong with the cameras looks like noise at first, and must not look like mistakes.
        now = options._replace(pixel_sigma=None) if turn == 1 else options
        problem = posed(timed, with_cameras(rig, cameras), now)
        noise.append(float(np.median(problem.strength.pixel_sigma)))
        found = refine(pieces_of(problem, cameras, priors), given, cameras, priors)
        covariance, free = covariance_of(found, given, priors, problem.strength.information)
        step = found.cameras.away(cameras)[0].ravel()[free]
        cameras = found.cameras
        if not step.size or np.abs(step / np.sqrt(np.diag(covariance)[free])).max() < SETTLED:
            break
    timed = retimed(tracks, cameras.late) if cameras.late.any() else tracks
    noise.append(float(np.median(posed(timed, with_cameras(rig, cameras), options).strength.pixel_sigma)))
    return summed_up(rig, given, found, covariance, noise=(noise[0], noise[-1]), rounds=turn)


def posed(tracks: Tracks2D, rig: Rig, options: Options) -> Problem:
    """Pose the smoother's problem with the cameras as they are."""
    views, together = camera_arrays(rig.cameras), synchronised(tracks)
    strength = choose_strength(together, rig, views, options._replace(offsets=False))
    hinges = Hinges.of(options.joint_limits, tracks.skeleton)
    return Problem(tracks, together, rig, views, None, strength, hinges)


def pieces_of(problem: Problem, cameras: Cameras, priors: CameraPriors) -> list[Piece]:
    """Cut stretches out of the recording that do not overlap."""
    frames, fps = len(problem.tracks.xy), problem.tracks.fps
    count = max(1, -(-frames // LENGTH))
    chosen = np.unique(np.linspace(0, count - 1, min(count, PIECES)).round().astype(int))
    blocks = [task for task in plan(problem, 0.0) if task.window.first == 0]
    pieces = []
    for task in blocks:
        for number in chosen:
            begin, end = frames * number // count, frames * (number + 1) // count
            window = Window(begin, end, begin, end)
            ready = prepare(task._replace(window=window), problem, room=REACH * priors.offset_sigma * fps)
            # The times are those of the tracks, which hold the offsets found so far.
            at = np.broadcast_to(ready.at, (end - begin, len(cameras.late))) - fps * cameras.late
            pieces.append(Piece(at, fps, ready.knots, ready.start, ready.observed, ready.priors))
    return pieces


def covariance_of(
    found: Refined, given: Cameras, priors: CameraPriors, information: float
) -> tuple[Float, NDArray[np.int64]]:
    """Invert the information about the cameras; return which of the (7 views,) numbers are free, too."""
    free = np.flatnonzero(priors.per_view(len(given.late)))
    total = information * found.schur + prior_information(priors, given)
    covariance = np.zeros_like(total)
    covariance[np.ix_(free, free)] = np.linalg.inv(total[np.ix_(free, free)])
    return covariance, free


def summed_up(
    rig: Rig, given: Cameras, found: Refined, covariance: Float, *, noise: tuple[float, float], rounds: int
) -> RefinedCameras:
    """Put the result together."""
    views = len(rig)
    refined = with_cameras(rig, found.cameras)
    places = covariance.reshape(views, 7, views, 7)[:, :6, :, :6].reshape(6 * views, 6 * views)
    rigid = rigid_motions(found.cameras)
    apart = np.eye(6 * views) - rigid @ np.linalg.pinv(rigid)
    return RefinedCameras(
        rig=refined,
        late=found.cameras.late,
        late_sigma=np.sqrt(np.diag(covariance)[6::7]),
        covariance=(apart @ places @ apart.T).reshape(views, 6, views, 6),
        turned=np.linalg.norm(found.cameras.away(given)[0][:, :3], axis=1),
        moved=np.linalg.norm(refined.centers - rig.centers, axis=1),
        noise_before=noise[0],
        noise_after=noise[1],
        rounds=rounds,
        converged=found.converged,
    )


def rigid_motions(cameras: Cameras) -> Float:
    """Return the steps of all cameras, (6 views, 6), that move the rig as a whole."""
    R, t = cameras.views.R, cameras.views.t
    turn = np.concatenate([R, crosses(t) @ R], axis=1)
    shift = np.concatenate([np.zeros_like(R), R], axis=1)
    return np.concatenate([turn, shift], axis=2).reshape(-1, 6)
