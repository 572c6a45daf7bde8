"""A recording goes in, detections in image pixels of every view come out; interruption costs nothing."""

import cv2
import numpy as np
import pytest
import torch

from calibration.recordings.recording import Recording
from models2d.inference.detecting import detect
from models2d.inference.kept_blocks import digest
from models2d.models.ensemble import Ensemble
from models2d.models.pose_model import FoundKeypoints, PoseModel
from models2d.models.recipe import Recipe
from models2d.models.top_down import TopDown
from models2d.networks.registry import build
from models2d.skeleton import Skeleton

size = (96, 72)
spot = Skeleton.from_names("spot", ["middle"])


class SpotFinder:
    """Finds the brightest place in each box; stands in for a network."""

    skeleton = spot
    individuals = 1

    def __init__(self, off=0.0, fail_after=None):
        self.off, self.fail_after, self.seen, self.located = off, fail_after, 0, 0

    def locate(self, images):
        self.located += len(images)
        places = [np.unravel_index(image[..., 1].argmax(), image.shape[:2]) for image in images]
        return [
            np.array([[x - 20, y - 20, x + 20, y + 20]]) if image[y, x, 1] > 128 else np.zeros((0, 4))
            for image, (y, x) in zip(images, places, strict=True)
        ]

    def find(self, images, boxes):
        self.seen += len(images)
        if self.fail_after is not None and self.seen > self.fail_after:
            raise KeyboardInterrupt
        xy, confidence = np.empty((len(images), 1, 2)), np.empty((len(images), 1))
        for number, (image, box) in enumerate(zip(images, boxes, strict=True)):
            left, top, right, bottom = np.clip(box, 0, 200).astype(int)
            weight = np.maximum(image[top:bottom, left:right, 1].astype(float) - 128, 0)
            y, x = np.mgrid[: weight.shape[0], : weight.shape[1]]
            total = max(weight.sum(), 1e-9)
            xy[number, 0] = (weight * x).sum() / total + left, (weight * y).sum() / total + top
            confidence[number] = 0.9 if weight.any() else 0.01
        covariance = np.tile(np.eye(2), (len(images), 1, 1, 1))
        return FoundKeypoints(xy + self.off, confidence, covariance)

    def around(self, xy, confidence):
        boxes = np.concatenate([xy[:, 0] - 20, xy[:, 0] + 20], axis=1)
        return np.where(confidence >= 0.15, boxes, np.nan)


def path_of(view, frames):
    t = np.arange(frames)[:, None]
    return np.array([30.0, 30.0]) + t * ([2.0, 0.5] if view == 0 else [1.0, 1.0])


@pytest.fixture
def recording(tmp_path):
    paths = {}
    for view, name in enumerate(["left", "right"]):
        paths[name] = tmp_path / f"{name}.avi"
        video = cv2.VideoWriter(str(paths[name]), cv2.VideoWriter.fourcc(*"MJPG"), 30, size)
        for frame, xy in enumerate(path_of(view, 21)):
            image = np.zeros((size[1], size[0], 3), dtype=np.uint8)
            if not (view == 1 and frame == 7):
                cv2.circle(
                    image, np.round(xy * 16).astype(int).tolist(), 5 * 16, (255,) * 3, -1, cv2.LINE_AA, 4
                )
            video.write(image)
        video.release()
    return Recording.open(paths)


def test_every_view_and_frame_is_found(recording):
    detections = detect(recording, SpotFinder(), block=4)
    assert detections.shape == (21, 2, 1, 1)
    assert detections.views == ("left", "right")
    assert detections.fps == pytest.approx(30)
    assert np.isnan(detections.xy[7, 1]).all()  # the spot is not there
    seen = np.isfinite(detections.xy[:, :, 0, 0, 0])
    assert seen.sum() == 41
    for view in range(2):
        found = detections.xy[seen[:, view], view, 0, 0]
        np.testing.assert_allclose(found, path_of(view, 21)[seen[:, view]], atol=0.3)


