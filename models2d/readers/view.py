"""What one file says about one view, before the views are put together."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class ViewDetections:
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


def cleaned(xy: Float, confidence: Float) -> tuple[Float, Float]:
    """Make missing NaN whatever a tool writes for it: NaN, likelihood 0 or the point 0, 0 with score 0.

    Parameters
    ----------
    xy : (..., 2) float, px
    confidence : (...) float
        1 where the tool states none; scores above 1, which some tools write, become 1.

    Returns
    -------
    xy : (..., 2) float, px
    confidence : (...) float
        NaN exactly where `xy` is.

    Examples
    --------
    >>> xy, confidence = cleaned(np.array([[0.0, 0.0], [5.0, 6.0]]), np.array([0.0, 1.2]))
    >>> xy.tolist(), confidence.tolist()
    ([[nan, nan], [5.0, 6.0]], [nan, 1.0])
    """
    xy = np.array(xy, dtype=np.float64)
    confidence = np.array(confidence, dtype=np.float64)
    missing = np.isnan(xy).any(axis=-1) | ~(confidence > 0)
    xy[missing] = np.nan
    confidence[missing] = np.nan
    return xy, np.clip(confidence, 0.0, 1.0)


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
