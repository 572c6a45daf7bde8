"""Types of a point that moves and is followed by cameras which are not synchronous."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.interpolate import BSpline

from calibration.arrays import ReadOnlyArrays, frozen
from calibration.camera import Intrinsics

Float = NDArray[np.float64]


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class Track:
    """What one camera saw of the point.

    Attributes
    ----------
    intrinsics : Intrinsics
    xy : (frames, 2) float, px
        NaN where not seen.
    fps : float, Hz
        Nominal frame rate.

    Raises
    ------
    ValueError
        If the frame rate is not positive or a coordinate is infinite.
    """

    intrinsics: Intrinsics
    xy: Float
    fps: float

    def __post_init__(self) -> None:
        """Check and freeze."""
        xy = frozen(self.xy, ("frames", 2), "xy")
        if np.isinf(xy).any():
            raise ValueError("xy must be finite or NaN, got an infinite coordinate")
        if not self.fps > 0:
            raise ValueError(f"fps: expected a positive number of frames per second, got {self.fps}")
        object.__setattr__(self, "xy", xy)

    @property
    def seen(self) -> NDArray[np.int64]:
        """Frames in which the point was seen, (n,)."""
        return np.flatnonzero(np.isfinite(self.xy).all(axis=1))


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class Clocks:
    """When each camera took its frames: t = offset + rate * frame / fps.

    Attributes
    ----------
    offset : (views,) float, s
        0 for the first camera, whose clock is the world's.
    rate : (views,) float
        Real over nominal duration of a frame; 1 for the first camera.
    """

    offset: Float
    rate: Float

    def __post_init__(self) -> None:
        """Check and freeze."""
        object.__setattr__(self, "offset", frozen(self.offset, ("views",), "offset"))
        object.__setattr__(self, "rate", frozen(self.rate, (len(self.offset),), "rate"))

    def times(self, view: int, frames: ArrayLike, fps: float) -> Float:
        """Return the times of frames of one view, (n,) s."""
        return np.asarray(self.offset[view] + self.rate[view] * np.asarray(frames) / fps, dtype=np.float64)


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class Motion(ReadOnlyArrays):
    """What a calibration from a moving point found beside the rig.

    Attributes
    ----------
    names : tuple of str
    clocks : Clocks
    spline : BSpline
        Time, s, to position, (3,) m, world.
    errors_px : (views,) float, px
        Median reprojection error of each camera, of what two or more cameras saw.
    sigma : float, px
        Standard deviation of the noise in x and in y.
    rejected : (views,) float
        Part of the observations beyond three standard deviations.
    observed : (n,) float, s
        Times at which at least two cameras saw the point, in steps of a frame of the slowest.
    """

    names: tuple[str, ...]
    clocks: Clocks
    spline: BSpline
    errors_px: Float
    sigma: float
    rejected: Float
    observed: Float

    def position(self, times: ArrayLike) -> Float:
        """Where the point was.

        Parameters
        ----------
        times : (n,) float, s

        Returns
        -------
        xyz : (n, 3) float, m, world
            NaN where fewer than two cameras saw the point.
        """
        times = np.asarray(times, dtype=np.float64)
        step = np.median(np.diff(self.observed))
        right = np.clip(np.searchsorted(self.observed, times), 1, len(self.observed) - 1)
        near = np.minimum(np.abs(times - self.observed[right - 1]), np.abs(times - self.observed[right]))
        return np.where((near <= step)[:, None], self.spline(times), np.nan)


def interpolated(track: Track, uv: Float, frames: Float) -> Float:
    """Track between frames, linear, (n, 2); NaN unless both neighbours are seen.

    Parameters
    ----------
    track : Track
    uv : (frames, 2) float, normalised, cam
    frames : (n,) float
    """
    before = np.floor(frames).astype(np.int64)
    inside = (before >= 0) & (before < len(track.xy) - 1)
    before = np.where(inside, before, 0)
    part = (frames - before)[:, None]
    return np.where(inside[:, None], (1 - part) * uv[before] + part * uv[before + 1], np.nan)
