"""The banded solver against dense numpy."""

import numpy as np
import pytest

from triangulate.smoothing import bands
from triangulate.smoothing.splines import Knots, penalties


def motion_band(rows, n, rng, roughness=100.0):
    """A smoother's matrix: roughness plus random information at every row."""
    band, form = np.zeros((rows, 4, n, n)), penalties(Knots.uniform(1.0), 3)[0]
    for i in range(rows - 3):
        for m in range(4):
            for k in range(m + 1):
                band[i + k, m - k] += roughness * form[m, k] * np.eye(n)
    root = rng.normal(size=(rows, n, n))
    band[:, 0] += root @ root.transpose(0, 2, 1)
    return band


def dense(band):
    rows, _, n, _ = band.shape
    full = np.zeros((rows, rows, n, n))
    for k in range(rows):
        for d in range(min(4, rows - k)):
            full[k + d, k] = band[k, d]
            full[k, k + d] = band[k, d].T
    return full.transpose(0, 2, 1, 3).reshape(rows * n, rows * n)


@pytest.mark.parametrize(("rows", "n"), [(1, 3), (3, 2), (60, 3), (25, 12)])
def test_solution_determinant_and_inverse_are_those_of_the_dense_matrix(rows, n):
    rng = np.random.default_rng(rows)
    band = motion_band(rows, n, rng)
    full = dense(band)
    right = rng.normal(size=(rows, n))
    solution = right.copy()
    assert bands.factor(band) == pytest.approx(np.linalg.slogdet(full)[1], rel=1e-12)
    bands.solve(band, solution)
    assert np.allclose(full @ solution.ravel(), right.ravel(), atol=1e-8)
    bands.invert(band)
    inverse = np.linalg.inv(full).reshape(rows, n, rows, n)
    for k in range(rows):
        for d in range(min(4, rows - k)):
            assert np.allclose(band[k, d], inverse[k + d, :, k], rtol=1e-7, atol=1e-10)


def test_the_inverse_stays_exact_over_many_rows():
    """Without care for symmetry, rounding errors grow sixfold per row."""
    band = motion_band(400, 3, np.random.default_rng(0))
    full = dense(band)
    bands.factor(band)
    bands.invert(band)
    assert np.allclose(band[0, 0], np.linalg.inv(full)[:3, :3], rtol=1e-7)


def test_a_matrix_that_is_not_positive_definite_is_told_by_nan():
    band = motion_band(5, 3, np.random.default_rng(0))
    band[2, 0] -= 1e6 * np.eye(3)
    assert np.isnan(bands.factor(band))
