"""Did the board move? One pose of a flat board does not tell a lens from a place."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from calibration.corners.sightings import Sightings
from calibration.errors import CalibrationError

STILL = 0.003
"""Scatter of a corner over the frames, as a part of the board's extent in the image, below which the board
stood still: an angle or a distance that changes by so little tells nothing about a lens."""


def check_moves(sightings: Sightings, free: Sequence[int]) -> None:
    """Refuse a recording in which the board stood still before every camera whose lens is to be found.

    Parameters
    ----------
    sightings : Sightings
        One board in each row.
    free : sequence of int
        Views whose focal length is not given.

    Raises
    ------
    CalibrationError
        If the board stood still in all of them: by how much its corners moved, and what to record.
    """
    moved = np.array([movement(sightings.xy[:, view]) for view in free])
    if not len(free) or (moved >= STILL).any():
        return
    raise CalibrationError(
        f"the board never moved: over {len(sightings.xy)} frames its corners stay within "
        f"{100 * moved.max():.1g}% of its own extent in the images of "
        f"{', '.join(sightings.names[view] for view in free)}, and one pose does not determine a lens. "
        "Record the board in 20 or more poses, tilted by 30 to 45 degrees to several sides, near and far; or "
        "give the lenses, which leaves only the places to be found"
    )


def movement(xy: NDArray[np.float64]) -> float:
    """Return the scatter of a view's corners over the frames, relative to the board's extent.

    Parameters
    ----------
    xy : (frames, corners, 2) float, px

    Returns
    -------
    movement : float
        0 where no corner was seen twice.
    """
    seen = np.isfinite(xy[..., 0])
    twice = seen.sum(axis=0) >= 2
    if not twice.any():
        return 0.0
    corners = xy[:, twice]
    middle = np.nanmedian(corners, axis=0)
    scatter = np.sqrt(np.nanmean(np.sum((corners - middle) ** 2, axis=-1), axis=0))
    extent = np.linalg.norm(np.ptp(middle, axis=0))
    return float(np.median(scatter) / extent) if extent > 0 else 0.0
