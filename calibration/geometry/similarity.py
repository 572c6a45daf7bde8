"""The rotation, translation and scale that carry one set of points onto another.

Source: Umeyama 1991, "Least-squares estimation of transformation parameters between two point patterns".
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial.transform import RigidTransform, Rotation

from calibration.arrays import frozen
from calibration.errors import CalibrationError, ShapeError

Float = NDArray[np.float64]

COLLINEAR = 1e-6
"""Spread across a line, as a part of that along it, below which the rotation about the line is not known."""


EXACT = 1e-12
"""Least error, as a part of the points' extent, that counts as one: less is rounding."""


def fit_similarity(
    source: ArrayLike, target: ArrayLike, *, scale: bool = True, weights: ArrayLike | None = None
) -> tuple[float, RigidTransform]:
    """Fit target = rigid(factor * source) by least squares.

    Parameters
    ----------
    source, target : (points, 3) float, m
        NaN in either leaves the point out.
    scale : bool
        Without it the factor is 1.
    weights : (points,) float, optional

    Returns
    -------
    factor : float
    target_from_source : RigidTransform, m
        A proper rotation, never a reflection.

    Raises
    ------
    ShapeError
        If the two do not have the same shape.
    CalibrationError
        If fewer than three points are left or they lie on one line.

    Examples
    --------
    >>> factor, moved = fit_similarity(np.eye(3), 2 * np.eye(3) + [1.0, 0, 0])
    >>> round(factor, 9), np.allclose(moved.translation, [1.0, 0, 0], atol=1e-12)
    (2.0, True)
    """
    source = frozen(source, ("points", 3), "source")
    target = frozen(target, ("points", 3), "target")
    if source.shape != target.shape:
        raise ShapeError(f"source and target: expected one shape, got {source.shape} and {target.shape}")
    weight = np.ones(len(source)) if weights is None else frozen(weights, (len(source),), "weights")
    known = np.isfinite(source).all(axis=1) & np.isfinite(target).all(axis=1) & (weight > 0)
    if known.sum() < 3:
        raise CalibrationError(f"{known.sum()} points are known in both places; three or more are needed")
    source, target, weight = source[known], target[known], weight[known] / weight[known].sum()
    source_mean, target_mean = weight @ source, weight @ target
    a, b = source - source_mean, target - target_mean
    size, target_size = (float(np.abs(one).max()) or 1.0 for one in (a, b))
    a, b = a / size, b / target_size  # squares of any unit stay within the numbers there are
    for name, centred in (("source", a), ("target", b)):
        spread = np.linalg.svd(np.sqrt(weight)[:, None] * centred, compute_uv=False)
        if not spread[1] > COLLINEAR * spread[0]:
            raise CalibrationError(f"the {len(a)} {name} points lie on one line: add one that is not on it")
    U, stretch, Vt = np.linalg.svd((weight[:, None] * b).T @ a)
    sign = np.array([1.0, 1.0, np.sign(np.linalg.det(U @ Vt))])
    factor = float(stretch @ sign / (weight @ (a**2).sum(axis=1))) * (target_size / size) if scale else 1.0
    rotation = Rotation.from_matrix((U * sign) @ Vt)
    translation = target_mean - factor * rotation.apply(source_mean)
    return factor, RigidTransform.from_components(translation, rotation)


def fit_similarity_robustly(
    source: Float, target: Float, *, scale: bool = True
) -> tuple[float, RigidTransform]:
    """Fit a similarity that most of the points follow, by reweighting with a Cauchy loss.

    Parameters
    ----------
    source, target : (points, 3) float, m
    scale : bool

    Returns
    -------
    factor : float
    target_from_source : RigidTransform, m
    """
    weights = np.ones(len(source))
    extent = float(np.linalg.norm(np.nanmax(target, axis=0) - np.nanmin(target, axis=0)))
    for _ in range(50):
        factor, moved = fit_similarity(source, target, scale=scale, weights=weights)
        distance = np.linalg.norm(moved.apply(factor * source) - target, axis=1)
        size = max(float(np.nanmedian(distance)), EXACT * extent)
        weights = np.nan_to_num(1 / (1 + (distance / size) ** 2))
    return factor, moved
