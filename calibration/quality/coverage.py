"""The part of each image on which its lens was fitted: outside of it a lens model is a guess."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import ConvexHull, QhullError

from calibration.bundle.problem import Corners
from calibration.rig import Rig

Float = NDArray[np.float64]


def convex_hull(xy: Float) -> Float | None:
    """Return the convex hull of the pixels that a fit used.

    Parameters
    ----------
    xy : (n, 2) float, px

    Returns
    -------
    covered : (corners, 2) float, px, or None
        None where the pixels span no area.
    """
    if len(xy) < 3:
        return None
    try:
        return xy[ConvexHull(xy).vertices]
    except QhullError:
        return None


def with_coverage(rig: Rig, corners: Corners, used: NDArray[np.bool_]) -> Rig:
    """Write into each lens the part of the image that its fit covered.

    Parameters
    ----------
    rig : Rig
    corners : Corners
    used : (observations,) bool
        Corners that the fit accepted.

    Returns
    -------
    rig : Rig
    """
    cameras = []
    for view, camera in enumerate(rig.cameras):
        hull = convex_hull(corners.xy[used & (corners.view == view)])
        cameras.append(replace(camera, intrinsics=replace(camera.intrinsics, covered=hull)))
    return Rig(cameras=tuple(cameras))


def area(polygon: Float | None) -> float:
    """Return the area of a polygon, px2; 0 for none.

    Parameters
    ----------
    polygon : (corners, 2) float, px, or None

    Returns
    -------
    area : float, px2
    """
    if polygon is None:
        return 0.0
    x, y = polygon.T
    return float(abs(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2)
