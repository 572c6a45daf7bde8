"""Refining the cameras of a recording: pieces of it, rounds of choosing strengths, and what came out."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import RigidTransform, Rotation

from calibration.arrays import frozen
from calibration.rig import Rig
from models2d.detections import Tracks2D
from triangulate.common_clock import retimed, synchronised
from triangulate.smoothing.camera_priors import CameraPriors
from triangulate.smoothing.cameras import Cameras, Piece, Refined, crosses, prior_information, refine
from triangulate.smoothing.joint_limits import Hinges
from triangulate.smoothing.smoother import Problem, Task, pack, plan, prepare
from triangulate.smoothing.strength import Options, choose_strength
from triangulate.smoothing.windows import Window

Float = NDArray[np.float64]

LENGTH = 512
"""Frames of a piece."""

PIECES = 8
"""Pieces, spread over the recording, that cameras are refined from; the whole of shorter recordings."""

ROUNDS = 4
SETTLED = 0.05
"""Standard deviations by which a camera may still move when strengths are chosen anew."""

DRAWS = 100
"""Rigs drawn from what is not known about the refined cameras, for the covariance of points."""

REACH = 4.0
"""Standard deviations of the time offsets that the splines leave room for."""


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class RefinedCameras:
    """What became of the cameras.

    Attributes
    ----------
    rig : Rig
        The cameras of the tracks' views, in their order.
    late : (views,) float, s
        By how much later each view looked than its times say; 0 for the first.
    late_sigma : (views,) float, s
    covariance : (views, 6, views, 6) float
        Of the rotations (rad) and translations (m) that multiply each `cam_from_world` from the left; moving
        the rig as a whole does not count.
    turned : (views,) float, rad
        By how much each camera was turned.
    moved : (views,) float, m
        By how much its centre was moved.
    noise_before, noise_after : float, px
        What the smoother takes for the noise of a detection.
    rounds : int
    converged : bool
    """

    rig: Rig
    late: Float
    late_sigma: Float
    covariance: Float
    turned: Float
    moved: Float
    noise_before: float
    noise_after: float
    rounds: int
    converged: bool

    def __post_init__(self) -> None:
        """Check and freeze."""
        views = len(self.rig)
        for name in ("late", "late_sigma", "turned", "moved"):
            object.__setattr__(self, name, frozen(getattr(self, name), (views,), name))
        object.__setattr__(self, "covariance", frozen(self.covariance, (views, 6, views, 6), "covariance"))

    def draw(self, count: int, *, seed: int = 0) -> tuple[Rig, ...]:
        """Draw rigs from what is not known about the cameras' places.

        Parameters
        ----------
        count : int
        seed : int

        Returns
        -------
        rigs : tuple of Rig
        """
        views = len(self.rig)
        values, axes = np.linalg.eigh(self.covariance.reshape(6 * views, 6 * views))
        root = axes * np.sqrt(np.maximum(values, 0.0))
        steps = np.random.default_rng(seed).standard_normal((count, 6 * views)) @ root.T
        return tuple(stepped(self.rig, step) for step in steps.reshape(count, views, 6))

    def timed(self, tracks: Tracks2D) -> Tracks2D:
        """Return tracks with the times at which the views looked.

        Parameters
        ----------
        tracks : Tracks2D

        Returns
        -------
        tracks : Tracks2D
        """
        return retimed(tracks, self.late) if self.late.any() else tracks

    def __str__(self) -> str:
        """Return one line for each camera."""
        sigma = np.sqrt(np.einsum("vivi->vi", self.covariance)[:, 3:].sum(axis=1))
        lines = [
            f"cameras refined in {self.rounds} rounds{'' if self.converged else ', not converged'}: noise "
            f"{self.noise_before:.2f} -> {self.noise_after:.2f} px"
        ]
        for view, name in enumerate(self.rig.names):
            lines.append(
                f"{name}: moved {1e3 * self.moved[view]:.1f} mm (sd {1e3 * sigma[view]:.1f}), turned "
                f"{np.rad2deg(self.turned[view]):.3f} deg, {1e3 * self.late[view]:+.2f} ms late "
                f"(sd {1e3 * self.late_sigma[view]:.2f})"
            )
        return "\n".join(lines)


def refined_cameras(tracks: Tracks2D, rig: Rig, options: Options, priors: CameraPriors) -> RefinedCameras:
    """Find the cameras that the smoother's problem has at its optimum.

    Cameras, trajectories and time offsets are solved for at once; how strongly to believe in what is chosen
    anew for the cameras found, until they stay where they are.

    Parameters
    ----------
    tracks : Tracks2D
    rig : Rig
        Its cameras in the order of the tracks' views.
    options : Options
    priors : CameraPriors

    Returns
    -------
    refined : RefinedCameras
    """
    given = cameras = Cameras(pack(rig), np.zeros(len(rig)))
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
    views, together = pack(rig), synchronised(tracks)
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
            ready = prepare(
                Task(window, task.subject, task.keypoints, task.spacing),
                problem,
                room=REACH * priors.offset_sigma * fps,
            )
            # The times are those of the tracks, which hold the offsets found so far.
            at = np.broadcast_to(ready.at, (end - begin, len(cameras.late))) / task.spacing + ready.pad
            rate = fps / task.spacing
            pieces.append(Piece(at - rate * cameras.late, rate, ready.start, ready.observed, ready.priors))
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


def with_cameras(rig: Rig, cameras: Cameras) -> Rig:
    """Return the rig with its cameras where they were found."""
    places = zip(rig.cameras, cameras.views.R, cameras.views.t, strict=True)
    return Rig(
        cameras=tuple(
            replace(camera, cam_from_world=RigidTransform.from_components(t, Rotation.from_matrix(R)))
            for camera, R, t in places
        )
    )


def stepped(rig: Rig, step: Float) -> Rig:
    """Return the rig after a step, (views, 6), of its cameras."""
    start = Cameras(pack(rig), np.zeros(len(rig)))
    return with_cameras(rig, start.moved(np.concatenate([step, np.zeros((len(rig), 1))], axis=1)))
