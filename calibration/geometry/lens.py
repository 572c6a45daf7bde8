"""Lens models as plain arithmetic on normalised image coordinates, and the array functions built on them.

`distort_pinhole` and `distort_fisheye` use nothing but arithmetic that means the same for a float and for an
array, so the very same source serves numpy here and is compiled by numba in `lens_kernels`. The inverse is in
`undistortion`.

Sources: OpenCV "Camera Calibration and 3D Reconstruction" (rational, tangential and thin-prism model);
Kannala & Brandt 2006, "A generic camera model", eq. 6 with OpenCV's naming (fisheye).
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Float = NDArray[np.float64]

COEFFICIENTS = {"pinhole": (0, 4, 5, 8, 12), "fisheye": (4,)}
"""Allowed numbers of distortion coefficients per lens model."""

KERNEL_COEFFICIENTS = 12
"""Every kernel takes this many coefficients; shorter lists are filled with zeros, which changes nothing."""

LENS_NAMES = ("fx", "fy", "cx", "cy", "k1", "k2", "p1", "p2", "k3", "k4", "k5", "k6", "s1", "s2", "s3", "s4")
"""Numbers of a lens in the order of the kernels."""

PINHOLE, FISHEYE, IDEAL = 0, 1, 2
"""Kinds of lens, as kernels know them; an ideal one has no distortion."""

ODD = (3, 8, 9)
"""Pinhole coefficients (p2, s1, s2) that change sign where an image is flipped left to right."""


def distort_pinhole(x: Any, y: Any, k: Any) -> tuple[Any, Any, Any, Any, Any, Any]:
    """Distort normalised coordinates, with the 2x2 Jacobian.

    Parameters
    ----------
    x, y : (...) float, normalised, cam
        x = X/Z, y = Y/Z.
    k : (12,) float
        k1 k2 p1 p2 k3 k4 k5 k6 s1 s2 s3 s4.

    Returns
    -------
    u, v, u_x, u_y, v_x, v_y : (...) float
        Distorted coordinates and their partial derivatives.
    """
    r2 = x * x + y * y
    top = 1.0 + r2 * (k[0] + r2 * (k[1] + r2 * k[4]))
    bottom = 1.0 / (1.0 + r2 * (k[5] + r2 * (k[6] + r2 * k[7])))
    radial = top * bottom
    # d radial / d r2
    slope = (
        k[0] + r2 * (2.0 * k[1] + r2 * 3.0 * k[4]) - radial * (k[5] + r2 * (2.0 * k[6] + r2 * 3.0 * k[7]))
    ) * bottom
    prism_u = 2.0 * (k[8] + 2.0 * k[9] * r2)
    prism_v = 2.0 * (k[10] + 2.0 * k[11] * r2)
    u = x * radial + 2.0 * k[2] * x * y + k[3] * (r2 + 2.0 * x * x) + r2 * (k[8] + k[9] * r2)
    v = y * radial + k[2] * (r2 + 2.0 * y * y) + 2.0 * k[3] * x * y + r2 * (k[10] + k[11] * r2)
    shear = 2.0 * x * y * slope + 2.0 * k[2] * x + 2.0 * k[3] * y
    u_x = radial + 2.0 * x * x * slope + 2.0 * k[2] * y + 6.0 * k[3] * x + prism_u * x
    v_y = radial + 2.0 * y * y * slope + 6.0 * k[2] * y + 2.0 * k[3] * x + prism_v * y
    return u, v, u_x, shear + prism_u * y, shear + prism_v * x, v_y


def distort_fisheye(x: Any, y: Any, k: Any) -> tuple[Any, Any, Any, Any, Any, Any]:
    """Distort normalised coordinates by a polynomial in the angle to the axis, with the 2x2 Jacobian.

    Parameters
    ----------
    x, y : (...) float, normalised, cam
    k : (12,) float
        k1 k2 k3 k4, the rest is ignored.

    Returns
    -------
    u, v, u_x, u_y, v_x, v_y : (...) float
    """
    r2 = x * x + y * y + 1e-20  # the offset keeps the axis itself free of 0/0; its effect is below 1e-20
    r = np.sqrt(r2)
    theta = np.arctan(r)
    t2 = theta * theta
    bent = theta * (1.0 + t2 * (k[0] + t2 * (k[1] + t2 * (k[2] + t2 * k[3]))))
    bent_theta = 1.0 + t2 * (3.0 * k[0] + t2 * (5.0 * k[1] + t2 * (7.0 * k[2] + t2 * 9.0 * k[3])))
    radial = bent / r
    bend = (bent_theta / (1.0 + r2) - radial) / r2
    shear = x * y * bend
    return x * radial, y * radial, radial + x * x * bend, shear, shear, radial + y * y * bend


DISTORT: dict[str, Callable[..., tuple[Any, Any, Any, Any, Any, Any]]] = {
    "pinhole": distort_pinhole,
    "fisheye": distort_fisheye,
}


def fill_coefficients(distortion: ArrayLike) -> Float:
    """Fill a list of distortion coefficients with zeros to the length that kernels take.

    Parameters
    ----------
    distortion : (n,) float
        At most 12 coefficients in OpenCV's order.

    Returns
    -------
    k : (12,) float
    """
    given = np.asarray(distortion, dtype=np.float64)
    return np.concatenate([given, np.zeros(KERNEL_COEFFICIENTS - len(given))])


def lens_kind(model: str, distortion: ArrayLike) -> int:
    """Return the kind of a lens: PINHOLE, FISHEYE or IDEAL.

    Parameters
    ----------
    model : "pinhole" or "fisheye"
    distortion : (n,) float

    Returns
    -------
    kind : int
    """
    if model == "fisheye":
        return FISHEYE
    return PINHOLE if np.any(distortion) else IDEAL


def lens_fold(model: str, distortion: ArrayLike) -> float:
    """Return where a lens folds back: where its distorted radius stops growing.

    Parameters
    ----------
    model : "pinhole" or "fisheye"
    distortion : (n,) float

    Returns
    -------
    fold : float
        The squared normalised radius of a pinhole lens, infinite if there is none; the angle to the axis of a
        fisheye lens, at most a right one.
    """
    return _lens_fold(model, tuple(np.asarray(distortion, dtype=np.float64).tolist()))


@lru_cache(maxsize=1024)
def _lens_fold(model: str, distortion: tuple[float, ...]) -> float:
    k, kind = fill_coefficients(distortion), lens_kind(model, distortion)
    if kind == PINHOLE:
        top, bottom = np.array([1.0, k[0], k[1], k[4]]), np.array([1.0, k[5], k[6], k[7]])
        # d/dr of r top / bottom is zero where this polynomial of r2 is.
        power = np.arange(4)
        slope = np.convolve((1 + 2 * power) * top, bottom) - np.convolve(top, 2 * power * bottom)
        return min(_least_positive_root(slope), _least_positive_root(bottom))
    if kind == FISHEYE:
        slope = np.array([1.0, 3 * k[0], 5 * k[1], 7 * k[2], 9 * k[3]])
        return min(float(np.sqrt(_least_positive_root(slope))), np.pi / 2)
    return np.inf


def _least_positive_root(coefficients: Float) -> float:
    """Of a polynomial, the constant first; infinite where there is none."""
    last = np.flatnonzero(coefficients)[-1]
    if last == 0:
        return np.inf
    companion = np.diag(np.ones(last - 1), -1)
    companion[:, -1] = -coefficients[:last] / coefficients[last]
    roots = np.linalg.eigvals(companion)
    return float(roots.real[(np.abs(roots.imag) < 1e-9) & (roots.real > 0)].min(initial=np.inf))


def project_from_camera(xyz: ArrayLike, K: ArrayLike, distortion: ArrayLike, model: str = "pinhole") -> Float:
    """Project points given in the camera's own coordinates.

    Parameters
    ----------
    xyz : (..., 3) float, m, cam
    K : (3, 3) float, px
    distortion : (n,) float
    model : "pinhole" or "fisheye"

    Returns
    -------
    xy : (..., 2) float, px
        NaN for points that are not in front of the camera (Z <= 0).

    Examples
    --------
    >>> project_from_camera([[0.0, 0.0, 2.0], [0.0, 0.0, -2.0]], np.diag([800.0, 800.0, 1.0]), [])
    array([[ 0.,  0.],
           [nan, nan]])
    """
    points = np.asarray(xyz, dtype=np.float64)
    depth = np.where(points[..., 2] > 0, points[..., 2], np.nan)
    k = fill_coefficients(distortion)
    u, v, *_ = DISTORT[model](points[..., 0] / depth, points[..., 1] / depth, k)
    return to_pixels(np.stack([u, v], axis=-1), K)


def to_pixels(uv: ArrayLike, K: ArrayLike) -> Float:
    """Map distorted normalised coordinates to pixels: (u, v, 1) -> K (u, v, 1).

    Parameters
    ----------
    uv : (..., 2) float, normalised, cam
    K : (3, 3) float, px

    Returns
    -------
    xy : (..., 2) float, px
    """
    uv, K = np.asarray(uv, dtype=np.float64), np.asarray(K, dtype=np.float64)
    return uv @ K[:2, :2].T + K[:2, 2]


def from_pixels(xy: ArrayLike, K: ArrayLike) -> Float:
    """Invert `to_pixels`.

    Parameters
    ----------
    xy : (..., 2) float, px
    K : (3, 3) float, px

    Returns
    -------
    uv : (..., 2) float, normalised, cam
    """
    xy, K = np.asarray(xy, dtype=np.float64), np.asarray(K, dtype=np.float64)
    return (xy - K[:2, 2]) @ np.linalg.inv(K[:2, :2]).T
