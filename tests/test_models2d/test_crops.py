"""What is cut out of an image is found again in it."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models2d.models.crops import box_around, cut, frame_box
from models2d.training.augmentation import Augmentation, random_affine, recolour, warp


def spot(xy, size=(320, 240), sigma=4.0):
    x, y = np.meshgrid(np.arange(size[0]), np.arange(size[1]))
    image = 255 * np.exp(-0.5 * ((x - xy[0]) ** 2 + (y - xy[1]) ** 2) / sigma**2)
    return np.repeat(image[..., None], 3, axis=2).astype(np.uint8)


def centre_of_mass(image):
    weight = image[..., 0].astype(float)
    y, x = np.mgrid[: weight.shape[0], : weight.shape[1]]
    return np.array([(weight * x).sum(), (weight * y).sum()]) / weight.sum()


@settings(max_examples=30)
@given(
    x=st.floats(100, 220),
    y=st.floats(80, 160),
    left=st.floats(-60, 40),
    top=st.floats(-60, 30),
    w=st.floats(260, 500),
)
def test_a_spot_is_cut_and_found_again(x, y, left, top, w):
    box = np.array([left, top, left + w, top + w])
    patch, (scale, shift) = cut(spot((x, y)), box, (256, 256))
    np.testing.assert_allclose(scale * centre_of_mass(patch) + shift, [x, y], atol=0.15)


@settings(max_examples=30)
@given(seed=st.integers(0, 10_000), side=st.floats(60, 600))
def test_augmentation_moves_image_and_keypoint_alike(seed, side):
    random = np.random.default_rng(seed)
    point = np.array([150.0, 110.0])
    box = np.array([point[0] - side / 2, point[1] - side / 2, point[0] + side / 2, point[1] + side / 2])
    changes = Augmentation(rotation_deg=180, scale=0.5, shift=0.1, flip=0.5)
    transform, mirrored = random_affine(box, (96, 96), changes, random)
    image, moved = warp(spot(point, sigma=side / 40), point, transform, (96, 96))
    np.testing.assert_allclose(centre_of_mass(image), moved, atol=0.2)
    assert (np.linalg.det(transform[:, :2]) < 0) == mirrored


def test_without_changes_a_sample_is_what_inference_sees():
    box = np.array([19.5, 9.5, 19.5 + 192, 9.5 + 192])
    image = np.random.default_rng(0).integers(0, 255, (240, 320, 3), dtype=np.uint8)
    transform, _ = random_affine(box, (96, 96), Augmentation.none(), np.random.default_rng(0))
    patch, (scale, shift) = cut(image, box, (96, 96))
    warped, moved = warp(image, np.array([100.0, 100.0]), transform, (96, 96))
    np.testing.assert_allclose(scale * moved + shift, [100, 100])
    assert np.abs(warped.astype(int) - patch.astype(int)).max() <= 1


def test_the_whole_frame_fits_and_the_box_holds_the_points():
    assert frame_box((640, 480), (256, 256)).tolist() == [-0.5, -80.5, 639.5, 559.5]
    xy = np.array([[[10.0, 20.0], [110.0, 60.0], [np.nan, np.nan]], np.full((3, 2), np.nan)])
    boxes = box_around(xy, (256, 192), margin=0.1)
    np.testing.assert_allclose(boxes[0], [0, -5, 120, 85])
    assert np.isnan(boxes[1]).all()


def test_points_that_leave_the_input_are_missing():
    _, moved = warp(spot((5, 5)), np.array([[5.0, 5.0], [300.0, 5.0]]), np.eye(2, 3), (100, 100))
    assert np.isfinite(moved[0]).all()
    assert np.isnan(moved[1]).all()


@pytest.mark.parametrize("change", ["colour", "blur", "motion_blur", "noise", "cutout"])
def test_each_change_of_colour_changes_the_image_and_none_does_not(change):
    image = cv2.GaussianBlur(
        np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8), (0, 0), 2
    )
    none = {name: 0 for name in ("colour", "blur", "motion_blur", "noise", "cutout")}
    amount = {"colour": 0.4, "blur": 2.0, "motion_blur": 9.0, "noise": 20.0, "cutout": 1.0}[change]
    random = np.random.default_rng(1)
    changed = [recolour(image, Augmentation(**none | {change: amount}), random) for _ in range(8)]
    assert any((other != image).any() for other in changed)
    np.testing.assert_array_equal(recolour(image, Augmentation(**none), random), image)
