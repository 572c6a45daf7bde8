"""Training learns, survives being killed, and fails with a clear word."""

import json
from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch

from models2d.errors import ModelError
from models2d.labels import LabelledFrame, Labels
from models2d.model_files.weights import load_model
from models2d.models.recipe import Recipe
from models2d.skeleton import Skeleton
from models2d.training.augmentation import Augmentation
from models2d.training.trainer import TrainingOptions, schedule, train

crosses = Skeleton.from_names("crosses", ["red", "green"], [("red", "green")])
recipe = Recipe(
    architecture="unet",
    options={"widths": (8, 16, 24), "stride": 4},
    input_size=(64, 64),
    sigma=1.5,
    decoding="offsets",
    margin=0.6,
)
quick = TrainingOptions(
    recipe=recipe,
    augmentation=Augmentation(rotation_deg=30, motion_blur=0, cutout=0),
    steps=12,
    batch=4,
    evaluate_every=4,
)


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def dots(folder, count, seed=0, size=(120, 100)):
    """Images of a red and a green dot on noise."""
    random = np.random.default_rng(seed)
    xy = np.empty((count, 1, 2, 2))
    frames = []
    folder.mkdir(exist_ok=True)
    for number in range(count):
        image = random.integers(40, 120, (size[1], size[0], 3), dtype=np.uint8)
        centre = random.uniform([40, 40], [80, 60])
        angle = random.uniform(0, 2 * np.pi)
        for keypoint, colour in enumerate([(0, 0, 255), (0, 255, 0)]):
            point = centre + (2 * keypoint - 1) * 14 * np.array([np.cos(angle), np.sin(angle)])
            cv2.circle(image, np.round(point * 16).astype(int).tolist(), 5 * 16, colour, -1, cv2.LINE_AA, 4)
            xy[number, 0, keypoint] = point
        path = folder / f"{number:03d}.png"
        cv2.imwrite(str(path), image)
        frames.append(LabelledFrame(path=path))
    return Labels(frames=tuple(frames), xy=xy, individuals=("pair",), skeleton=crosses)


def state(model):
    return {key: value.numpy() for key, value in model.network.state_dict().items()}


def test_a_network_learns_dots_to_a_pixel(tmp_path):
    labels = dots(tmp_path / "images", 60)
    options = replace(quick, steps=150, batch=8, evaluate_every=50, rate=4e-3, average=0.97)
    model = train(labels, tmp_path / "run", options, device="cpu")
    unseen = dots(tmp_path / "unseen", 20, seed=9)
    images = [cv2.imread(str(frame.path)) for frame in unseen.frames]
    boxes = [box[0] for box in model.locate(images)]
    found = model.find(images, boxes)
    error = np.linalg.norm(found.xy - unseen.xy[:, 0], axis=-1)
    assert np.median(error) < 1
    assert (error < 3).mean() > 0.95
    assert (np.linalg.eigvalsh(found.covariance) > 0).all()
    assert len(model.recipe.temperature) == 2
    run = tmp_path / "run"
    assert {file.name for file in run.iterdir()} == {
        "best.safetensors",
        "checkpoint.pt",
        "config.json",
        "curve.html",
        "log.csv",
        "metrics.json",
    }
    config = json.loads((run / "config.json").read_text())
    assert config["options"]["seed"] == 0
    assert config["versions"]["torch"] == torch.__version__
    assert json.loads((run / "metrics.json").read_text())["median_px"] < 1


class KilledError(Exception):
    pass


def killed_after(steps):
    def progress(batches, **_):
        for number, batch in enumerate(batches):
            if number == steps:
                raise KilledError
            yield batch

    return progress


def test_a_killed_training_goes_on_as_if_nothing_had_happened(tmp_path):
    labels = dots(tmp_path / "images", 24)
    straight = train(labels, tmp_path / "straight", quick, device="cpu")
    for steps in (6, 3):  # killed between checkpoints, twice
        with pytest.raises(KilledError):
            train(labels, tmp_path / "killed", quick, device="cpu", progress=killed_after(steps))
    resumed = train(labels, tmp_path / "killed", quick, device="cpu")
    for key, value in state(straight).items():
        np.testing.assert_array_equal(value, state(resumed)[key], err_msg=key)
    assert (tmp_path / "straight/log.csv").read_text() == (tmp_path / "killed/log.csv").read_text()


def test_a_run_with_other_options_is_refused(tmp_path):
    labels = dots(tmp_path / "images", 8)
    train(labels, tmp_path / "run", replace(quick, steps=1), device="cpu")
    with pytest.raises(ModelError, match="other steps: choose another folder"):
        train(labels, tmp_path / "run", replace(quick, steps=2), device="cpu")


def test_a_checkpoint_that_cannot_be_gone_on_from_is_named_and_kept(tmp_path):
    labels = dots(tmp_path / "images", 8)
    train(labels, tmp_path / "run", replace(quick, steps=1), device="cpu")
    checkpoint = tmp_path / "run/checkpoint.pt"
    (tmp_path / "run/config.json").unlink()
    other = replace(quick, steps=1, recipe=replace(recipe, options={"widths": (8, 16, 32), "stride": 4}))
    with pytest.raises(ModelError, match=r"(?s)checkpoint in .*run is of another network .*size mismatch"):
        train(labels, tmp_path / "run", other, device="cpu")
    assert torch.load(checkpoint, weights_only=True)["step"] == 1
    (tmp_path / "run/config.json").unlink()
    checkpoint.write_bytes(checkpoint.read_bytes()[:1000])
    with pytest.raises(ModelError, match=r"checkpoint\.pt is damaged"):
        train(labels, tmp_path / "run", replace(quick, steps=1), device="cpu")


