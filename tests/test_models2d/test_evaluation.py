"""The table and the page of an evaluation."""

import csv

import cv2
import numpy as np
import pytest

from models2d import LabelledFrame, Labels, Skeleton
from models2d.evaluation.evaluating import evaluate
from models2d.models.pose_model import FoundKeypoints
from tests.browser import opened_page

body = Skeleton.from_names("body", ["head", "tail"])


def labelled(folder, frames=6, individuals=("ann", "bob")):
    places = []
    for number in range(frames):
        places.append(LabelledFrame(path=folder / f"{number}.png"))
        cv2.imwrite(str(places[-1].path), np.full((120, 160, 3), 60, np.uint8))
    base = np.array([[[30.0, 40.0], [50.0, 40.0]], [[100.0, 80.0], [120.0, 80.0]]])[: len(individuals)]
    xy = np.broadcast_to(base, (frames, *base.shape)).copy()
    return Labels(frames=tuple(places), xy=xy, individuals=individuals, skeleton=body)


class Shifted:
    """Finds what is labelled, the second individual first, each shifted; loses nothing."""

    skeleton, individuals = body, 2

    def __init__(self, labels, shift):
        self.xy, self.shift = labels.xy[0][::-1], np.array(shift)

    def locate(self, images):
        return [np.zeros((2, 4)) for _ in images]

    def find(self, images, boxes):
        xy = self.xy + self.shift
        return FoundKeypoints(
            xy=xy, confidence=np.full(xy.shape[:-1], 0.8), covariance=np.zeros((*xy.shape, 2))
        )


def test_a_models_answers_are_given_to_the_nearest_individual(tmp_path):
    labels = labelled(tmp_path)
    evaluation = evaluate(labels, Shifted(labels, [3, 4]))
    np.testing.assert_allclose(evaluation.distance, 5.0)
    row = evaluation.rows()[-1]
    assert (row["keypoint"], row["labels"], row["found"], row["mean px"]) == ("all", 24, 24, 5.0)
    assert row["PCK@0.1"] == 0.0
    assert evaluate(labels, Shifted(labels, [1, 0])).rows()[-1]["PCK@0.05"] == 1.0


def test_a_model_that_finds_everybody_at_once(tmp_path):
    labels = labelled(tmp_path)

    class Everybody:
        def find_all(self, images):
            return [Shifted(labels, [0, 2]).find(images, [None, None]) for _ in images]

    np.testing.assert_allclose(evaluate(labels, Everybody()).distance, 2.0)


def test_a_model_that_finds_nobody(tmp_path):
    labels = labelled(tmp_path)

    class Nobody(Shifted):
        def locate(self, images):
            return [np.zeros((0, 4)) for _ in images]

        def find(self, images, boxes):
            return FoundKeypoints(np.zeros((0, 2, 2)), np.zeros((0, 2)), np.zeros((0, 2, 2, 2)))

    row = evaluate(labels, Nobody(labels, [0, 0])).rows()[-1]
    assert (row["labels"], row["found"], row["PCK@0.1"]) == (24, 0, 0.0)
    assert np.isnan(row["mean px"])


def test_table_by_part_and_keypoint(tmp_path):
    labels = labelled(tmp_path, individuals=("ann",))
    xy, confidence = labels.xy.copy(), np.full(labels.xy.shape[:-1], 0.9)
    xy[4, 0, 1] += [6, 8]
    confidence[4, 0, 1] = 0.3
    xy[5, 0, 0] = np.nan
    parts = {"train": np.arange(4), "test": np.arange(4, 6)}
    evaluation = evaluate(labels, (xy, confidence), parts=parts)
    rows = {(row["part"], row["keypoint"]): row for row in evaluation.rows()}
    assert rows["train", "all"]["mean px"] == 0
    assert rows["test", "tail"]["mean px"] == 5.0
    assert rows["test", "tail"]["RMSE px"] == pytest.approx(np.sqrt(50))
    assert rows["test", "tail"]["mean px above cut"] == 0.0
    assert (rows["test", "head"]["labels"], rows["test", "head"]["found"]) == (2, 1)
    assert rows["test", "head"]["PCK@0.1"] == 0.5
    assert evaluation.worst(2) == [(5, 0), (4, 0)]
    evaluation.write_csv(tmp_path / "table.csv")
    with (tmp_path / "table.csv").open(newline="") as file:
        written = list(csv.DictReader(file))
    assert len(written) == 6
    assert float(written[4]["mean px"]) == 5.0


