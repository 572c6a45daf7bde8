"""What the smoother did: `SolveReport`."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from calibration.arrays import frozen

Float = NDArray[np.float64]


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class SolveReport:
    """Fit, strengths and counts of one call of `triangulate.smooth`.

    Attributes
    ----------
    rms : float, px
        Root mean square reprojection error over the inliers.
    rms_by_view : (views,) float, px
        The same of each view; NaN where none of its observations was kept.
    inliers_by_view : (views,) float
        Share of each view's observations that were kept.
    pixel_sigma : float, px
        Standard deviation of a detection, per axis.
    motion_sigma : (subjects, keypoints) float
        Of the jerk (m/s3) or the acceleration (m/s2) of each keypoint.
    motion : "jerk" or "acceleration"
    bones : (bones, 2) int
        Keypoints that keep their distance: the skeleton's bones, then pairs of siblings left and right.
    bone_lengths : (subjects, bones) float, m
    bone_sigma : (subjects, bones) float, m
        NaN for bones that were not used.
    persistence : (keypoints,) float
        Share of the detections' error variance that lasts, so that smoothing cannot take it away: labels
        that sit elsewhere in each view, or a calibration that is off.
    cost_before, cost_after : float
        Minus log posterior at the start and at the end, up to a constant.
    iterations : int
        Of the slowest window.
    converged : bool
    counts : dict of str to int
        Points by status.
    """

    rms: float
    rms_by_view: Float
    inliers_by_view: Float
    pixel_sigma: float
    motion_sigma: Float
    motion: str
    bones: NDArray[np.int64]
    bone_lengths: Float
    bone_sigma: Float
    persistence: Float
    cost_before: float
    cost_after: float
    iterations: int
    converged: bool
    counts: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check and freeze."""
        for name in ("rms_by_view", "inliers_by_view"):
            object.__setattr__(self, name, frozen(getattr(self, name), ("views",), name))
        object.__setattr__(
            self, "motion_sigma", frozen(self.motion_sigma, ("subjects", "keypoints"), "motion_sigma")
        )
        object.__setattr__(self, "bones", frozen(self.bones, ("bones", 2), "bones", np.int64))
        object.__setattr__(self, "persistence", frozen(self.persistence, ("keypoints",), "persistence"))
        for name in ("bone_lengths", "bone_sigma"):
            object.__setattr__(self, name, frozen(getattr(self, name), ("subjects", "bones"), name))
        object.__setattr__(self, "counts", dict(self.counts))

    def __str__(self) -> str:
        """Return the main figures in two lines."""
        counts = ", ".join(f"{count} {name}" for name, count in self.counts.items() if count)
        end = "converged" if self.converged else "did not converge"
        return (
            f"reprojection {self.rms:.2f} px rms over the inliers, noise {self.pixel_sigma:.2f} px; "
            f"{end} in {self.iterations} iterations\npoints: {counts}"
        )
