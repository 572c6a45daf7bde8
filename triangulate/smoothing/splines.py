"""Cubic B-splines on knots of any spacing: trajectories as functions of continuous time.

Between knots i and i + 1 a trajectory is x(t) = sum_m b_m(t) c[i + m], m = 0..3. It has a value at any time,
so cameras need not be synchronous, its third derivative is constant in each interval, and its control points
couple only with three neighbours on either side. Knots lie close where the motion is fast.

Source: de Boor 1978, "A Practical Guide to Splines"; Qin 1998, "General matrix representations for
B-splines", for the polynomials of each interval; Eilers & Marx 1996, "Flexible smoothing with B-splines and
penalties".
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Float = NDArray[np.float64]
Int = NDArray[np.int64]

ORDER = 4
"""Control points that carry the trajectory at one time."""


class Knots(NamedTuple):
    """Where the pieces of a spline meet.

    Attributes
    ----------
    times : (intervals + 1,) float
        Ascending, in any unit of time.
    matrix : (intervals, 4, 4) float
        Coefficients of 1, f, f2, f3 for each of four control points, f from 0 to 1 within the interval.
    """

    times: Float
    matrix: Float

    @classmethod
    def at(cls, times: ArrayLike) -> "Knots":
        """Place knots; beyond either end the spacing of the outermost interval goes on.

        Parameters
        ----------
        times : (intervals + 1,) float
            Ascending.

        Returns
        -------
        knots : Knots
        """
        times = np.asarray(times, dtype=np.float64)
        step = np.diff(times)
        before = times[0] - step[0] * np.array([2.0, 1.0])
        after = times[-1] + step[-1] * np.array([1.0, 2.0])
        t = np.concatenate([before, times, after])
        return cls(times, _matrices([t[k : k + len(step)] for k in range(6)]))

    @classmethod
    def uniform(cls, length: float, spacing: float = 1.0) -> "Knots":
        """Span the times from 0 to a length.

        Parameters
        ----------
        length, spacing : float

        Returns
        -------
        knots : Knots

        Examples
        --------
        >>> Knots.uniform(9.0, 3.0).times.tolist()
        [0.0, 3.0, 6.0, 9.0]
        """
        return cls.at(spacing * np.arange(max(1, int(np.ceil(length / spacing - 1e-9))) + 1))

    @property
    def number(self) -> int:
        """Number of control points."""
        return len(self.times) + ORDER - 2

    @property
    def spacing(self) -> Float:
        """Length of each interval, (intervals,)."""
        return np.diff(self.times)

    def values(self) -> tuple[Float, Float]:
        """Return how the trajectory at the knots follows from three control points each.

        Returns
        -------
        weights : (knots, 3) float
            Of control points k, k + 1 and k + 2 at knot k; they sum to one.
        share : (knots,) float
            Time that each knot stands for: half of the intervals at its sides, at an end the whole of one.
        """
        last = self.matrix[-1:].sum(axis=1)[:, 1:]
        weights = np.concatenate([self.matrix[:, 0, :3], last])
        step = self.spacing
        share = 0.5 * (np.append(step, step[-1]) + np.append(step[0], step))
        return weights, share


def _matrices(around: list[Float]) -> Float:
    """Return `Knots.matrix` of intervals from the six knots around each, its own ends in the middle."""
    a, b, c, d, e, f = around
    h = d - c
    m = np.zeros((len(h), 4, 4))
    m[:, 0, 0] = h**2 / ((d - b) * (d - a))
    m[:, 0, 2] = (c - b) ** 2 / ((e - b) * (d - b))
    m[:, 0, 1] = 1.0 - m[:, 0, 0] - m[:, 0, 2]
    m[:, 1, 0] = -3.0 * m[:, 0, 0]
    m[:, 1, 2] = 3.0 * h * (c - b) / ((e - b) * (d - b))
    m[:, 1, 1] = -m[:, 1, 0] - m[:, 1, 2]
    m[:, 2, 0] = 3.0 * m[:, 0, 0]
    m[:, 2, 2] = 3.0 * h**2 / ((e - b) * (d - b))
    m[:, 2, 1] = -m[:, 2, 0] - m[:, 2, 2]
    m[:, 3, 0] = -m[:, 0, 0]
    m[:, 3, 3] = h**2 / ((f - c) * (e - c))
    m[:, 3, 2] = -m[:, 2, 2] / 3.0 - m[:, 3, 3] - h**2 / ((e - c) * (e - b))
    m[:, 3, 1] = -m[:, 3, 0] - m[:, 3, 2] - m[:, 3, 3]
    return m


def _place(times: ArrayLike, knots: Knots) -> tuple[Int, Float]:
    """Return the interval of each time, and where in it the time lies; beyond the ends the nearest one."""
    times = np.asarray(times, dtype=np.float64)
    inside = np.searchsorted(knots.times, times, side="right") - 1
    first = np.clip(inside, 0, len(knots.matrix) - 1).astype(np.int64)
    return first, (times - knots.times[first]) / knots.spacing[first]


def basis(times: ArrayLike, knots: Knots) -> tuple[Int, Float]:
    """Find which control points carry the trajectory at given times, and with which weights.

    Parameters
    ----------
    times : (...) float
        Times outside the spline are continued with the nearest interval's cubic.
    knots : Knots

    Returns
    -------
    first : (...) int
        Index of the first of four control points.
    weights : (..., 4) float
        They sum to one.

    Examples
    --------
    >>> first, weights = basis(2.0, Knots.uniform(9.0))
    >>> int(first), (6 * weights).round(12).tolist()
    (2, [1.0, 4.0, 1.0, 0.0])
    """
    first, f = _place(times, knots)
    powers = np.stack([np.ones_like(f), f, f**2, f**3], axis=-1)
    return first, np.einsum("...p,...pm->...m", powers, knots.matrix[first])


def basis_rate(times: ArrayLike, knots: Knots) -> Float:
    """Differentiate the weights of `basis` with respect to time.

    Parameters
    ----------
    times : (...) float
    knots : Knots

    Returns
    -------
    rates : (..., 4) float
        They sum to zero.

    Examples
    --------
    >>> (2 * basis_rate(2.0, Knots.uniform(9.0))).round(12).tolist()
    [-1.0, 0.0, 1.0, 0.0]
    """
    first, f = _place(times, knots)
    powers = np.stack([np.zeros_like(f), np.ones_like(f), 2 * f, 3 * f**2], axis=-1)
    rates: Float = np.einsum("...p,...pm->...m", powers, knots.matrix[first])
    return rates / knots.spacing[first][..., None]


def penalties(knots: Knots, order: int) -> Float:
    """Return the roughness of every interval as a quadratic form of its four control points.

    The integral over the interval of the squared second or third derivative. The third is constant there;
    the second is linear between its values a and b at the ends, and its mean square is (a a + a b + b b) / 3.

    Parameters
    ----------
    knots : Knots
    order : int
        2 for acceleration, 3 for jerk.

    Returns
    -------
    form : (intervals, 4, 4) float

    Examples
    --------
    >>> penalties(Knots.uniform(1.0), 3)[0, 0].round(12).tolist()
    [1.0, -3.0, 3.0, -1.0]
    """
    step = knots.spacing[:, None]
    if order == 3:
        third = 6.0 * knots.matrix[:, 3] / step**3
        return _outer(third, third) * step[..., None]
    early = 2.0 * knots.matrix[:, 2] / step**2
    late = early + 6.0 * knots.matrix[:, 3] / step**2
    cross = _outer(early, late)
    total = _outer(early, early) + 0.5 * (cross + cross.transpose(0, 2, 1)) + _outer(late, late)
    return total * step[..., None] / 3.0


def _outer(a: Float, b: Float) -> Float:
    return a[:, :, None] * b[:, None, :]


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
