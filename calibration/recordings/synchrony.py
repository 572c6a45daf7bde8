"""Which frames of several views belong to the same instant."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from calibration.errors import CalibrationError

Float = NDArray[np.float64]
Int = NDArray[np.int64]


def match_numbers(numbers: Sequence[Sequence[int]]) -> tuple[Int, Int]:
    """Match frames that carry the same number.

    Parameters
    ----------
    numbers : sequence of sequence of int
        Of each frame of each view, all different within a view.

    Returns
    -------
    frames : (frames, views) int
        Index of the frame in its view; -1 where a view lacks the number.
    instants : (frames,) int
        The numbers in increasing order.

    Examples
    --------
    >>> match_numbers([[3, 5], [5, 7]])[0].tolist()
    [[0, -1], [1, 0], [-1, 1]]
    """
    instants = sorted({number for view in numbers for number in view})
    frames = np.full((len(instants), len(numbers)), -1, dtype=np.int64)
    row = {number: index for index, number in enumerate(instants)}
    for view, values in enumerate(numbers):
        for index, number in enumerate(values):
            frames[row[number], view] = index
    return frames, np.array(instants, dtype=np.int64)


def match_times(times: Sequence[Float], tolerance: float | None = None) -> tuple[Int, Float]:
    """Match frames by the nearest time to the instants of the slowest view, the most complete of several.

    Parameters
    ----------
    times : sequence of (frames,) float, s
        Of each view, increasing.
    tolerance : float, s, optional
        A frame further away belongs to no instant. Half the median frame interval of the slowest view by
        default.

    Returns
    -------
    frames : (frames, views) int
        Index of the frame in its view; -1 where no frame is near. No frame is used twice.
    matched : (frames, views) float, s
        Its time; NaN where there is none.

    Raises
    ------
    CalibrationError
        If the views share no instant.

    Examples
    --------
    >>> match_times([np.array([0.0, 0.1, 0.2]), np.array([0.11, 0.21])])[0].tolist()
    [[1, 0], [2, 1]]
    """
    interval = [np.median(np.diff(view)) if len(view) > 1 else np.inf for view in times]
    # Of the slowest views the one that dropped fewest frames: what it lacks is lost for all.
    slowest = [view for view in range(len(times)) if interval[view] >= 0.95 * max(interval)]
    reference = max(slowest, key=lambda view: len(times[view]))
    instants = times[reference]
    if tolerance is None:
        finite = [value for value in interval if np.isfinite(value)]
        tolerance = 0.5 * float(max(finite)) if finite else np.inf
    frames = np.stack([_nearest(instants, view, tolerance) for view in times], axis=-1)
    shared = (frames >= 0).sum(axis=1) >= min(2, len(times))
    if not shared.any():
        spans = "; ".join(f"{view[0]:.3f} to {view[-1]:.3f} s" for view in times if len(view))
        raise CalibrationError(
            f"no two views have frames within {tolerance:g} s of each other; they span {spans}: "
            "the clocks differ, or the recordings do not belong together"
        )
    first, last = np.flatnonzero(shared)[[0, -1]]
    frames = frames[first : last + 1]
    matched = np.stack(
        [np.where(column >= 0, view[column], np.nan) for view, column in zip(times, frames.T, strict=True)],
        axis=-1,
    )
    return frames, matched


def _nearest(instants: Float, times: Float, tolerance: float) -> Int:
    after = np.clip(np.searchsorted(times, instants), 1, max(1, len(times) - 1))
    before = after - 1
    after = np.minimum(after, len(times) - 1)
    nearest = np.where(np.abs(times[before] - instants) <= np.abs(times[after] - instants), before, after)
    distance = np.abs(times[nearest] - instants)
    frames = np.where(distance <= tolerance, nearest, -1)
    # A frame near two instants belongs to the nearer one.
    for index in np.flatnonzero((np.diff(frames) == 0) & (frames[1:] >= 0)):
        frames[index + int(distance[index] <= distance[index + 1])] = -1
    return np.asarray(frames, dtype=np.int64)
