"""Boards filmed with something wrong: a late camera, another print, a board read the other way or still."""

from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import RigidTransform, Rotation

from calibration import Board, BoardObservations, CalibrationError, Camera, Intrinsics, Rig, calibrate

Float = NDArray[np.float64]

BOARD = Board.charuco(columns=7, rows=5, square=0.06, marker=0.045, dictionary="4X4_50")
FRAMES = 36

CALIBRATION_FAULTS: dict[str, tuple[str, tuple[float, ...], str]] = {
    "a camera late": ("frames", (0.05, 0.1, 0.3), "later"),
    "a print wider than described": ("%", (0.5, 1.0, 3.0), "is not the one described"),
    "corners turned by 180 degrees in one camera": ("turn", (1.0,), "turned by 180 degrees"),
    "a board that slides in its plane": ("s", (1.0,), "do not determine"),
    "a board that stands still": ("s", (1.0,), "never moved"),
}


@cache
def rig() -> Rig:
    """Three cameras over 100 degrees of a circle of 3 m."""
    cameras = []
    for view in range(3):
        angle = 0.87 * view
        center = np.array([3 * np.cos(angle), 3 * np.sin(angle), 1.4 + 0.2 * (-1) ** view])
        z = np.array([0, 0, 1.0]) - center
        z /= np.linalg.norm(z)
        x = np.cross(z, [0, 0, 1.0])
        x /= np.linalg.norm(x)
        R = Rotation.from_matrix(np.stack([x, np.cross(z, x), z]))
        lens = Intrinsics.from_focal((1280, 1024), 1100.0, (-0.2, 0.07, 0, 0, 0))
        place = RigidTransform.from_components(-R.apply(center), R)
        cameras.append(Camera(name=f"cam{view}", intrinsics=lens, cam_from_world=place))
    return Rig(cameras=tuple(cameras))


def waved(times: Float, seed: int, motion: str) -> tuple[Float, Float]:
    """world_from_board of a board about its middle, facing the cameras: R (n, 3, 3), t (n, 3) m."""
    rng = np.random.default_rng(seed)
    phase, hertz = rng.uniform(0, 6, 6), rng.uniform(0.3, 0.6, 6)
    away = np.array([0, 0, 1.0]) - rig().centers.mean(axis=0)
    z = away / np.linalg.norm(away)
    x = np.cross([0, 0, 1.0], z)
    x /= np.linalg.norm(x)
    facing = np.stack([x, np.cross(z, x), z], axis=1)
    swing = np.sin(2 * np.pi * hertz * np.asarray(times)[:, None] + phase)
    place = np.array([0.4, 0.4, 0.2]) * swing[:, :3]
    tilt = 0.45 * swing[:, 3:]
    if motion == "slides":
        place, tilt = place * [1, 1, 0] @ facing.T, 0 * tilt
    if motion == "still":
        place, tilt = 0 * place, 0 * tilt
    return Rotation.from_rotvec(tilt).as_matrix() @ facing, place + np.array([0, 0, 1.0])


def calibration_verdict(fault: str, size: float, seed: int) -> str:
    """Calibrate from boards with a fault; say the alarms or the refusal, empty where there are none."""
    rng, stretch = np.random.default_rng(seed), np.ones(3)
    motion = "slides" if "slides" in fault else "still" if "still" in fault else "waved"
    if "wider" in fault:
        stretch[0] += size / 100
    X = (BOARD.corners - BOARD.corners.mean(axis=0)) * stretch
    times = np.arange(FRAMES) * 3 / 30  # every third frame
    xy = np.full((FRAMES, 3, len(X), 2), np.nan)
    for view, camera in enumerate(rig().cameras):
        late = 3 * size / 30 if fault == "a camera late" and view == 1 else 0.0
        R, t = waved(times + late, seed, motion)
        xy[:, view] = camera.project(np.einsum("fij,kj->fki", R, X) + t[:, None])
    xy += rng.normal(0, 0.15, xy.shape)
    xy[~((xy > 0) & (xy < [1279, 1023])).all(axis=-1)] = np.nan
    if "turned" in fault:
        xy[:, 1] = xy[:, 1, ::-1]
    seen = BoardObservations(
        board=BOARD, names=rig().names, sizes=np.array([[1280, 1024]] * 3), xy=xy, frame=np.arange(FRAMES)
    )
    try:
        _, report = calibrate(seen, validate=False)
    except CalibrationError as error:
        return f"{error} (cam1)" if motion != "waved" else str(error).replace("Cam1", "cam1")
    text = "; ".join(report.alarms)
    return f"{text} (cam1)" if text and "wider" in fault else text
