"""How precise detections are: pixels checked at the door, with the information each of them carries."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from calibration.errors import ShapeError

Float = NDArray[np.float64]

LEAST_CONFIDENCE = 0.1
"""A confidence below this counts as this: a detection is at most ten times less precise than the best."""


def checked_pixels(xy: ArrayLike, views: int) -> tuple[Float, tuple[int, ...]]:
    """Check pixels and flatten their leading axes.

    Parameters
    ----------
    xy : (..., views, 2) float, px
    views : int

    Returns
    -------
    flat : (points, views, 2) float, px
    leading : tuple of int
        The leading axes.

    Raises
    ------
    ShapeError
        If the last axes are not (views, 2).
    ValueError
        If a pixel is infinite; the place is named.
    """
    try:
        xy = np.asarray(xy, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise TypeError(f"xy: expected numbers, got {type(xy).__name__}: {error}") from error
    if xy.ndim < 2 or xy.shape[-2:] != (views, 2):
        raise ShapeError(f"xy: expected (..., {views} views, 2) for a rig of {views} cameras, got {xy.shape}")
    leading = xy.shape[:-2]
    flat = np.ascontiguousarray(xy).reshape(-1, views, 2)
    # A sum is infinite or NaN if a part is; only then is it worth looking closer.
    if not np.isfinite(flat.sum()) and np.isinf(flat).any():
        place = np.argwhere(np.isinf(xy))[0]
        raise ValueError(
            f"xy must be finite or NaN, got {xy[tuple(place)]} at xy[{', '.join(map(str, place))}]"
        )
    return flat, leading


def pixel_information(
    shape: tuple[int, int],
    pixel_sigma: float,
    confidence: ArrayLike | None = None,
    covariance: ArrayLike | None = None,
) -> Float:
    """Return the inverse covariance of every detection.

    Parameters
    ----------
    shape : (2,) int
        Points, views.
    pixel_sigma : float, px
        Standard deviation of a detection of confidence 1.
    confidence : (..., views) float, optional
        A detection has the standard deviation pixel_sigma / max(confidence, 0.1).
    covariance : (..., views, 2, 2) float, px2, optional
        In place of both; where it is not positive definite or NaN they are used.

    Returns
    -------
    information : (points, views, 3) float, 1/px2
        Entries xx, xy, yy; without confidence and covariance a broadcast view of one number.

    Raises
    ------
    ValueError
        If pixel_sigma is not positive or a confidence lies outside [0, 1].
    ShapeError
        If an array has another shape than the points.
    """
    if not (np.isfinite(pixel_sigma) and pixel_sigma > 0):
        raise ValueError(f"pixel_sigma: expected a positive number of px, got {pixel_sigma}")
    plain = np.array([1.0, 0.0, 1.0]) / pixel_sigma**2
    if confidence is None and covariance is None:
        return np.broadcast_to(plain, (*shape, 3))
    information = np.empty((*shape, 3))
    information[:] = plain
    if confidence is not None:
        information *= _precision(confidence, shape)[..., None]
    if covariance is not None:
        _fill_inverse(information, covariance, shape)
    return information


def _precision(confidence: ArrayLike, shape: tuple[int, int]) -> Float:
    values = np.asarray(confidence, dtype=np.float64)
    if values.size != shape[0] * shape[1] or values.shape[-1:] != shape[1:]:
        raise ShapeError(
            f"confidence: expected (..., {shape[1]} views) for {shape[0]} points, got {values.shape}"
        )
    values = values.reshape(shape)
    wrong = (values < 0) | (values > 1 + 1e-6)
    if wrong.any():
        raise ValueError(f"confidence must lie between 0 and 1, got {values[wrong][0]}")
    # A missing confidence of a pixel that is there says nothing against it being a poor one.
    return np.maximum(np.nan_to_num(values, nan=LEAST_CONFIDENCE), LEAST_CONFIDENCE) ** 2


def _fill_inverse(information: Float, covariance: ArrayLike, shape: tuple[int, int]) -> None:
    values = np.asarray(covariance, dtype=np.float64)
    if values.shape[-3:] != (shape[1], 2, 2) or values.size != shape[0] * shape[1] * 4:
        raise ShapeError(
            f"covariance: expected (..., {shape[1]} views, 2, 2) for {shape[0]} points, got {values.shape}"
        )
    values = values.reshape(*shape, 2, 2)
    xx, yy = values[..., 0, 0], values[..., 1, 1]
    xy = (values[..., 0, 1] + values[..., 1, 0]) / 2
    with np.errstate(all="ignore"):  # entries that cannot be inverted are left out below
        determinant = xx * yy - xy * xy
        inverse = np.stack([yy, -xy, xx], axis=-1) / determinant[..., None]
        usable = np.isfinite(inverse).all(axis=-1) & (determinant > 0) & (xx > 0)
    information[usable] = inverse[usable]
