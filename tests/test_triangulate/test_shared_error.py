"""Errors that all views share: no residual shows them, the network's own evaluation does."""

from dataclasses import replace

import numpy as np
import pytest

from models2d import Detections2D, Skeleton, read_detections, write_detections
from tests.rigs import ring
from triangulate import reconstruct, shared_error, smooth

rig = ring(5)
FRAMES, KEYPOINTS = 600, 3
LIMIT = 7.815


def recording(seed, share=2.0):
    """Detections of one subject with 1 px of noise, and errors of the place itself that all views see."""
    rng = np.random.default_rng(seed)
    t, phase = np.arange(FRAMES)[:, None] / 60, np.arange(KEYPOINTS)
    sway = [0.2 * np.sin(1.3 * t + phase), 0.2 * np.cos(1.7 * t + phase), 0.1 * np.sin(2 * t + phase)]
    truth = np.stack(sway, axis=-1)
    slow = rng.normal(size=truth.shape)
    for frame in range(1, FRAMES):
        slow[frame] = 0.95 * slow[frame - 1] + np.sqrt(1 - 0.95**2) * slow[frame]
    # A point of five views at 3 m scatters by about 1.5 mm for each pixel of noise.
    seen = truth + np.sqrt(share) * 1.5e-3 * slow
    xy = np.moveaxis(rig.project(seen), 2, 1) + rng.normal(size=(FRAMES, len(rig), KEYPOINTS, 2))
    names = [f"k{number}" for number in range(KEYPOINTS)]
    detections = Detections2D(
        xy=xy[:, :, None],
        confidence=np.ones((FRAMES, len(rig), 1, KEYPOINTS)),
        views=rig.names,
        skeleton=Skeleton.from_names("points", names, []),
        fps=60.0,
    )
    return detections, truth


def held(points, truth):
    error = points.xyz[:, 0] - truth
    solved = np.linalg.solve(points.covariance[:, 0], error[..., None])[..., 0]
    return ((error * solved).sum(axis=-1) < LIMIT).mean()


def test_what_one_recording_shows_makes_the_ellipsoids_of_another_hold():
    measured = shared_error(recording(1)[0].as_tracks(), rig, recording(1)[1][:, None])
    detections, truth = recording(2)
    tracks = detections.as_tracks()
    assert held(reconstruct(tracks, rig), truth) < 0.7
    assert held(smooth(tracks, rig)[0], truth) < 0.7
    told = replace(tracks, shared_error=measured)
    raw = reconstruct(told, rig)
    assert 0.9 < held(raw, truth) < 0.99
    for start in (None, raw):
        assert 0.9 < held(smooth(told, rig, start)[0], truth) <= 1.0


def test_without_such_errors_nothing_is_added():
    detections, truth = recording(3, share=0.0)
    assert (shared_error(detections.as_tracks(), rig, truth[:, None]) < 0.25).all()


def test_it_travels_with_the_detections(tmp_path):
    detections = replace(recording(4)[0], shared_error=np.array([0.5, 0.0, 2.0]))
    write_detections(detections, tmp_path / "d.parquet")
    for one in (read_detections(tmp_path / "d.parquet"), detections.confident(0.5), detections.as_tracks()):
        np.testing.assert_array_equal(one.shared_error, [0.5, 0.0, 2.0])
    with pytest.raises(ValueError, match="shared_error: expected ratios of 0 or more"):
        replace(detections, shared_error=np.array([0.5, -1.0, 2.0]))


def test_a_truth_that_no_detection_meets_is_refused():
    detections, truth = recording(5)
    with pytest.raises(ValueError, match="truth: no point is known there"):
        shared_error(detections.as_tracks(), rig, np.full_like(truth, np.nan)[:, None])
