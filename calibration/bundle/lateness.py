"""How late each camera would be found, were time offsets free: one Newton step from a fit without them."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from calibration.arrays import frozen
from calibration.bundle.adjustment import normal_equations, step
from calibration.bundle.board_motion import with_motion
from calibration.bundle.covariance import uncertainty
from calibration.bundle.fit import Fit
from calibration.bundle.parameters import free_unknowns
from calibration.bundle.staging import LOSS
from calibration.corners.sightings import Sightings, usual_interval
from calibration.errors import CalibrationError

LATE_SIGMAS = 6.0
"""Standard deviations from which a delay is told."""

LATE_FRAMES = 0.03
"""Intervals from which it is."""

Float = NDArray[np.float64]
Int = NDArray[np.int64]


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class Lateness:
    """How late each camera takes its images compared with the first, as far as the board's motion tells.

    Attributes
    ----------
    late, sigma : (views,) float, s
        In frames where there are no time stamps; NaN where nothing tells.
    interval : float, s
        Between frames.
    stamped : bool
        Whether there are time stamps.
    """

    late: Float
    sigma: Float
    interval: float
    stamped: bool

    def __post_init__(self) -> None:
        """Check and freeze."""
        for name in ("late", "sigma"):
            object.__setattr__(self, name, frozen(getattr(self, name), ("views",), name))

    def told(self, view: int) -> str:
        """Say the delay of one view in words.

        Parameters
        ----------
        view : int

        Returns
        -------
        text : str
        """
        frames = self.late[view] / self.interval
        if self.stamped:
            return f"{self.late[view]:+.4f} s ({frames:+.2f} frames)"
        return f"{self.late[view]:+.2f} frames"


def lateness(fit: Fit, sightings: Sightings) -> Lateness:
    """Take the step that a fit without time offsets would take if they were free.

    Parameters
    ----------
    fit : Fit
        Without time offsets: all views are taken to be in step.
    sightings : Sightings
        That it is of.

    Returns
    -------
    lateness : Lateness
        Exact for delays that leave the fit in the basin of the truth, a frame or so; a sign of larger ones.
    """
    views = len(sightings.names)
    interval = usual_interval(sightings.instant)
    unknown = np.full(views, np.nan)
    nothing = Lateness(late=unknown, sigma=unknown, interval=interval, stamped=sightings.stamped)
    if views < 2 or fit.selection.choice.time or len(fit.frames) < 4:
        return nothing
    choice = replace(fit.selection.choice, time=True, clock_sigma=interval)
    stamp = np.zeros((len(fit.frames), views))
    unknowns = with_motion(fit.solution.unknowns, sightings.instant[fit.frames], stamp)
    free = free_unknowns(choice, unknowns, sightings.sizes, sightings.nominal)
    sigma = fit.uncertainty.sigma
    try:
        normal = normal_equations(fit.corners, unknowns, free, sigma, LOSS**2)
        dx, _ = step(normal, 0.0)
        known = uncertainty(fit.corners, unknowns, free, fit.residual, fit.solution.sigma, loss=LOSS)
    except (np.linalg.LinAlgError, CalibrationError):
        return nothing
    late, deviation = np.zeros(views), np.zeros(views)
    for view in range(1, views):
        late[view] = dx[free.names.index(f"{view}:clock_offset")]
        deviation[view] = known.deviation(f"{view}:clock_offset")
    return Lateness(late=late, sigma=deviation, interval=interval, stamped=sightings.stamped)
