"""Training on real recordings, cut to seconds: what it must show in earnest is in the examples."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch

from models2d.labelling.choosing import read_labels
from models2d.labelling.images import labels_from
from models2d.models.recipe import Recipe
from models2d.readers.joining import read_tracks
from models2d.training.augmentation import Augmentation
from models2d.training.trainer import TrainingOptions, train

quick = TrainingOptions(
    recipe=Recipe(
        architecture="unet",
        options={"widths": (16, 24, 32, 48), "stride": 4},
        input_size=(96, 96),
        sigma=1.5,
        decoding="offsets",
        margin=0.3,
    ),
    augmentation=Augmentation(rotation_deg=15, scale=0.1, motion_blur=0, cutout=0),
    steps=60,
    batch=8,
    rate=5e-3,
    average=0.9,
    whole=0.0,
    evaluate_every=60,
)


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def errors(model, labels, boxes_of):
    images, boxes = [], []
    for frame, xy in zip(labels.frames, labels.xy[:, 0], strict=True):
        if frame.index is None:
            images.append(cv2.imread(str(frame.path)))
        else:
            video = cv2.VideoCapture(str(frame.path))
            for _ in range(frame.index):
                video.grab()
            images.append(video.read()[1])
        boxes.append(boxes_of(xy))
    return np.linalg.norm(model.find(images, boxes).xy - labels.xy[:, 0], axis=-1)


def around(xy):
    low, high = np.nanmin(xy, axis=0), np.nanmax(xy, axis=0)
    half = (high - low).max() * 0.75
    return np.concatenate([(low + high) / 2 - half, (low + high) / 2 + half])


@pytest.mark.recordings
def test_a_minute_of_real_mouse_teaches_where_its_head_is(recordings, tmp_path):
    folder = recordings("mouse_4cam") / "top"
    tracks = read_tracks({"top": folder / "minimal_top_proofread.analysis.h5"}, fps=30)
    labels = labels_from(tracks, {"top": folder / "minimal_top.mp4"})
    model = train(labels.select(np.arange(0, 40, 2)), tmp_path / "run", quick, device="cpu")
    unseen = labels.select([41, 45, 49])
    head = [labels.skeleton.index(name) for name in ("Nose", "Ear_L", "Ear_R", "Head")]
    found = errors(model, unseen, around)[:, head]
    # The mouse is 200 px long; without training, peaks lie anywhere in the box.
    assert np.median(found) < 15


@pytest.mark.recordings
def test_a_deeplabcut_project_is_trained_on_as_it_is(recordings, tmp_path):
    labels = read_labels(recordings("openfield_dlc"))
    model = train(labels.select(np.arange(12)), tmp_path / "run", replace(quick, steps=3), device="cpu")
    assert model.skeleton.keypoints == ("snout", "leftear", "rightear", "tailbase")
    assert model.skeleton.mirror.tolist() == [0, 2, 1, 3]
    assert np.isfinite(errors(model, labels.select([50]), around)).all()