def test_blocks_and_workers_change_nothing(recording):
    one, other = (
        detect(recording, SpotFinder(), block=block, workers=workers) for block, workers in ((21, 1), (2, 3))
    )
    np.testing.assert_array_equal(one.xy, other.xy)


def test_boxes_between_located_frames_follow_the_motion(recording):
    model = SpotFinder()
    detections = detect(recording, model, locate_every=4, block=9, workers=1)
    # Frames 0, 4, 8 of blocks of 9, 9 and 3 frames, and the view without its spot in frame 7.
    assert model.located == 2 * (3 + 3 + 1) + 1
    np.testing.assert_allclose(detections.xy[:, 0, 0, 0], path_of(0, 21), atol=0.3)
    assert np.isnan(detections.xy[7, 1]).all()
    every = detect(recording, SpotFinder())
    np.testing.assert_allclose(detections.xy[:, 1], every.xy[:, 1], atol=0.3)


class Stills:
    """A recording in memory: one camera, and spots where they are wanted."""

    names, paths, fps, times, sizes = ("only",), (), 30.0, None, None

    def __init__(self, *spots):
        self.spots = spots

    def __len__(self):
        return len(self.spots)

    def __iter__(self):
        for spots in self.spots:
            image = np.zeros((size[1], size[0], 3), dtype=np.uint8)
            for x, y in spots or ():
                cv2.circle(image, (x, y), 4, (255,) * 3, -1)
            yield (image if spots is not None else None,)


def test_an_individual_that_jumps_is_looked_for_again_in_the_same_frame():
    model = SpotFinder()
    still = Stills([(20, 20)], [(20, 20)], [(80, 60)], [(80, 60)], [(80, 60)])
    detections = detect(still, model, locate_every=5, workers=1)
    np.testing.assert_allclose(detections.xy[:, 0, 0, 0], [[20, 20], [20, 20]] + 3 * [[80, 60]], atol=0.01)
    assert model.located == 2


def test_a_frame_that_a_camera_missed_is_missing_and_the_next_is_looked_at_anew():
    model = SpotFinder()
    detections = detect(Stills([(20, 20)], None, [(80, 60)]), model, locate_every=3, workers=1)
    np.testing.assert_allclose(detections.xy[:, 0, 0, 0], [[20, 20], [np.nan] * 2, [80, 60]], atol=0.01)
    assert model.located == 2


class TwoSpots(SpotFinder):
    """Finds the spots left to right."""

    individuals = 2

    def locate(self, images):
        self.located += len(images)
        found = [
            cv2.connectedComponentsWithStats((image[..., 1] > 128).astype(np.uint8))[3] for image in images
        ]
        return [np.concatenate([xy[1:] - 12, xy[1:] + 12], axis=1)[np.argsort(xy[1:, 0])] for xy in found]

    def around(self, xy, confidence):
        boxes = np.concatenate([xy[:, 0] - 12, xy[:, 0] + 12], axis=1)
        return np.where(confidence >= 0.15, boxes, np.nan)


def test_several_individuals_are_followed_in_their_slots():
    model = TwoSpots()
    paths = [[(20 + 5 * t, 20), (75 - 5 * t, 50)] for t in range(8)]  # they pass each other
    detections = detect(Stills(*paths), model, locate_every=8, workers=1)
    np.testing.assert_allclose(detections.xy[:, 0, :, 0], paths, atol=0.01)
    assert model.located == 1


def test_two_slots_do_not_stay_on_one_individual():
    model = TwoSpots()
    paths = [[(30, 30), (60, 30)], [(38, 30), (52, 30)], [(45, 30)], [(45, 30)], [(40, 30), (60, 30)]]
    detections = detect(Stills(*paths), model, locate_every=4, workers=1)
    np.testing.assert_allclose(detections.xy[2:4, 0, :, 0], 2 * [[[45, 30], [np.nan] * 2]], atol=0.01)
    np.testing.assert_allclose(detections.xy[4, 0, :, 0], paths[4], atol=0.01)
    assert model.located == 3  # twice as asked, and when the two became one


