"""What the views see: `Detections2D` without identity, `Tracks2D` with it."""

from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from calibration.arrays import frozen
from calibration.errors import ShapeError
from models2d.skeleton import Skeleton

Float = NDArray[np.float64]


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class Detections2D:
    """Keypoints found in every view and frame.

    Slot 0 of two views may be two different animals: identity across views is not known here.

    Attributes
    ----------
    xy : (frames, views, slots, keypoints, 2) float, px
        NaN where nothing was found.
    confidence : (frames, views, slots, keypoints) float
        Between 0 and 1; NaN exactly where `xy` is NaN.
    covariance : (frames, views, slots, keypoints, 2, 2) float, px2, or None
        Of each detection, where the network or tool states it.
    views : tuple of str
        Names of the cameras.
    skeleton : Skeleton
    fps : float, Hz
    times : (frames, views) float, s, or None
        When each view took each frame; None where all views took frame n at n / fps.
    sizes : (views, 2) int, px, or None
        Width, height of the images in which they were found, where that is known.
    shared_error : (keypoints,) float, or None
        Variance of the part of a point's error that all views share, which residuals cannot show, over that
        which they show; where the network knows it.

    Raises
    ------
    ShapeError
        If the arrays do not agree with each other, the views or the skeleton.
    ValueError
        For an infinite coordinate, a confidence outside [0, 1] or an fps that is not positive.
    """

    xy: Float
    confidence: Float
    views: tuple[str, ...]
    skeleton: Skeleton
    fps: float
    covariance: Float | None = None
    times: Float | None = None
    sizes: NDArray[np.int64] | None = None
    shared_error: Float | None = None

    def __post_init__(self) -> None:
        """Check and freeze."""
        for name, value in checked_points(self, "slots").items():
            object.__setattr__(self, name, value)

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(frames, views, slots, keypoints)."""
        frames, views, slots, keypoints, _ = self.xy.shape
        return frames, views, slots, keypoints

    def confident(self, least: float) -> "Detections2D":
        """Leave out detections of which the network or tool is less sure.

        Parameters
        ----------
        least : float
            Confidence between 0 and 1 below which a detection becomes NaN.

        Returns
        -------
        detections : Detections2D

        Raises
        ------
        ValueError
            If `least` is not between 0 and 1.
        """
        return confident_points(self, least)

    def as_tracks(self) -> "Tracks2D":
        """Promise that there is one subject, and take the only slot of every view as it.

        Returns
        -------
        tracks : Tracks2D
            One subject called "subject".

        Raises
        ------
        ValueError
            If there are several slots; `triangulate.associate` finds out who is who.
        """
        slots = self.shape[2]
        if slots != 1:
            raise ValueError(
                f"the detections have {slots} slots per view, so identity is not known; use "
                "triangulate.associate(detections, rig)"
            )
        return Tracks2D(
            xy=self.xy,
            confidence=self.confidence,
            covariance=self.covariance,
            views=self.views,
            skeleton=self.skeleton,
            subjects=("subject",),
            fps=self.fps,
            times=self.times,
            sizes=self.sizes,
            shared_error=self.shared_error,
        )


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class Tracks2D:
    """Keypoints of known subjects in every view and frame.

    Attributes
    ----------
    xy : (frames, views, subjects, keypoints, 2) float, px
        NaN where not seen.
    confidence : (frames, views, subjects, keypoints) float
    covariance : (frames, views, subjects, keypoints, 2, 2) float, px2, or None
    views : tuple of str
    skeleton : Skeleton
    subjects : tuple of str
    fps : float, Hz
    times : (frames, views) float, s, or None
    sizes : (views, 2) int, px, or None

    Raises
    ------
    ShapeError, ValueError
        As `Detections2D`.
    """

    xy: Float
    confidence: Float
    views: tuple[str, ...]
    skeleton: Skeleton
    subjects: tuple[str, ...]
    fps: float
    covariance: Float | None = None
    times: Float | None = None
    sizes: NDArray[np.int64] | None = None
    shared_error: Float | None = None

    def __post_init__(self) -> None:
        """Check and freeze."""
        for name, value in checked_points(self, "subjects").items():
            object.__setattr__(self, name, value)
        subjects = tuple(str(subject) for subject in self.subjects)
        if len(subjects) != self.xy.shape[2]:
            raise ShapeError(f"xy has {self.xy.shape[2]} subjects, but {len(subjects)} are named")
        object.__setattr__(self, "subjects", subjects)

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(frames, views, subjects, keypoints)."""
        frames, views, subjects, keypoints, _ = self.xy.shape
        return frames, views, subjects, keypoints

    def confident(self, least: float) -> "Tracks2D":
        """Leave out detections of which the network or tool is less sure.

        Parameters
        ----------
        least : float
            Confidence between 0 and 1 below which a detection becomes NaN.

        Returns
        -------
        tracks : Tracks2D

        Raises
        ------
        ValueError
            If `least` is not between 0 and 1.
        """
        return confident_points(self, least)


