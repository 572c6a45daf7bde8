"""Calibrated covariances hold as many true points as they promise."""

import numpy as np
import pytest

from models2d.decoding.temperature import coverage, fit_temperature, mahalanobis


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
