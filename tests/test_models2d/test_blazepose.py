"""The shipped model of people: as its source computes, and on drawn people whose joints are known."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from calibration.recordings.recording import Recording
from models2d.errors import ModelError
from models2d.inference.detecting import detect
from models2d.model_files.places import shipped_weights as shipped
from models2d.model_files.weights import load_model
from models2d.models.blazepose import repeated
from models2d.models.body_landmarks import SIDE, find_landmarks, refined
from models2d.models.person_detector import merged, squares
from models2d.models.pose_model import SequenceModel
from models2d.models.turned_regions import cut_region, image_from_input
from models2d.skeleton import Skeleton
from tests.drawn_person import background, draw_person, joints, moved

WITHIN = 14.0  # px of a person of 400 px: the network's idea of a joint is not the drawing's


@pytest.fixture(scope="module")
def model():
    return load_model("human", device="cpu", precision="float32")


@pytest.fixture(scope="module")
def reference():
    """What the .tflite files answer, run by ai-edge-litert 2.3.0, for the person of `draw_person`.

    `patch` and `whole` are the inputs; `numbers`, `score` and every fourth of `heatmaps` are outputs of the
    landmarks; `places` and `logits` those of the detector at the `anchors` that see anything.
    """
    with np.load(Path(__file__).parent / "blazepose_reference.npz") as file:
        return dict(file)


def named(found, names, individual=0):
    index = [Skeleton.load("blazepose33").index(name) for name in names]
    return found.xy[individual, index]


def test_torch_answers_as_the_source(model, reference):
    numbers, score, heatmaps = model.landmarks.answer(reference["patch"][None])
    ours, theirs = numbers.reshape(39, 5), reference["numbers"].reshape(39, 5)
    assert np.abs(ours[:, :2] - theirs[:, :2]).max() < 0.05  # px of 256
    np.testing.assert_allclose(ours, theirs, atol=0.05)
    np.testing.assert_allclose(score.ravel(), reference["score"], atol=1e-4)
    np.testing.assert_allclose(heatmaps[0, ::4], reference["heatmaps"], atol=0.02)
    places, logits = model.detector.network.answer(reference["whole"][None])
    sure = reference["anchors"]
    np.testing.assert_allclose(places[0][sure], reference["places"], atol=0.05)
    np.testing.assert_allclose(logits[0, sure, 0], reference["logits"], atol=0.01)


@pytest.mark.parametrize("turned", [0, 35, 180])
@pytest.mark.parametrize("scale", [1.0, 2.3])
def test_a_person_is_found_in_any_position(model, turned, scale):
    size = int(480 * scale)
    matrix = cv2.getRotationMatrix2D((239.5, 239.5), turned, scale)
    matrix[:, 2] += (scale - 1) * 239.5
    (found,) = model.find_all([moved(draw_person(), matrix, (size, size))])
    names, xy = joints(matrix)
    assert len(found.xy) == 1
    assert np.linalg.norm(named(found, names) - xy, axis=1).max() < WITHIN * scale
    assert found.confidence.min() > 0.5
    assert (np.linalg.eigvalsh(found.covariance) > 0).all()


def test_a_mirrored_person_has_mirrored_joints(model):
    person = draw_person()
    both = model.find_all([person, np.ascontiguousarray(person[:, ::-1])])
    mirror = Skeleton.load("blazepose33").mirror
    back = both[1].xy[0, mirror] * [-1, 1] + [479, 0]
    away = np.linalg.norm(both[0].xy[0] - back, axis=1)
    assert np.median(away) < 3.0
    assert away.max() < WITHIN


def test_where_nobody_is_nobody_is_found(model):
    noise = np.random.default_rng(0).integers(0, 255, (300, 400, 3), dtype=np.uint8)
    for found in model.find_all([background(), noise, np.zeros((50, 900, 3), np.uint8)]):
        assert found.xy.shape == (0, 33, 2)


def two_people(shift=0):
    left, right = draw_person(), draw_person(shirt=(40, 140, 60))
    return np.concatenate([left[:, 60 + shift :], right[:, 60:]], axis=1)


def test_two_people_are_two_and_one_if_only_one_is_wanted(model):
    names, xy = joints()
    wanted = [xy - [60, 0], xy + np.array([360, 0])]
    (found,) = model.with_individuals(2).find_all([two_people()])
    assert len(found.xy) == 2
    order = np.argsort(found.xy[:, 0, 0])
    for place, individual in zip(wanted, order, strict=True):
        assert np.linalg.norm(named(found, names, individual) - place, axis=1).max() < WITHIN
    assert len(model.find_all([two_people()])[0].xy) == 1
    assert len(model.with_individuals(4).find_all([two_people()])[0].xy) == 2


def test_slots_keep_to_their_people_while_they_are_followed(model):
    frames = [(two_people(shift),) for shift in range(0, 40, 10)]
    found = model.with_individuals(2).find_through(frames, locate_every=4)
    nose = np.array([views[0].xy[:, 0, 0] for views in found])
    assert np.isfinite(nose).all()
    assert (np.sign(nose[:, 0] - nose[:, 1]) == np.sign(nose[0, 0] - nose[0, 1])).all()


class Counted:
    """A detector that counts the images it looked at."""

    def __init__(self, detector):
        self.detector, self.images = detector, 0

    def locate(self, images, **options):
        self.images += len(images)
        return self.detector.locate(images, **options)


def test_a_followed_person_is_detected_once_and_a_lost_one_again(model):
    person, nobody = draw_person(), background()
    far = moved(draw_person(), np.array([[0.4, 0, 0], [0, 0.4, 280.0]]), (480, 480))
    counted = model.with_individuals(1)
    counted.detector = Counted(counted.detector)
    steady = [(np.roll(person, 3 * step, axis=1),) for step in range(6)]
    found = counted.find_through(steady, locate_every=8)
    assert counted.detector.images == 1
    names, xy = joints()
    for step, views in enumerate(found):
        assert np.linalg.norm(named(views[0], names) - xy - [3 * step, 0], axis=1).max() < WITHIN
    counted.detector.images = 0
    found = counted.find_through([(person,), (nobody,), (far,), (None,), (far,)], locate_every=8)
    assert [bool(np.isfinite(views[0].xy).all()) for views in found] == [True, False, True, False, True]
    assert np.linalg.norm(named(found[2][0], names) - (0.4 * xy + [0, 280]), axis=1).max() < WITHIN


def test_detecting_in_blocks_is_resumed_and_knows_its_model(model, tmp_path):
    for view in ("a", "b"):
        (tmp_path / view).mkdir()
        for frame in range(5):
            image = np.roll(draw_person(), (2 if view == "a" else -2) * frame, axis=1)
            cv2.imwrite(str(tmp_path / view / f"{frame}.png"), image)
    recording = Recording.open({view: tmp_path / view for view in ("a", "b")})
    assert isinstance(model, SequenceModel)
    kept = tmp_path / "kept"
    whole = detect(recording, model, fps=10, block=2, folder=kept)
    assert whole.shape == (5, 2, 1, 33)
    assert whole.skeleton.name == "blazepose33"
    (kept / "block_000001.npz").unlink()
    again = detect(recording, model, fps=10, block=2, folder=kept, workers=1)
    np.testing.assert_array_equal(again.xy, whole.xy)
    with pytest.raises(ValueError, match="of other model"):
        detect(recording, model.with_individuals(2), fps=10, block=2, folder=kept)
    with pytest.raises(ValueError, match="boxes: this model follows people in turned squares"):
        detect(recording, model, fps=10, boxes=np.zeros((5, 2, 1, 4)))


def test_a_turned_region_comes_back_to_its_place():
    random = np.random.default_rng(1)
    for _ in range(20):
        region = np.r_[random.uniform(100, 380, 2), random.uniform(-90, 90, 2)]
        x, y = np.meshgrid(np.arange(480), np.arange(480))
        image = np.stack([x / 2, y / 2, 0 * x], axis=-1).astype(np.float32)
        patch = cut_region(np.round(image).astype(np.uint8), region, 64)
        linear = image_from_input(region, 64)
        for at in ([10, 20], [50, 40], [31, 31]):
            there = linear[:, :2] @ at + linear[:, 2]
            if (there > 5).all() and (there < 475).all():
                np.testing.assert_allclose(patch[at[1], at[0], :2], there / 2, atol=1.6)


def test_a_large_region_is_averaged_not_sampled():
    random = np.random.default_rng(2)
    noise = random.integers(0, 255, (1200, 1200, 3), dtype=np.uint8)
    patch = cut_region(noise, np.array([600.0, 600, 0, -590]), 128)
    assert patch.std() < 0.4 * noise.std()


@pytest.mark.parametrize(
    "region",
    [
        (-900.0, 50, 0, -40),
        (100.0, 5000, 300, 300),
        (60.0, 40, 0, 0),
        (60.0, 40, 1e-3, 0),
        (60.0, 40, 0, -9000),
        (119.0, 89, 700, -500),
    ],
)
def test_a_region_beside_the_image_or_of_no_size_is_a_patch_all_the_same(region):
    image = np.full((90, 120, 3), 200, np.uint8)
    patch = cut_region(image, np.array(region), 64)
    assert patch.shape == (64, 64, 3)
    if abs(region[0]) > 500 or region[1] > 500:
        assert not patch.any()  # outside is black


def test_fewer_people_than_one_cannot_be_looked_for(model):
    with pytest.raises(ValueError, match="individuals: expected at least one person, got 0"):
        model.with_individuals(0)


def test_the_heatmaps_centre_refines_a_landmark_and_its_width_is_told():
    x, y = np.meshgrid(np.arange(64), np.arange(64))

    def hill(sigma, height):
        return height * np.exp(-0.5 * ((x - 30.3) ** 2 + ((y - 20.6) / 2) ** 2) / sigma**2)

    maps = np.stack([hill(1.0, 0.9), hill(1.0, 0.4)])[None]
    start = np.array([[[121.0, 83.0], [121.0, 83.0]]])
    xy, covariance = refined(start, maps)
    np.testing.assert_allclose(xy[0, 0], [4 * 30.3 - 0.5, 4 * 20.6 - 0.5], atol=0.8)
    np.testing.assert_array_equal(xy[0, 1], start[0, 1] - 0.5)  # a low hill does not refine
    assert covariance[0, 0, 1, 1] > 1.5 * covariance[0, 0, 0, 0]  # wider down than across
    assert np.linalg.det(covariance[0, 1]) > 4 * np.linalg.det(covariance[0, 0])  # low is unsure
    outside, _ = refined(np.array([[[-30.0, 900.0]]]), maps[:, :1])
    np.testing.assert_array_equal(outside[0, 0], [-30.5, 899.5])


def test_boxes_of_one_person_are_merged_and_those_of_two_are_not():
    random = np.random.default_rng(3)
    places = np.repeat([[100.0, 50], [300, 60]], 20, axis=0) + random.normal(0, 3, (40, 2))
    boxes = np.concatenate([places - 30, places + 30], axis=1)
    score = random.uniform(0.5, 1, 40)
    merged_boxes, points, best = merged(boxes, places[:, None], score)
    assert len(merged_boxes) == 2
    order = np.argsort(points[:, 0, 0])
    np.testing.assert_allclose(points[order, 0], [[100, 50], [300, 60]], atol=1.5)
    np.testing.assert_allclose(best[order], [score[:20].max(), score[20:].max()])
    assert merged(np.zeros((0, 4)), np.zeros((0, 4, 2)), np.zeros(0))[0].shape == (0, 4)


@pytest.mark.parametrize("size", [(640, 480), (1080, 1920), (300, 300)])
def test_the_closer_look_covers_the_image(size):
    boxes = squares(size, closer=True)
    covered = np.zeros(size[::-1], dtype=bool)
    for left, top, right, bottom in np.round(np.array(boxes[1:]) + 0.5).astype(int):
        assert right - left == bottom - top
        covered[top:bottom, left:right] = True
    assert covered.all()


def test_the_same_person_in_two_slots_stays_in_the_surer():
    pose = np.random.default_rng(4).uniform(0, 100, (33, 2))
    xy = np.stack([pose, pose + 3, pose + 80, np.full((33, 2), np.nan)])
    regions = np.tile([50.0, 50, 0, -60], (4, 1))
    assert repeated(xy, np.array([0.8, 0.9, 0.7, np.nan]), regions).tolist() == [True, False, False, False]


def test_a_file_that_lacks_a_part_or_has_another_is_refused(tmp_path):
    file = shipped / "human.safetensors"
    with safe_open(file, framework="pt") as opened:
        header = opened.metadata()
    tensors = load_file(file)
    key = next(iter(tensors))
    save_file({**tensors, key: torch.zeros(3)}, tmp_path / "odd.safetensors", metadata=header)
    with pytest.raises(ModelError, match=f"does not fit the network: {key.partition('.')[2]} is "):
        load_model(tmp_path / "odd.safetensors")
    header["parts"] = header["parts"].replace('"detector"', '"director"')
    save_file(tensors, tmp_path / "less.safetensors", metadata=header)
    with pytest.raises(ModelError, match=r"less\.safetensors has no detector; convert it again"):
        load_model(tmp_path / "less.safetensors")
    with pytest.raises(ValueError, match="can neither be compiled nor look at mirror images"):
        load_model("human", flip=True)
    with pytest.raises(ValueError, match="precision: expected one of float32, float16, bfloat16, got 'int8'"):
        load_model("human", precision="int8")


def test_the_weights_say_where_they_come_from():
    notice = (shipped / "human.NOTICE.txt").read_text()
    licence = (shipped / "human.LICENSE.txt").read_text()
    assert "Apache License" in licence
    assert "END OF TERMS AND CONDITIONS" in licence
    with safe_open(shipped / "human.safetensors", framework="pt") as file:
        origin = file.metadata()["origin"]
    for part in json.loads(origin).values():
        assert part in notice


def test_find_landmarks_answers_in_the_right_shapes(model, reference):
    seen = find_landmarks(model.landmarks, np.stack([reference["patch"]] * 3))
    assert seen.xy.shape == (3, 39, 2)
    assert seen.covariance.shape == (3, 39, 2, 2)
    assert ((seen.xy > 0) & (seen.xy < SIDE)).all()
    np.testing.assert_allclose(seen.xy[0], seen.xy[2], atol=1e-3)
