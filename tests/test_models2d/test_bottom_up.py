"""From labels of several individuals to grouped keypoints: associative embedding and DeeperCut, trained."""

import json
from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch

from calibration import Recording
from models2d.decoding.heatmaps import gaussian_targets
from models2d.errors import ModelError
from models2d.grouping.affinity import partners
from models2d.inference.detecting import detect
from models2d.labels import LabelledFrame, Labels
from models2d.model_files.weights import load_model
from models2d.models.bottom_up import BottomUp
from models2d.models.ensemble import Ensemble
from models2d.models.pose_model import PoseModel
from models2d.models.recipe import Recipe
from models2d.networks.output import HeatmapOutput
from models2d.networks.registry import build
from models2d.skeleton import Skeleton
from models2d.training.augmentation import Augmentation
from models2d.training.judging import paired_individuals
from models2d.training.losses import total_loss
from models2d.training.targets import nearest_discs, targets_of_everybody
from models2d.training.trainer import TrainingOptions, train

fish = Skeleton.from_names("fish", ["head", "middle", "tail"], [("head", "middle"), ("middle", "tail")])
recipe = Recipe(
    architecture="unet_pairwise",
    options={"widths": (8, 16, 24, 32)},
    input_size=(64, 64),
    sigma=1.5,
    decoding="offsets",
)
quick = TrainingOptions(
    recipe=recipe,
    augmentation=Augmentation(rotation_deg=180, motion_blur=0, cutout=0, blur=0),
    steps=200,
    batch=8,
    rate=4e-3,
    average=0.97,
    evaluate_every=100,
)


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def shoal(folder, count, people=2, seed=0, side=64):
    """Images of fish, all alike: a line of 20 px with a red head, a green middle and a blue tail."""
    random = np.random.default_rng(seed)
    xy, frames = np.empty((count, people, 3, 2)), []
    folder.mkdir(exist_ok=True)
    for number in range(count):
        image = random.integers(40, 120, (side, side, 3), dtype=np.uint8)
        for one in range(people):
            while True:  # until no other fish lies across
                angle = random.uniform(0, 2 * np.pi)
                along = np.outer([-10, 0, 10], [np.cos(angle), np.sin(angle)])
                xy[number, one] = random.uniform(14, side - 14, 2) + along
                away = np.linalg.norm(xy[number, one, :, None, None] - xy[number, :one], axis=-1)
                if away.min(initial=np.inf) > 9:
                    break
            points = np.round(xy[number, one] * 16).astype(int)
            cv2.polylines(image, [points], False, (200, 200, 200), 2, cv2.LINE_AA, 4)
            for point, colour in zip(points.tolist(), [(0, 0, 255), (0, 255, 0), (255, 0, 0)], strict=True):
                cv2.circle(image, point, 40, colour, -1, cv2.LINE_AA, 4)
        cv2.imwrite(str(folder / f"{number:03d}.png"), image)
        frames.append(LabelledFrame(path=folder / f"{number:03d}.png"))
    names = tuple(f"fish{number}" for number in range(people))
    return Labels(frames=tuple(frames), xy=xy, individuals=names, skeleton=fish)


def whole(model, labels):
    """Part of the individuals that are found with every keypoint within 4 px."""
    right = 0
    for frame, truth in zip(labels.frames, labels.xy, strict=True):
        found = model.find_all([cv2.imread(str(frame.path))])[0]
        for one, other in paired_individuals(found, truth):
            right += bool((np.linalg.norm(found.xy[one] - truth[other], axis=-1) < 4).all())
    return right / labels.xy[..., 0, 0].size


def test_pairwise_vectors_are_learnt_and_group_fish(tmp_path):
    model = train(shoal(tmp_path / "images", 100, people=3), tmp_path / "run", quick, device="cpu")
    unseen = shoal(tmp_path / "unseen", 20, people=3, seed=9)
    assert isinstance(model, BottomUp)
    assert model.individuals == 3
    assert len(model.model.recipe.affinity) == 3
    assert whole(model, unseen) > 0.6
    # Without its affinity the model of normal offsets is taken, and what is stored is read back.
    again = load_model(tmp_path / "run/best.safetensors", device="cpu")
    image = cv2.imread(str(unseen.frames[0].path))
    for one, other in zip(model.find_all([image])[0], again.find_all([image])[0], strict=True):
        np.testing.assert_array_equal(one, other)
    short = load_model(tmp_path / "run/best.safetensors", device="cpu", precision="bfloat16")
    assert short.model.precision == "bfloat16"
    assert len(short.find_all([image])[0].xy) > 0
    metrics = json.loads((tmp_path / "run/metrics.json").read_text())
    assert metrics["found"] > 0.8


