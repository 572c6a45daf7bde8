"""Misses of regressed vectors become probabilities that two keypoints are one individual's."""

import numpy as np
import pytest

from models2d.grouping.affinity import (
    fit_affinity,
    misses,
    normal_affinity,
    offset_costs,
    pair_number,
    partners,
)


@pytest.mark.parametrize("keypoints", [1, 2, 5])
def test_pairs_are_counted_in_the_order_of_the_upper_triangle(keypoints):
    one, two = np.triu_indices(keypoints, 1)
    np.testing.assert_array_equal(pair_number(one, two, keypoints), np.arange(len(one)))
    np.testing.assert_array_equal(pair_number(two, one, keypoints), np.arange(len(one)))
    assert [row.tolist() for row in partners(keypoints)] == [
        [other for other in range(keypoints) if other != keypoint] for keypoint in range(keypoints)
    ]


def test_both_ends_miss():
    xy, part = [[0.0, 0], [10, 0], [3, 4]], [0, 1, 0]
    vectors = np.full((3, 2, 2), np.nan)
    vectors[0, 1] = [10, 3]  # misses candidate 1 by 3
    vectors[1, 0] = [-6, 0]  # misses candidate 0 by 4, candidate 2 by sqrt(1 + 16)
    edges, miss = misses(xy, part, vectors)
    assert edges.tolist() == [[0, 1], [0, 2], [1, 2]]
    # Both ends; two candidates of one keypoint by their distance; one end, where the other is not known.
    np.testing.assert_allclose(miss, [np.sqrt(12.5), 5.0, np.sqrt(17)])


def test_candidates_of_one_keypoint_are_merged_only_where_they_touch():
    vectors = np.full((3, 1, 2), np.nan)
    _, cost = offset_costs([[0, 0], [1, 0], [9, 0]], [0, 0, 0], vectors, normal_affinity(1, 1.0), merge=2.0)
    np.testing.assert_allclose(cost, [3 * 0.25 - 3, 9.21, 9.21], atol=0.001)


def test_the_fit_finds_the_logistic_model_it_was_drawn_from():
    random = np.random.default_rng(0)
    count, truth = 60_000, np.array([4.0, 0.5, 0.1])
    miss = random.uniform(0, 10, count)
    odds = truth[0] - truth[1] * miss - truth[2] * miss**2
    same = random.random(count) < 1 / (1 + np.exp(-odds))
    fitted = fit_affinity(miss, np.zeros(count, dtype=int), same, 2)[0]
    told = fitted[0] - fitted[1] * miss - fitted[2] * miss**2
    assert np.abs(1 / (1 + np.exp(-told)) - 1 / (1 + np.exp(-odds))).max() < 0.02


def test_a_larger_miss_never_speaks_for_a_pair():
    random = np.random.default_rng(1)
    miss = random.uniform(0, 5, 200)  # those of one individual are the larger ones: nonsense
    fitted = fit_affinity(miss, np.zeros(200, dtype=int), miss > 2, 2)
    assert (fitted[:, 1:] >= 0).all()


def test_pairs_without_labels_follow_the_others():
    random = np.random.default_rng(2)
    same = np.tile([True, False], 300)
    miss = np.where(same, random.rayleigh(1.0, 600), random.uniform(3, 30, 600))
    fitted = fit_affinity(miss, np.zeros(600, dtype=int), same, 3)
    np.testing.assert_allclose(fitted[1], fitted[2])
    decided = [row[0] - row[1] * m - row[2] * m**2 for row in fitted for m in (1.0, 15.0)]
    assert [odds > 0 for odds in decided] == [True, False] * 3
    # Nothing at all is the model of normal offsets, at a cell of deviation.
    nothing = fit_affinity(np.zeros(0), np.zeros(0, dtype=int), np.zeros(0, dtype=bool), 3)
    np.testing.assert_allclose(nothing, np.tile([3.0, 0.0, 1.3**2 / 2], (3, 1)))
