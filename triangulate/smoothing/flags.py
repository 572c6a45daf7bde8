"""What to be careful about in smoothed points, as `reconstruct` says it of its own."""

import numpy as np
from numpy.typing import NDArray

from calibration.geometry.image_coverage import covered
from calibration.geometry.ray_angles import nearly_parallel
from calibration.rig import Rig
from models2d.detections import Tracks2D
from triangulate.points.solving import NARROW_DEG
from triangulate.trajectories import Status

CHUNK = 100_000
"""Points looked at at a time."""


def flag(
    status: NDArray[np.int64],
    xyz: NDArray[np.float64],
    inliers: NDArray[np.bool_],
    tracks: Tracks2D,
    rig: Rig,
) -> None:
    """Mark points whose rays are nearly parallel, or that rest on pixels where no lens was fitted.

    Parameters
    ----------
    status : (frames, subjects, keypoints) int
        Of the points; OK and TWO_VIEWS are changed where there is more to say.
    xyz : (frames, subjects, keypoints, 3) float, m, world
    inliers : (frames, views, subjects, keypoints) bool
    tracks : Tracks2D
    rig : Rig
        Its cameras in the order of the tracks' views.
    """
    frames, views, subjects, keypoints = tracks.shape
    step = max(1, CHUNK // max(1, subjects * keypoints))
    lenses = [camera.intrinsics for camera in rig.cameras]
    for first in range(0, frames, step):
        part = slice(first, first + step)
        here, used = status[part], np.moveaxis(inliers[part], 1, -1)
        narrow = nearly_parallel(xyz[part].reshape(-1, 3), used.reshape(-1, views), rig.centers, NARROW_DEG)
        outside = (used & ~covered(np.moveaxis(tracks.xy[part], 1, 3), lenses)).any(axis=-1)
        placed = here < Status.NARROW_BASELINE
        here[placed & narrow.reshape(here.shape)] = Status.NARROW_BASELINE
        here[placed & outside] = Status.OUTSIDE