def test_tags_are_learnt_and_group_fish(tmp_path):
    options = replace(quick, recipe=replace(recipe, architecture="unet_tags"), steps=350)
    model = train(shoal(tmp_path / "images", 100), tmp_path / "run", options, device="cpu")
    # By chance a quarter of the fish would be whole (two of three keypoints with the right one of two fish);
    # 0.45 of 40 fish are three standard deviations more. Processors differ after so few steps.
    assert whole(model, shoal(tmp_path / "unseen", 20, seed=9)) > 0.45
    paths = {name: tmp_path / name for name in ("left", "right")}
    for seed, folder in enumerate(paths.values()):
        shoal(folder, 5, seed=seed)
    detections = detect(Recording.open(paths), model, fps=10.0)
    assert detections.xy.shape == (5, 2, 2, 3, 2)
    seen = np.isfinite(detections.xy[..., 0])
    assert seen.mean() > 0.8
    assert (np.linalg.eigvalsh(detections.covariance[seen]) > 0).all()


@pytest.mark.parametrize(
    ("architecture", "options"),
    [
        ("deeplabcut_tags", {"backbone": "mobilenet_v2", "output_stride": 16}),
        ("deeper_cut", {"backbone": "resnet18"}),
        ("higher_hrnet", {"width": 8}),
    ],
)
def test_the_published_designs_go_through_the_same_door(architecture, options, tmp_path):
    other = replace(recipe, architecture=architecture, options=options)
    labels = shoal(tmp_path / "images", 6)
    model = train(labels, tmp_path / "run", replace(quick, recipe=other, steps=2, batch=2), device="cpu")
    assert isinstance(model, BottomUp)
    assert model.model.recipe.region == "frame"
    assert len(model.model.recipe.affinity) == (3 if architecture == "deeper_cut" else 0)
    found = model.find_all([cv2.imread(str(labels.frames[0].path))])[0]
    assert found.xy.shape[1:] == (3, 2)


def test_higher_hrnet_learns_at_both_resolutions(tmp_path):
    labels = shoal(tmp_path / "images", 2)
    heads = labels.xy[:, :, :1]
    given = replace(recipe, architecture="higher_hrnet", options={"width": 8}, stride=2, individuals=2)
    images = np.stack([cv2.imread(str(frame.path)) for frame in labels.frames])
    torch.manual_seed(0)
    network = build("higher_hrnet", 1, width=8)
    prepared = PoseModel(network, given, fish, device="cpu").prepared(torch.from_numpy(images))
    optimizer = torch.optim.Adam(network.train().parameters(), lr=2e-3)
    for _ in range(16):
        output = network(prepared)
        targets = targets_of_everybody(heads, output, given, "absent")
        loss = total_loss(output, targets, None)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    for maps, stride in ((output.heatmaps, 2), (output.coarse, 4)):
        cells = np.rint((heads - (stride - 1) / 2) / stride).astype(int)  # (images, fish, 1, 2)
        image, _, keypoint = np.indices(cells.shape[:3])
        heights = maps.detach().numpy()[image, keypoint, cells[..., 1], cells[..., 0]]
        assert heights.mean() > 0.5


class KilledError(Exception):
    pass


@pytest.mark.parametrize("architecture", ["unet_tags", "unet_pairwise"])
def test_a_killed_training_goes_on_as_if_nothing_had_happened(architecture, tmp_path):
    labels = shoal(tmp_path / "images", 8)
    options = replace(
        quick,
        recipe=replace(recipe, architecture=architecture, options={"widths": (8, 16, 24)}),
        augmentation=Augmentation(mosaic=0.5),
        steps=6,
        batch=4,
        evaluate_every=2,
    )

    def killed(batches, **_):
        for number, batch in enumerate(batches):
            if number == 3:
                raise KilledError
            yield batch

    straight = train(labels, tmp_path / "straight", options, device="cpu")
    with pytest.raises(KilledError):
        train(labels, tmp_path / "killed", options, device="cpu", progress=killed)
    resumed = train(labels, tmp_path / "killed", options, device="cpu")
    for key, value in straight.model.network.state_dict().items():
        assert torch.equal(value, resumed.model.network.state_dict()[key]), key
    assert straight.model.recipe == resumed.model.recipe
    assert (tmp_path / "straight/log.csv").read_text() == (tmp_path / "killed/log.csv").read_text()


