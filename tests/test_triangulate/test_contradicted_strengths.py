"""Given strengths that nearly all of the data contradict are said to be, and do not delete every point."""

import re

import numpy as np
import pytest

from models2d import Skeleton, Tracks2D
from triangulate import TriangulationError, reconstruct, smooth
from triangulate.synthetic.scene import demo_rig

rig = demo_rig()
skeleton = Skeleton(name="b", keypoints=("a", "b", "c"), bones=[(0, 1), (1, 2)])


def truth(frames=100):
    t = np.arange(frames) / 50
    body = np.random.default_rng(1).uniform(-0.3, 0.3, (3, 3)) + np.array([0, 0, 0.8])
    walk = np.stack([0.4 * np.sin(2 * t), 0.4 * np.cos(1.5 * t), 0.1 * np.sin(5 * t)], axis=-1)
    return body + walk[:, None]


def tracks(sigma=0.5, apart=0.0):
    rng = np.random.default_rng(0)
    xy = np.moveaxis(np.array(rig.project(truth())), 2, 1)[:, :, None]
    xy = xy + rng.normal(0, sigma, xy.shape) + rng.uniform(-apart, apart, xy.shape)
    confidence = np.ones(xy.shape[:-1])
    return Tracks2D(
        xy=xy, confidence=confidence, views=rig.names, skeleton=skeleton, fps=50.0, subjects=("s",)
    )


@pytest.mark.parametrize(
    ("option", "value", "unit"),
    [
        ("pixel_sigma", 1e-12, "px"),
        ("pixel_sigma", 1e-6, "px"),
        ("acceleration_sigma", 1e-6, "m/s2"),
        ("jerk_sigma", 1e-12, "m/s3"),
        ("jerk_sigma", [1e-6, 1e-6, 1e-6], "m/s3"),
    ],
)
def test_a_strength_that_everything_contradicts_is_named(option, value, unit):
    with pytest.raises(TriangulationError, match="contradict it; the data show") as caught:
        smooth(tracks(), rig, **{option: value})
    lost = r"\d+% of the observations contradict it"
    said = rf"{option}: {np.max(value):g} {unit}: {lost}; the data show ([\d.e+]+) {unit}"
    shown = float(re.search(said, str(caught.value)).group(1))
    if option == "pixel_sigma":
        assert shown == pytest.approx(0.5, rel=0.15)


@pytest.mark.parametrize("given", [0.1, 0.25, 2.0, 30.0, 1e4, 1e12])
def test_a_noise_that_is_wrong_by_far_deletes_nothing(given):
    found, _ = smooth(tracks(), rig, pixel_sigma=given)
    assert np.isfinite(found.xyz).mean() > 0.99  # a point at an end, on which no two frames lean, may go
    if given <= 2:
        assert np.sqrt(np.nanmean((found.xyz[:, 0] - truth()) ** 2)) < 2e-3


def test_views_that_do_not_agree_are_not_blamed_on_what_is_given():
    found, _ = smooth(tracks(apart=300.0), rig, pixel_sigma=0.5)
    assert np.isnan(found.xyz[..., 0]).mean() > 0.3


def test_reconstruct_says_the_same():
    for given in (1e-12, 1e-6):
        with pytest.raises(
            TriangulationError, match=rf"pixel_sigma: {given:g} px: 100% .* the data show 0\.\d+ px"
        ):
            reconstruct(tracks(), rig, pixel_sigma=given)
    assert np.isfinite(reconstruct(tracks(), rig, pixel_sigma=0.2).xyz).all()
    assert np.isnan(reconstruct(tracks(apart=300.0), rig, pixel_sigma=0.01).xyz).any()
