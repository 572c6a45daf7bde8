"""Uniform cubic B-splines: trajectories as functions of continuous time.

A trajectory is x(u) = sum_m b_m(u - i) c[i + m], m = 0..3, i = floor(u), with u the time in knot intervals.
It has a value at any time, so cameras need not be synchronous, its third derivative is constant in each
interval, and its control points couple only with three neighbours on either side.

Source: de Boor 1978, "A Practical Guide to Splines"; Eilers & Marx 1996, "Flexible smoothing with B-splines
and penalties", for the difference penalties.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

Float = NDArray[np.float64]
Int = NDArray[np.int64]

ORDER = 4
"""Control points that carry the trajectory at one time."""

DIFFERENCES = {2: (1.0, -2.0, 1.0), 3: (-1.0, 3.0, -3.0, 1.0)}
"""Coefficients of the second and third difference of neighbouring control points."""


def control_points(length: float) -> int:
    """Count the control points of a spline that spans a length.

    Parameters
    ----------
    length : float
        In knot intervals.

    Returns
    -------
    count : int

    Examples
    --------
    >>> control_points(9.0)
    12
    """
    return max(1, int(np.ceil(length - 1e-9))) + ORDER - 1


def basis(u: ArrayLike, count: int) -> tuple[Int, Float]:
    """Find which control points carry the trajectory at given times, and with which weights.

    Parameters
    ----------
    u : (...) float
        Times in knot intervals; times outside the spline are continued with the nearest interval's cubic.
    count : int
        Number of control points.

    Returns
    -------
    first : (...) int
        Index of the first of four control points.
    weights : (..., 4) float
        They sum to one.

    Examples
    --------
    >>> first, weights = basis(2.0, 12)
    >>> int(first), (6 * weights).round(12).tolist()
    (2, [1.0, 4.0, 1.0, 0.0])
    """
    u = np.asarray(u, dtype=np.float64)
    first = np.clip(np.floor(u), 0, count - ORDER).astype(np.int64)
    f = u - first
    weights = np.stack(
        [(1 - f) ** 3, 3 * f**3 - 6 * f**2 + 4, -3 * f**3 + 3 * f**2 + 3 * f + 1, f**3], axis=-1
    )
    return first, weights / 6.0


def basis_rate(u: ArrayLike, count: int) -> Float:
    """Differentiate the weights of `basis` with respect to time.

    Parameters
    ----------
    u : (...) float
        Times in knot intervals.
    count : int
        Number of control points.

    Returns
    -------
    rates : (..., 4) float
        Per knot interval; they sum to zero.

    Examples
    --------
    >>> (2 * basis_rate(2.0, 12)).round(12).tolist()
    [-1.0, 0.0, 1.0, 0.0]
    """
    u = np.asarray(u, dtype=np.float64)
    f = u - np.clip(np.floor(u), 0, count - ORDER)
    rates = [-((1 - f) ** 2), 3 * f**2 - 4 * f, -3 * f**2 + 2 * f + 1, f**2]
    return np.stack(rates, axis=-1) / 2.0


def penalty(order: int) -> Float:
    """Return the roughness of one knot interval as a quadratic form of its four control points.

    For order 3 the third derivative is constant, so the form is d d' with d the third difference. For order
    2 the second derivative is linear between the second differences a and b, and its mean square is (a a +
    a b + b b) / 3.

    Parameters
    ----------
    order : int
        2 for acceleration, 3 for jerk.

    Returns
    -------
    form : (4, 4) float
        Per (knot interval) ** (2 order).

    Examples
    --------
    >>> penalty(3)[0].tolist()
    [1.0, -3.0, 3.0, -1.0]
    """
    if order == 3:
        third = np.array(DIFFERENCES[3])
        return np.outer(third, third)
    first, second = np.array([*DIFFERENCES[2], 0.0]), np.array([0.0, *DIFFERENCES[2]])
    cross = np.outer(first, second)
    return (np.outer(first, first) + 0.5 * (cross + cross.T) + np.outer(second, second)) / 3.0


def sample(control: Float, first: NDArray[np.int64], weights: Float) -> Float:
    """Evaluate splines.

    Parameters
    ----------
    control : (knots, ...) float
    first : (frames,) int
    weights : (frames, 4) float

    Returns
    -------
    value : (frames, ...) float
    """
    shape = (-1, *(1,) * (control.ndim - 1))
    w = [weights[:, m].reshape(shape) for m in range(4)]
    return sum((w[m] * control[first + m] for m in range(1, 4)), w[0] * control[first])
