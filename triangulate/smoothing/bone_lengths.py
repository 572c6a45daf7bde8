"""Bone lengths and how constant they are, from raw points and their covariance."""

import numpy as np
from numpy.typing import NDArray

from models2d.skeleton import Skeleton

Float = NDArray[np.float64]
Int = NDArray[np.int64]

FLOOR = 5e-4
"""Least standard deviation of a bone, relative to its length."""

RIGID = 0.05
"""Relative spread up to which a pair that the skeleton does not draw counts as rigid."""

LEAST = 5
"""Frames in which both ends of a bone must be known."""

VAGUE = 0.2
"""Share of a bone's length by which noise may lengthen it on average; beyond, it cannot be measured."""


def measure_bones(xyz: Float, covariance: Float, bones: Int, independent: Float) -> tuple[Float, Float]:
    """Estimate the length of each bone, and by how much it varies beyond the noise of its ends.

    Each frame's distance d has a known variance v, and the true length a spread s about its mean: a
    random-effects model, whose likelihood is maximised over s. A noisy distance is too long on average by
    trace(P S) / (2 d), P the projection across the bone and S the covariance of the difference; this is
    taken off.

    Parameters
    ----------
    xyz : (frames, keypoints, 3) float, m
    covariance : (frames, keypoints, 3, 3) float, m2
    bones : (bones, 2) int
    independent : (keypoints,) float
        Share of the frames whose errors are independent; smoothing leaves less than 1.

    Returns
    -------
    lengths : (bones,) float, m
        NaN where the ends are hardly ever seen together, or too uncertain to tell.
    sigma : (bones,) float, m
        Of the length in one frame about `lengths`, the uncertainty of `lengths` included.
    """
    lengths, sigma = np.full(len(bones), np.nan), np.full(len(bones), np.nan)
    for index, (tail, head) in enumerate(bones):
        across = xyz[:, head] - xyz[:, tail]
        spread = covariance[:, head] + covariance[:, tail]
        good = np.isfinite(across).all(axis=1) & np.isfinite(spread).all(axis=(1, 2))
        across, spread = across[good], spread[good]
        distance = np.linalg.norm(across, axis=1)
        across, spread, distance = (one[distance > 0] for one in (across, spread, distance))
        along = np.einsum("fi,fij,fj->f", across, spread, across) / distance**2
        bias = (np.trace(spread, axis1=1, axis2=2) - along) / (2 * distance)
        if len(distance) >= LEAST and np.median(bias) < VAGUE * np.median(distance):
            unbiased = distance - np.minimum(bias, VAGUE * distance)
            share = min(independent[tail], independent[head])
            lengths[index], sigma[index] = random_effects(unbiased, along, share)
    return lengths, sigma


def mirrored_mean(lengths: Float, bones: Int, mirror: Int) -> Float:
    """Give a bone and its counterpart on the other side of the body their mean length.

    Parameters
    ----------
    lengths : (bones,) float, m
    bones : (bones, 2) int
    mirror : (keypoints,) int

    Returns
    -------
    lengths : (bones,) float, m
    """
    order = [tuple(sorted(bone)) for bone in bones.tolist()]
    other = [tuple(sorted(mirror[list(bone)].tolist())) for bone in order]
    twin = np.array([order.index(bone) if bone in order else -1 for bone in other], dtype=np.int64)
    there = (twin >= 0) & np.isfinite(lengths[twin])
    return np.where(there, 0.5 * (lengths + lengths[twin]), lengths)


def random_effects(values: Float, variance: Float, independent: float) -> tuple[float, float]:
    """Estimate mean and spread of values of known variance, mistakes left out.

    Source: Paule & Mandel 1982, "Consensus values and weighting factors", for the spread.

    Parameters
    ----------
    values, variance : (n,) float, m, m2
    independent : float
        Share of the values that count as independent.

    Returns
    -------
    mean : float, m
    sigma : float, m
        Root of the spread squared, the mean's own variance and a floor squared.
    """
    middle = np.median(values)
    scatter = max(1.4826 * float(np.median(np.abs(values - middle))), 1e-9 * float(middle))
    near = np.abs(values - middle) < 4 * np.sqrt(np.maximum(scatter**2, variance))
    values, variance = values[near], variance[near]
    low, high = 0.0, 4 * scatter**2
    for _ in range(40):
        spread = 0.5 * (low + high)
        weight = 1.0 / (spread + variance)
        mean = float((weight * values).sum() / weight.sum())
        too_small = (weight * (values - mean) ** 2).sum() > len(values) - 1
        low, high = (spread, high) if too_small else (low, spread)
    # Not 1 / sum of weights: where noise shortened a bone, it looks the most precise.
    of_mean = (low + np.median(variance)) / max(1.0, independent * len(values))
    return mean, float(np.sqrt(low + of_mean + (FLOOR * mean) ** 2))


def rigid_candidates(skeleton: Skeleton) -> Int:
    """List pairs that may keep their distance though not drawn: siblings, left and right.

    Two ears, eyes, hips or shoulders hang on the same keypoint and sit on the same part of the body.

    Parameters
    ----------
    skeleton : Skeleton

    Returns
    -------
    pairs : (pairs, 2) int

    Examples
    --------
    >>> edges = [("head", "ear_left"), ("head", "ear_right"), ("head", "nose")]
    >>> mouse = Skeleton.from_names("mouse", ["head", "nose", "ear_left", "ear_right"], edges)
    >>> rigid_candidates(mouse).tolist()
    [[2, 3]]
    """
    edges = {(int(a), int(b)) for a, b in skeleton.bones} | {(int(b), int(a)) for a, b in skeleton.bones}
    count = len(skeleton.keypoints)
    pairs = [(one, int(other)) for one, other in enumerate(np.asarray(skeleton.mirror)) if one < other]
    siblings = [
        (one, other)
        for one, other in pairs
        if (one, other) not in edges and any((k, one) in edges and (k, other) in edges for k in range(count))
    ]
    return np.array(siblings, dtype=np.int64).reshape(-1, 2)


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
