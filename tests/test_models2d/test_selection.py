"""Frames worth labelling."""

import numpy as np
import pytest

from models2d import Detections2D, Skeleton
from models2d.labelling import selection

pair = Skeleton.from_names("pair", ["a", "b"])


def detections(xy, confidence=None):
    confidence = np.full(xy.shape[:-1], 0.9) if confidence is None else confidence
    return Detections2D(xy=xy, confidence=confidence, views=("v", "w"), skeleton=pair, fps=30)


def still(frames=40, seed=0):
    return 100 + np.random.default_rng(seed).normal(0, 0.5, (frames, 2, 1, 2, 2))


def test_uniform_covers_the_recording():
    picked = selection.pick_uniform(1000, 20)
    assert np.diff(picked).tolist() == [50] * 19
    assert selection.pick_uniform(3, 3).tolist() == [0, 1, 2]
    for count in (0, 4):
        with pytest.raises(ValueError, match="expected 1 to 3 frames"):
            selection.pick_uniform(3, count)


def test_clusters_take_one_of_each_scene():
    random = np.random.default_rng(1)
    scenes = np.repeat(np.arange(5), 20)
    images = [
        np.clip(40 * scene + random.normal(0, 3, (48, 64, 3)), 0, 255).astype(np.uint8) for scene in scenes
    ]
    small = selection.small_images(images)
    picked = selection.pick_by_clusters(small, 5)
    assert sorted(scenes[picked]) == [0, 1, 2, 3, 4]
    np.testing.assert_equal(picked, selection.pick_by_clusters(small, 5))


def test_clusters_of_a_still_recording_fill_up():
    small = np.zeros((10, 6))
    small[7] = 1
    picked = selection.pick_by_clusters(small, 4)
    assert len(set(picked.tolist())) == 4
    assert 7 in picked


def test_views_of_an_instant_count_together():
    dark, light = np.zeros((48, 64, 3), np.uint8), np.full((48, 64, 3), 200, np.uint8)
    small = selection.small_images([(dark, dark), (dark, light)] * 5)
    assert sorted(selection.pick_by_clusters(small, 2) % 2) == [0, 1]


def test_low_confidence_is_found():
    confidence = np.full((40, 2, 1, 2), 0.9)
    confidence[17, 1] = 0.1
    xy = still()
    xy[30, 0] = np.nan
    score = selection.doubt(detections(xy, confidence))
    assert selection.pick_highest(score, 2, apart=3).tolist() == [30, 17]


def test_jumps_are_found():
    xy = still()
    xy[12, 1, 0, 1] += 60
    xy[25, 0, 0, 0] += 30
    assert selection.pick_highest(selection.jumps(detections(xy)), 2).tolist() == [12, 25]


def test_disagreement_is_found():
    members = [still(seed=seed) for seed in range(3)]
    members[1][21] += 15
    score = selection.disagreement([detections(xy) for xy in members])
    assert selection.pick_highest(score, 1).tolist() == [21]
    with pytest.raises(ValueError, match="two or more"):
        selection.disagreement([detections(members[0])])


def test_nothing_found_is_nothing_picked():
    empty = detections(np.full((5, 2, 1, 2, 2), np.nan))
    assert selection.pick_highest(selection.jumps(empty), 3).size == 0
    assert selection.pick_highest(selection.doubt(empty), 3).size == 0
