"""Bone lengths and how constant they are, from raw points and their covariance."""

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]
Int = NDArray[np.int64]

FLOOR = 2e-3
"""Least standard deviation of a bone, relative to its length: even a rigid body is not found more exactly."""


def measure_bones(xyz: Float, covariance: Float, bones: Int) -> tuple[Float, Float]:
    """Estimate the length of each bone, and by how much it varies beyond the noise of its ends.

    A noisy distance is too long on average by trace(P S) / (2 L), P the projection across the bone and S the
    covariance of the difference; this is taken off. Medians throughout, since raw points have mistakes.

    Parameters
    ----------
    xyz : (frames, keypoints, 3) float, m
    covariance : (frames, keypoints, 3, 3) float, m2
    bones : (bones, 2) int

    Returns
    -------
    lengths : (bones,) float, m
        NaN where the ends are hardly ever seen together.
    sigma : (bones,) float, m
    """
    lengths, sigma = np.full(len(bones), np.nan), np.full(len(bones), np.nan)
    for index, (tail, head) in enumerate(bones):
        across = xyz[:, head] - xyz[:, tail]
        spread = covariance[:, head] + covariance[:, tail]
        distance = np.linalg.norm(across, axis=1)
        along = np.einsum("fi,fij,fj->f", across, spread, across) / np.maximum(distance, 1e-9) ** 2
        good = np.isfinite(distance) & np.isfinite(along) & (distance > 1e-9)
        if good.sum() < 5:
            continue
        bias = (np.trace(spread[good], axis1=1, axis2=2) - along[good]) / (2 * distance[good])
        unbiased = distance[good] - np.minimum(bias, 0.2 * distance[good])
        lengths[index] = np.median(unbiased)
        # The noise differs from frame to frame: look for the excess that makes the median square right.
        away = (unbiased - lengths[index]) ** 2
        excess = np.median(away) / 0.455 - np.median(along[good])
        error = 2.5 * np.median(away) / 0.455 / np.sqrt(good.sum() / 8)
        sigma[index] = np.sqrt(max(excess - error, (FLOOR * lengths[index]) ** 2))
    return lengths, sigma


def components(keypoints: int, bones: Int) -> list[Int]:
    """Split keypoints into sets that bones connect.

    Parameters
    ----------
    keypoints : int
    bones : (bones, 2) int

    Returns
    -------
    sets : list of (n,) int
        Sorted indices; every keypoint is in one set.

    Examples
    --------
    >>> [part.tolist() for part in components(4, np.array([[0, 2]]))]
    [[0, 2], [1], [3]]
    """
    label = np.arange(keypoints)
    for _ in range(keypoints):
        before = label.copy()
        for tail, head in bones:
            label[[tail, head]] = label[[tail, head]].min()
        if (label == before).all():
            break
    return [np.flatnonzero(label == value) for value in np.unique(label)]
