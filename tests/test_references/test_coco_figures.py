"""OKS, AP and AR equal pycocotools' on random people, with crowds, unlabelled people and ties."""

import contextlib
import io

import numpy as np
import pytest

from models2d.evaluation.average_precision import People, average_precision, coco_sigmas, oks

cocotools = pytest.importorskip("pycocotools.cocoeval", reason="pycocotools is not installed")
coco = pytest.importorskip("pycocotools.coco", reason="pycocotools is not installed")
names = ["AP", "AP50", "AP75", "AP medium", "AP large", "AR", "AR50", "AR75", "AR medium", "AR large"]


def scene(seed, images=12):
    random = np.random.default_rng(seed)
    truth, found = [], []
    for _ in range(images):
        people = int(random.integers(0, 6))
        height = random.uniform(20, 250, people)
        body = random.uniform(0, 1, (people, 17, 2)) * height[:, None, None] + random.uniform(
            0, 500, (people, 1, 2)
        )
        labels = body.round(2)
        labels[random.random((people, 17)) < 0.3] = np.nan
        labels[random.random(people) < 0.1] = np.nan
        area = (height**2 * random.uniform(0.4, 0.9, people)).round(3)
        box = np.concatenate([body.min(axis=1), np.ptp(body, axis=1)], axis=-1).round(2)
        truth.append(People(xy=labels, area=area, box=box, crowd=random.random(people) < 0.1))
        scale = height[:, None, None] * random.choice([0.01, 0.05, 0.15], (people, 1, 1))
        guesses = np.concatenate(
            [body + random.normal(0, 1, body.shape) * scale, random.uniform(0, 500, (3, 17, 2))]
        )
        guesses = np.concatenate([guesses, guesses[: people // 2] + 2])
        score = random.random(len(guesses)).round(1)
        found.append(People(xy=guesses.round(2), score=score))
    return truth, found


def judged(truth, found):
    images = [{"id": n + 1} for n in range(len(truth))]
    labels, results = [], []
    for image, (one, two) in enumerate(zip(truth, found, strict=True), start=1):
        for person in range(len(one.xy)):
            visible = 2 * one.labelled[person]
            triples = np.column_stack([np.nan_to_num(one.xy[person]), visible])
            labels.append(
                {
                    "id": len(labels) + 1,
                    "image_id": image,
                    "category_id": 1,
                    "keypoints": triples.ravel().tolist(),
                    "num_keypoints": int((visible > 0).sum()),
                    "area": float(one.area[person]),
                    "bbox": one.box[person].tolist(),
                    "iscrowd": int(one.crowd[person]),
                }
            )
        for xy, score in zip(two.xy, two.score, strict=True):
            triples = np.column_stack([xy, np.ones(17)]).ravel().tolist()
            results.append({"image_id": image, "category_id": 1, "keypoints": triples, "score": float(score)})
    with contextlib.redirect_stdout(io.StringIO()):
        gt = coco.COCO()
        gt.dataset = {"images": images, "annotations": labels, "categories": [{"id": 1, "name": "person"}]}
        gt.createIndex()
        evaluation = cocotools.COCOeval(gt, gt.loadRes(results), "keypoints")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return evaluation


@pytest.mark.parametrize("seed", range(6))
def test_figures_equal_pycocotools(seed):
    truth, found = scene(seed)
    ours = average_precision(truth, found)
    np.testing.assert_allclose([ours[name] for name in names], judged(truth, found).stats, atol=1e-12)


def test_oks_equals_pycocotools():
    truth, found = scene(3)
    evaluation = judged(truth, found)
    np.testing.assert_allclose(coco_sigmas, evaluation.params.kpt_oks_sigmas)
    compared = 0
    for image, (one, two) in enumerate(zip(truth, found, strict=True), start=1):
        theirs = evaluation.ious[image, 1]
        if len(theirs):
            order = np.argsort(-two.score, kind="mergesort")[:20]
            np.testing.assert_allclose(oks(two.xy[order], one), theirs, atol=1e-12)
            compared += theirs.size
    assert compared > 50


def test_oks_worked_by_hand():
    # One keypoint, sigma 0.1, area 400: a distance of 4 gives exp(-16 / (2 * 400 * 0.04)) = exp(-0.5).
    person = People(xy=np.array([[[10.0, 10.0]]]), area=np.array([400.0]))
    assert oks([[[10.0, 14.0]]], person, [0.1])[0, 0] == pytest.approx(np.exp(-0.5))
    assert oks([[[np.nan, np.nan]]], person, [0.1])[0, 0] == 0.0


def test_nothing_labelled_and_nothing_found():
    nobody = People(xy=np.zeros((0, 17, 2)))
    assert average_precision([nobody], [nobody])["AP"] == -1.0
    someone = People(xy=np.random.default_rng(0).uniform(0, 99, (1, 17, 2)))
    figures = average_precision([someone], [People(xy=np.zeros((0, 17, 2)), score=np.zeros(0))])
    assert figures["AP"] == figures["AR"] == 0.0


def test_what_is_missing_is_said():
    nobody = People(xy=np.zeros((0, 17, 2)))
    someone = People(xy=np.zeros((1, 17, 2)))
    with pytest.raises(ValueError, match="1 images have labels, but 0"):
        average_precision([nobody], [])
    with pytest.raises(ValueError, match="scores"):
        average_precision([nobody], [someone])
