"""The lens that is fitted is an angle polynomial; the lens that is written is OpenCV's rational model.

Both have the same centre, tangential and prism terms. The radial part differs: the rational model's six
coefficients are nearly interchangeable, so a fit of them is free to do anything just outside the data, while
a polynomial in the angle to the axis (Kannala & Brandt 2006), with coefficients known to be small for every
lens built, goes on as lenses do. On any image the rational model follows the polynomial to a small fraction
of a pixel, so nothing is lost by writing it that way.
"""

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]

RADIAL = (0, 1, 4, 5)
"""Where the angle polynomial's four coefficients stand among the twelve; 2, 3 and 8 to 11 are OpenCV's."""

RATIONAL = (0, 1, 4, 5, 6, 7)
"""Where OpenCV's six radial coefficients stand."""

WIDEST = np.deg2rad(80)
"""A ray further from the axis has no useful place in a pinhole model."""


def angle_curve(theta: Float, k: Float) -> Float:
    """Distance from the centre, in focal lengths, at an angle to the axis.

    Parameters
    ----------
    theta : (n,) float, rad
    k : (12,) float
        Of the angle polynomial.

    Returns
    -------
    bent : (n,) float
    """
    t2 = theta * theta
    a, b, c, d = (k[i] for i in RADIAL)
    return np.asarray(theta * (1 + t2 * (a + t2 * (b + t2 * (c + t2 * d)))))


def widest_angle(lens: Float, size: tuple[int, int]) -> float:
    """Angle to the axis of the image's farthest corner, or of the fold of the lens if that comes first.

    Parameters
    ----------
    lens : (16,) float
    size : (2,) int, px

    Returns
    -------
    theta : float, rad
    """
    corners = np.array([[0, 0], [1, 0], [0, 1], [1, 1]]) * (np.array(size) - 1.0)
    farthest = np.linalg.norm((corners - lens[2:4]) / lens[:2], axis=1).max()
    theta = np.linspace(0, WIDEST, 2000)
    bent = angle_curve(theta, lens[4:])
    falling = np.flatnonzero(np.diff(bent) <= 0)
    stop = falling[0] if len(falling) else len(theta) - 1
    reached = np.flatnonzero(bent[: stop + 1] >= farthest)
    return float(theta[reached[0]] if len(reached) else theta[stop])


def to_rational(lens: Float, size: tuple[int, int]) -> tuple[Float, float]:
    """Write an angle polynomial as OpenCV's rational model.

    Parameters
    ----------
    lens : (16,) float
        fx fy cx cy and 12 coefficients, the radial ones of the angle polynomial.
    size : (2,) int, px

    Returns
    -------
    lens : (16,) float
        With OpenCV's coefficients.
    error : float, px
        Largest difference between the two over the image.

    Notes
    -----
    top(r2) / bottom(r2) = bent / r is linear in the coefficients after multiplication by bottom; dividing the
    equations by the bottom of the round before makes their errors those of the image (Sanathanan & Koerner
    1963).
    """
    k = lens[4:]
    theta = np.linspace(1e-3, widest_angle(lens, size), 200)
    r = np.tan(theta)
    wanted = angle_curve(theta, k) / r
    unit = r[-1] ** 2
    s = r * r / unit
    powers = np.stack([s, s**2, s**3], axis=1)
    bottom = np.ones_like(s)
    for _ in range(6):
        weight = (lens[0] * r / bottom)[:, None]
        A = np.hstack([powers, -wanted[:, None] * powers]) * weight
        # The faint ridge chooses among coefficients that are the same lens.
        ridge = 1e-7 * np.linalg.norm(A) * np.eye(6)
        b = np.append((wanted - 1) * weight[:, 0], np.zeros(6))
        x = np.linalg.lstsq(np.vstack([A, ridge]), b, rcond=None)[0]
        bottom = 1 + powers @ x[3:]
    out = lens.copy()
    scale = np.array([unit, unit**2, unit**3])
    out[[4 + i for i in RATIONAL]] = np.concatenate([x[:3] / scale, x[3:] / scale])
    got = (1 + powers @ x[:3]) / bottom
    return out, float(np.abs(lens[0] * r * (got - wanted)).max())


def to_family(lens: Float, size: tuple[int, int], have: int, want: int) -> Float:
    """Rewrite a lens as a start for another family.

    Parameters
    ----------
    lens : (16,) float
    size : (2,) int, px
    have, want : int
        Index into `calibration.bundle.problem.MODELS`; only from and to the angle polynomial.

    Returns
    -------
    lens : (16,) float
    """
    out = lens.copy()
    if {have, want} == {1, 2}:
        start, end = ((4, 5, 6, 7), (4, 5, 8, 9)) if have == 1 else ((4, 5, 8, 9), (4, 5, 6, 7))
        out[4:] = 0.0
        out[list(end)] = lens[list(start)]
        return out
    theta = np.linspace(1e-3, widest_angle(lens, size), 200)
    r = np.tan(theta)
    # The middle of the image counts more: there is where a start can be right.
    powers = np.stack([r**2, r**4, r**6], axis=1) * (r * np.cos(theta) ** 2)[:, None]
    wanted = (angle_curve(theta, lens[4:]) - r) * np.cos(theta) ** 2
    ridge = 1e-3 * np.linalg.norm(powers) / np.sqrt(3) * np.eye(3)
    found = np.linalg.lstsq(np.vstack([powers, ridge]), np.append(wanted, np.zeros(3)), rcond=None)[0]
    out[[4, 5, 8]] = found
    out[9:] = 0.0
    return out
