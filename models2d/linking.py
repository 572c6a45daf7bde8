"""Who is who from frame to frame within one view."""

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

Float = NDArray[np.float64]


def linked(xy: Float, memory: int = 30) -> NDArray[np.int64]:
    """Order the slots of each frame so that an individual keeps its slot within a view.

    Parameters
    ----------
    xy : (frames, views, slots, keypoints, 2) float, px
        NaN where not found.
    memory : int
        Frames for which an individual that is lost is remembered where it was.

    Returns
    -------
    order : (frames, views, slots) int
        For each new slot the old one.

    Notes
    -----
    Assignment by the mean distance of the keypoints both have (Kuhn, 1955); an individual that has just
    appeared takes a free slot.
    """
    frames, views, slots = xy.shape[:3]
    order = np.tile(np.arange(slots), (frames, views, 1))
    for view in range(views):
        last = np.full(xy.shape[2:], np.nan)
        age = np.full(slots, memory + 1)
        for frame in range(frames):
            cost = _distances(last, xy[frame, view])
            far = 4 * np.nanmax(cost, initial=1.0) + 1e6
            _, chosen = linear_sum_assignment(np.where(np.isfinite(cost), cost, far))
            order[frame, view] = chosen
            now = xy[frame, view, chosen]
            known = np.isfinite(now)
            last = np.where(known, now, last)
            age = np.where(known.any(axis=(1, 2)), 0, age + 1)
            last[age > memory] = np.nan
    return order


def _distances(before: Float, now: Float) -> Float:
    """Mean distance (slots, slots) of the keypoints that both have, NaN where there is none."""
    distance = np.linalg.norm(before[:, None] - now[None], axis=-1)
    count = np.isfinite(distance).sum(axis=-1)
    total = np.nansum(distance, axis=-1)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)
