"""Frames with several individuals: samples, mosaics and targets keep every keypoint on its own pixels."""

import cv2
import numpy as np
import pytest
import torch

from models2d.decoding.heatmaps import gaussian_targets
from models2d.labels import LabelledFrame, Labels
from models2d.models.recipe import Recipe
from models2d.networks.output import HeatmapOutput
from models2d.skeleton import Skeleton
from models2d.training.augmentation import Augmentation
from models2d.training.dataset import Sampling
from models2d.training.scenes import Scenes
from models2d.training.targets import nearest_discs, targets_of_everybody, targets_of_one

pair = Skeleton.from_names("pair", ["left", "right"])
sampling = Sampling(input_size=(128, 96))
# Each frame has a colour of its own, and each of its four keypoints a brightness.
colours = np.array([[255, 0, 0], [0, 255, 0], [0, 0, 255]])
levels = np.array([[0.45, 0.6], [0.8, 1.0]])
size = (150, 110)


@pytest.fixture(scope="module")
def labels(tmp_path_factory):
    folder, random = tmp_path_factory.mktemp("frames"), np.random.default_rng(0)
    corners = np.array([[[30.0, 25], [120, 25]], [[30, 85], [120, 85]]])
    xy = corners + random.uniform(-8, 8, (3, 2, 2, 2))
    frames = []
    for number in range(3):
        image = np.zeros((size[1], size[0], 3), dtype=np.uint8)
        for point, level in zip(xy[number].reshape(-1, 2), levels.ravel(), strict=True):
            colour = (level * colours[number]).tolist()
            cv2.circle(image, np.round(point * 16).astype(int).tolist(), 11 * 16, colour, -1, cv2.LINE_AA, 4)
        cv2.imwrite(str(folder / f"{number}.png"), image)
        frames.append(LabelledFrame(path=folder / f"{number}.png"))
    return Labels(frames=tuple(frames), xy=xy, individuals=("ann", "bob"), skeleton=pair)


def changes(**options):
    still = dict.fromkeys(("colour", "blur", "motion_blur", "noise", "cutout"), 0)
    return Augmentation(**{"rotation_deg": 60, "scale": 0.3, "shift": 0.1, **still, **options})


def colour_at(image, point):
    return image[tuple(np.round(point[::-1]).astype(int))].astype(float)


@pytest.mark.parametrize("seed", range(8))
def test_a_mosaic_keeps_keypoints_on_their_pixels(labels, seed):
    scenes = Scenes(labels, sampling, changes(), seed)
    frames = [0, 1, 2, 1]
    image, xy = scenes.mosaic(frames, np.random.default_rng(seed))
    assert image.shape == (96, 128, 3)
    assert xy.shape == (8, 2, 2)
    seen = 0
    for tile, frame in enumerate(frames):
        for individual in range(2):
            for keypoint in range(2):
                point = xy[2 * tile + individual, keypoint]
                if np.isfinite(point).all():
                    expected = levels[individual, keypoint] * colours[frame]
                    assert np.abs(colour_at(image, point) - expected).max() < 0.1 * 255
                    seen += 1
    assert seen >= 4


def test_mosaics_show_frames_at_several_scales(labels):
    scenes = Scenes(labels, sampling, changes(rotation_deg=0, scale=0, shift=0), 0)
    lengths = []
    for seed in range(30):
        _, xy = scenes.mosaic([0, 0, 0, 0], np.random.default_rng(seed))
        lengths += np.linalg.norm(xy[:, 0] - xy[:, 1], axis=-1).tolist()
    whole = np.linalg.norm(labels.xy[0, 0, 0] - labels.xy[0, 0, 1]) * 128 / 150
    relative = np.array(lengths)[np.isfinite(lengths)] / whole
    assert relative.min() < 0.45
    assert 0.7 < relative.max() < 1.05


def test_whole_frames_show_everybody(labels):
    scenes = Scenes(labels, sampling, Augmentation.none(), 0)
    batch = scenes.batch(0, 3)
    assert batch.xy.shape == (3, 2, 2, 2)
    scale = 128 / 150  # the frame is wider than the input's proportions
    shown = np.sort(batch.xy[:, 0, 0, 0])
    expected = (labels.xy[:, 0, 0, 0] - 74.5) * scale + 63.5
    np.testing.assert_allclose(shown, np.sort(expected), atol=1e-9)


def test_mirror_images_swap_left_and_right_of_everybody(labels):
    scenes = Scenes(labels, sampling, changes(flip=1.0, rotation_deg=0, scale=0, shift=0), 0)
    image, xy = scenes.draw(0, np.random.default_rng(0))
    for individual in range(2):
        # What was the right spot is on the left now, and called so.
        expected = levels[individual, ::-1, None] * colours[0]
        found = [colour_at(image, point) for point in xy[individual]]
        np.testing.assert_allclose(found, expected, atol=26)


def test_samples_with_and_without_mosaic_stack(labels):
    batch = Scenes(labels, sampling, changes(mosaic=0.5), 3).batch(0, 12)
    assert batch.xy.shape == (12, 8, 2, 2)
    people = np.isfinite(batch.xy[..., 0]).any(axis=2).sum(axis=1)
    assert (people <= 2).any()
    assert (people > 2).any()
    again = Scenes(labels, sampling, changes(mosaic=0.5), 3).batch(0, 12)
    np.testing.assert_array_equal(batch.images, again.images)


