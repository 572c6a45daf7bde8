"""Splines against scipy's."""

import numpy as np
import pytest
from scipy.interpolate import BSpline

from triangulate.smoothing.splines import basis, control_points, penalty


def scipy_spline(control):
    count = len(control)
    return BSpline(np.arange(count + 4) - 3.0, control, 3)


def test_the_basis_is_that_of_scipy():
    rng = np.random.default_rng(0)
    control = rng.normal(size=(12, 3))
    u = rng.uniform(0, 9, 50)
    first, weights = basis(u, len(control))
    mine = sum(weights[:, m, None] * control[first + m] for m in range(4))
    assert np.allclose(mine, scipy_spline(control)(u), atol=1e-12)


@pytest.mark.parametrize("order", [2, 3])
def test_the_penalty_is_the_mean_square_derivative_of_scipys_spline(order):
    control = np.random.default_rng(1).normal(size=4)
    derivative = scipy_spline(control).derivative(order)
    nodes, weights = np.polynomial.legendre.leggauss(4)
    mean_square = (derivative(0.5 * (nodes + 1)) ** 2 * weights).sum() / 2
    assert control @ penalty(order) @ control == pytest.approx(mean_square, rel=1e-10)


def test_the_last_frame_lies_inside_the_spline():
    first, weights = basis(np.arange(10), control_points(9))
    assert first.max() + 3 == control_points(9) - 1
    assert np.allclose(weights.sum(axis=1), 1)