def test_options_that_are_newer_than_a_run_do_not_end_it(tmp_path):
    labels = dots(tmp_path / "images", 8)
    train(labels, tmp_path / "run", replace(quick, steps=1), device="cpu")
    file = tmp_path / "run/config.json"
    config = json.loads(file.read_text())
    del config["options"]["augmentation"]["mosaic"], config["options"]["recipe"]["individuals"]
    del config["options"]["unlabelled"]
    file.write_text(json.dumps(config))
    train(labels, tmp_path / "run", replace(quick, steps=1), device="cpu")
    with pytest.raises(ModelError, match="other unlabelled: choose another folder"):
        train(labels, tmp_path / "run", replace(quick, steps=1, unlabelled="ignored"), device="cpu")


def test_a_loss_that_is_no_number_names_the_last_good_checkpoint(tmp_path, monkeypatch):
    labels = dots(tmp_path / "images", 8)
    losses = iter([1.0] * 5 + [float("nan")])

    def loss(output, *_):
        return output.heatmaps.square().mean() * next(losses)

    monkeypatch.setattr("models2d.training.trainer.total_loss", loss)
    with pytest.raises(ModelError, match=r"the loss is nan at step 5: lower .* .*checkpoint\.pt"):
        train(labels, tmp_path / "run", quick, device="cpu")
    assert torch.load(tmp_path / "run/checkpoint.pt", weights_only=True)["step"] == 4
    assert load_model(tmp_path / "run/best.safetensors").skeleton.keypoints == crosses.keypoints


def test_training_stops_when_nothing_gets_better(tmp_path):
    labels = dots(tmp_path / "images", 8)
    options = replace(quick, steps=60, evaluate_every=1, rate=1e-12, average=0.0, patience=2)
    train(labels, tmp_path / "run", options, device="cpu")
    assert torch.load(tmp_path / "run/checkpoint.pt", weights_only=True)["step"] < 30


def test_training_starts_from_weights_of_another_skeleton(tmp_path):
    labels = dots(tmp_path / "images", 8)
    first = train(labels, tmp_path / "first", quick, device="cpu")
    face = Skeleton.from_names("face", ["nose", "left_ear", "right_ear"])
    other = Labels(
        frames=labels.frames,
        xy=np.concatenate([labels.xy, labels.xy[:, :, :1]], axis=2),
        individuals=labels.individuals,
        skeleton=face,
    )
    options = replace(quick, steps=1, rate=1e-12, average=0.0)
    second = train(
        other, tmp_path / "second", options, weights=tmp_path / "first/best.safetensors", device="cpu"
    )
    kernel = "stem.0.weight"
    np.testing.assert_allclose(state(second)[kernel], state(first)[kernel], atol=1e-6)
    assert state(second)["head.1.weight"].shape[0] == 9


def test_a_network_of_another_stride_is_trained_at_its_own(tmp_path):
    labels = dots(tmp_path / "images", 8)
    other = Recipe(
        architecture="deeplabcut",
        options={"backbone": "mobilenet_v2"},
        input_size=(64, 64),
        decoding="offsets",
    )
    model = train(labels, tmp_path / "run", replace(quick, recipe=other, steps=1), device="cpu")
    assert model.recipe.stride == 16  # 32 of the backbone, doubled once
    image = cv2.imread(str(labels.frames[0].path))
    found = model.find([image], [np.array([-0.5, -0.5, 63.5, 63.5])])
    assert (np.abs(found.xy - 31.5) < 45).all()  # cells of 16 px span the box, not four times as much


def test_mixed_precision_trains_on_a_processor_too(tmp_path):
    labels = dots(tmp_path / "images", 8)
    model = train(labels, tmp_path / "run", replace(quick, steps=2, mixed=True), device="cpu")
    assert all(np.isfinite(value).all() for value in state(model).values())


def test_images_and_labels_that_cannot_be_used_are_named(tmp_path):
    labels = dots(tmp_path / "images", 8)
    (tmp_path / "images/003.png").write_bytes(b"not an image")
    with pytest.raises(ModelError, match=r"003\.png cannot be read as an image"):
        train(labels, tmp_path / "run", quick)
    (tmp_path / "images/003.png").unlink()
    with pytest.raises(ModelError, match=r"003\.png does not exist"):
        train(labels, tmp_path / "run2", quick)
    labels = dots(tmp_path / "more", 8)
    outside = labels.xy.copy()
    outside[5, 0, 1] = [400, 20]
    with pytest.raises(ModelError, match=r"green in .*005\.png is labelled at \[400\.0, 20\.0\], outside"):
        train(replace(labels, xy=outside), tmp_path / "run3", quick)
    with pytest.raises(ModelError, match="none of the frames has a label"):
        train(replace(labels, xy=np.full_like(outside, np.nan)), tmp_path / "run4", quick)


def test_labelled_video_frames_beyond_its_end_are_named(tmp_path):
    video = cv2.VideoWriter(str(tmp_path / "v.avi"), cv2.VideoWriter.fourcc(*"MJPG"), 25, (120, 100))
    for _ in range(5):
        video.write(np.zeros((100, 120, 3), dtype=np.uint8))
    video.release()
    labels = Labels(
        frames=(LabelledFrame(path=tmp_path / "v.avi", index=9),),
        xy=np.full((1, 1, 2, 2), 30.0),
        individuals=("pair",),
        skeleton=crosses,
    )
    with pytest.raises(ModelError, match="has 5 frames, but frame 9"):
        train(labels, tmp_path / "run", quick)


def test_the_learning_rate_rises_and_falls():
    rates = [schedule(done) for done in np.linspace(0, 1, 101)]
    assert max(rates) == 1
    assert np.argmax(rates) == 3
    assert (np.diff(rates[3:]) < 0).all()