Points = TypeVar("Points", Detections2D, Tracks2D)


def confident_points(points: Points, least: float) -> Points:
    """Make detections NaN of which the network or tool is less sure.

    Parameters
    ----------
    points : Detections2D or Tracks2D
    least : float

    Returns
    -------
    points : Detections2D or Tracks2D

    Raises
    ------
    ValueError
        If `least` is not between 0 and 1.
    """
    if not 0 <= least <= 1:
        raise ValueError(f"min_confidence: expected a number between 0 and 1, got {least}")
    doubtful = points.confidence < least
    if not doubtful.any():
        return points
    covariance = points.covariance
    if covariance is not None:
        covariance = np.where(doubtful[..., None, None], np.nan, covariance)
    xy = np.where(doubtful[..., None], np.nan, points.xy)
    return replace(
        points, xy=xy, confidence=np.where(doubtful, np.nan, points.confidence), covariance=covariance
    )


def checked_points(points: Any, individuals: str) -> dict[str, Any]:
    """Check and freeze the fields that `Detections2D` and `Tracks2D` share.

    Parameters
    ----------
    points : object with xy, confidence, covariance, times, sizes, shared_error, views, skeleton and fps
    individuals : str
        What the third axis is called.

    Returns
    -------
    fields : dict
        The checked values by field name.

    Raises
    ------
    ShapeError, ValueError
        See `Detections2D`.
    """
    views = tuple(str(view) for view in points.views)
    if len(set(views)) != len(views):
        raise ValueError(f"views: names must differ, got {', '.join(views)}")
    xy = frozen(points.xy, ("frames", "views", individuals, "keypoints", 2), "xy")
    if xy.shape[1] != len(views):
        raise ShapeError(f"xy has {xy.shape[1]} views, but {len(views)} are named: {', '.join(views)}")
    if xy.shape[3] != len(points.skeleton.keypoints):
        raise ShapeError(
            f"xy has {xy.shape[3]} keypoints, but skeleton {points.skeleton.name} has "
            f"{len(points.skeleton.keypoints)}"
        )
    if np.isinf(xy).any():
        frame, view, slot, keypoint, _ = np.argwhere(np.isinf(xy))[0]
        raise ValueError(
            f"xy must be finite or NaN; view {views[view]}, frame {frame}, {individuals[:-1]} {slot}, "
            f"{points.skeleton.keypoints[keypoint]} is {xy[frame, view, slot, keypoint].tolist()}"
        )
    missing = np.isnan(xy).any(axis=-1)
    if (np.isnan(xy).all(axis=-1) != missing).any():
        frame, view, slot, keypoint = np.argwhere(np.isnan(xy).all(axis=-1) != missing)[0]
        raise ValueError(
            f"xy: x and y must be missing together; view {views[view]}, frame {frame}, "
            f"{points.skeleton.keypoints[keypoint]} is {xy[frame, view, slot, keypoint].tolist()}"
        )
    confidence = np.array(points.confidence, dtype=np.float64)
    if confidence.shape != xy.shape[:-1]:
        raise ShapeError(f"confidence: expected shape {xy.shape[:-1]} like xy, got {confidence.shape}")
    confidence[missing] = np.nan
    wrong = ~missing & ~((confidence >= 0) & (confidence <= 1 + 1e-6))
    if wrong.any():
        raise ValueError(f"confidence must lie between 0 and 1, got {confidence[wrong][0]}")
    covariance = points.covariance
    if covariance is not None:
        covariance = frozen(covariance, (*xy.shape[:-1], 2, 2), "covariance")
    times = points.times
    if times is not None:
        times = frozen(times, xy.shape[:2], "times")
    if not (np.isfinite(points.fps) and points.fps > 0):
        raise ValueError(f"fps: expected a positive number of frames per second, got {points.fps}")
    return {
        "xy": xy,
        "confidence": frozen(np.minimum(confidence, 1.0), confidence.shape, "confidence"),
        "covariance": covariance,
        "times": times,
        "sizes": None if points.sizes is None else _checked_sizes(points.sizes, len(views)),
        "shared_error": _checked_share(points.shared_error, len(points.skeleton.keypoints)),
        "views": views,
        "fps": float(points.fps),
    }


def _checked_share(share: Any, keypoints: int) -> Float | None:
    if share is None:
        return None
    checked = frozen(share, (keypoints,), "shared_error")
    if not (np.isfinite(checked) & (checked >= 0)).all():
        raise ValueError(f"shared_error: expected ratios of 0 or more, got {checked.tolist()}")
    return checked


def _checked_sizes(sizes: Any, views: int) -> NDArray[np.int64]:
    checked = frozen(sizes, (views, 2), "sizes", np.int64)
    if (checked <= 0).any():
        raise ValueError(f"sizes: expected a positive width and height per view, got {checked.tolist()}")
    return checked
