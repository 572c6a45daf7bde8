"""The numbers of a trial's report: what was found, how well views agree, bones, speeds, gaps."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibration.rig import Rig
from models2d.detections import Tracks2D
from triangulate.kinematics import speeds
from triangulate.trajectories import Trajectories3D

__all__ = [
    "BoneQuality",
    "Gap",
    "ViewQuality",
    "bone_quality",
    "find_gaps",
    "speeds",
    "view_quality",
    "view_residuals",
]

Float = NDArray[np.float64]


def view_residuals(trajectories: Trajectories3D, rig: Rig, tracks: Tracks2D) -> Float:
    """Compute the distance of every observation from the projection of its point.

    Parameters
    ----------
    trajectories : Trajectories3D
    rig : Rig
    tracks : Tracks2D

    Returns
    -------
    error : (frames, views, subjects, keypoints) float, px
    """
    rig = rig.select(tracks.views)
    if tracks.times is None:
        predicted = np.moveaxis(rig.project(trajectories.xyz), -2, 1)
        return np.linalg.norm(tracks.xy - predicted, axis=-1)
    error = np.full(tracks.xy.shape[:-1], np.nan)
    for view, camera in enumerate(rig.cameras):
        there = camera.project(positions_at(trajectories, tracks.times[:, view]))
        error[:, view] = np.linalg.norm(tracks.xy[:, view] - there, axis=-1)
    return error


def positions_at(trajectories: Trajectories3D, times: Float) -> Float:
    """Interpolate trajectories linearly between their frames.

    Parameters
    ----------
    trajectories : Trajectories3D
    times : (n,) float, s
        NaN where none is wanted.

    Returns
    -------
    xyz : (n, subjects, keypoints, 3) float, m, world
        NaN beside a gap, and more than half a frame beyond the ends.
    """
    last = len(trajectories.xyz) - 1
    at = (times - trajectories.start) * trajectories.fps
    inside = np.isfinite(at) & (at >= -0.5) & (at <= last + 0.5)
    at = np.clip(np.where(inside, at, 0.0), 0, last)
    before = np.minimum(at.astype(int), max(last - 1, 0))
    share = (at - before)[:, None, None, None]
    here, there = trajectories.xyz[before], trajectories.xyz[np.minimum(before + 1, last)]
    xyz = np.where(share == 0, here, np.where(share == 1, there, (1 - share) * here + share * there))
    xyz[~inside] = np.nan
    return np.asarray(xyz)


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewQuality:
    """How well one view agrees with the points.

    Attributes
    ----------
    name : str
    observations : int
    kept : float
        Share of the observations that points rest on.
    median, p90 : float, px
        Of the residuals of what was kept.
    """

    name: str
    observations: int
    kept: float
    median: float
    p90: float


def view_quality(trajectories: Trajectories3D, rig: Rig, tracks: Tracks2D) -> list[ViewQuality]:
    """Sum up each view.

    Parameters
    ----------
    trajectories : Trajectories3D
    rig : Rig
    tracks : Tracks2D

    Returns
    -------
    views : list of ViewQuality
    """
    error = view_residuals(trajectories, rig, tracks)
    quality = []
    for view, name in enumerate(tracks.views):
        judged = np.isfinite(error[:, view])
        kept = judged & trajectories.inliers[:, trajectories.views.index(name)]
        values = error[:, view][kept]
        quality.append(
            ViewQuality(
                name=name,
                observations=int(judged.sum()),
                kept=float(kept.sum() / max(judged.sum(), 1)),
                median=float(np.median(values)) if len(values) else np.nan,
                p90=float(np.percentile(values, 90)) if len(values) else np.nan,
            )
        )
    return quality


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """A run of frames in which a keypoint has no position.

    Attributes
    ----------
    subject, keypoint : str
    first, last : int
        Frames, both included.
    """

    subject: str
    keypoint: str
    first: int
    last: int

    @property
    def frames(self) -> int:
        """How many frames it lasts."""
        return self.last - self.first + 1


def find_gaps(trajectories: Trajectories3D) -> list[Gap]:
    """Find all gaps, the longest first.

    Parameters
    ----------
    trajectories : Trajectories3D

    Returns
    -------
    gaps : list of Gap
    """
    missing = np.isnan(trajectories.xyz[..., 0])
    edges = np.diff(np.pad(missing.astype(np.int8), ((1, 1), (0, 0), (0, 0))), axis=0)
    found = []
    for subject, who in enumerate(trajectories.subjects):
        for keypoint, name in enumerate(trajectories.skeleton.keypoints):
            starts = np.flatnonzero(edges[:, subject, keypoint] == 1)
            ends = np.flatnonzero(edges[:, subject, keypoint] == -1)
            found += [
                Gap(subject=who, keypoint=name, first=int(a), last=int(b) - 1)
                for a, b in zip(starts, ends, strict=True)
            ]
    return sorted(found, key=lambda gap: -gap.frames)


@dataclass(frozen=True, slots=True, kw_only=True)
class BoneQuality:
    """One bone over time.

    Attributes
    ----------
    subject, name : str
    median : float, m
    iqr : float, m
        Distance between its quartiles.
    """

    subject: str
    name: str
    median: float
    iqr: float


def bone_quality(trajectories: Trajectories3D) -> list[BoneQuality]:
    """Sum up each bone that was ever seen.

    Parameters
    ----------
    trajectories : Trajectories3D

    Returns
    -------
    bones : list of BoneQuality
    """
    quality = []
    for subject, who in enumerate(trajectories.subjects):
        for (a, b), (start, end) in zip(
            trajectories.skeleton.bones, trajectories.skeleton.bone_names, strict=True
        ):
            ends = trajectories.xyz[:, subject, [a, b]]
            length = np.linalg.norm(ends[:, 0] - ends[:, 1], axis=-1)
            length = length[np.isfinite(length)]
            if len(length):
                low, middle, high = np.percentile(length, [25, 50, 75])
                quality.append(
                    BoneQuality(
                        subject=who, name=f"{start} – {end}", median=float(middle), iqr=float(high - low)
                    )
                )
    return quality
