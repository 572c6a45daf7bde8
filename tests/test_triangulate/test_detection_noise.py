"""Noise, tails, persistence, roughness and bones: each is found where it is known."""

import numpy as np
import pytest

from calibration.geometry.camera_arrays import camera_arrays
from tests.rigs import ring
from triangulate.smoothing.bone_lengths import measure_bones, mirrored_mean
from triangulate.smoothing.detection_noise import find_noise
from triangulate.smoothing.inputs import Pixels
from triangulate.smoothing.motion_strength import choose_roughness


def scene(noise, frames=300, seed=0):
    """Pixels of three still points in six views; `noise` is added to them."""
    rig = ring(6)
    xyz = np.array([[0.1, 0.0, 0.2], [-0.2, 0.1, 0.0], [0.0, -0.1, -0.1]])
    xy = np.repeat(rig.project(xyz)[None], frames, axis=0) + noise(
        np.random.default_rng(seed), (frames, 3, 6, 2)
    )
    information = np.broadcast_to([1.0, 0.0, 1.0], (*xy.shape[:-1], 3)).copy()
    return rig, [Pixels(xy, information)]


def test_noise_of_each_keypoint_and_view_is_found():
    true = (
        np.array([0.5, 1.0, 2.0])[None, :, None, None] * np.array([1, 1, 1, 1, 1, 1.6])[None, None, :, None]
    )
    rig, cuts = scene(lambda rng, shape: rng.normal(0, 1, shape) * true)
    found = find_noise(cuts, rig, camera_arrays(rig.cameras))
    assert np.allclose(found.sigma.T, true[0, :, :, 0], rtol=0.25)
    assert found.nu == 30.0
    assert (found.persistence < 0.1).all()


def test_heavy_tails_are_found():
    rig, cuts = scene(lambda rng, shape: rng.standard_t(4, shape))
    assert find_noise(cuts, rig, camera_arrays(rig.cameras)).nu < 10


def test_an_error_that_lasts_is_found():
    def lasting(rng, shape):
        return rng.normal(0, 1, (1, *shape[1:])) + 0.3 * rng.normal(0, 1, shape)

    rig, cuts = scene(lasting)
    assert (find_noise(cuts, rig, camera_arrays(rig.cameras)).persistence > 0.3).all()


def test_roughness_of_a_random_walk_of_acceleration_is_found():
    rng = np.random.default_rng(0)
    jerk = np.array([1e-4, 1e-3])
    xyz = np.cumsum(
        np.cumsum(np.cumsum(jerk[:, None] * rng.normal(size=(1, 400, 2, 3)), axis=1), axis=1), axis=1
    )
    raw = xyz + rng.normal(0, 1e-3, xyz.shape)
    found = choose_roughness(raw, np.full(raw.shape, 1e-6), np.arange(2), 3)
    assert np.allclose(np.log(found), np.log(jerk), atol=np.log(2.5))


def test_bones_are_measured_without_the_bias_of_noise():
    rng = np.random.default_rng(0)
    direction = rng.normal(size=(4000, 3))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    length = 0.05 + 0.002 * rng.normal(size=4000)
    xyz = np.stack([np.zeros((4000, 3)), direction * length[:, None]], axis=1)
    xyz += 0.005 * rng.normal(size=xyz.shape)
    covariance = np.broadcast_to(np.eye(3) * 0.005**2, (4000, 2, 3, 3))
    lengths, sigma = measure_bones(xyz, covariance, np.array([[0, 1]]), np.ones(2))
    assert lengths[0] == pytest.approx(0.05, abs=3e-4)
    assert sigma[0] == pytest.approx(0.002, rel=0.5)


def test_mirrored_bones_share_their_mean():
    bones = np.array([[0, 1], [0, 2], [1, 2]])
    lengths = mirrored_mean(np.array([1.0, 3.0, 5.0]), bones, np.array([0, 2, 1]))
    assert lengths.tolist() == [2.0, 2.0, 5.0]


def test_errors_that_last_are_not_taken_for_motion():
    rng = np.random.default_rng(0)
    lasting = np.zeros((1, 400, 1, 3))
    for frame in range(1, 400):
        lasting[:, frame] = 0.95 * lasting[:, frame - 1] + 3e-4 * rng.normal(size=(1, 1, 3))
    correlation = 0.95 ** np.arange(41)[None]
    variance = np.full(lasting.shape, lasting.var())
    blind = choose_roughness(lasting, variance, np.zeros(1, dtype=int), 3)
    told = choose_roughness(lasting, variance, np.zeros(1, dtype=int), 3, correlation)
    assert told[0] < 0.05 * blind[0]
