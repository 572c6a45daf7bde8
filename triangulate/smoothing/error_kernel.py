"""What errors that resemble those of neighbouring frames do to a smoothing spline.

A smoother averages errors with the weights of its kernel h. Independent ones then have the variance
sum h(t)^2, others sum rho(s) (h * h)(s), with rho their correlation after s frames, h * h the kernel's own.
The ratio of the two raises the posterior variance, which takes errors for independent; rho times h itself is
how a fit follows its own errors, which choosing a strength has to pay for.

Source: Altman 1990, "Kernel smoothing of data with correlated errors".
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from triangulate.smoothing.knots import usual_spacing
from triangulate.smoothing.series import robust_fit
from triangulate.smoothing.splines import Knots, basis, penalties, sample

Float = NDArray[np.float64]

STEP = 0.5
"""Between the logarithms of the penalties at which kernels are known; in between is interpolated."""

TAIL = 14.0
"""Length of a kernel, over the inverse of its corner frequency: it has fallen to a thousandth."""


class ErrorKernel(NamedTuple):
    """Correlations in time of some groups' errors, (groups, lags)."""

    correlation: Float

    @classmethod
    def of(cls, correlation: Float) -> "ErrorKernel":
        """Take correlations at 0, 1, 2, ... frames."""
        return cls(np.asarray(correlation, dtype=np.float64))

    @property
    def lasts(self) -> NDArray[np.bool_]:
        """Whether errors of a group resemble those of neighbouring frames."""
        return np.asarray((self.correlation[:, 1:] > 0).any(axis=1))

    @property
    def alike(self) -> Float:
        """Frames that say no more than one does whose errors are independent, (groups,)."""
        return 1.0 + 2.0 * self.correlation[:, 1:].sum(axis=1)

    def leverage(self, group: int, log_weight: float, order: int) -> float:
        """Return the factor by which a fit follows errors more than independent ones.

        Parameters
        ----------
        group : int
        log_weight : float
            Logarithm of the penalty over the precision of a value.
        order : int

        Returns
        -------
        factor : float
        """
        if not self.lasts[group]:
            return 1.0
        return self._sum(group, kernel(_nearest(log_weight), order))

    def inflation(self, group: int, log_weight: Float, order: int) -> Float:
        """Return the factor on the variance of smoothed values.

        Parameters
        ----------
        group : int
        log_weight : (frames,) float
        order : int

        Returns
        -------
        factor : (frames,) float
        """
        if not self.lasts[group]:
            return np.ones(len(log_weight))
        low, high = _nearest(log_weight.min()), _nearest(log_weight.max())
        grid = np.arange(low, high + 1.5 * STEP, STEP)
        factors = [self._sum(group, own_correlation(kernel(_nearest(one), order))) for one in grid]
        return np.interp(log_weight, grid, factors)

    def _sum(self, group: int, row: Float) -> float:
        lags = min(len(row), self.correlation.shape[1])
        return float(1.0 + 2.0 * (row[1:lags] * self.correlation[group, 1:lags]).sum() / row[0])


def _nearest(log_weight: float) -> float:
    return float(STEP * np.round(log_weight / STEP))


@lru_cache(maxsize=256)
def kernel(log_weight: float, order: int) -> Float:
    """Return how a smoothed value follows those 0, 1, 2, ... frames away, far from either end.

    Parameters
    ----------
    log_weight : float
        Logarithm of the penalty over the precision of a value.
    order : int

    Returns
    -------
    row : (lags,) float
    """
    corner = float(np.exp(-0.5 * log_weight / order))
    length = int(np.clip(np.ceil(TAIL / corner), 8, 2000))
    knots = Knots.uniform(2 * length, usual_spacing(corner))
    first, weights = basis(np.arange(2 * length + 1), knots)
    form, y = penalties(knots, order), np.zeros((1, 2 * length + 1))
    y[0, length] = 1.0
    control, sure = np.empty((1, knots.number)), np.zeros(y.shape, dtype=np.bool_)
    weight = np.full((1, len(form)), np.exp(log_weight))
    robust_fit(y, np.ones(y.shape), sure, first, weights, form, weight, 1, control, np.empty(y.shape))
    row = sample(control.T, first, weights)[length:, 0]
    row.setflags(write=False)
    return row


def own_correlation(row: Float) -> Float:
    """Return the sums of products of a symmetric kernel with itself, shifted by 0, 1, 2, ... frames.

    Parameters
    ----------
    row : (lags,) float
        From its middle on.

    Returns
    -------
    product : (shifts,) float

    Examples
    --------
    >>> own_correlation(np.array([0.5, 0.25])).tolist()
    [0.375, 0.25, 0.0625]
    """
    whole = np.concatenate([row[:0:-1], row])
    return np.correlate(whole, whole, mode="full")[len(whole) - 1 :]