class Scattered(Shifted):
    """Errs by what it says, 1 px in x and 3 px in y, or by twice as much."""

    def __init__(self, labels, times):
        super().__init__(labels, [0, 0])
        self.random, self.times = np.random.default_rng(0), times

    def find(self, images, boxes):
        deviation = np.array([1.0, 3.0])
        xy = self.xy + self.times * deviation * self.random.normal(size=self.xy.shape)
        covariance = np.broadcast_to(np.diag(deviation**2), (*xy.shape, 2))
        return FoundKeypoints(xy=xy, confidence=np.full(xy.shape[:-1], 0.8), covariance=covariance)


def test_the_table_says_how_many_labels_the_ellipses_hold(tmp_path):
    labels = labelled(tmp_path, frames=250)
    true = evaluate(labels, Scattered(labels, 1.0)).rows()[-1]
    assert (true["in 68%"], true["in 95%"]) == pytest.approx((0.68, 0.95), abs=0.04)
    rash = evaluate(labels, Scattered(labels, 2.0)).rows()[-1]
    # Of a 2D Gaussian, twice as wide: 1 - (1 - level)^(1/4).
    assert (rash["in 68%"], rash["in 95%"]) == pytest.approx((1 - 0.32**0.25, 1 - 0.05**0.25), abs=0.04)
    rash = Scattered(labels, 1.0)
    rash.tail = 3.0  # it says that its errors have heavier tails than they have
    held = evaluate(labels, rash).rows()[-1]
    assert (held["in 68%"], held["in 95%"]) == pytest.approx((true["in 68%"], 0.998), abs=0.003)
    assert "in 68%" not in evaluate(labels, (labels.xy, labels.xy[..., 0])).rows()[-1]


@pytest.mark.browser
def test_the_page_shows_the_worst_frames(tmp_path):
    labels = labelled(tmp_path)
    evaluation = evaluate(labels, Shifted(labels, [3, 4]))
    evaluation.write_html(tmp_path / "evaluation.html", worst=5)
    with opened_page(tmp_path / "evaluation.html") as (page, errors):
        assert page.locator("figure").count() == 5
        assert page.evaluate("[...document.images].every((image) => image.naturalWidth > 100)")
        assert page.locator("tr.total td").nth(4).inner_text() == "5.00"
        assert errors == []


def test_real_labels_against_themselves(recordings, tmp_path):
    from models2d import read_labels

    labels = read_labels(recordings("openfield_dlc"))
    noisy = labels.xy + np.random.default_rng(0).normal(0, 2, labels.xy.shape)
    evaluation = evaluate(labels, (noisy, np.ones(labels.xy.shape[:-1])))
    # The mean distance of normal errors of standard deviation s is s sqrt(pi / 2).
    assert evaluation.rows()[-1]["mean px"] == pytest.approx(2 * np.sqrt(np.pi / 2), rel=0.1)
    evaluation.write_html(tmp_path / "page.html", worst=3)
    assert (tmp_path / "page.html").stat().st_size > 10_000


def test_bad_input(tmp_path):
    labels = labelled(tmp_path)
    with pytest.raises(ValueError, match="no frames to evaluate in test"):
        evaluate(labels, (labels.xy, labels.xy[..., 0]), parts={"test": []})
    with pytest.raises(ValueError, match="xy: expected shape"):
        evaluate(labels, (labels.xy[:1], labels.xy[..., 0]))
    labels.frames[3].path.write_bytes(b"no image")
    with pytest.raises(ValueError, match=r"3\.png: the image is corrupt"):
        evaluate(labels, Shifted(labels, [0, 0]))
    labels.frames[3].path.unlink()
    with pytest.raises(ValueError, match=r"3\.png: the image is missing"):
        evaluate(labels, Shifted(labels, [0, 0]))
