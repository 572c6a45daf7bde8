"""Several networks' detections of the same recording as one: where they agree, and by how much."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from calibration.errors import ShapeError
from models2d.detections import Tracks2D

Float = NDArray[np.float64]

NORMAL = 1.4826
"""Standard deviation of a normal variable over its median absolute deviation."""


def combine(members: Sequence[Tracks2D], floor: float = 0.5) -> Tracks2D:
    """Take the median of an ensemble's detections, with their spread as covariance.

    Networks trained alike share errors that their spread does not show, so the spread is a lower bound: the
    smoother finds the factor on the covariance's root for each view and keypoint.

    Parameters
    ----------
    members : sequence of Tracks2D
        Of the same frames, views, subjects and skeleton.
    floor : float, px
        Added in quadrature to the spread: identical detections are not exact ones.

    Returns
    -------
    tracks : Tracks2D
        Median position and confidence over the members that see the point; seen where at least half of them
        do.

    Raises
    ------
    ValueError
        If there is no member, or they do not describe the same recording.
    ShapeError
        If their arrays differ in shape.
    """
    if not members:
        raise ValueError("an ensemble needs at least one member, got none")
    first = members[0]
    for number, member in enumerate(members[1:], start=1):
        same(first, member, number)
    xy = np.stack([member.xy for member in members])
    seen = np.isfinite(xy[..., 0])
    enough = 2 * seen.sum(axis=0) >= len(members)
    middle = ordered_median(xy, enough)
    spread = NORMAL * ordered_median(np.abs(xy - middle), enough)
    # The median of three absolute deviations from their own median underestimates; means do not for so few.
    if len(members) < 5:
        spread = np.sqrt(scatter(xy, seen, middle))
    covariance = np.zeros((*middle.shape[:-1], 2, 2))
    covariance[..., 0, 0], covariance[..., 1, 1] = np.moveaxis(spread**2 + floor**2, -1, 0)
    covariance[~enough] = np.nan
    confidence = ordered_median(np.stack([member.confidence for member in members]), enough)
    return replace(first, xy=middle, confidence=confidence, covariance=covariance)


def same(first: Tracks2D, other: Tracks2D, number: int) -> None:
    """Raise if two members do not describe the same recording."""
    for name in ("views", "subjects"):
        if getattr(first, name) != getattr(other, name):
            raise ValueError(
                f"ensemble member {number} has the {name} {', '.join(getattr(other, name))}, "
                f"member 0 has {', '.join(getattr(first, name))}"
            )
    if first.skeleton.keypoints != other.skeleton.keypoints:
        raise ValueError(f"ensemble member {number} has other keypoints than member 0")
    if first.xy.shape != other.xy.shape:
        raise ShapeError(f"ensemble member {number}: expected shape {first.xy.shape}, got {other.xy.shape}")


def ordered_median(values: Float, enough: NDArray[np.bool_]) -> Float:
    """Take the median over the first axis without the NaNs; NaN where there are not enough."""
    count = np.isfinite(values).sum(axis=0)
    ordered = np.sort(values, axis=0)  # NaN last
    low, high = np.maximum((count - 1) // 2, 0), count // 2
    high = np.minimum(high, len(values) - 1)
    pair = [np.take_along_axis(ordered, index[None], axis=0)[0] for index in (low, high)]
    mask = enough if values.ndim == enough.ndim + 1 else enough[..., None]
    return np.where(mask, 0.5 * (pair[0] + pair[1]), np.nan)


def scatter(xy: Float, seen: NDArray[np.bool_], middle: Float) -> Float:
    """Return the mean square deviation from the median; one member alone has none."""
    squares = np.where(seen[..., None], (xy - middle) ** 2, 0.0).sum(axis=0)
    return squares / np.maximum(seen.sum(axis=0) - 1, 1)[..., None]
