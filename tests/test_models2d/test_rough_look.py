"""What a rough look is unsure of is neither cut off nor believed unseen."""

from dataclasses import replace

import numpy as np
import pytest

from models2d.models.pose_model import FoundKeypoints, PoseModel
from models2d.models.recipe import Recipe
from models2d.models.rough_look import sure_box, surest_boxes
from models2d.networks.registry import build
from models2d.skeleton import Skeleton

image = np.zeros((480, 640, 3), dtype=np.uint8)
mouse = Skeleton.from_names("mouse", ["snout", "left_ear", "right_ear", "tail_base"])
recipe = Recipe(architecture="unet", options={"widths": (4, 8)}, input_size=(64, 64), margin=0.4)
head_and_tail = np.array([[98.0, 435.0], [110.0, 451.0], [105.0, 429.0], [226.0, 436.0]])


def inside(box, xy):
    return ((xy > box[:2]) & (xy < box[2:])).all()


class Remembered:
    """Answers of a network: a rough one, and close ones that see what the box holds of the truth."""

    def __init__(self, rough, confidence, truth):
        self.rough, self.confidence, self.truth, self.looks = rough, confidence, truth, 0

    def __call__(self, images, boxes):
        self.looks += len(images)
        seen = np.array([[inside(box, point) for point in self.truth] for box in boxes])
        whole = np.array([box[2] - box[0] > 600 for box in boxes])
        # A close look at the head alone is at a scale that was never trained: it finds nothing at all.
        close = np.where(seen.all(axis=1, keepdims=True), 0.8, 0.05) * np.ones(len(self.truth))
        confidence = np.where(whole[:, None], self.confidence, close)
        return FoundKeypoints(
            np.where(whole[:, None, None], self.rough, self.truth),
            confidence,
            np.tile(np.eye(2), (*confidence.shape, 1, 1)),
        )


def model_that_answers(monkeypatch, **answers):
    model = PoseModel(build("unet", 4, widths=(4, 8)), recipe, mouse, device="cpu")
    find = Remembered(**answers)
    monkeypatch.setattr(model, "find", find)
    return model, find


def test_a_keypoint_that_is_a_little_unsure_is_not_cut_off(monkeypatch):
    model, _ = model_that_answers(
        monkeypatch, rough=head_and_tail, confidence=np.array([1.0, 0.67, 0.64, 0.39]), truth=head_and_tail
    )
    assert inside(model.locate([image])[0][0], head_and_tail)


def test_a_keypoint_seen_where_it_is_not_does_not_widen_the_box(monkeypatch):
    astray = head_and_tail.copy()
    astray[3] = [600.0, 20.0]
    hidden = head_and_tail[[0, 1, 2, 0]]
    model, _ = model_that_answers(
        monkeypatch, rough=astray, confidence=np.array([1.0, 0.9, 0.9, 0.1]), truth=hidden
    )
    box = model.locate([image])[0][0]
    assert inside(box, head_and_tail[:3])
    assert box[2] - box[0] < 100


def test_a_clear_rough_look_costs_nothing_more(monkeypatch):
    model, find = model_that_answers(
        monkeypatch, rough=head_and_tail, confidence=np.array([1.0, 0.9, 0.9, 0.8]), truth=head_and_tail
    )
    model.locate([image, image])
    assert find.looks == 2


def test_nobody_gives_no_box(monkeypatch):
    model, _ = model_that_answers(
        monkeypatch, rough=head_and_tail, confidence=np.full(4, 0.1), truth=head_and_tail
    )
    assert [boxes.shape for boxes in model.locate([image])] == [(0, 4)]


def test_no_images_give_no_boxes():
    model = PoseModel(build("unet", 4, widths=(4, 8)), recipe, mouse, device="cpu")
    assert model.locate([]) == []


def test_only_images_whose_boxes_differ_are_looked_at():
    close = np.array([[0.0, 0, 10, 10], [0, 0, 10, 10], [0, 0, 10, 10], [np.nan] * 4])
    wide = np.array([[0.0, 0, 12, 12], [0, 0, 40, 40], [0, 0, 80, 80], [0, 0, 90, 90]])
    seen = []

    def sureness(images, boxes):
        seen.append(np.stack(boxes))
        return np.array([0.9 if 10 < box[2] < 50 else 0.5 for box in boxes])

    chosen = surest_boxes([image] * 4, close, wide, sureness)
    np.testing.assert_array_equal(chosen[:3, 2], [10, 40, 10])
    assert np.isnan(chosen[3]).all()
    assert [len(boxes) for boxes in seen] == [2, 2]


def test_the_next_frame_is_looked_at_around_all_that_was_found():
    # A box that leaves out what is a little unsure would leave it out in every later frame too.
    model = PoseModel(build("unet", 4, widths=(4, 8)), recipe, mouse, device="cpu")
    box = model.around(head_and_tail[None], np.array([[1.0, 0.9, 0.9, 0.2]]))[0]
    assert inside(box, head_and_tail)
    assert np.isnan(model.around(head_and_tail[None], np.array([[0.9, 0.1, 0.1, 0.1]]))).all()
    whole = PoseModel(model.network, replace(recipe, region="frame"), mouse, device="cpu")
    assert np.isnan(whole.around(head_and_tail[None], np.ones((1, 4)))).all()  # it never looks closer


@pytest.mark.parametrize("batch", [(), (1,), (3, 2)])
def test_boxes_of_sure_keypoints_hold_any_number_of_individuals(batch):
    xy = np.broadcast_to(head_and_tail, (*batch, 4, 2))
    boxes = sure_box(xy, np.broadcast_to([0.9, 0.9, np.nan, 0.9], (*batch, 4)), (64, 64), 0.0)
    assert boxes.shape == (*batch, 4)
    np.testing.assert_allclose(boxes[..., 2] - boxes[..., 0], 128)
