"""Do the board's poses determine the focal lengths? One tilt tells none from a distance.

A plane that keeps its tilt before a camera, however it slides or spins in itself, gives one condition on the
lens where two are needed (Zhang 2000, "A flexible new technique for camera calibration", section 4; Sturm &
Maybank 1999): the fit ends somewhere along a valley, and its residuals are small.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from calibration.bundle.fit import Fit
from calibration.errors import CalibrationError

Float = NDArray[np.float64]

DOUBTFUL = 0.04
"""Standard deviation of a focal length, relative, above which it is refused unless the board was tilted."""

UNKNOWN = 0.25
"""The same above which it is refused whatever the board did."""

LEAST_TILT = 5.0
"""Spread of the board's normal, deg, below which it kept its tilt."""


def check_focal_lengths(names: Sequence[str], fit: Fit) -> None:
    """Refuse a fit whose focal lengths are anybody's guess.

    Parameters
    ----------
    names : sequence of str
        Of the views.
    fit : Fit

    Raises
    ------
    CalibrationError
        If a focal length is uncertain by more than a few per cent because the board kept its tilt, or by more
        than a quarter for any reason: which cameras, by how much, and what to record.
    """
    focal = fit.solution.unknowns.lens[:, 0]
    relative = fit.uncertainty.lenses[:, 0] / focal
    tilt = np.array([tilt_spread(fit, view) for view in range(len(names))])
    refused = (relative > UNKNOWN) | ((relative > DOUBTFUL) & (tilt < LEAST_TILT))
    if not refused.any():
        return
    told = ", ".join(
        f"{name} ({sigma:.0%}, tilt {spread:.1f} degrees)"
        for name, sigma, spread, bad in zip(names, relative, tilt, refused, strict=True)
        if bad
    )
    raise CalibrationError(
        f"the board's poses do not determine the focal length of {told}: in brackets its uncertainty and by "
        f"how much the board's tilt before the camera varied; a board that slides or spins in its own plane, "
        "stands still or is far away tells none from a distance. Record 20 or more poses, tilted "
        "by 30 to 45 degrees to several sides, near and far; or give the lenses that are known"
    )


def tilt_spread(fit: Fit, view: int) -> float:
    """Return the spread of the board's normal in the frames that a view shares, deg.

    Parameters
    ----------
    fit : Fit
    view : int

    Returns
    -------
    tilt : float, deg
        Root mean square angle from the mean normal; 0 with a single frame.
    """
    unknowns, corners = fit.solution.unknowns, fit.corners
    frames = np.unique(corners.frame[corners.view == view])
    normal = unknowns.Rb[frames][:, :, 2]
    mean = normal.mean(axis=0)
    mean /= max(float(np.linalg.norm(mean)), 1e-12)
    angle = np.degrees(np.arccos(np.clip(normal @ mean, -1, 1)))
    return float(np.sqrt(np.mean(angle**2))) if len(frames) else 0.0