def answer(*, tags=False, pairwise=False, offsets=False, cells=(24, 32), keypoints=2):
    maps = torch.zeros(1, keypoints, *cells)
    several = torch.zeros(1, keypoints, 2, *cells)
    return HeatmapOutput(
        heatmaps=maps,
        tags=maps if tags else None,
        offsets=several if offsets else None,
        pairwise=torch.zeros(1, keypoints * (keypoints - 1), 2, *cells) if pairwise else None,
    )


recipe = Recipe(architecture="unet", input_size=(128, 96), stride=4, sigma=1.5)


def test_everybody_has_a_hill_and_a_tag():
    cells = np.array([[[5.0, 6.2], [20.4, 18.0]], [[9.0, 6.0], [np.nan, np.nan]]])
    targets = targets_of_everybody(recipe.grid.to_input(cells)[None], answer(tags=True), recipe, "absent")
    hills = gaussian_targets(cells, (32, 24), 1.5)
    np.testing.assert_allclose(targets["heatmaps"][0, 0], np.maximum(hills[0, 0], hills[1, 0]), atol=1e-6)
    np.testing.assert_allclose(targets["heatmaps"][0, 1], hills[0, 1], atol=1e-6)
    assert targets["weight"].tolist() == [[1, 1]]
    rows = {
        tuple(cell): owner
        for cell, owner in zip(targets["tag_cells"].tolist(), targets["tag_owner"].tolist(), strict=True)
    }
    assert rows == {(0, 0, 6, 5): 0, (0, 1, 18, 20): 0, (0, 0, 6, 9): 1}


def test_each_resolution_has_hills_of_its_own_and_tags_are_of_the_coarser():
    px = np.array([[[20.5, 30.0], [81.5, 70.0]], [[40.0, 24.0], [np.nan, np.nan]]])
    fine = answer()
    output = fine._replace(coarse=fine.heatmaps[..., ::2, ::2], tags=fine.heatmaps[..., ::2, ::2])
    targets = targets_of_everybody(px[None], output, recipe, "absent")
    below = (px - 3.5) / 8  # where the cells of 8 px lie that tile the input
    hills = gaussian_targets(below, (16, 12), 1.5)
    np.testing.assert_allclose(targets["coarse"][0, 0], np.maximum(hills[0, 0], hills[1, 0]), atol=1e-6)
    np.testing.assert_allclose(targets["coarse"][0, 1], hills[0, 1], atol=1e-6)
    assert targets["tag_cells"].tolist() == [[0, 0, 3, 2], [0, 1, 8, 10], [0, 0, 3, 5]]
    alone = targets_of_one(px[:1], output, recipe, "absent")
    np.testing.assert_allclose(alone["coarse"][0], hills[0], atol=1e-6)
    assert alone["heatmaps"].shape == (1, 2, 24, 32)


def test_where_discs_meet_a_cell_is_the_nearer_ones():
    cells = np.array([[[[5.0, 6.0]], [[8.0, 6.0]], [[np.nan, np.nan]]]])
    discs = nearest_discs(cells, (32, 24), 3.0)
    assert discs.owner[0, 0, 6, 2:12].tolist() == [0, 0, 0, 0, 0, 1, 1, 1, 1, 1]
    assert discs.owner[0, 0, 6, 1] == discs.owner[0, 0, 20, 20] == -1
    assert discs.offsets[0, 0, :, 6, 6].tolist() == [-1.0, 0.0]
    assert discs.offsets[0, 0, :, 6, 7].tolist() == [1.0, 0.0]


def test_vectors_lead_to_the_owners_other_keypoints():
    cells = np.array([[[5.0, 6.0], [20.0, 18.0], [np.nan] * 2], [[25.0, 4.0], [9.0, 9.0], [12.0, 20.0]]])
    output = answer(pairwise=True, offsets=True, keypoints=3)
    targets = targets_of_everybody(recipe.grid.to_input(cells)[None], output, recipe, "absent")
    places, vectors = targets["pair_cells"].numpy(), targets["pair_vectors"].numpy()
    assert targets["near"].sum() == len(places)
    others = {0: (1, 2), 1: (0, 2), 2: (0, 1)}
    for (_, keypoint, row, column), pair_of in zip(places, vectors, strict=True):
        person = np.nanargmin(np.linalg.norm(cells[:, keypoint] - (column, row), axis=-1))
        reached = np.array([column, row]) + pair_of
        np.testing.assert_allclose(reached, cells[person, others[keypoint]], atol=1e-5)


def test_keypoints_of_which_somebody_lacks_a_label_are_ignored_where_asked():
    cells = np.array([[[5.0, 6.0], [20.0, 18.0]], [[9.0, 6.0], [np.nan, np.nan]], np.full((2, 2), np.nan)])
    targets = targets_of_everybody(recipe.grid.to_input(cells)[None], answer(), recipe, "ignored")
    assert targets["weight"].tolist() == [[1, 0]]
