"""The relative pose of two cameras from points that both see, and how far points are from agreeing with it.

Source: Nister 2004, "An efficient solution to the five-point relative pose problem", through OpenCV.
"""

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import RigidTransform, Rotation

from calibration.geometry.nearest_points import between_two_rays

Float = NDArray[np.float64]


def essential_matrix(a: Float, b: Float, threshold: float | None) -> Float | None:
    """Find the essential matrix that most point pairs agree with.

    Parameters
    ----------
    a, b : (points, 2) float, normalised, cam
    threshold : float, normalised
        Distance from the epipolar line; None for the least median of squares, which needs no threshold but a
        majority of good pairs.

    Returns
    -------
    E : (3, 3) float or None
        b' E a = 0; None where there are too few points or they fit no matrix.
    """
    if len(a) < 8:
        return None
    cv2.setRNGSeed(0)
    method, limit = (cv2.LMEDS, 1.0) if threshold is None else (cv2.USAC_MAGSAC, threshold)
    try:
        E, _ = cv2.findEssentialMat(a, b, np.eye(3), method=method, prob=0.999, threshold=limit)
    except cv2.error:  # it asserts that the points determine a matrix
        return None
    if E is None or E.shape[0] < 3 or not np.isfinite(E[:3]).all():
        return None
    return np.asarray(E[:3], dtype=np.float64)


def essential_of_pose(R: Float, t: Float) -> Float:
    """Return the essential matrices of relative poses (Hartley & Zisserman 2004, eq. 9.12).

    Parameters
    ----------
    R : (..., 3, 3) float
        Of b_from_a.
    t : (..., 3) float, m

    Returns
    -------
    E : (..., 3, 3) float
        b' E a = 0.
    """
    cross = np.zeros((*t.shape, 3))
    cross[..., 0, 1], cross[..., 0, 2], cross[..., 1, 2] = -t[..., 2], t[..., 1], -t[..., 0]
    return np.asarray((cross - np.swapaxes(cross, -1, -2)) @ R)


def sampson_terms(E: Float, a: Float, b: Float) -> tuple[Float, Float, Float]:
    """Return the numerator and the two squares under the root of Sampson's distance.

    Source: Hartley & Zisserman 2004, "Multiple view geometry", eq. 11.9.

    Parameters
    ----------
    E : (..., 3, 3) float
    a, b : (..., points, 2) float, normalised, cam

    Returns
    -------
    off : (..., points) float
        b' E a, signed.
    by_a, by_b : (..., points) float
        Squared derivative of `off` by a and by b: the variance of `off` is theirs times that of a and of b.
    """
    line_b = a @ np.swapaxes(E[..., :2], -1, -2) + E[..., None, :, 2]
    line_a = b @ E[..., :2, :2] + E[..., None, 2, :2]
    off = (line_b[..., :2] * b).sum(axis=-1) + line_b[..., 2]
    return off, (line_a**2).sum(axis=-1), (line_b[..., :2] ** 2).sum(axis=-1)


def epipolar_error(E: Float, a: Float, b: Float) -> Float:
    """Sampson's distance of point pairs from an essential matrix, (points,) normalised."""
    off, by_a, by_b = sampson_terms(E, a, b)
    return np.asarray(np.abs(off) / np.sqrt(np.maximum(by_a + by_b, 1e-300)))


def relative_pose(E: Float, a: Float, b: Float) -> tuple[RigidTransform, Float]:
    """Choose the decomposition of an essential matrix that has most points in front of both cameras.

    Parameters
    ----------
    E : (3, 3) float
    a, b : (points, 2) float, normalised, cam

    Returns
    -------
    b_from_a : RigidTransform
        With a baseline of length 1.
    xyz : (points, 3) float, baselines, cam a
        NaN behind a camera.
    """
    first, second, direction = cv2.decomposeEssentialMat(E)
    ray_a, ray_b = (np.hstack([xy, np.ones((len(xy), 1))]) for xy in (a, b))
    best = (-1, RigidTransform.identity(), np.empty((0, 3)))
    for R in (first, second):
        for t in (direction.ravel(), -direction.ravel()):
            xyz = between_two_rays(np.zeros(3), ray_a, np.asarray(-R.T @ t, np.float64), ray_b @ R)
            count = int(np.isfinite(xyz[:, 0]).sum())
            if count > best[0]:
                best = count, RigidTransform.from_components(t, Rotation.from_matrix(R)), xyz
    return best[1], best[2]


def parallax(b_from_a: RigidTransform, a: Float, b: Float) -> Float:
    """Angle between the two rays of each point, (points,) rad."""
    ray_a, ray_b = (np.hstack([xy, np.ones((len(xy), 1))]) for xy in (a, b))
    ray_a = b_from_a.rotation.apply(ray_a)
    cosine = (ray_a * ray_b).sum(axis=1) / np.linalg.norm(ray_a, axis=1) / np.linalg.norm(ray_b, axis=1)
    return np.asarray(np.arccos(np.clip(cosine, -1, 1)))
