"""Slots follow individuals over time in one view."""

import numpy as np
import pytest

from models2d import Detections2D, Skeleton
from models2d.inference.tracking import boxes, follow

body = Skeleton.load("coco17")


def walkers(people=3, frames=60, seed=0):
    random = np.random.default_rng(seed)
    shape = random.uniform([-30, -90], [30, 90], (people, 17, 2))
    start = np.column_stack([np.arange(people) * 130.0 + 100, np.full(people, 300.0)])
    speed = random.uniform(-1, 1, (people, 2))
    truth = start + speed * np.arange(frames)[:, None, None] + np.zeros((frames, people, 2))
    truth = truth[:, :, None] + shape + random.normal(0, 1.5, (frames, people, 17, 2))
    truth[random.random(truth.shape[:-1]) < 0.1] = np.nan
    truth[random.random(truth.shape[:2]) < 0.1] = np.nan
    who = random.permuted(np.broadcast_to(np.arange(people), (frames, people)), axis=1)
    xy = np.take_along_axis(truth, who[..., None, None], axis=1)
    return truth, xy


def detections(xy, views=("a",)):
    return Detections2D(xy=xy, confidence=np.full(xy.shape[:-1], 0.8), views=views, skeleton=body, fps=30)


def assert_followed(found, truth):
    """Each slot is one person in every frame."""
    order = [
        next(p for p in range(truth.shape[1]) if np.array_equal(found[f, s], truth[f, p], equal_nan=True))
        for s in range(found.shape[1])
        for f in [np.flatnonzero(np.isfinite(found[:, s, :, 0]).any(axis=-1))[0]]
    ]
    assert sorted(order) == list(range(truth.shape[1]))
    np.testing.assert_equal(found, truth[:, order])


@pytest.mark.parametrize("people", [1, 3, 5])
def test_shuffled_slots_become_individuals(people):
    truth, xy = walkers(people)
    assert_followed(follow(detections(xy[:, None])).xy[:, 0], truth)


def test_views_are_followed_each_on_its_own():
    (one, first), (two, second) = walkers(2, seed=1), walkers(2, seed=2)
    found = follow(detections(np.stack([first, second], axis=1), ("a", "b")))
    assert_followed(found.xy[:, 0], one)
    assert_followed(found.xy[:, 1], two)


def test_flicker_is_left_out():
    truth, xy = walkers(1)
    stray = np.full_like(xy, np.nan)
    stray[20, 0] = truth[20, 0] + 400
    assert follow(detections(np.concatenate([stray, xy], axis=1)[:, None])).shape[2] == 1


def test_one_who_comes_back_late_is_new():
    truth, _ = walkers(1, frames=120, seed=4)
    truth[40:90] = np.nan
    assert follow(detections(truth[:, None]), patience_seconds=0.5).shape[2] == 2
    assert follow(detections(truth[:, None]), patience_seconds=3.0, limit=1.0).shape[2] == 1


def test_boxes_and_nothing():
    assert boxes(np.array([[1.0, 2.0], [4.0, 8.0], [np.nan, np.nan]])).tolist() == [0.5, 1.5, 4.5, 8.5]
    empty = follow(detections(np.full((4, 1, 2, 17, 2), np.nan)))
    assert empty.shape == (4, 1, 1, 17)
    with pytest.raises(ValueError, match="limit"):
        follow(empty, limit=0)
