"""A given noise that nearly all detections contradict: said, where every point would be lost."""

import numpy as np
from numpy.typing import NDArray

from calibration.rig import Rig
from triangulate.errors import TriangulationError
from triangulate.points.solving import solve_information

Float = NDArray[np.float64]

KEPT = 0.2
"""Part of the observations that must be kept at least, where strengths are given."""

AGREE = 0.5
"""Part of them on which the views must agree by themselves for what is given to be to blame."""

NEAR = 0.01
"""Noise, as a part of the image's longer side, beyond which views do not agree, whatever explains it."""

OFF = 0.1
"""Part of what the data show below which a given strength is to blame."""


def contradicted(seen: NDArray[np.bool_], inliers: NDArray[np.bool_]) -> float | None:
    """Tell whether nearly nothing is left of the observations of points that two views or more see.

    Parameters
    ----------
    seen, inliers : (frames, views, subjects, keypoints) bool

    Returns
    -------
    lost : float or None
        Part of them that is lost, where that is too much.
    """
    several = seen & (seen.sum(axis=1, keepdims=True) >= 2)
    if not several.any():
        return None
    kept = float(inliers[several].mean())
    return None if kept >= KEPT else 1 - kept


def check_noise(given: float, lost: float, pixels: tuple[Float, Float], scale: float, rig: Rig) -> None:
    """Raise where it is the noise that was given which contradicts the observations.

    Parameters
    ----------
    given : float, px
    lost : float
        Part of the observations that contradict it.
    pixels : tuple of array
        Detections, (points, views, 2) px, and their information (points, views, 3) 1/px2 by the noise found.
    scale : float, px
        That noise.
    rig : Rig

    Raises
    ------
    TriangulationError
        With the noise that was given and the one found.
    """
    side = max(max(camera.intrinsics.size) for camera in rig.cameras)
    if not given < OFF * scale or scale > NEAR * side:
        return
    xy, information = pixels
    seen = np.isfinite(xy[..., 0])
    several = seen & (seen.sum(axis=1, keepdims=True) >= 2)
    if several.any() and solve_information(xy, information, rig).inliers[several].mean() > AGREE:
        raise TriangulationError(
            f"pixel_sigma: {given:g} px: {lost:.0%} of the observations contradict it; the data show "
            f"{scale:.2g} px. Leave it out to have it chosen from the data"
        )
