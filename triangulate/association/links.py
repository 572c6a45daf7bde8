"""Link the groups of one frame to those of the next: subjects over time."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from triangulate.association.groups import Groups
from triangulate.association.rays import Rays

Float = NDArray[np.float64]
Int = NDArray[np.int64]

NEAREST = 0.01
"""Least size of a subject, as a part of its distance from the cameras' middle: that of a single point."""


@dataclass(eq=False, slots=True)
class Chain:
    """One subject while it is being followed.

    Attributes
    ----------
    xyz : (keypoints, 3) float, m, world
        Where each keypoint was last.
    velocity : (3,) float, m per frame
    last : int
        Frame in which it was last grouped from two views.
    seen : (keypoints,) int
        Frame in which each keypoint was last seen.
    slots : dict of int to (views,) int
        Slot of every view by frame.
    support : float
    """

    xyz: Float
    velocity: Float
    last: int
    seen: Int
    slots: dict[int, Int] = field(default_factory=dict)
    support: float = 0.0

    def predicted(self, frame: int) -> Float:
        """Where the keypoints should be, (keypoints, 3) m: the last motion goes on, less and less."""
        steps = (1 - 0.8 ** (frame - self.last)) / 0.2 * 0.8
        fresh = self.seen >= self.last - 15
        return np.where(fresh[:, None], self.xyz + steps * self.velocity, np.nan)

    def moved(self, frame: int, xyz: Float, slots: Int, support: float) -> None:
        """Take in the group of a frame."""
        found = np.isfinite(xyz[:, 0])
        known = found & np.isfinite(self.xyz[:, 0]) & (self.seen == self.last)
        if known.any() and frame > self.last:
            step = np.median(xyz[known] - self.xyz[known], axis=0) / (frame - self.last)
            self.velocity = 0.5 * self.velocity + 0.5 * step
        self.xyz = np.where(found[:, None], xyz, self.xyz)
        self.seen = np.where(found, frame, self.seen)
        self.last = frame
        self.slots[frame] = slots
        self.support += support


def body_size(groups: Groups, rays: Rays) -> float:
    """Measure how large the subjects are: the median extent of the 3D poses.

    Parameters
    ----------
    groups : Groups
    rays : Rays

    Returns
    -------
    size : float, m
        At least 1% of the distance from the cameras.
    """
    if not np.isfinite(groups.xyz).any():
        return 0.0
    least = NEAREST * float(np.nanmedian(np.linalg.norm(groups.xyz - rays.centers.mean(axis=0), axis=-1)))
    some = np.isfinite(groups.xyz[..., 0]).sum(axis=1) >= min(3, groups.xyz.shape[1])
    if not some.any():
        return least
    low = np.nanmin(groups.xyz[some], axis=1)
    high = np.nanmax(groups.xyz[some], axis=1)
    return max(float(np.median(np.linalg.norm(high - low, axis=-1))), least)


def linked(groups: Groups, rays: Rays, reach: float, patience: int) -> list[Chain]:
    """Follow subjects through the frames by their predicted 3D positions.

    Parameters
    ----------
    groups : Groups
    rays : Rays
    reach : float, m
        Distance from its prediction beyond which a pose is another subject; it grows while unseen.
    patience : int
        Frames after which a subject that was not seen is given up.

    Returns
    -------
    chains : list of Chain
        In the order in which they appear.
    """
    chains: list[Chain] = []
    edges = np.searchsorted(groups.frame, np.arange(len(rays.weight) + 1))
    for frame in range(len(rays.weight)):
        here = np.arange(edges[frame], edges[frame + 1])
        live = [chain for chain in chains if frame - chain.last <= patience]
        matched = _matched(live, groups, here, frame, reach)
        for chain, group in matched:
            chain.moved(frame, groups.xyz[group], groups.members[group], float(groups.support[group]))
        taken = {group for _, group in matched}
        fresh = [group for group in here if group not in taken]
        chains += [_born(groups, group, frame) for group in fresh]
        unseen = [chain for chain in live if chain.last != frame]
        if unseen:
            _one_view(unseen, rays, frame, groups.members[here])
    return chains


def _born(groups: Groups, group: int, frame: int) -> Chain:
    keypoints = groups.xyz.shape[1]
    chain = Chain(
        xyz=np.full((keypoints, 3), np.nan),
        velocity=np.zeros(3),
        last=frame,
        seen=np.full(keypoints, -(10**6)),
    )
    chain.moved(frame, groups.xyz[group], groups.members[group], float(groups.support[group]))
    return chain


def _matched(
    live: list[Chain], groups: Groups, here: Int, frame: int, reach: float
) -> list[tuple[Chain, int]]:
    """Pair live subjects with groups so that the sum of distances is least (Hungarian method)."""
    if not live or not len(here):
        return []
    expected = np.array([chain.predicted(frame) for chain in live])
    away = np.linalg.norm(expected[:, None] - groups.xyz[here][None], axis=-1)
    common = np.isfinite(away)
    gap = np.array([frame - chain.last for chain in live])
    limit = reach * np.minimum(1 + 0.1 * (gap - 1), 3.0)[:, None]
    mean = np.where(common, np.minimum(np.nan_to_num(away), 2 * limit[..., None]), 0.0).sum(axis=-1)
    mean /= np.maximum(common.sum(axis=-1), 1)
    possible = common.any(axis=-1) & (mean < limit)
    rows, columns = linear_sum_assignment(np.where(possible, mean - limit.max(), 0.0))
    return [(live[r], int(here[c])) for r, c in zip(rows, columns, strict=True) if possible[r, c]]


def _one_view(unseen: list[Chain], rays: Rays, frame: int, members: Int) -> None:
    """Give detections that joined no group to unseen subjects whose predicted pose they show."""
    expected = np.array([chain.predicted(frame) for chain in unseen])
    cam = np.einsum("vij,ckj->cvki", rays.R, expected) + rays.t[:, None]
    with np.errstate(invalid="ignore", divide="ignore"):
        flat = np.where(cam[..., 2:] > 0, cam[..., :2] / cam[..., 2:], np.nan)
    away = np.linalg.norm(rays.xy[frame] - flat[:, :, None], axis=-1)
    weight = rays.weight[frame] * np.isfinite(away)
    mean = (weight * np.nan_to_num(away)).sum(axis=-1) / np.maximum(weight.sum(axis=-1), 1e-12)
    near = (weight.sum(axis=-1) > 0) & (mean < 0.2 * rays.size[frame])
    for view in range(members.shape[1]):
        free = np.setdiff1d(np.arange(rays.weight.shape[2]), members[:, view])
        possible = near[:, view][:, free]
        if not possible.any():
            continue
        cost = np.where(possible, mean[:, view][:, free] - 1e3, 0.0)
        for row, column in zip(*linear_sum_assignment(cost), strict=True):
            if possible[row, column]:
                slots = unseen[row].slots.setdefault(frame, np.full(members.shape[1], -1))
                slots[view] = free[column]
