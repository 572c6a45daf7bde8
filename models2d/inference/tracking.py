"""Identities over time in one view: slots that keep the same individual."""

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from models2d.detections import Detections2D

Float = NDArray[np.float64]
Int = NDArray[np.int64]


def follow(
    detections: Detections2D, *, patience_seconds: float = 0.5, least_seconds: float = 0.1, limit: float = 0.7
) -> Detections2D:
    """Put the detections of each view into slots that follow individuals over time.

    Parameters
    ----------
    detections : Detections2D
    patience_seconds : float, s
        Time unseen after which an individual that comes back is a new one.
    least_seconds : float, s
        Individuals that are seen for less are left out (but always kept in a recording that short).
    limit : float
        Largest cost at which a detection continues a track; see the notes.

    Returns
    -------
    detections : Detections2D
        With a slot per individual, those seen longest first. Views are followed each on its own: slot 0 of
        two views may be two individuals.

    Raises
    ------
    ValueError
        If a time is negative or the limit is not positive.

    Notes
    -----
    In every frame detections are matched to tracks by the Hungarian method on the mean of two costs in [0,
    1]: 1 - IoU of the boxes around the poses, and the mean keypoint distance over half the box's diagonal.
    A track's pose is moved on by its last velocity, damped.
    """
    if patience_seconds < 0 or least_seconds < 0 or not limit > 0:
        raise ValueError("times must not be negative and the limit must be positive")
    patience = max(1, round(patience_seconds * detections.fps))
    least = min(round(least_seconds * detections.fps), detections.shape[0])
    chosen = [
        _ranked(_tracks(detections.xy[:, view], patience, limit), least)
        for view in range(len(detections.views))
    ]
    slots = max(1, *(len(tracks) for tracks in chosen))
    place = np.full((detections.shape[0], len(chosen), slots), -1)
    for view, tracks in enumerate(chosen):
        for number, track in enumerate(tracks):
            place[list(track), view, number] = list(track.values())
    at = (np.arange(len(place))[:, None, None], np.arange(len(chosen))[:, None], np.maximum(place, 0))
    absent = place < 0
    xy, confidence = detections.xy[at], detections.confidence[at]
    xy[absent], confidence[absent] = np.nan, np.nan
    covariance = None
    if detections.covariance is not None:
        covariance = detections.covariance[at]
        covariance[absent] = np.nan
    return Detections2D(
        xy=xy,
        confidence=confidence,
        covariance=covariance,
        views=detections.views,
        skeleton=detections.skeleton,
        fps=detections.fps,
        times=detections.times,
        sizes=detections.sizes,
        shared_error=detections.shared_error,
    )


def _ranked(tracks: list[dict[int, int]], least: int) -> list[dict[int, int]]:
    order = sorted(tracks, key=lambda track: -len(track))
    return [track for track in order if len(track) >= least] or order[:1]


def _tracks(xy: Float, patience: int, limit: float) -> list[dict[int, int]]:
    """Slot by frame of every track in one view."""
    tracks: list[dict[int, int]] = []
    poses = np.zeros((0, *xy.shape[2:]))
    speeds, last = np.zeros((0, 2)), np.zeros(0, dtype=np.int64)
    for frame, people in enumerate(xy):
        found = np.flatnonzero(np.isfinite(people[..., 0]).any(axis=-1))
        live = np.flatnonzero(frame - last <= patience)
        steps = np.minimum(frame - last[live], 5)[:, None, None]
        for track, slot in _pairs(poses[live] + steps * speeds[live, None], people[found], limit):
            number, pose = live[track], people[found[slot]]
            with np.errstate(invalid="ignore"):
                moved = (pose - poses[number])[np.isfinite(pose[:, 0]) & np.isfinite(poses[number][:, 0])]
            if len(moved):
                speeds[number] = 0.5 * (speeds[number] + np.median(moved, axis=0) / (frame - last[number]))
            poses[number] = np.where(np.isnan(pose), poses[number] + speeds[number], pose)
            last[number] = frame
            tracks[number][frame] = int(found[slot])
        taken = {track[frame] for track in tracks if frame in track}
        fresh = [int(slot) for slot in found if slot not in taken]
        tracks += [{frame: slot} for slot in fresh]
        poses = np.concatenate([poses, people[fresh]])
        speeds = np.concatenate([speeds, np.zeros((len(fresh), 2))])
        last = np.concatenate([last, np.full(len(fresh), frame)])
    return tracks


def _pairs(expected: Float, people: Float, limit: float) -> list[tuple[int, int]]:
    if not len(expected) or not len(people):
        return []
    cost = _cost(expected, people)
    rows, columns = linear_sum_assignment(np.minimum(cost, 2 * limit))
    return [(int(r), int(c)) for r, c in zip(rows, columns, strict=True) if cost[r, c] <= limit]


def _cost(expected: Float, people: Float) -> Float:
    """Mean of 1 - IoU and the keypoint distance over half the diagonal, (tracks, people)."""
    one, two = boxes(expected)[:, None], boxes(people)[None]
    overlap = np.maximum(np.minimum(one[..., 2:], two[..., 2:]) - np.maximum(one[..., :2], two[..., :2]), 0)
    area = [np.prod(box[..., 2:] - box[..., :2], axis=-1) for box in (one, two)]
    shared = np.prod(overlap, axis=-1)
    iou = shared / np.maximum(area[0] + area[1] - shared, 1e-9)
    away = np.linalg.norm(expected[:, None] - people[None], axis=-1)
    common = np.isfinite(away)
    size = np.linalg.norm(two[..., 2:] - two[..., :2], axis=-1)
    mean = np.where(common, away, 0.0).sum(axis=-1) / np.maximum(common.sum(axis=-1), 1)
    pose = np.where(common.any(axis=-1), np.minimum(mean / (0.5 * np.maximum(size, 1e-9)), 1.0), 1.0)
    return np.asarray(0.5 * (1 - iou) + 0.5 * pose)


def boxes(xy: Float) -> Float:
    """Compute the boxes around poses.

    Parameters
    ----------
    xy : (..., keypoints, 2) float, px

    Returns
    -------
    boxes : (..., 4) float, px
        Left, top, right, bottom; a box is at least 1 px wide, and at 0 where there is no keypoint.
    """
    found = np.isfinite(xy)
    low = np.where(found, xy, np.inf).min(axis=-2)
    high = np.where(found, xy, -np.inf).max(axis=-2)
    none = ~found.any(axis=-2)
    low, high = np.where(none, 0.0, low), np.where(none, 0.0, high)
    return np.concatenate([low - 0.5, high + 0.5], axis=-1)
