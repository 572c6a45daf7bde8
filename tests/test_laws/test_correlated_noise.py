"""Ellipsoids hold although errors resemble those of neighbouring frames, at any frame rate."""

import numpy as np
import pytest

from models2d import Skeleton, Tracks2D
from tests.rigs import ring
from triangulate import smooth
from triangulate.smoothing.detection_noise import correlation_in_time
from triangulate.smoothing.error_kernel import ErrorKernel, kernel, own_correlation

rig, KEYPOINTS = ring(6), 6
LIMIT = 7.815
"""Of chi squared with three degrees of freedom, 95%."""


def correlated(shape, per_frame, seed):
    """Noise of unit variance in which each frame's resembles the one before: a first-order autoregression."""
    rng = np.random.default_rng(seed)
    noise = rng.normal(size=shape)
    for frame in range(1, shape[0]):
        noise[frame] = per_frame * noise[frame - 1] + np.sqrt(1 - per_frame**2) * noise[frame]
    return noise


def moving(frames, fps):
    t, phase = np.arange(frames)[:, None] / fps, np.arange(KEYPOINTS)
    sway = [0.3 * np.sin(2.1 * t + phase), 0.2 * np.cos(3.3 * t + 2 * phase), 0.15 * np.sin(4 * t + phase**2)]
    return np.stack(sway, axis=-1)


@pytest.mark.parametrize("per_sixtieth", [0.0, 0.2, 0.5, 0.8])
@pytest.mark.parametrize("fps", [60.0, 240.0])
def test_ellipsoids_hold(per_sixtieth, fps):
    frames = 1200
    truth = moving(frames, fps)
    xy = np.moveaxis(rig.project(truth), 2, 1)
    xy = xy + correlated(xy.shape, per_sixtieth ** (60 / fps) if per_sixtieth else 0.0, 1)
    tracks = Tracks2D(
        xy=xy[:, :, None],
        confidence=np.ones((frames, len(rig), 1, KEYPOINTS)),
        views=rig.names,
        skeleton=Skeleton.from_names("points", [f"k{k}" for k in range(KEYPOINTS)], []),
        subjects=("one",),
        fps=fps,
    )
    smoothed, _ = smooth(tracks, rig)
    error = smoothed.xyz[:, 0] - truth
    squared = np.einsum("fki,fkij,fkj->fk", error, np.linalg.inv(smoothed.covariance[:, 0]), error)
    # 1,200 frames of slow errors are few independent ones: the share itself scatters by some per cent.
    assert 0.89 < (squared < LIMIT).mean() < 0.995


@pytest.mark.parametrize("per_frame", [0.0, 0.3, 0.9])
def test_the_correlation_found_is_that_of_the_errors(per_frame):
    found = correlation_in_time([correlated((600, 4, 6, 2), per_frame, seed) for seed in range(3)])
    lags = np.arange(found.shape[1])
    expected = np.where(lags == 0, 1.0, per_frame**lags)
    np.testing.assert_allclose(found, np.broadcast_to(expected, found.shape), atol=0.08)
    if per_frame == 0.0:
        assert (found[:, 1:] == 0).all()


def test_the_inflation_is_the_ratio_of_variances_of_averaged_noise():
    """Averages of noise with the smoother's own weights scatter as stated: Monte Carlo."""
    per_frame, log_weight = 0.7, 6.0
    row = kernel(log_weight, 3)
    whole = np.concatenate([row[:0:-1], row])
    assert whole.sum() == pytest.approx(1.0, abs=2e-3)
    noise = correlated((len(whole), 20_000), per_frame, 3)
    white = np.random.default_rng(4).normal(size=noise.shape)
    ratio = (whole @ noise).var() / (whole @ white).var()
    errors = ErrorKernel.of(per_frame ** np.arange(200)[None])
    assert errors.inflation(0, np.full(2, log_weight), 3) == pytest.approx(ratio, rel=0.08)
    assert own_correlation(row)[0] == pytest.approx((whole**2).sum())
