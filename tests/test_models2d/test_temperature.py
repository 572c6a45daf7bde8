"""Calibrated covariances hold as many true points as they promise."""

import numpy as np
import pytest
from scipy.stats import chi2, f

from models2d.decoding.temperature import coverage, fit_tail, fit_temperature, mahalanobis, squared_radius


def scattered(seed, count=4000):
    random = np.random.default_rng(seed)
    shape = random.normal(size=(count, 3, 2, 2))
    covariance = shape @ shape.swapaxes(-1, -2) + 0.2 * np.eye(2)
    truth = np.array([0.1, 1.0, 7.0])
    residuals = np.linalg.cholesky(covariance) @ random.normal(size=(count, 3, 2, 1))
    return residuals[..., 0] * np.sqrt(truth)[:, None], covariance, truth


def test_the_factor_of_each_keypoint_is_found_and_covers_new_points():
    residuals, covariance, truth = scattered(0)
    found = fit_temperature(residuals, covariance)
    np.testing.assert_allclose(found, truth, rtol=0.08)
    other, covariance, _ = scattered(1)
    calibrated = covariance * found[:, None, None]
    for level in (0.68, 0.95):
        assert coverage(other, calibrated, level) == pytest.approx(level, abs=0.015)


@pytest.mark.parametrize("freedom", [2.5, 4.0])
def test_heavy_tails_are_found_and_the_outer_ellipses_hold_new_points(freedom):
    def drawn(seed):
        residuals, covariance, _ = scattered(seed)
        chi_square = np.random.default_rng(seed + 10).chisquare(freedom, (*residuals.shape[:2], 1))
        return residuals / np.sqrt(chi_square / freedom), covariance

    residuals, covariance = drawn(0)
    factors = fit_temperature(residuals, covariance)
    tail = fit_tail(residuals, covariance * factors[:, None, None])
    assert tail == pytest.approx(freedom, rel=0.1)
    other, covariance = drawn(1)
    calibrated = covariance * factors[:, None, None]
    for level in (0.68, 0.95, 0.99):
        assert coverage(other, calibrated, level, tail) == pytest.approx(level, abs=0.012)
    assert coverage(other, calibrated, 0.95) < 0.93


def test_without_heavy_tails_the_ellipses_are_a_gaussians():
    residuals, covariance, truth = scattered(0)
    tail = fit_tail(residuals, covariance * truth[:, None, None])
    assert tail > 40
    assert squared_radius(0.95, tail) == pytest.approx(squared_radius(0.95), rel=0.06)
    assert fit_tail(residuals[:6], covariance[:6]) is None
    assert fit_tail(np.zeros((20, 2, 2)), np.ones((20, 2, 1, 1)) * np.eye(2)) is None


@pytest.mark.parametrize("level", [0.5, 0.95, 0.999])
def test_radii_are_those_of_students_t(level):
    # The squared radius of a bivariate t is twice an F variable.
    wanted = f.ppf(level, 2, 3.3) / f.ppf(0.68, 2, 3.3) * chi2.ppf(0.68, 2)
    assert squared_radius(level, 3.3) == pytest.approx(wanted)
    assert squared_radius(level) == pytest.approx(chi2.ppf(level, 2))


def test_keypoints_with_few_labels_share_one_factor():
    residuals, covariance, _ = scattered(0, count=30)
    residuals[5:, 1] = np.nan
    found = fit_temperature(residuals, covariance)
    squared = mahalanobis(residuals, covariance)
    together = np.nanquantile(squared, 0.68) / (-2 * np.log(0.32))
    assert found[1] == pytest.approx(together)
    assert found[0] < found[1] < found[2]


def test_nothing_labelled_leaves_the_covariance_as_it_is():
    assert fit_temperature(np.full((3, 2, 2), np.nan), np.ones((3, 2, 2, 2))).tolist() == [1, 1]
