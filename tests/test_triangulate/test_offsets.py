"""Errors that last: found, taken off before smoothing, and kept in the covariance."""

import numpy as np
import pytest

from models2d import Skeleton, Tracks2D
from tests.rigs import ring
from triangulate import reconstruct
from triangulate.smoothing.inputs import Pixels, raw_points
from triangulate.smoothing.offsets import REACH, lasting_offsets, median
from triangulate.smoothing.smoother import smooth


def swaying(frames, keypoints):
    t = np.arange(frames)[:, None] / 60.0
    phase = np.arange(keypoints)
    sway = [0.2 * np.sin(1.3 * t + phase), 0.2 * np.cos(1.1 * t + phase), 0.1 * np.sin(2 * t + phase)]
    return np.stack(sway, axis=-1)


def mislabelled(frames=240, keypoints=3, offset=6.0, noise=0.7, seed=0):
    """Moving points whose labels sit elsewhere in every view; views come and go."""
    rng = np.random.default_rng(seed)
    rig, xyz = ring(4), swaying(frames, keypoints)
    away = offset * rng.normal(size=(1, keypoints, 4, 2))
    xy = rig.project(xyz) + away + noise * rng.normal(size=(frames, keypoints, 4, 2))
    for begin in range(0, frames, 20):
        gone = rng.random((keypoints, 4)) < 0.25
        xy[begin : begin + 20, gone] = np.nan
    return rig, xyz, xy, away


def tracks_of(xy, rig):
    names = [f"k{j}" for j in range(xy.shape[1])]
    seen = np.moveaxis(xy, 2, 1)[:, :, None]
    confidence = np.where(np.isfinite(seen[..., 0]), 1.0, np.nan)
    skeleton = Skeleton.from_names("points", names, [])
    return Tracks2D(
        xy=seen, confidence=confidence, views=rig.names, skeleton=skeleton, subjects=("one",), fps=60.0
    )


def test_pixels_without_their_offsets_agree():
    rig, _, xy, away = mislabelled()
    information = np.where(np.isfinite(xy[..., :1]), np.array([1.0, 0.0, 1.0]) / 36.0, 0.0)
    pixels = Pixels(xy, information)
    raw = raw_points(pixels, rig)
    offset = lasting_offsets(pixels, raw, rig, np.array([True, True, False]))
    assert (offset[:, 2] == 0).all()
    before = xy - rig.project(raw.xyz)
    after = xy - offset - rig.project(raw_points(Pixels(xy - offset, information), rig).xyz)
    size = [np.sqrt(np.nanmean(residual[:, :2] ** 2)) for residual in (before, after)]
    assert size[1] < 0.4 * size[0]
    assert np.abs(offset[:, :2]).max() < 1.5 * np.abs(away).max()


def test_an_offset_follows_what_changes_slowly():
    rig, xyz, _, _ = mislabelled()
    xy = rig.project(xyz)
    drift = np.linspace(-5, 5, len(xy))
    xy[:, :, 1, 0] += drift[:, None]
    information = np.broadcast_to([1.0, 0.0, 1.0], (*xy.shape[:-1], 3)).copy()
    pixels = Pixels(xy, information / 25.0)
    offset = lasting_offsets(pixels, raw_points(pixels, rig), rig, np.ones(3, dtype=bool))
    inner = slice(REACH, -REACH)
    left = xy - offset - rig.project(raw_points(Pixels(xy - offset, information), rig).xyz)
    assert np.abs(left[inner]).max() < 0.5


def test_the_median_leaves_out_what_is_missing():
    rng = np.random.default_rng(0)
    values = np.where(rng.random((9, 4, 3)) < 0.3, np.nan, rng.normal(size=(9, 4, 3)))
    values[:, 0, 0] = np.nan
    found = median(values)
    assert found[0, 0] == 0.0
    values[:, 0, 0] = 0.0
    assert np.allclose(found, np.nanmedian(values, axis=0))


@pytest.mark.parametrize("given", [False, True])
def test_smoothing_does_not_jump_when_a_mislabelled_view_comes_or_goes(given):
    rig, xyz, xy, _ = mislabelled()
    tracks = tracks_of(xy, rig)
    raw = reconstruct(tracks, rig)
    smoothed, report = smooth(tracks, rig, raw if given else None)
    assert (report.persistence > 0.5).all()
    assert report.converged
    error = [(found.xyz[:, 0] - xyz) for found in (raw, smoothed)]
    lasting = [np.nanmedian(one, axis=0) for one in error]
    wandering = [np.sqrt(np.nanmean((one - keep) ** 2)) for one, keep in zip(error, lasting, strict=True)]
    assert wandering[1] < 0.7 * wandering[0]
    both = np.isfinite(error[0] + error[1]).all(axis=-1)
    size = [np.linalg.norm(one[both], axis=-1).mean() for one in error]
    assert size[1] < size[0]
    inverse = np.linalg.inv(smoothed.covariance[:, 0][both])
    assert (np.einsum("pi,pij,pj->p", error[1][both], inverse, error[1][both]) < 30).mean() > 0.9


def test_errors_are_those_of_the_detections_as_they_were():
    rig, _, xy, _ = mislabelled()
    smoothed, report = smooth(tracks_of(xy, rig), rig)
    residual = np.where(
        smoothed.inliers[:, :, 0].transpose(0, 2, 1)[..., None], xy - rig.project(smoothed.xyz[:, 0]), np.nan
    )
    assert report.rms == pytest.approx(np.sqrt(np.nanmean((residual**2).sum(axis=-1))), rel=1e-6)
