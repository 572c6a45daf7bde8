"""Where a flat board stands before one camera: both solutions of the planar pose problem."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from calibration.camera import Intrinsics

Float = NDArray[np.float64]

LEAST_CORNERS = 6


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class BoardPoses:
    """Candidate poses of the board before one camera.

    Attributes
    ----------
    R, t : (frames, 2, 3, 3), (frames, 2, 3) float
        cam_from_board, better solution first; NaN where there is none.
    error : (frames, 2) float, px
        Median reprojection error.
    """

    R: Float
    t: Float
    error: Float


def spread_enough(board: Float) -> bool:
    """Tell whether corners span a plane well: neither few nor nearly on a line."""
    if len(board) < LEAST_CORNERS:
        return False
    width = np.linalg.svd(board[:, :2] - board[:, :2].mean(axis=0), compute_uv=False)
    return bool(width[1] > 0.1 * width[0])


def board_poses(xy: Float, board: Float, intrinsics: Intrinsics) -> BoardPoses:
    """Find the board before one camera in every frame (IPPE: Collins & Bartoli 2014).

    Parameters
    ----------
    xy : (frames, corners, 2) float, px
        NaN where a corner was not found.
    board : (corners, 3) float, m, board
    intrinsics : Intrinsics

    Returns
    -------
    poses : BoardPoses
    """
    frames = len(xy)
    R, t = np.full((frames, 2, 3, 3), np.nan), np.full((frames, 2, 3), np.nan)
    error = np.full((frames, 2), np.inf)
    uv = intrinsics.undistort(xy)
    scale = intrinsics.K[0, 0]
    flat = board * [1, 1, 0]
    for frame in range(frames):
        seen = np.isfinite(uv[frame, :, 0])
        if not spread_enough(board[seen]):
            continue
        found, rotvecs, places, *_ = cv2.solvePnPGeneric(
            flat[seen], uv[frame, seen, None], np.eye(3), None, flags=cv2.SOLVEPNP_IPPE
        )
        for i in range(min(found, 2)):
            turn = cv2.Rodrigues(rotvecs[i])[0]
            X = board[seen] @ turn.T + places[i].ravel()
            if not (X[:, 2] > 0).all():
                continue
            off = np.linalg.norm(X[:, :2] / X[:, 2:] - uv[frame, seen], axis=1)
            R[frame, i], t[frame, i], error[frame, i] = turn, places[i].ravel(), scale * np.median(off)
    swap = error[:, 1] < error[:, 0]
    for array in (R, t, error):
        array[swap] = array[swap, ::-1]
    return BoardPoses(R=R, t=t, error=error)
