"""Group the detections of one instant over all views: each group is one subject seen by several cameras."""

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from calibration.arrays import ReadOnlyArrays
from triangulate.association.rays import Rays, closest, epipolar, midpoints, ray_distances, support

Float = NDArray[np.float64]
Int = NDArray[np.int64]
chunk = 40_000
"""Keypoint comparisons that are held in memory at once."""


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class Groups(ReadOnlyArrays):
    """Detections that are one subject, of all frames one after the other.

    Attributes
    ----------
    frame : (groups,) int
    members : (groups, views) int
        Slot in each view; -1 where the subject was not found.
    xyz : (groups, keypoints, 3) float, m, world
    support : (groups,) float
        Keypoints of the views that the 3D pose explains, weighted by confidence.
    """

    frame: Int
    members: Int
    xyz: Float
    support: Float


def grouped(rays: Rays, cost_limit: float = 4.0, reach: float = 4.0) -> Groups:
    """Group the detections of every frame by the 3D poses that most views agree on.

    Parameters
    ----------
    rays : Rays
    cost_limit : float
        Mean squared epipolar distance, in variances, below which two poses may be one subject.
    reach : float
        Distance from a projected pose at which a keypoint stops counting, in standard deviations.

    Returns
    -------
    groups : Groups

    Notes
    -----
    Every pair of detections that lie on each other's epipolar lines is triangulated and counts the
    keypoints that it explains in all views; the pose with the largest count takes its detections, then the
    next. The groups' own poses, from all of their views, then compete once more. Consistent over all views by
    construction: a detection belongs to one 3D pose, and a pose has at most one detection per view.
    """
    frames, views, slots, keypoints = rays.weight.shape
    pairs = _pairs(views, slots)
    step = max(1, chunk // max(1, len(pairs[0][0]) * keypoints))
    blocks = []
    for start in range(0, frames, step):
        block = np.arange(start, min(start + step, frames))
        blocks.append(_block(rays, block, pairs, cost_limit, reach))
    return Groups(
        frame=np.concatenate([block.frame for block in blocks]),
        members=np.concatenate([block.members for block in blocks]),
        xyz=np.concatenate([block.xyz for block in blocks]),
        support=np.concatenate([block.support for block in blocks]),
    )


def sharpened(rays: Rays, sample: int = 100) -> Rays:
    """Shrink the standard deviations to what the detections of a sample of frames show.

    Parameters
    ----------
    rays : Rays
    sample : int
        Number of frames, spread evenly.

    Returns
    -------
    rays : Rays
        With standard deviations times a factor in [0.2, 1]: half as large again as the median distance of the
        detections from the poses of groups of three views and more.
    """
    frames = np.unique(np.linspace(0, len(rays.weight) - 1, sample).astype(np.int64))
    few = replace(rays, **{name: getattr(rays, name)[frames] for name in ("xy", "sigma", "weight", "size")})
    groups = grouped(few)
    sure = (groups.members >= 0).sum(axis=1) >= 3
    if not sure.any():
        return rays
    away = ray_distances(few, groups.frame[sure], groups.xyz[sure], groups.members[sure])
    # The median of a Rayleigh distance is 1.18 standard deviations.
    factor = float(np.clip(1.5 * np.nanmedian(away) / 1.18, 0.2, 1.0))
    return replace(rays, sigma=factor * rays.sigma)


def _pairs(views: int, slots: int) -> tuple[tuple[Int, Int], tuple[Int, Int]]:
    view, slot = (index.ravel() for index in np.meshgrid(np.arange(views), np.arange(slots), indexing="ij"))
    a, b = np.triu_indices(views * slots, 1)
    apart = view[a] != view[b]
    a, b = a[apart], b[apart]
    return (view[a], slot[a]), (view[b], slot[b])


def _block(
    rays: Rays, frames: Int, pairs: tuple[tuple[Int, Int], tuple[Int, Int]], cost_limit: float, reach: float
) -> Groups:
    first, second = pairs
    cost = epipolar(rays, frames, first, second, cap=9.0)
    row, pair = np.nonzero(cost < cost_limit)
    frame = frames[row]
    xyz = midpoints(rays, frame, (first[0][pair], first[1][pair]), (second[0][pair], second[1][pair]))
    frame, members, _ = _compete(frame, support(rays, frame, xyz, reach))
    xyz = closest(rays, frame, members)
    frame, members, kept = _compete(frame, support(rays, frame, xyz, reach))
    xyz = closest(rays, frame, members)
    return Groups(frame=frame, members=members, xyz=xyz, support=kept)


def _compete(frame: Int, explained: Float) -> tuple[Int, Int, Float]:
    """Let the poses of each frame take detections, the one that explains most first."""
    groups: list[tuple[int, Int, float]] = []
    edges = (
        np.flatnonzero(np.r_[True, np.diff(frame) > 0, True]) if len(frame) else np.zeros(1, dtype=np.int64)
    )
    views = np.arange(explained.shape[1])
    for start, stop in pairwise(edges.tolist()):
        left = explained[start:stop].copy()
        while True:
            best = left.max(axis=2)
            total = best.sum(axis=1)
            total[(best > 0).sum(axis=1) < 2] = 0.0
            winner = int(total.argmax())
            if total[winner] <= 0:
                break
            taken = np.where(best[winner] > 0, left[winner].argmax(axis=1), -1)
            groups.append((int(frame[start]), taken, float(total[winner])))
            held = taken >= 0
            left[:, views[held], taken[held]] = 0.0
    members = np.array([group[1] for group in groups], dtype=np.int64).reshape(-1, explained.shape[1])
    return (
        np.array([group[0] for group in groups], dtype=np.int64),
        members,
        np.array([group[2] for group in groups], dtype=np.float64),
    )
