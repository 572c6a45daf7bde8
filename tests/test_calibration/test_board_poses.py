"""Poses of a flat board before one camera, beside OpenCV's for each frame."""

import cv2
import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.spatial.transform import Rotation

from calibration import Board, Camera, Intrinsics
from calibration.boards.poses import board_poses

board = Board.charuco(columns=7, rows=5, square=0.04, marker=0.03, dictionary="4X4_50").corners
lens = Intrinsics(
    size=(1280, 1024),
    K=np.array([[1100.0, 0, 630], [0, 1102.0, 520], [0, 0, 1]]),
    distortion=np.array([-0.2, 0.05, 1e-3, -5e-4, 0.0]),
)


def filmed(frames: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Boards turned by up to a radian, a third of their corners hidden: rotations, places, pixels."""
    rng = np.random.default_rng(seed)
    rotvecs = rng.uniform(-0.6, 0.6, (frames, 3))
    places = rng.uniform([-0.2, -0.2, 0.7], [0.2, 0.2, 1.1], (frames, 3))
    cameras = (Camera.from_rotvec("cam", lens, *pose) for pose in zip(rotvecs, places, strict=True))
    xy = np.stack([camera.project(board) for camera in cameras])
    xy[rng.random(xy.shape[:2]) < 0.3] = np.nan
    return Rotation.from_rotvec(rotvecs).as_matrix(), places, xy


def test_exact_pixels_give_the_exact_pose():
    R, t, xy = filmed(40)
    poses = board_poses(xy, board, lens)
    assert_allclose(poses.R[:, 0], R, atol=1e-7)
    assert_allclose(poses.t[:, 0], t, atol=1e-7)
    assert (poses.error[:, 0] < 1e-4).all()


def test_both_solutions_are_those_of_opencv():
    _, _, xy = filmed(40, seed=1)
    xy += np.random.default_rng(2).normal(0, 0.2, xy.shape)
    poses = board_poses(xy, board, lens)
    for frame in range(len(xy)):
        seen = np.isfinite(xy[frame, :, 0])
        uv = lens.undistort(xy[frame, seen])
        count, rotvecs, places, *_ = cv2.solvePnPGeneric(
            board[seen], uv[:, None], np.eye(3), None, flags=cv2.SOLVEPNP_IPPE
        )
        assert count == 2
        turns = [cv2.Rodrigues(rotvec)[0] for rotvec in rotvecs]
        # Theirs finds the homography by another linear method: they differ by a part of the noise.
        order = (0, 1) if np.abs(turns[0] - poses.R[frame, 0]).max() < 0.01 else (1, 0)
        for mine, theirs in enumerate(order):
            assert_allclose(poses.R[frame, mine], turns[theirs], atol=2e-3)
            assert_allclose(poses.t[frame, mine], places[theirs].ravel(), atol=1e-3)


def test_a_board_that_faces_the_camera_squarely():
    xy = Camera.from_rotvec("cam", lens, [0, 0, 0.3], [0.05, -0.02, 1.0]).project(board)[None]
    poses = board_poses(xy, board, lens)
    # Where nothing is foreshortened the angle shows to second order only.
    assert_allclose(poses.R[0, 0], Rotation.from_rotvec([0, 0, 0.3]).as_matrix(), atol=1e-3)
    assert_allclose(poses.t[0, 0], [0.05, -0.02, 1.0], atol=1e-4)


@pytest.mark.parametrize("kept", [slice(0, 5), slice(0, 6), slice(0, 0)], ids=["five", "one row", "none"])
def test_corners_that_fix_no_pose_give_none(kept):
    _, _, xy = filmed(3)
    few = np.full_like(xy, np.nan)
    few[1, kept] = Camera.from_rotvec("cam", lens, [0, 0.2, 0], [0, 0, 0.9]).project(board)[kept]
    few[2] = 600.0  # all corners on one pixel
    poses = board_poses(few, board, lens)
    assert np.isnan(poses.R).all()
    assert np.isnan(poses.t).all()
    assert np.isinf(poses.error).all()