def test_several_individuals_want_a_network_that_groups(tmp_path):
    labels = shoal(tmp_path / "images", 6, people=3)
    alone = replace(quick, recipe=replace(recipe, architecture="unet"), steps=1, batch=2)
    with pytest.raises(
        ModelError, match="have 3 individuals in a frame, but the network 'unet' finds one"
    ) as said:
        train(labels, tmp_path / "run", alone, device="cpu")
    for choice in ("unet_tags", "unet_pairwise", "deeper_cut", "higher_hrnet", "region='box'"):
        assert choice in str(said.value)
    assert not (tmp_path / "run").exists()
    boxed = replace(alone, recipe=replace(alone.recipe, region="box"))
    assert isinstance(train(labels, tmp_path / "boxed", boxed, device="cpu"), PoseModel)
    # Names of individuals alone are not several in one frame.
    turns = labels.xy.copy()
    for frame in range(6):
        turns[frame, [one for one in range(3) if one != frame % 3]] = np.nan
    one_at_a_time = replace(labels, xy=turns)
    assert isinstance(train(one_at_a_time, tmp_path / "turns", alone, device="cpu"), PoseModel)
    mosaic = replace(alone, augmentation=Augmentation(mosaic=0.5))
    with pytest.raises(ModelError, match="mosaic: these samples show one individual each"):
        train(one_at_a_time, tmp_path / "mosaic", mosaic, device="cpu")


class Drawn(torch.nn.Module):
    """Answers with the true maps of two fish that cross, whatever it is shown."""

    xy = np.array([[[10.0, 16], [20, 16], [30, 16]], [[20.0, 6], [20, 20], [20, 30]]])  # cells

    def __init__(self, vectors=True):
        super().__init__()
        self.vectors = vectors

    def forward(self, images):
        hills = gaussian_targets(self.xy, (40, 40), 1.5).max(axis=0)
        pairwise = np.zeros((6, 2, 40, 40), dtype=np.float32)
        discs = nearest_discs(self.xy[None], (40, 40), 3.0)
        for keypoint, others in enumerate(partners(3)):
            for place, other in enumerate(others):
                rows, columns = np.nonzero(discs.owner[0, keypoint] >= 0)
                target = self.xy[discs.owner[0, keypoint, rows, columns], other]
                pairwise[2 * keypoint + place, :, rows, columns] = target - np.stack([columns, rows], axis=1)
        heatmaps = torch.from_numpy(hills.astype(np.float32))[None]
        several = torch.from_numpy(pairwise)[None] if self.vectors else None
        return HeatmapOutput(
            heatmaps=heatmaps.expand(len(images), -1, -1, -1),
            pairwise=None if several is None else several.expand(len(images), -1, -1, -1, -1),
        )


def drawn(**options):
    given = Recipe(architecture="unet_pairwise", input_size=(160, 160), stride=4, sigma=1.5, region="frame")
    return BottomUp(PoseModel(Drawn(**options), given, fish, device="cpu"), individuals=2)


def test_true_vectors_tell_crossing_fish_apart():
    image = np.zeros((320, 320, 3), dtype=np.uint8)
    for found in drawn().find_all([image] * 3):
        order = np.argsort(found.xy[:, 0, 0])
        np.testing.assert_allclose(found.xy[order], Drawn.xy * 8 + 3.5, atol=0.2)


def test_a_network_without_tags_and_vectors_cannot_group():
    with pytest.raises(ModelError, match="neither tags nor pairwise vectors"):
        drawn(vectors=False).find_all([np.zeros((64, 64, 3), dtype=np.uint8)])


def test_what_finds_everybody_at_once_cannot_be_averaged():
    with pytest.raises(ValueError, match="model 0 finds everybody in a frame at once"):
        Ensemble([drawn(), drawn()])


def test_an_image_that_takes_too_long_has_nobody_and_says_so(monkeypatch):
    def exhausted(*_, **__):
        raise ModelError("no solution in the time limit")

    monkeypatch.setattr("models2d.models.bottom_up.group_by_program", exhausted)
    with pytest.warns(RuntimeWarning, match="nobody is found in an image: no solution in the time limit"):
        found = drawn().find_all([np.zeros((320, 320, 3), dtype=np.uint8)])[0]
    assert found.xy.shape == (0, 3, 2)
    assert found.covariance.shape == (0, 3, 2, 2)


@pytest.mark.parametrize("architecture", ["unet_tags", "unet_pairwise"])
def test_a_mirror_image_leaves_what_groups_as_it_was(architecture):
    torch.manual_seed(0)
    network = build(architecture, 3, widths=(8, 16, 24))
    patches = np.random.default_rng(0).integers(0, 255, (2, 64, 64, 3), dtype=np.uint8)
    plain, flipped = (
        PoseModel(network, recipe, fish, device="cpu", flip=flip).answer(patches) for flip in (False, True)
    )
    assert not torch.equal(plain.heatmaps, flipped.heatmaps)
    for one, other in ((plain.tags, flipped.tags), (plain.pairwise, flipped.pairwise)):
        assert (one is None) == (other is None)
        assert one is None or torch.equal(one, other)