def test_given_boxes_are_looked_at_and_no_others(recording):
    boxes = np.full((21, 2, 1, 4), np.nan)
    boxes[3, 0, 0] = [0, 0, 90, 70]
    model = SpotFinder()
    detections = detect(recording, model, boxes=boxes)
    assert model.seen == 1
    assert np.isfinite(detections.xy).sum() == 2
    with pytest.raises(ValueError, match=r"boxes: expected \(21, 2, slots, 4\)"):
        detect(recording, model, boxes=boxes[:5])


def test_an_interrupted_run_goes_on(recording, tmp_path):
    whole = detect(recording, SpotFinder(), block=3)
    with pytest.raises(KeyboardInterrupt):
        detect(recording, SpotFinder(fail_after=20), block=3, folder=tmp_path / "kept", workers=1)
    left = len(list((tmp_path / "kept").glob("block_*.npz")))
    assert left > 0
    model = SpotFinder()
    resumed = detect(recording, model, block=3, folder=tmp_path / "kept")
    assert model.seen < 41
    np.testing.assert_array_equal(resumed.xy, whole.xy)
    np.testing.assert_array_equal(resumed.covariance, whole.covariance)
    with pytest.raises(ValueError, match="of other block, locate_every; choose another folder"):
        detect(recording, model, block=4, locate_every=2, folder=tmp_path / "kept")
    with pytest.raises(ValueError, match="of other model;"):
        detect(recording, [model, model], block=3, folder=tmp_path / "kept")


def test_networks_are_told_apart_by_weights_and_settings():
    first, again, other = (
        PoseModel(seeded("unet", seed), Recipe(architecture="unet"), spot, device="cpu") for seed in (0, 0, 1)
    )
    assert digest(first) == digest(again)
    mirrored = PoseModel(first.network, first.recipe, spot, device="cpu", flip=True)
    several = [
        first,
        other,
        mirrored,
        first.with_temperature(np.array([2.0])),
        Ensemble([first, other]),
        TopDown(detector=first, model=first),
    ]
    assert len({digest(model) for model in several}) == len(several)


def seeded(architecture, seed):
    torch.manual_seed(seed)
    return build(architecture, 1, widths=(4, 8))


def test_what_is_unsure_is_missing(recording):
    detections = detect(recording, SpotFinder(), least_confidence=0.95)
    assert np.isnan(detections.xy).all()


def test_an_ensemble_averages_and_its_disagreement_widens_the_covariance(recording):
    detections = detect(recording, [SpotFinder(off=-2.0), SpotFinder(off=2.0)])
    single = detect(recording, SpotFinder())
    np.testing.assert_allclose(detections.xy, single.xy, atol=1e-9)
    # Mean of the two covariances, plus a scatter of 2 px in x and y together.
    np.testing.assert_allclose(detections.covariance[0, 0, 0, 0], [[5, 4], [4, 5]])
    other = SpotFinder()
    other.skeleton = Skeleton.from_names("other", ["edge"])
    with pytest.raises(ValueError, match="an ensemble needs the same"):
        Ensemble([SpotFinder(), other])
    with pytest.raises(ValueError, match="at least one"):
        Ensemble([])


def test_image_folders_need_a_frame_rate(tmp_path):
    for view in ("a", "b"):
        (tmp_path / view).mkdir()
        for frame in range(2):
            cv2.imwrite(str(tmp_path / view / f"{frame}.png"), np.zeros((72, 96, 3), np.uint8))
    images = Recording.open({view: tmp_path / view for view in ("a", "b")})
    with pytest.raises(ValueError, match="give fps="):
        detect(images, SpotFinder())
    assert detect(images, SpotFinder(), fps=10).fps == 10
