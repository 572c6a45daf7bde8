"""Gaps in time: how long they are and how far their frames are from what is known."""

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]


def gaps(known: NDArray[np.bool_]) -> tuple[Float, Float]:
    """Measure, for every frame, the gap that it lies in.

    Parameters
    ----------
    known : (frames, ...) bool

    Returns
    -------
    length : (frames, ...) float
        Frames of the gap between two known frames; infinite before the first and after the last.
    nearest : (frames, ...) float
        Frames to the nearest known frame.

    Examples
    --------
    >>> length, nearest = gaps(np.array([False, True, False, False, True]))
    >>> length.tolist(), nearest.tolist()
    ([inf, 0.0, 2.0, 2.0, 0.0], [1.0, 0.0, 1.0, 1.0, 0.0])
    """
    frames = np.arange(len(known), dtype=np.float64).reshape(-1, *(1,) * (known.ndim - 1))
    before = np.maximum.accumulate(np.where(known, frames, -np.inf), axis=0)
    after = np.minimum.accumulate(np.where(known, frames, np.inf)[::-1], axis=0)[::-1]
    return np.where(known, 0.0, after - before - 1.0), np.minimum(frames - before, after - frames)
