"""What one file says about one view, before the views are put together."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from calibration.arrays import ReadOnlyArrays

Float = NDArray[np.float64]

ROUNDING = 0.1
"""Scores of heatmaps overshoot 1 by so much where they are interpolated; nobody needs to be told."""


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class ViewDetections(ReadOnlyArrays):
    """Keypoints of one view as one file states them.

    Attributes
    ----------
    path : Path
    tool : str
        The format that was recognised.
    xy : (frames, slots, keypoints, 2) float, px
    confidence : (frames, slots, keypoints) float
    keypoints : tuple of str
    covariance : (frames, slots, keypoints, 2, 2) float, px2, or None
    individuals : tuple of str or None
        Names of the slots, where the tool followed individuals over time.
    bones : list of (str, str)
    skeleton : str or None
        Name of the shipped skeleton that the file uses, where it says so.
    fps : float, Hz, or None
    sparse : bool
        True where the file lists only frames with detections, so that its length says nothing.
    images : tuple of str or None
        Name of the image of each frame, where rows name images whose numbers do not count frames.
    notes : tuple of str
        What was taken otherwise than the file states it, or left out.
    """

    path: Path
    tool: str
    xy: Float
    confidence: Float
    keypoints: tuple[str, ...]
    covariance: Float | None = None
    individuals: tuple[str, ...] | None = None
    bones: list[tuple[str, str]] = field(default_factory=list)
    skeleton: str | None = None
    fps: float | None = None
    sparse: bool = False
    images: tuple[str, ...] | None = None
    notes: tuple[str, ...] = ()


def cleaned(xy: Float, confidence: Float) -> tuple[Float, Float, tuple[str, ...]]:
    """Make missing NaN whatever a tool writes for it: NaN, likelihood 0 or the point 0, 0 with score 0.

    Parameters
    ----------
    xy : (..., 2) float, px
    confidence : (...) float
        1 where the tool states none: NaN, as of an empty cell, says nothing and becomes 1; so do scores above
        1, which some tools write.

    Returns
    -------
    xy : (..., 2) float, px
    confidence : (...) float
        NaN exactly where `xy` is.
    notes : tuple of str
        Which points have another confidence than was stated.

    Examples
    --------
    >>> xy, confidence, notes = cleaned(np.array([[0.0, 0.0], [5.0, 6.0]]), np.array([0.0, 1.2]))
    >>> xy.tolist(), confidence.tolist()
    ([[nan, nan], [5.0, 6.0]], [nan, 1.0])
    >>> notes
    ('1 of 1 confidences are above 1, up to 1.2, and count as 1',)
    """
    xy = np.array(xy, dtype=np.float64)
    confidence = np.array(confidence, dtype=np.float64)
    missing = np.isnan(xy).any(axis=-1) | (confidence <= 0)
    xy[missing] = np.nan
    present = int((~missing).sum())
    unstated, high = ~missing & np.isnan(confidence), ~missing & (confidence > 1)
    notes = []
    negative = int((np.isfinite(confidence) & (confidence < 0)).sum())
    if negative:
        notes.append(f"{negative} points have a confidence below 0, and count as not seen")
    if unstated.any():
        notes.append(f"{unstated.sum()} of {present} points have no confidence, and count as certain (1)")
    if (confidence[high] > 1 + ROUNDING).any():
        largest = confidence[high].max()
        notes.append(f"{high.sum()} of {present} confidences are above 1, up to {largest:g}, and count as 1")
    confidence[unstated | high] = 1.0
    confidence[missing] = np.nan
    return xy, confidence, tuple(notes)


def stacked(people: Sequence[Sequence[Float]], keypoints: int) -> Float:
    """Put lists of people of unequal length into slots.

    Parameters
    ----------
    people : frames x people of (keypoints, columns) float
    keypoints : int

    Returns
    -------
    values : (frames, slots, keypoints, columns) float
        NaN where a frame has fewer people.
    """
    slots = max((len(frame) for frame in people), default=0)
    columns = next((person.shape[1] for frame in people for person in frame), 3)
    values = np.full((len(people), max(slots, 1), keypoints, columns), np.nan)
    for frame, persons in enumerate(people):
        for slot, person in enumerate(persons):
            values[frame, slot] = person
    return values
