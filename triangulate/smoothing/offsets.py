"""Errors of detections that last: labels that sit elsewhere in each view, a calibration that is off.

Such an error is not noise. A smoother that takes it for noise averages it over time as if that helped,
changes sides between views that contradict each other, and jumps when a view comes or goes. Residuals of
points triangulated frame by frame hold nothing of the motion, so what they have in common over many frames is
taken off the detections, and only what is left is smoothed. How far the views' common answer is off cannot be
seen: that stays in the covariance.
"""

import numpy as np
from numpy.typing import NDArray

from calibration.rig import Rig
from triangulate.smoothing.detection_noise import LAGS
from triangulate.smoothing.inputs import Pixels, RawPoints

Float = NDArray[np.float64]
Bool = NDArray[np.bool_]

REACH = int(LAGS[-1])
"""Times on either side from which an error is found, in `time_unit`: as far as persistence is measured."""

STEP = 20
"""Between the times at which it is found, in `time_unit`; in between it is interpolated."""


def lasting_offsets(pixels: Pixels, raw: RawPoints, rig: Rig, lasting: Bool, unit: int = 1) -> Float:
    """Find what detections miss by, frame after frame: the running median of their residuals.

    Parameters
    ----------
    pixels : Pixels
    raw : RawPoints
        Triangulated from them.
    rig : Rig
    lasting : (keypoints,) bool
        Whether errors of a keypoint were found to last; the others have no offset.
    unit : int
        See `time_unit`.

    Returns
    -------
    offset : (frames, keypoints, views, 2) float, px
        Zero where nothing is known.
    """
    frames = len(pixels.xy)
    seen = np.where(pixels.information[..., :1] > 0, pixels.xy, np.nan)[:, lasting]
    residual = seen - rig.project(raw.xyz[:, lasting])
    step, reach = unit * STEP, unit * REACH
    times = np.arange(0, frames + step - 1, step).clip(max=max(frames - 1, 0))
    found = np.stack([median(residual[max(0, time - reach) : time + reach + 1]) for time in times])
    place = np.arange(frames) / step
    early = np.minimum(place.astype(int), len(times) - 1)
    late = np.minimum(early + 1, len(times) - 1)
    span = np.maximum(times[late] - times[early], 1)
    share = ((np.arange(frames) - times[early]) / span).reshape(-1, 1, 1, 1)
    offset = np.zeros(pixels.xy.shape)
    offset[:, lasting] = (1 - share) * found[early] + share * found[late]
    return offset


def median(values: Float) -> Float:
    """Return the median along the first axis of what is known, zero where nothing is."""
    ordered, count = np.sort(values, axis=0), np.isfinite(values).sum(axis=0)
    low, high = np.maximum((count - 1) // 2, 0), np.minimum(count // 2, len(values) - 1)
    middle = 0.5 * sum(np.take_along_axis(ordered, index[None], axis=0)[0] for index in (low, high))
    return np.where(count > 0, middle, 0.0)
