"""Calibration from board corners: error on held-out points and time, beside aniposelib."""

import argparse
import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from calibration import Board, BoardObservations, Camera, Intrinsics, Rig, calibrate
from calibration.bundle.held_out import triangulated_corners
from calibration.bundle.lens_rules import LensRules
from calibration.bundle.parameters import Choice
from calibration.bundle.problem import Corners
from calibration.bundle.staging import staged
from calibration.corners.sightings import Sightings
from calibration.start.first_estimate import first_unknowns

Float = NDArray[np.float64]

board = Board.charuco(columns=8, rows=11, square=0.06, marker=0.045, dictionary="4X4_1000")


def ring(views: int = 6, seed: int = 0) -> Rig:
    """Cameras 1280x1024 on a circle of 3 m with the barrel distortion of machine-vision lenses."""
    rng = np.random.default_rng(seed)
    cameras = []
    for view in range(views):
        angle = 2 * np.pi * view / views
        center = np.array([3 * np.cos(angle), 3 * np.sin(angle), 1.2 + 0.3 * rng.standard_normal()])
        z = np.array([0, 0, 0.9]) - center
        z /= np.linalg.norm(z)
        x = np.cross(z, [0, 0, 1.0])
        x /= np.linalg.norm(x)
        R = np.stack([x, np.cross(z, x), z])
        f = 1100 + 50 * rng.standard_normal()
        c = np.array([640, 512]) + 10 * rng.standard_normal(2)
        lens = Intrinsics(
            size=(1280, 1024),
            K=np.array([[f, 0, c[0]], [0, f * 1.002, c[1]], [0, 0, 1]]),
            distortion=np.array([-0.25 + 0.03 * rng.standard_normal(), 0.09, 5e-4, -5e-4, 0.0]),
        )
        cameras.append(
            Camera.from_rotvec(f"cam{view}", lens, Rotation.from_matrix(R).as_rotvec(), -R @ center)
        )
    return Rig(cameras=tuple(cameras))


def waved(rig: Rig, frames: int, noise: float = 0.2, seed: int = 0) -> BoardObservations:
    """See a board waved through the middle of the volume, from its front and inside the images."""
    rng = np.random.default_rng(seed)
    t = np.array([0, 0, 0.9]) + rng.uniform(-1, 1, (frames, 3)) * [0.8, 0.8, 0.5]
    heading = Rotation.from_euler("z", rng.uniform(0, 360, (frames, 1)), degrees=True)
    tilt = Rotation.from_rotvec(rng.normal(0, 0.5, (frames, 3)))
    R = (tilt * heading * Rotation.from_euler("x", -90, degrees=True)).as_matrix()
    X = board.corners - board.corners.mean(axis=0)
    xy = rig.project(np.einsum("fij,kj->fki", R, X) + t[:, None]).transpose(0, 2, 1, 3)
    xy = xy + rng.normal(0, noise, xy.shape)
    towards = rig.centers[None] - t[:, None]
    facing = -np.einsum("fvi,fi->fv", towards, R[..., 2]) / np.linalg.norm(towards, axis=2)
    xy[~(((xy > 0) & (xy < [1279, 1023])).all(axis=-1) & (facing > 0.3)[..., None])] = np.nan
    return BoardObservations(
        board=board, names=rig.names, sizes=[[1280, 1024]] * len(rig), xy=xy, frame=np.arange(frames)
    )


def point_rms_mm(rig: Rig, truth: Rig, xyz: Float) -> float:
    """RMS error of points triangulated from their exact pixels, after the best rigid motion."""
    found = triangulated_corners(rig, truth.project(xyz).transpose(1, 0, 2)[None])[0]
    a, b = found - found.mean(axis=0), xyz - xyz.mean(axis=0)
    U, _, Vt = np.linalg.svd(b.T @ a)
    R = U @ np.diag([1, 1, np.linalg.det(U @ Vt)]) @ Vt
    return float(1e3 * np.sqrt(np.mean(np.sum((a @ R.T - b) ** 2, axis=1))))


def timed(call: Callable[[], Rig]) -> tuple[Rig, float, float]:
    """Return the result, seconds by the clock and seconds of processor time."""
    wall, cpu = time.perf_counter(), time.process_time()
    rig = call()
    return rig, time.perf_counter() - wall, time.process_time() - cpu


def joint_refinement(observations: BoardObservations) -> Rig:
    """Start and joint refinement alone, with a known lens model and a rigid board."""
    views = len(observations.names)
    start, frames = first_unknowns(Sightings.from_observations([observations]), {})
    choice = Choice(stages=("pinhole8",) * views, rules=LensRules.none(views))
    corners = Corners.from_array(observations.xy[frames])
    done = staged(corners, start, choice, observations.sizes, observations.board.corners)
    return done.unknowns.to_rig(observations.names, observations.sizes, (8,) * views)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, nargs="+", default=[140, 710])
    parser.add_argument("--no-peer", action="store_true", help="leave aniposelib out, which takes minutes")
    options = parser.parse_args()
    truth = ring()
    xyz = np.random.default_rng(5).uniform([-0.7, -0.7, 0.5], [0.7, 0.7, 1.3], (400, 3))
    calibrate(waved(truth, 30))  # compiles
    contenders: dict[str, Callable[[BoardObservations], Rig]] = {
        "start + joint refinement": joint_refinement,
        "calibrate(), board estimated": lambda o: calibrate(
            o, lens="pinhole8", board_shape="free", validate=False
        )[0],
        "calibrate(), all choices and cross-validation": lambda o: calibrate(o)[0],
    }
    if not options.no_peer:
        from calibration.anipose import calibrate_by_aniposelib

        contenders["aniposelib"] = lambda o: calibrate_by_aniposelib(o)[0]
    for frames in options.frames:
        observations = waved(truth, frames)
        print(f"6 cameras, {frames} boards, {int(observations.seen.sum())} corners, 0.2 px noise")
        for name, contender in contenders.items():
            rig, wall, cpu = timed(lambda contender=contender, seen=observations: contender(seen))  # type: ignore[misc]
            print(
                f"  {name:48s} {wall:8.2f} s ({cpu:.2f} s CPU)   {point_rms_mm(rig, truth, xyz):.4f} mm",
                flush=True,
            )


if __name__ == "__main__":
    main()
