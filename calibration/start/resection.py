"""The place of one camera from points whose places are known."""

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import RigidTransform, Rotation

Float = NDArray[np.float64]

FEWEST = 12
"""Points that agree, at least."""

SHARE = 0.2
"""Part of the points that must agree."""


def resected(xyz: Float, uv: Float, threshold: float) -> RigidTransform | None:
    """Place a camera by RANSAC over a perspective-n-point solver (SQPnP: Terzakis & Lourakis 2020), refined.

    Parameters
    ----------
    xyz : (points, 3) float, m, world
    uv : (points, 2) float, normalised, cam
    threshold : float, normalised
        Distance up to which a point agrees.

    Returns
    -------
    cam_from_world : RigidTransform or None
        None where too few points agree on a place.
    """
    if len(xyz) < FEWEST:
        return None
    cv2.setRNGSeed(0)
    middle = np.median(xyz, axis=0)
    size = float(np.median(np.linalg.norm(xyz - middle, axis=1)))
    if not size > 0:
        return None
    scaled = (xyz - middle) / size
    try:
        found, rotvec, translation, inliers = cv2.solvePnPRansac(
            scaled,
            uv,
            np.eye(3),
            None,
            iterationsCount=2000,
            reprojectionError=threshold,
            flags=cv2.SOLVEPNP_SQPNP,
        )
        if not found or inliers is None or len(inliers) < max(FEWEST, SHARE * len(xyz)):
            return None
        agree = inliers.ravel()
        rotvec, translation = cv2.solvePnPRefineLM(
            scaled[agree], uv[agree], np.eye(3), None, rotvec, translation
        )
    except cv2.error:  # it asserts that the points determine a place
        return None
    if not (np.isfinite(rotvec).all() and np.isfinite(translation).all()):
        return None
    rotation = Rotation.from_rotvec(np.ravel(rotvec))
    return RigidTransform.from_components(size * np.ravel(translation) - rotation.apply(middle), rotation)
