"""Splines against scipy's, on knots of equal and of unequal spacing."""

import numpy as np
import pytest
from scipy.interpolate import BSpline

from triangulate.smoothing.splines import Knots, basis, basis_rate, penalties, sample

UNEVEN = Knots.at([0.0, 2.0, 2.5, 4.0, 4.2, 9.0, 10.0, 13.0])


def scipy_spline(control, knots):
    """The same spline with the knots written out, the outermost interval repeated beyond either end."""
    t, step = knots.times, knots.spacing
    ends = np.arange(3, 0, -1)
    full = np.concatenate([t[0] - step[0] * ends, t, t[-1] + step[-1] * ends[::-1]])
    return BSpline(full, control, 3)


@pytest.mark.parametrize("knots", [Knots.uniform(9.0), UNEVEN])
def test_the_basis_and_its_rate_are_those_of_scipy(knots):
    rng = np.random.default_rng(0)
    control = rng.normal(size=(knots.number, 3))
    times = rng.uniform(knots.times[0], knots.times[-1], 50)
    first, weights = basis(times, knots)
    spline = scipy_spline(control, knots)
    assert np.allclose(sample(control, first, weights), spline(times), atol=1e-12)
    slope = sample(control, first, basis_rate(times, knots))
    assert np.allclose(slope, spline.derivative()(times), atol=1e-10)


@pytest.mark.parametrize("order", [2, 3])
@pytest.mark.parametrize("knots", [Knots.uniform(4.0, 2.0), UNEVEN])
def test_the_penalty_is_the_integral_of_scipys_squared_derivative(order, knots):
    control = np.random.default_rng(1).normal(size=knots.number)
    derivative = scipy_spline(control, knots).derivative(order)
    nodes, weights = np.polynomial.legendre.leggauss(4)
    for i, form in enumerate(penalties(knots, order)):
        begin, step = knots.times[i], knots.spacing[i]
        integral = (derivative(begin + 0.5 * step * (nodes + 1)) ** 2 * weights).sum() * step / 2
        piece = control[i : i + 4]
        assert piece @ form @ piece == pytest.approx(integral, rel=1e-9)


def test_three_control_points_give_the_value_at_each_knot():
    control = np.random.default_rng(2).normal(size=UNEVEN.number)
    weights, share = UNEVEN.values()
    inside = slice(0, -1)  # scipy's end is open at the last knot
    value = sum(weights[:, m] * control[m : m + len(weights)] for m in range(3))
    assert np.allclose(value[inside], scipy_spline(control, UNEVEN)(UNEVEN.times[inside]), atol=1e-12)
    assert value[-1] == pytest.approx(sample(control, *basis(UNEVEN.times[-1:], UNEVEN))[0])
    assert share[1:-1].sum() == pytest.approx(
        UNEVEN.times[-1] - 0.5 * (UNEVEN.spacing[0] + UNEVEN.spacing[-1])
    )


def test_the_last_frame_lies_inside_the_spline():
    knots = Knots.uniform(9.0)
    first, weights = basis(np.arange(10), knots)
    assert first.max() + 3 == knots.number - 1
    assert np.allclose(weights.sum(axis=1), 1)
