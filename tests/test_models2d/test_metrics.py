"""Metrics against cases worked by hand."""

import numpy as np
import pytest

from calibration import ShapeError
from models2d.evaluation import metrics

nan, inf = np.nan, np.inf
truth = np.array([[[0, 0], [0, 10], [8, 0]], [[0, 0], [0, 20], [nan, nan]]], dtype=float)
found = np.array([[[3, 4], [0, 10], [nan, nan]], [[0, 0], [6, 28], [1, 1]]], dtype=float)


def test_distances():
    np.testing.assert_equal(metrics.distances(found, truth), [[5, 0, inf], [0, 10, nan]])


def test_mean_distance_and_rmse():
    assert metrics.mean_distance(found, truth) == 15 / 4
    assert metrics.rmse(found, truth) == pytest.approx(np.sqrt(125 / 4))


def test_confidence_cut():
    confidence = np.array([[0.9, 0.7, 0.9], [0.5, 0.59, 0.9]])
    assert metrics.mean_distance(found, truth, confidence, 0.6) == 2.5
    assert metrics.rmse(found, truth, confidence, 0.6) == pytest.approx(np.sqrt(12.5))
    assert np.isnan(metrics.rmse(found, truth, confidence, 0.95))


def test_pck_counts_what_is_labelled():
    size = [25.0, 50.0]
    np.testing.assert_equal(metrics.pck(found, truth, size, 0.2), [1.0, 1.0, 0.0])
    np.testing.assert_equal(metrics.pck(found, truth, size, 0.19), [0.5, 0.5, 0.0])
    np.testing.assert_equal(metrics.pck(found, truth, [25.0, nan], 0.19), [0.0, 1.0, 0.0])


def test_pckh_is_half_a_head():
    np.testing.assert_equal(metrics.pckh(found, truth, [10.0, 10.0]), [1.0, 0.5, 0.0])


def test_pdj_over_thresholds():
    size = metrics.torso_size(truth, 0, 1)
    np.testing.assert_equal(size, [10, 20])
    np.testing.assert_equal(metrics.pdj(found, truth, size, [0.49, 0.5]), [[0.5, 0.5, 0.0], [1.0, 1.0, 0.0]])
    np.testing.assert_equal(metrics.pdj(found, truth, size, 0.5), [1.0, 1.0, 0.0])


def test_boxes_around_people():
    np.testing.assert_equal(metrics.box_size(truth), [10, 20])
    np.testing.assert_allclose(metrics.box_diagonal(truth), [np.hypot(8, 10), 20])
    assert np.isnan(metrics.box_size(np.full((1, 3, 2), nan))).all()


def test_pcp_is_strict_about_both_ends():
    bones = [[0, 1], [0, 2]]
    # Bone 0: errors (5, 0) of length 10, (0, 10) of length 20. Bone 1: one labelled, its end was not found.
    np.testing.assert_equal(metrics.pcp(found, truth, bones, 0.5), [1.0, 0.0])
    np.testing.assert_equal(metrics.pcp(found, truth, bones, 0.49), [0.0, 0.0])
    np.testing.assert_equal(metrics.pcp(found, truth, [[1, 2]], 10.0), [0.0])


def test_pcpm_measures_by_the_mean_length():
    # The mean length of bone 0 is 15, half of it 7.5: the error of 5 passes, that of 10 does not.
    np.testing.assert_equal(metrics.pcpm(found, truth, [[0, 1], [0, 2]], 0.5), [0.5, 0.0])
    foreshortened = truth.copy()
    foreshortened[0, 1] = [0, 1]
    moved = foreshortened.copy()
    moved[0, 1] = [0, 3]
    assert metrics.pcp(moved, foreshortened, [[0, 1]])[0] == 0.5
    assert metrics.pcpm(moved, foreshortened, [[0, 1]])[0] == 1.0


def test_a_keypoint_without_labels_has_no_fraction():
    empty = np.full((2, 3, 2), nan)
    assert np.isnan(metrics.pck(found, empty, [10.0, 10.0])).all()
    assert np.isnan(metrics.pcp(found, empty, [[0, 1]])).all()


def test_shapes_must_agree():
    with pytest.raises(ShapeError, match="predicted"):
        metrics.rmse(found[:1], truth)
    with pytest.raises(ShapeError, match="size"):
        metrics.pck(found, truth, [1.0])
