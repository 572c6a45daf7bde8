"""Keypoints in the world, and what is known about each of them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibration.arrays import frozen
from calibration.geometry.point_status import Status
from models2d.skeleton import Skeleton

__all__ = ["Status", "Trajectories3D"]

Float = NDArray[np.float64]


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class Trajectories3D:
    """Keypoints of known subjects in the world.

    Attributes
    ----------
    xyz : (frames, subjects, keypoints, 3) float, m, world
        NaN where unknown; `status` says why.
    covariance : (frames, subjects, keypoints, 3, 3) float, m2
        Of each point; NaN where unknown.
    inliers : (frames, views, subjects, keypoints) bool
        Observations that the point rests on.
    status : (frames, subjects, keypoints) int
        See `Status`.
    error : (frames, subjects, keypoints) float, px
        Root mean square reprojection error over the inliers; NaN where there are none.
    views : tuple of str
    skeleton : Skeleton
    subjects : tuple of str
    fps : float, Hz
    start : float, s
        Time of frame 0.

    Raises
    ------
    ShapeError, ValueError
        If the arrays do not agree or fps is not positive.
    """

    xyz: Float
    covariance: Float
    inliers: NDArray[np.bool_]
    status: NDArray[np.int64]
    error: Float
    views: tuple[str, ...]
    skeleton: Skeleton
    subjects: tuple[str, ...]
    fps: float
    start: float = 0.0

    def __post_init__(self) -> None:
        """Check and freeze."""
        subjects, views = tuple(map(str, self.subjects)), tuple(map(str, self.views))
        keypoints = len(self.skeleton.keypoints)
        xyz = frozen(self.xyz, ("frames", len(subjects), keypoints, 3), "xyz")
        points = xyz.shape[:-1]
        if not (np.isfinite(self.fps) and self.fps > 0):
            raise ValueError(f"fps: expected a positive number of frames per second, got {self.fps}")
        checked = {
            "xyz": xyz,
            "covariance": frozen(self.covariance, (*points, 3, 3), "covariance"),
            "inliers": frozen(self.inliers, (points[0], len(views), *points[1:]), "inliers", np.bool_),
            "status": frozen(self.status, points, "status", np.int64),
            "error": frozen(self.error, points, "error"),
            "subjects": subjects,
            "views": views,
            "fps": float(self.fps),
            "start": float(self.start),
        }
        for name, value in checked.items():
            object.__setattr__(self, name, value)

    @property
    def shape(self) -> tuple[int, int, int]:
        """(frames, subjects, keypoints)."""
        frames, subjects, keypoints, _ = self.xyz.shape
        return frames, subjects, keypoints

    @property
    def times(self) -> Float:
        """Time of every frame, (frames,) s."""
        return self.start + np.arange(len(self.xyz)) / self.fps
