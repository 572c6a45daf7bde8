"""How the clocks of the views run: what `find_offsets` finds, and tracks with their times put right by it."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from calibration.arrays import frozen
from models2d.detections import Tracks2D
from triangulate.common_clock import clock

Float = NDArray[np.float64]


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class TimeOffsets:
    """How the clocks of the views run, relative to the first one's.

    A frame that its view dates t was taken at t + offset + rate (t - start).

    Attributes
    ----------
    views : tuple of str
    offset : (views,) float, s
    rate : (views,) float
        Seconds per second; 0 where it was not looked for.
    sigma : (views,) float, s
        Standard deviation of the offset.
    alternatives : tuple of tuple of float
        Other offsets of each view, s, that explain the motion as well because it repeats; `offset` is the one
        nearest to zero. Empty where there are none.
    """

    views: tuple[str, ...]
    offset: Float
    rate: Float
    sigma: Float
    alternatives: tuple[tuple[float, ...], ...] = ()

    def __post_init__(self) -> None:
        """Check and freeze."""
        for name in ("offset", "rate", "sigma"):
            object.__setattr__(self, name, frozen(getattr(self, name), (len(self.views),), name))
        if not self.alternatives:
            object.__setattr__(self, "alternatives", ((),) * len(self.views))

    def __str__(self) -> str:
        """Say the offsets, one line per view."""
        lines = []
        for view, name in enumerate(self.views):
            text = f"{name}: {1e3 * self.offset[view]:+.2f} +- {1e3 * self.sigma[view]:.2f} ms"
            if self.rate[view]:
                text += f", {1e6 * self.rate[view]:+.0f} ppm"
            if self.alternatives[view]:
                others = ", ".join(f"{1e3 * other:+.1f}" for other in self.alternatives[view])
                text += f"; the motion repeats, and {others} ms explain it as well"
            lines.append(text)
        return "\n".join(lines)

    def applied(self, tracks: Tracks2D) -> Tracks2D:
        """Return tracks whose times are corrected.

        Parameters
        ----------
        tracks : Tracks2D
            Where a view has no frame its time is NaN, and stays so.

        Returns
        -------
        tracks : Tracks2D
        """
        times = clock(tracks)
        return replace(tracks, times=times + self.offset + self.rate * (times - first_time(times)))


def first_time(times: Float) -> float:
    """Return the earliest time of any view; 0 where there is none.

    Parameters
    ----------
    times : (frames, views) float, s
        NaN where a view has no frame.

    Returns
    -------
    start : float, s
    """
    known = times[np.isfinite(times)]
    return float(known.min()) if known.size else 0.0
