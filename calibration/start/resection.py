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
    found, rotvec, translation, inliers = cv2.solvePnPRansac(
        xyz, uv, np.eye(3), None, iterationsCount=2000, reprojectionError=threshold, flags=cv2.SOLVEPNP_SQPNP
    )
    if not found or inliers is None or len(inliers) < max(FEWEST, SHARE * len(xyz)):
        return None
    agree = inliers.ravel()
    rotvec, translation = cv2.solvePnPRefineLM(xyz[agree], uv[agree], np.eye(3), None, rotvec, translation)
    return RigidTransform.from_components(np.ravel(translation), Rotation.from_rotvec(np.ravel(rotvec)))
