"""When detections were made, and how views of different clocks and frame rates come into one table."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from models2d.detections import Tracks2D

Float = NDArray[np.float64]


def clock(tracks: Tracks2D) -> Float:
    """Return when each view took each frame, frame number over fps where that is not stated.

    Parameters
    ----------
    tracks : Tracks2D

    Returns
    -------
    times : (frames, views) float, s
    """
    if tracks.times is not None:
        return tracks.times
    return np.repeat(np.arange(len(tracks.xy))[:, None] / tracks.fps, len(tracks.views), axis=1)


def retimed(tracks: Tracks2D, offset: ArrayLike) -> Tracks2D:
    """Return tracks whose views' times are later by an offset each.

    Parameters
    ----------
    tracks : Tracks2D
    offset : (views,) float, s

    Returns
    -------
    tracks : Tracks2D
    """
    return replace(tracks, times=clock(tracks) + np.asarray(offset, dtype=np.float64))


def synchronised(tracks: Tracks2D, longest: float = 2.5) -> Tracks2D:
    """Interpolate every view's detections linearly at the common times n / fps.

    Parameters
    ----------
    tracks : Tracks2D
    longest : float
        Frames of a view, at its own rate, between two detections across which is interpolated.

    Returns
    -------
    tracks : Tracks2D
        Without times; covariances are those of the nearer detection.
    """
    if tracks.times is None:
        return tracks
    frames, views, subjects, keypoints = tracks.shape
    wanted = np.arange(frames) / tracks.fps
    xy, confidence = np.full(tracks.xy.shape, np.nan), np.full(tracks.confidence.shape, np.nan)
    covariance = None if tracks.covariance is None else np.full(tracks.covariance.shape, np.nan)
    interval = [frame_interval(tracks.times[:, view]) * tracks.fps for view in range(views)]
    for view, subject, keypoint in np.ndindex(views, subjects, keypoints):
        times, seen = tracks.times[:, view], tracks.xy[:, view, subject, keypoint]
        known = np.flatnonzero(np.isfinite(seen[:, 0]) & np.isfinite(times))
        if len(known) < 2:
            continue
        known = known[np.argsort(times[known], kind="stable")]
        at = times[known]
        after = np.clip(np.searchsorted(at, wanted), 1, len(at) - 1)
        span = at[after] - at[after - 1]
        share = (wanted - at[after - 1]) / np.where(span > 0, span, 1.0)
        slack = 0.5 / tracks.fps / np.where(span > 0, span, 1.0)
        good = (
            (span * tracks.fps <= longest * max(interval[view], 1.0))
            & (share >= -slack)
            & (share <= 1 + slack)
        )
        early, late = known[after - 1][good], known[after][good]
        part = share[good, None]
        xy[good, view, subject, keypoint] = (1 - part) * seen[early] + part * seen[late]
        near = np.where(share[good] < 0.5, early, late)
        confidence[good, view, subject, keypoint] = tracks.confidence[near, view, subject, keypoint]
        if covariance is not None and tracks.covariance is not None:
            covariance[good, view, subject, keypoint] = tracks.covariance[near, view, subject, keypoint]
    return replace(tracks, xy=xy, confidence=confidence, covariance=covariance, times=None)


def frame_interval(times: Float) -> float:
    """Return the median time between a view's frames, s; 0 where it has fewer than two.

    Parameters
    ----------
    times : (frames,) float, s
        NaN where the view has no frame.

    Returns
    -------
    interval : float, s
    """
    known = np.sort(times[np.isfinite(times)])
    return float(np.median(np.diff(known))) if len(known) > 1 else 0.0


def on_common_clock(tracks: Sequence[Tracks2D], fps: float | None = None) -> tuple[Tracks2D, float]:
    """Join recordings of the same subjects whose clocks and frame rates differ, without interpolating.

    Every detection goes to the row whose time n / fps is nearest to its own, and keeps its own time: `smooth`
    takes it there, `reconstruct` interpolates.

    Parameters
    ----------
    tracks : sequence of Tracks2D
        Of different views, each with its own frames; `times` in one clock, or frame numbers over `fps`.
    fps : float, Hz, optional
        Of the rows; by default the highest rate among the tracks. Where it is lower than a view's, detections
        that share a row with one nearer to its time are left out.

    Returns
    -------
    joined : Tracks2D
        Its times are counted from `start`.
    start : float, s
        Time of the first row in the clock of the tracks.

    Raises
    ------
    ValueError
        If there are no frames, or skeletons, subjects or the presence of covariances differ, or a view occurs
        twice.

    Examples
    --------
    >>> from models2d import Skeleton
    >>> point = Skeleton(name="point", keypoints=("nose",))
    >>> slow, fast = (
    ...     Tracks2D(xy=np.zeros((frames, 1, 1, 1, 2)), confidence=np.ones((frames, 1, 1, 1)),
    ...         views=(view,), skeleton=point, subjects=("one",), fps=fps)
    ...     for view, frames, fps in (("slow", 3, 25.0), ("fast", 5, 50.0)))
    >>> joined, start = on_common_clock([slow, fast])
    >>> np.isfinite(joined.xy[:, 0, 0, 0, 0]).tolist(), joined.fps
    ([True, False, True, False, True], 50.0)
    """
    first = _alike(tracks)
    fps = max(one.fps for one in tracks) if fps is None else float(fps)
    clocks = [clock(one) for one in tracks]
    start = min(float(np.nanmin(times)) for times in clocks)
    last = max(float(np.nanmax(times)) for times in clocks)
    views = tuple(view for one in tracks for view in one.views)
    shape = (round((last - start) * fps) + 1, len(views), *first.shape[2:])
    xy, confidence = np.full((*shape, 2), np.nan), np.full(shape, np.nan)
    covariance = None if first.covariance is None else np.full((*shape, 2, 2), np.nan)
    times = np.full(shape[:2], np.nan)
    at = 0
    for one, ticks in zip(tracks, clocks, strict=True):
        for view in range(len(one.views)):
            frames, rows = _nearest(ticks[:, view] - start, fps)
            times[rows, at] = ticks[frames, view] - start
            xy[rows, at], confidence[rows, at] = one.xy[frames, view], one.confidence[frames, view]
            if covariance is not None and one.covariance is not None:
                covariance[rows, at] = one.covariance[frames, view]
            at += 1
    joined = Tracks2D(
        xy=xy,
        confidence=confidence,
        covariance=covariance,
        times=times,
        sizes=None
        if any(one.sizes is None for one in tracks)
        else np.concatenate([one.sizes for one in tracks]),
        shared_error=first.shared_error,
        views=views,
        skeleton=first.skeleton,
        subjects=first.subjects,
        fps=fps,
    )
    return joined, start


def _alike(tracks: Sequence[Tracks2D]) -> Tracks2D:
    """Return the first of the tracks, or raise ValueError if others do not fit to it."""
    if not tracks or not all(len(one.xy) for one in tracks):
        raise ValueError("tracks: expected at least one, and frames in each")
    first = tracks[0]
    for one in tracks[1:]:
        for what, mine, other in (
            ("keypoints", first.skeleton.keypoints, one.skeleton.keypoints),
            ("subjects", first.subjects, one.subjects),
            ("covariances", first.covariance is not None, one.covariance is not None),
        ):
            if mine != other:
                raise ValueError(
                    f"tracks of {', '.join(one.views)}: expected the {what} of {', '.join(first.views)}, "
                    f"{mine}, got {other}"
                )
    return first


def _nearest(times: Float, fps: float) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return frames and their rows; of several frames in a row, the one nearest to its time."""
    known = np.flatnonzero(np.isfinite(times))
    rows = np.rint(times[known] * fps).astype(np.int64)
    order = np.lexsort((np.abs(times[known] * fps - rows), rows))
    _, chosen = np.unique(rows[order], return_index=True)
    return known[order][chosen], rows[order][chosen]
