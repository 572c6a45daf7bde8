"""What the smoother found, while it is being put together, and the status of each point."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from calibration.rig import Rig
from models2d.detections import Tracks2D
from triangulate.smoothing.flags import flag
from triangulate.smoothing.gaps import gaps
from triangulate.smoothing.solve_report import SolveReport
from triangulate.smoothing.solver import Solved
from triangulate.smoothing.strength import Strength
from triangulate.trajectories import Status, Trajectories3D

Float = NDArray[np.float64]


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class Solution:
    """Writable arrays that the windows fill in; the fields are those of `Trajectories3D`.

    `squared` are the squared reprojection errors, (frames, views, subjects, keypoints) px2, of the inliers;
    `drawn` are draws of the deviation from the answer, (draws, frames, subjects, keypoints, 3) m.
    """

    xyz: Float
    covariance: Float
    inliers: NDArray[np.bool_]
    status: NDArray[np.int64]
    error: Float
    squared: Float
    drawn: Float

    @classmethod
    def empty(cls, tracks: Tracks2D, draws: int = 0) -> Self:
        """Make a solution in which nothing is known."""
        frames, views, subjects, keypoints = tracks.shape
        points = (frames, subjects, keypoints)
        return cls(
            xyz=np.full((*points, 3), np.nan),
            covariance=np.full((*points, 3, 3), np.nan),
            inliers=np.zeros((frames, views, subjects, keypoints), dtype=np.bool_),
            status=np.full(points, Status.UNSEEN, dtype=np.int64),
            error=np.full(points, np.nan),
            squared=np.zeros((frames, views, subjects, keypoints)),
            drawn=np.full((draws, *points, 3), np.nan),
        )

    def judge(self, tracks: Tracks2D, rig: Rig, max_gap: float) -> None:
        """Give every point its status and take out those that are too far from any observation."""
        agree = self.inliers.sum(axis=1)
        seen = np.isfinite(tracks.xy[..., 0]).sum(axis=1)
        self.status[:] = np.select(
            [agree > 2, agree == 2, seen == 0, seen == 1],
            [Status.OK, Status.TWO_VIEWS, Status.UNSEEN, Status.ONE_VIEW],
            Status.NO_CONSENSUS,
        )
        solved = np.isfinite(self.xyz).all(axis=-1)
        inside, nearest = gaps(agree >= 2)
        longest = max_gap * tracks.fps
        close = (inside <= longest) | ((agree == 1) & (nearest <= longest))
        self.status[solved & (agree < 2) & close] = Status.FILLED
        away = self.status > Status.FILLED
        self.xyz[away] = np.nan
        self.covariance[away] = np.nan
        self.error[away] = np.nan
        self.inliers.transpose(0, 2, 3, 1)[away] = False
        flag(self.status, self.xyz, self.inliers, tracks, rig)

    def trajectories(self, tracks: Tracks2D) -> Trajectories3D:
        """Freeze the solution."""
        return Trajectories3D(
            xyz=self.xyz,
            covariance=self.covariance,
            inliers=self.inliers,
            status=self.status,
            error=self.error,
            views=tracks.views,
            skeleton=tracks.skeleton,
            subjects=tracks.subjects,
            fps=tracks.fps,
        )

    def report(self, tracks: Tracks2D, strength: Strength, outcomes: list[Solved]) -> SolveReport:
        """Sum up the fit."""
        seen = np.isfinite(tracks.xy[..., 0]).sum(axis=(0, 2, 3))
        kept = self.inliers.sum(axis=(0, 2, 3))
        squared = np.where(self.inliers, self.squared, 0.0).sum(axis=(0, 2, 3))
        counts = np.bincount(self.status.ravel(), minlength=len(Status))
        return SolveReport(
            rms=float(np.sqrt(squared.sum() / max(kept.sum(), 1))),
            rms_by_view=np.sqrt(np.where(kept > 0, squared / np.maximum(kept, 1), np.nan)),
            inliers_by_view=kept / np.maximum(seen, 1),
            pixel_sigma=float(np.median(strength.pixel_sigma)),
            motion_sigma=strength.motion_sigma,
            motion="jerk" if strength.order == 3 else "acceleration",
            bones=strength.bones,
            bone_lengths=strength.bone_lengths,
            bone_sigma=strength.bone_sigma,
            persistence=strength.persistence,
            cost_before=float(sum(solved.before for solved in outcomes)),
            cost_after=float(sum(solved.after for solved in outcomes)),
            iterations=max((solved.iterations for solved in outcomes), default=0),
            converged=all(solved.converged for solved in outcomes),
            counts={status.name.lower(): int(counts[status]) for status in Status},
        )
