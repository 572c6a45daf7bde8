"""The point nearest to rays: to two of them in closed form, to many by least squares.

`squared_cross` and `reaches` use nothing but arithmetic that means the same for a float and for an array, so
the very same source serves numpy here and is compiled by numba where kernels need it.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]

PARALLEL = 1e-13
"""Determinant of the equations of a point, of unit trace, up to which its rays are parallel: they meet at
less than a millionth of a radian."""


def squared_cross(a: Any, b: Any) -> Any:
    """Return the squared length of a cross product.

    It is the squared sine of the angle between two vectors times their squared lengths, and exact where the
    sine of the angle is small, which 1 - cos^2 is not.

    Parameters
    ----------
    a, b : tuple of 3 (...) float

    Returns
    -------
    squared : (...) float
    """
    x, y, z = a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]
    return x * x + y * y + z * z


def reaches(a: Any, b: Any, base: Any) -> tuple[Any, Any]:
    """Return how far along two rays they are nearest to each other, times their directions' `squared_cross`.

    Parameters
    ----------
    a, b : tuple of 3 (...) float
        Directions of the rays, of any length.
    base : tuple of 3 (...) float, m
        From the origin of the first ray to that of the second.

    Returns
    -------
    along_a, along_b : (...) float
        In lengths of the directions; negative behind the origin.
    """
    aa = a[0] * a[0] + a[1] * a[1] + a[2] * a[2]
    bb = b[0] * b[0] + b[1] * b[1] + b[2] * b[2]
    ab = a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
    pa = a[0] * base[0] + a[1] * base[1] + a[2] * base[2]
    pb = b[0] * base[0] + b[1] * base[1] + b[2] * base[2]
    return bb * pa - ab * pb, ab * pa - aa * pb


def ray_directions(uv: Float, R: Float) -> Float:
    """Turn undistorted detections of one view into the directions of their rays.

    Parameters
    ----------
    uv : (..., 2) float, normalised, cam
    R : (3, 3) float
        Of cam_from_world.

    Returns
    -------
    direction : (..., 3) float
        Of unit length, in the world; NaN where the detection is.
    """
    ray = np.concatenate([uv, np.ones((*uv.shape[:-1], 1))], axis=-1) @ R
    return np.asarray(ray / np.linalg.norm(ray, axis=-1, keepdims=True))


def between_two_rays(center_a: Float, a: Float, center_b: Float, b: Float) -> Float:
    """Return the middle of the shortest line between two rays.

    Parameters
    ----------
    center_a, center_b : (..., 3) float, m
    a, b : (..., 3) float
        Directions of the rays, of any length.

    Returns
    -------
    xyz : (..., 3) float, m
        NaN where the rays are parallel or nearest to each other behind an origin.
    """
    base = center_b - center_a
    one, two, between = (np.moveaxis(vector, -1, 0) for vector in (a, b, base))
    bottom = np.maximum(squared_cross(one, two), 1e-300)
    along_a, along_b = (along / bottom for along in reaches(one, two, between))
    middle = 0.5 * (along_a[..., None] * a + along_b[..., None] * b + base) + center_a
    return np.where(((along_a > 0) & (along_b > 0))[..., None], middle, np.nan)


def nearest_to_rays(centers: Float, direction: Float, weight: Float) -> Float:
    """Return the points whose weighted sum of squared distances to rays is least.

    Parameters
    ----------
    centers : (views, 3) float, m
    direction : (..., views, 3) float
        Of unit length; finite also where the weight is 0.
    weight : (..., views) float

    Returns
    -------
    xyz : (..., 3) float, m
        NaN with fewer than two rays or parallel ones.
    """
    middle = centers.mean(axis=0)  # the world's origin may be far, or a camera's own centre
    offset = centers - middle
    weighted = weight[..., None] * direction
    total = weight.sum(axis=-1)
    A = total[..., None, None] * np.eye(3) - np.swapaxes(weighted, -1, -2) @ direction
    along = (direction * offset).sum(axis=-1)
    b = weight @ offset - (along[..., None] * weighted).sum(axis=-2)
    size = np.where(total > 0, 2.0 * total, 1.0)
    meet = np.linalg.det(A / size[..., None, None]) > PARALLEL
    xyz = np.linalg.solve(np.where(meet[..., None, None], A, np.eye(3)), b[..., None])[..., 0]
    return np.where(meet[..., None], xyz + middle, np.nan)


def nearest_in_images(centers: Float, direction: Float, weight: Float) -> Float:
    """Return the points whose weighted sum of squared distances to rays, as the views see them, is least.

    The weights are divided by the squared depths, which come from a first solution with equal weights; so it
    is one step from the least reprojection error of views of one focal length.

    Parameters
    ----------
    centers : (views, 3) float, m
    direction : (..., views, 3) float
        Of unit length; finite also where the weight is 0.
    weight : (..., views) float
        Inverse standard deviation; 0 where a view does not see the point.

    Returns
    -------
    xyz : (..., 3) float, m
        NaN with fewer than two rays, with parallel ones, or behind a camera that sees the point.
    """
    seen = weight > 0
    strength = seen.astype(np.float64)
    for _ in range(2):
        xyz = nearest_to_rays(centers, direction, strength)
        depth = (direction * (xyz[..., None, :] - centers)).sum(axis=-1)
        meet = ~(seen & ~(depth > 0)).any(axis=-1)
        ahead = (depth > 0) & meet[..., None]
        strength = np.where(ahead, weight / np.where(ahead, depth, 1.0), 0.0) ** 2
    return np.where(meet[..., None], xyz, np.nan)
