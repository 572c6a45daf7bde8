"""Left and right mixed up by a network: found by consistency over views and over time, and put right.

A view that swaps a pair of keypoints disagrees with the others on both; swapping it back makes all agree.
When every view swaps at once, no geometry shows it, but both points jump across the body and back.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from calibration.rig import Rig
from models2d.detections import Tracks2D
from triangulate.points.flattening import observations
from triangulate.points.matched_rig import matched
from triangulate.points.noise_level import noise_scale
from triangulate.points.solving import solve_information

Float = NDArray[np.float64]
Bool = NDArray[np.bool_]

CAP = 25.0
"""Squared standardised residual beyond which a detection counts as an outlier, whatever its size."""

MARGIN = 20.0
"""By how much swapping must lower the cost: some 10 in log likelihood, so that noise never swaps."""

FEWEST_VIEWS = 3
"""With two, exchanging left and right in the one is as good as in the other."""


def unswap(tracks: Tracks2D, rig: Rig) -> tuple[Tracks2D, Bool]:
    """Find and mend swapped pairs of mirrored keypoints.

    Parameters
    ----------
    tracks : Tracks2D
    rig : Rig
        Must have every view of the tracks, by name.

    Returns
    -------
    tracks : Tracks2D
    swapped : (frames, views, subjects, keypoints) bool
        Detections that changed places with their counterpart.

    Raises
    ------
    ValueError
        If a view is not in the rig.
    """
    rig = matched(rig, tracks.views, tracks.sizes)
    frames, views, subjects, keypoints = tracks.shape
    flat, weight = observations(tracks)
    usual = noise_scale(flat, weight, rig)
    xy = np.moveaxis(flat.reshape(frames, subjects, keypoints, views, 2), 3, 1)
    information = np.moveaxis(weight.reshape(frames, subjects, keypoints, views, 3), 3, 1)
    swapped = np.zeros(tracks.shape, dtype=np.bool_)
    mirror = np.asarray(tracks.skeleton.mirror)
    for subject in range(subjects):
        for left in np.flatnonzero(mirror > np.arange(keypoints)):
            pair = [left, mirror[left]]
            seen, known = xy[:, :, subject][:, :, pair], information[:, :, subject][:, :, pair]
            # A haunch is not found as well as a nose: what is noise in a pair must not look like a swap.
            flip = swaps_of_pair(seen, known / max(usual, pair_noise(seen, known, rig)) ** 2, rig)
            swapped[:, :, subject, left] = swapped[:, :, subject, mirror[left]] = flip
    return exchanged(tracks, swapped), swapped


def sides_can_be_told(tracks: Tracks2D) -> bool:
    """Tell whether the views can find out which of them swaps left and right.

    That takes pairs of mirrored keypoints in three views or more that look at the same instants.

    Parameters
    ----------
    tracks : Tracks2D

    Returns
    -------
    can : bool
    """
    mirrored = np.asarray(tracks.skeleton.mirror) != np.arange(len(tracks.skeleton.keypoints))
    return len(tracks.views) >= FEWEST_VIEWS and tracks.times is None and bool(mirrored.any())


def exchanged(tracks: Tracks2D, swapped: Bool) -> Tracks2D:
    """Exchange detections with their counterparts where told to."""
    mirror = np.asarray(tracks.skeleton.mirror)
    fields = {}
    for name in ("xy", "confidence", "covariance"):
        values = getattr(tracks, name)
        if values is not None:
            where = swapped.reshape(*swapped.shape, *(1,) * (values.ndim - 4))
            fields[name] = np.where(where, values[:, :, :, mirror], values)
    return replace(tracks, **fields)


def pair_noise(xy: Float, information: Float, rig: Rig) -> float:
    """Return the noise of a pair of keypoints, relative to what the information says."""
    views = xy.shape[1]
    rows = np.ascontiguousarray(xy.transpose(0, 2, 1, 3)).reshape(-1, views, 2)
    return noise_scale(
        rows, np.ascontiguousarray(information.transpose(0, 2, 1, 3)).reshape(-1, views, 3), rig
    )


def swaps_of_pair(xy: Float, information: Float, rig: Rig) -> Bool:
    """Find the views and frames in which a pair is swapped.

    Parameters
    ----------
    xy : (frames, views, 2, 2) float, px
        Left, then right.
    information : (frames, views, 2, 3) float, 1/px2
    rig : Rig

    Returns
    -------
    swapped : (frames, views) bool
    """
    frames, views = xy.shape[:2]
    flip = np.zeros((frames, views), dtype=np.bool_)
    cost, points = labelling_cost(xy, information, flip, rig)
    for _ in range(views):
        # The best view first: taking any that helps, two wrongs may agree and outvote the third.
        trials = []
        for view in range(views):
            trial = flip.copy()
            trial[:, view] ^= True
            trials.append((trial, *labelling_cost(xy, information, trial, rig)))
        best = np.argmin([trial_cost for _, trial_cost, _ in trials], axis=0)
        before = cost.copy()
        for view, (trial, new_cost, new_points) in enumerate(trials):
            better = (best == view) & (new_cost < before - MARGIN)
            flip[better], cost[better], points[better] = trial[better], new_cost[better], new_points[better]
        if (cost == before).all():
            break
    return flip ^ exchanged_frames(points, separation_noise(points))[:, None]


def labelling_cost(xy: Float, information: Float, flip: Bool, rig: Rig) -> tuple[Float, Float]:
    """Triangulate both points under a labelling; return its cost in every frame and the points.

    Parameters
    ----------
    xy : (frames, views, 2, 2) float, px
    information : (frames, views, 2, 3) float, 1/px2
    flip : (frames, views) bool
    rig : Rig

    Returns
    -------
    cost : (frames,) float
    points : (frames, 2, 3) float, m, world
    """
    frames, views = xy.shape[:2]
    where = flip[:, :, None, None]
    xy, information = (np.where(where, array[:, :, ::-1], array) for array in (xy, information))
    rows = np.ascontiguousarray(xy.transpose(0, 2, 1, 3)).reshape(2 * frames, views, 2)
    weights = np.ascontiguousarray(information.transpose(0, 2, 1, 3)).reshape(2 * frames, views, 3)
    solved = solve_information(rows, weights, rig)
    x, y = np.moveaxis(rows - rig.project(solved.xyz), -1, 0)
    a, b, c = np.moveaxis(weights, -1, 0)
    squares = np.minimum(a * x * x + 2 * b * x * y + c * y * y, CAP)
    squares = np.where(np.isfinite(rows[..., 0]), np.where(np.isfinite(squares), squares, CAP), 0.0)
    return squares.sum(axis=1).reshape(frames, 2).sum(axis=1), solved.xyz.reshape(frames, 2, 3)


def separation_noise(points: Float) -> float:
    """Return how far a point moves from frame to frame, typically (m)."""
    steps = np.linalg.norm(np.diff(points, axis=0), axis=-1)
    known = steps[np.isfinite(steps)]
    return float(np.median(known)) if known.size else 0.0


def exchanged_frames(points: Float, step: float) -> Bool:
    """Find the frames in which both points stand where the other one was, by the shorter path through time.

    The labelling that more frames have from the start counts as the right one.

    Parameters
    ----------
    points : (frames, 2, 3) float, m, world
    step : float, m
        Typical distance from frame to frame.

    Returns
    -------
    wrong : (frames,) bool
    """
    known = np.flatnonzero(np.isfinite(points).all(axis=(1, 2)))
    state = np.zeros(len(points), dtype=np.bool_)
    if len(known) < 2:
        return state
    here, there = points[known[:-1]], points[known[1:]]
    stay = np.linalg.norm(there - here, axis=-1).sum(axis=-1)
    cross = np.linalg.norm(there - here[:, ::-1], axis=-1).sum(axis=-1)
    # Only a jump that is clearly shorter the other way round is a swap: points that touch may pass.
    turned = np.cumsum(cross + 6 * step < stay) % 2 == 1
    state[known[1:]] = turned
    gaps = np.setdiff1d(np.arange(len(points)), known)
    state[gaps] = state[known[np.clip(np.searchsorted(known, gaps) - 1, 0, None)]]
    return state if state[known].mean() <= 0.5 else ~state
