"""Seeded boards before cameras with known truth, for the calibration tests."""

from functools import cache

import cv2
import numpy as np
from scipy.spatial.transform import Rotation

from calibration import Board, BoardObservations, Camera, Intrinsics, Rig

board = Board.charuco(columns=8, rows=11, square=0.06, marker=0.045, dictionary="4X4_1000")


def true_rig(views=6, seed=0, coefficients=5, spread=2 * np.pi):
    """Cameras on a circle of 3 m that look inwards, with the lenses of real machine-vision cameras."""
    rng = np.random.default_rng(seed)
    cameras = []
    for view in range(views):
        angle = spread * view / views
        center = np.array([3 * np.cos(angle), 3 * np.sin(angle), 1.2 + 0.3 * rng.standard_normal()])
        z = np.array([0, 0, 0.9]) - center
        z /= np.linalg.norm(z)
        x = np.cross(z, [0, 0, 1.0])
        x /= np.linalg.norm(x)
        R = np.stack([x, np.cross(z, x), z])
        f = 1100 + 50 * rng.standard_normal()
        K = np.array([[f, 0, 640 + 10 * rng.standard_normal()], [0, f * 1.002, 512], [0, 0, 1]])
        lens = np.zeros(coefficients)
        lens[:4] = [-0.25 + 0.03 * rng.standard_normal(), 0.09, 5e-4, -5e-4]
        intrinsics = Intrinsics(size=(1280, 1024), K=K, distortion=lens)
        rotvec = Rotation.from_matrix(R).as_rotvec()
        cameras.append(Camera.from_rotvec(f"cam{view}", intrinsics, rotvec, -R @ center))
    return Rig(cameras=tuple(cameras))


def board_places(frames, seed=0, reach=0.8):
    """world_from_board of a board waved through the middle of the volume: R (frames, 3, 3), t (frames, 3)."""
    rng = np.random.default_rng(seed)
    t = np.array([0, 0, 0.9]) + rng.uniform(-reach, reach, (frames, 3)) * [1, 1, 0.6]
    heading = Rotation.from_euler("z", rng.uniform(0, 360, (frames, 1)), degrees=True)
    upright = Rotation.from_euler("x", -90, degrees=True)
    tilt = Rotation.from_rotvec(rng.normal(0, 0.5, (frames, 3)))
    return (tilt * heading * upright).as_matrix(), t


def observe(rig, frames=60, *, noise=0.2, seed=0, corners=None):
    """Project the front of the board into every view that sees it; NaN outside the image or from behind."""
    rng = np.random.default_rng(seed)
    R, t = board_places(frames, seed)
    X = board.corners if corners is None else corners
    X = X - board.corners.mean(axis=0)
    world = np.einsum("fij,kj->fki", R, X) + t[:, None]
    xy = rig.project(world).transpose(0, 2, 1, 3)
    xy = xy + rng.normal(0, noise, xy.shape)
    towards = rig.centers[None] - t[:, None]
    facing = -np.einsum("fvi,fi->fv", towards, R[..., 2]) / np.linalg.norm(towards, axis=2)
    size = np.array([camera.intrinsics.size for camera in rig.cameras])
    inside = ((xy > 0) & (xy < size[:, None] - 1)).all(axis=-1) & (facing > 0.3)[..., None]
    xy[~inside] = np.nan
    return BoardObservations(board=board, names=rig.names, sizes=size, xy=xy, frame=np.arange(frames))


def aligned_error(rig, truth, xyz):
    """RMS distance, m, of points that a rig triangulates from the true rig's exact pixels, rigidly moved."""
    xy = truth.project(xyz)
    rays, centers = [], rig.centers
    uv = rig.undistort(xy)
    for view, camera in enumerate(rig.cameras):
        ray = np.append(uv[:, view], np.ones((len(uv), 1)), axis=1) @ camera.R
        rays.append(ray / np.linalg.norm(ray, axis=1, keepdims=True))
    P = np.array([np.eye(3) - ray[:, :, None] * ray[:, None] for ray in rays])
    found = np.linalg.solve(P.sum(axis=0), np.einsum("vnij,vj->ni", P, centers)[..., None])[..., 0]
    mean_found, mean_true = found.mean(axis=0), xyz.mean(axis=0)
    U, _, Vt = np.linalg.svd((xyz - mean_true).T @ (found - mean_found))
    R = U @ np.diag([1, 1, np.linalg.det(U @ Vt)]) @ Vt
    moved = (found - mean_found) @ R.T + mean_true
    return float(np.sqrt(np.mean(np.sum((moved - xyz) ** 2, axis=1))))


@cache
def mouse_corners(folder, frames=range(15)):
    """Corners of the real mouse rig's board images by OpenCV's own detector."""
    nominal = Board.charuco(columns=8, rows=11, square=0.024, marker=0.01875, dictionary="4X4_1000")
    made = cv2.aruco.CharucoBoard(
        (8, 11), 0.024, 0.01875, cv2.aruco.getPredefinedDictionary(cv2.aruco.DICT_4X4_1000)
    )
    detector = cv2.aruco.CharucoDetector(made)
    names = ("back", "mid", "side", "top")
    xy = np.full((len(frames), len(names), 70, 2), np.nan)
    for view, name in enumerate(names):
        for i, frame in enumerate(frames):
            (path,) = (folder / name / "calibration_images").glob(f"*-{frame}.jpg")
            found, ids, *_ = detector.detectBoard(cv2.imread(str(path), 0))
            xy[i, view, np.ravel(ids)] = np.reshape(found, (-1, 2))
    return BoardObservations(
        board=nominal, names=names, sizes=[[1280, 1024]] * 4, xy=xy, frame=np.array(frames)
    )
