"""How probable it is that two keypoints are one individual's, from the vectors that a network regresses.

Both ends of a pair predict the other. By how much they miss, in cells, is the feature of a logistic model of
each pair of keypoints (Insafutdinov et al., DeeperCut, ECCV 2016, section 4), whose log-odds here are

    intercept - slope e - curve e^2,    e^2 = (miss of one^2 + miss of the other^2) / 2,

with slope and curve not negative, so that a larger miss never speaks for a pair.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize
from scipy.special import expit

from calibration.arrays import frozen

Float = NDArray[np.float64]
Int = NDArray[np.int64]
Bool = NDArray[np.bool_]


def partners(keypoints: int) -> Int:
    """List for each keypoint all others, in the order in which networks regress the vectors to them.

    Parameters
    ----------
    keypoints : int

    Returns
    -------
    partners : (keypoints, others) int

    Examples
    --------
    >>> partners(3).tolist()
    [[1, 2], [0, 2], [0, 1]]
    """
    every = np.broadcast_to(np.arange(keypoints), (keypoints, keypoints))
    return every[~np.eye(keypoints, dtype=bool)].reshape(keypoints, max(keypoints - 1, 0))


def pair_number(one: ArrayLike, two: ArrayLike, keypoints: int) -> Int:
    """Count unordered pairs of keypoints in the order (0, 1), (0, 2), ..., (1, 2), ...

    Parameters
    ----------
    one, two : (...) int
        Different keypoints.
    keypoints : int

    Returns
    -------
    number : (...) int

    Examples
    --------
    >>> pair_number([0, 0, 2], [1, 2, 1], 3).tolist()
    [0, 1, 2]
    """
    low, high = np.minimum(one, two), np.maximum(one, two)
    return np.asarray(low * (2 * keypoints - low - 1) // 2 + high - low - 1)


def normal_affinity(keypoints: int, sigma: float) -> Float:
    """State the model of normal offsets, for a network that comes without a fitted one.

    Parameters
    ----------
    keypoints : int
    sigma : float, cells
        Standard deviation of the offsets.

    Returns
    -------
    affinity : (pairs, 3) float
        Intercept, slope and curve: the log-likelihood ratio of offsets with that deviation against an even
        spread over the disc of 3 sigma, 3 - e^2 / (2 sigma^2).

    Raises
    ------
    ValueError
        If sigma is not positive.

    Examples
    --------
    >>> normal_affinity(2, 2.0).tolist()
    [[3.0, 0.0, 0.125]]
    """
    if not sigma > 0:
        raise ValueError(f"sigma: expected a positive number of cells, got {sigma}")
    return np.tile([3.0, 0.0, 1 / (2 * sigma**2)], (keypoints * (keypoints - 1) // 2, 1))


def misses(xy: ArrayLike, part: ArrayLike, offsets: ArrayLike) -> tuple[Int, Float]:
    """Measure by how much candidates miss each other with their vectors.

    Parameters
    ----------
    xy : (candidates, 2) float, cells
    part : (candidates,) int
        Keypoint of each candidate.
    offsets : (candidates, keypoints, 2) float, cells
        From each candidate to every keypoint of the same individual; NaN where unknown.

    Returns
    -------
    edges : (edges, 2) int
        All pairs of candidates.
    miss : (edges,) float, cells
        Root mean square of both ends' misses; of the one that is known. Candidates of one keypoint miss by
        their distance.

    Raises
    ------
    ShapeError
        If the arrays do not agree.

    Examples
    --------
    >>> misses([[0, 0], [4, 3]], [0, 1], [[[0, 0], [4, 3]], [[-4, 2], [0, 0]]])[1].round(3).tolist()
    [3.536]
    """
    points = frozen(xy, ("candidates", 2), "xy")
    label = frozen(part, (len(points),), "part", np.int64)
    ahead = frozen(offsets, (len(points), "keypoints", 2), "offsets")
    one, two = np.triu_indices(len(points), 1)
    forth = ((points[one] + ahead[one, label[two]] - points[two]) ** 2).sum(axis=-1)
    back = ((points[two] + ahead[two, label[one]] - points[one]) ** 2).sum(axis=-1)
    known = np.isfinite([forth, back])
    mean = np.where(known, [forth, back], 0.0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    mean = np.where(known.any(axis=0), mean, np.nan)
    apart = ((points[one] - points[two]) ** 2).sum(axis=-1)
    return np.column_stack([one, two]), np.sqrt(np.where(label[one] == label[two], apart, mean))


def log_odds_cost(probability: ArrayLike, least: float = 1e-4) -> Float:
    """Turn probabilities into the program's costs log((1 - p) / p).

    Parameters
    ----------
    probability : (...) float
    least : float
        Probabilities are kept in [least, 1 - least], so that no cost is infinite.

    Returns
    -------
    cost : (...) float

    Examples
    --------
    >>> log_odds_cost([0.5, 0.0]).round(2).tolist()
    [0.0, 9.21]
    """
    p = np.clip(np.asarray(probability, dtype=np.float64), least, 1 - least)
    return np.asarray(np.log((1 - p) / p))


def offset_costs(
    xy: ArrayLike, part: ArrayLike, offsets: ArrayLike, affinity: ArrayLike, *, merge: float
) -> tuple[Int, Float]:
    """Compute the pairwise costs of candidates from the vectors that a network regresses.

    Parameters
    ----------
    xy : (candidates, 2) float, cells
    part : (candidates,) int
        Keypoint of each candidate.
    offsets : (candidates, keypoints, 2) float, cells
        From each candidate to every keypoint of the same individual; NaN where unknown.
    affinity : (pairs, 3) float
        As `fit_affinity` or `normal_affinity` returns.
    merge : float, cells
        Two candidates of one keypoint that are nearer than this are rather one individual's than two's; their
        cost is 3 (distance / merge)^2 - 3.

    Returns
    -------
    edges : (edges, 2) int
    cost : (edges,) float
        Of one individual having both, log((1 - p) / p) in [-9.2, 9.2].

    Raises
    ------
    ShapeError
        If the arrays do not agree.
    """
    edges, miss = misses(xy, part, offsets)
    keypoints = np.shape(offsets)[1]
    model = frozen(affinity, (keypoints * (keypoints - 1) // 2, 3), "affinity")
    label = np.asarray(part, dtype=np.int64)
    one, two = label[edges[:, 0]], label[edges[:, 1]]
    same = one == two
    cost = 3 * (miss / merge) ** 2 - 3
    intercept, slope, curve = model[pair_number(one, two, keypoints)[~same]].T
    cost[~same] = slope * miss[~same] + curve * miss[~same] ** 2 - intercept
    limit = float(log_odds_cost(0.0))
    known = np.isfinite(cost)
    return edges[known], np.clip(cost, -limit, limit)[known]


def fit_affinity(miss: Float, pair: Int, same: Bool, keypoints: int) -> Float:
    """Fit the logistic model of each pair of keypoints to labelled individuals.

    Parameters
    ----------
    miss : (n,) float, cells
        Of two labelled keypoints, as `misses` measures it.
    pair : (n,) int
        Which keypoints, as `pair_number` counts.
    same : (n,) bool
        Whether they are one individual's.
    keypoints : int

    Returns
    -------
    affinity : (pairs, 3) float

    Notes
    -----
    Maximum a posteriori. In units of a pair's median miss within individuals the coefficients of all pairs
    together are drawn towards those of normal offsets, and those of each pair towards those of all, both with
    a standard deviation of 1: pairs that few labels speak of follow the others.
    """
    pairs = keypoints * (keypoints - 1) // 2
    known = np.isfinite(miss)
    miss, pair, same = miss[known], pair[known], same[known]
    scale = np.array([_middle(miss[same & (pair == number)]) for number in range(pairs)])
    overall = _middle(miss[same])
    scale = np.maximum(np.where(np.isfinite(scale), scale, overall if np.isfinite(overall) else 1.0), 0.25)
    relative = miss / scale[pair]
    # The root mean square of four normal coordinates has its median at 1.3 standard deviations.
    every = _logistic(relative, same, np.array([3.0, 0.0, 1.3**2 / 2]))
    fitted = [_logistic(relative[pair == number], same[pair == number], every) for number in range(pairs)]
    return np.reshape(fitted, (pairs, 3)) / scale[:, None] ** np.arange(3)


def _middle(values: Float) -> float:
    return float(np.median(values)) if len(values) else float("nan")


def _logistic(miss: Float, same: Bool, centre: Float) -> Float:
    """Fit intercept, slope and curve, drawn towards `centre`."""
    features = np.stack([np.ones_like(miss), -miss, -(miss**2)], axis=1)

    def loss(values: Float) -> tuple[float, Float]:
        odds = features @ values
        away = values - centre
        value = np.logaddexp(0, odds).sum() - odds[same].sum() + 0.5 * (away**2).sum()
        return float(value), features.T @ (expit(odds) - same) + away

    bounds = [(None, None), (0, None), (0, None)]
    return np.asarray(minimize(loss, centre, jac=True, bounds=bounds, method="L-BFGS-B").x)
