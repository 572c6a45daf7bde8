"""Filters on known signals, against scipy and by their laws."""

import numpy as np
import pytest
from scipy import signal

from models2d import Skeleton
from triangulate import Status, Trajectories3D, filters, kinematics
from triangulate.kalman_filter import kalman


def trajectories_of(xyz, fps=100.0, covariance=1e-6):
    xyz = np.asarray(xyz, dtype=np.float64)[:, None]
    frames, _, keypoints, _ = xyz.shape
    known = np.isfinite(xyz[..., 0])
    skeleton = Skeleton(name="points", keypoints=tuple(f"k{k}" for k in range(keypoints)))
    return Trajectories3D(
        xyz=xyz,
        covariance=np.where(known[..., None, None], np.eye(3) * covariance, np.nan),
        inliers=np.zeros((frames, 2, 1, keypoints), dtype=bool),
        status=np.where(known, Status.OK, Status.UNSEEN),
        error=np.where(known, 0.0, np.nan),
        views=("a", "b"),
        skeleton=skeleton,
        subjects=("one",),
        fps=fps,
    )


def wave(hertz, frames=1000, fps=100.0):
    t = np.arange(frames) / fps
    return np.repeat(np.sin(2 * np.pi * hertz * t)[:, None, None], 3, axis=2)


every = [
    lambda t: filters.butterworth(t, 10.0),
    filters.savitzky_golay,
    filters.median_filter,
    filters.one_euro,
    lambda t: kalman(t, 1e3, max_gap=0.0),
]


@pytest.mark.parametrize("order", [2, 4, 6])
def test_butterworth_is_three_decibel_down_at_its_cutoff_and_does_not_shift(order):
    out = filters.butterworth(trajectories_of(wave(8.0)), 8.0, order).xyz[300:700, 0, 0, 0]
    there = wave(8.0)[300:700, 0, 0]
    assert out @ there / (there @ there) == pytest.approx(1 / np.sqrt(2), rel=1e-3)


def test_savitzky_golay_is_scipys():
    xyz = np.random.default_rng(0).normal(size=(50, 1, 3))
    out = filters.savitzky_golay(trajectories_of(xyz), 0.11, 2).xyz[:, 0, 0]
    assert np.allclose(out, signal.savgol_filter(xyz[:, 0], 11, 2, axis=0))


def test_median_takes_out_a_spike():
    xyz = np.zeros((40, 1, 3))
    xyz[20] = 1.0
    assert (filters.median_filter(trajectories_of(xyz), 0.05).xyz == 0).all()


def test_one_euro_follows_its_published_recursion():
    xyz = np.random.default_rng(0).normal(size=(5, 1, 3))
    out = filters.one_euro(trajectories_of(xyz), 1.0, 0.5, 1.0).xyz[:, 0, 0, 0]

    def alpha(cutoff):
        return 1 / (1 + 1 / (2 * np.pi * cutoff) * 100.0)

    value, speed = xyz[0, 0, 0], 0.0
    for frame in range(1, 5):
        speed += alpha(1.0) * ((xyz[frame, 0, 0] - xyz[frame - 1, 0, 0]) * 100.0 - speed)
        value += alpha(1.0 + 0.5 * abs(speed)) * (xyz[frame, 0, 0] - value)
    assert out[4] == pytest.approx(value)


@pytest.mark.parametrize("function", every)
def test_filters_keep_gaps_and_do_not_look_across_them(function):
    xyz = np.random.default_rng(1).normal(size=(90, 2, 3))
    xyz[40:60, 1] = np.nan
    other = xyz.copy()
    other[60:, 1] += 100.0
    one, two = (function(trajectories_of(values)) for values in (xyz, other))
    assert np.isnan(one.xyz[40:60, 0, 1]).all()
    assert np.isfinite(one.xyz[:40]).all()
    if function is not every[-1]:
        assert np.array_equal(one.xyz[:40, 0, 1], two.xyz[:40, 0, 1])


@pytest.mark.parametrize("function", every)
@pytest.mark.parametrize("frames", [1, 2, 5])
def test_filters_take_the_shortest_stretches(function, frames):
    out = function(trajectories_of(np.ones((frames, 1, 3))))
    assert np.allclose(out.xyz, 1.0)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda t: filters.butterworth(t, 60.0), "half the frame rate"),
        (lambda t: filters.butterworth(t, 6.0, 3), "even"),
        (lambda t: filters.savitzky_golay(t, 0.02, 3), "needs at least 4"),
        (lambda t: filters.median_filter(t, 0.0), "window"),
        (lambda t: filters.one_euro(t, -1.0), "positive"),
        (lambda t: kalman(t, 0.0), "jerk_sigma"),
    ],
)
def test_an_impossible_option_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call(trajectories_of(np.zeros((10, 1, 3))))


def test_kalman_covariance_is_the_scatter_of_the_truth():
    rng = np.random.default_rng(3)
    fps, jerk = 100.0, 500.0
    state = np.zeros((200, 3, 3))
    for frame in range(1, 200):
        x, v, a = state[frame - 1]
        j, dt = jerk * rng.normal(size=3), 1 / fps
        state[frame] = x + v * dt + a * dt**2 / 2 + j * dt**3 / 6, v + a * dt + j * dt**2 / 2, a + j * dt
    xyz = state[:, :1] + rng.normal(0, 1e-3, (200, 1, 3))
    xyz[100:105] = np.nan
    out = kalman(trajectories_of(xyz), jerk)
    error = out.xyz[:, 0, 0] - state[:, 0]
    squares = np.einsum("fi,fij,fj->f", error, np.linalg.inv(out.covariance[:, 0, 0]), error)
    assert 2.0 < squares.mean() < 4.0
    assert (out.status[100:105, 0, 0] == Status.FILLED).all()
    assert np.abs(error).mean() < 0.5e-3


def test_speeds_and_accelerations_of_a_circle():
    t = np.arange(200) / 100.0
    xyz = np.stack([np.cos(t), np.sin(t), 0 * t], axis=-1)[:, None]
    trajectories = trajectories_of(xyz)
    assert np.allclose(kinematics.speeds(trajectories)[1:-1], 1.0, atol=1e-4)
    assert np.allclose(np.linalg.norm(kinematics.accelerations(trajectories)[1:-1], axis=-1), 1.0, atol=1e-4)
    assert np.isnan(kinematics.accelerations(trajectories)[0]).all()


def test_joint_angles_of_a_straight_and_a_bent_limb():
    xyz = np.array([[[0, 0, 0], [0, 0, 1.0], [0, 0, 2.0]], [[0, 0, 0], [0, 0, 1.0], [0, 1.0, 1.0]]])
    trajectories = trajectories_of(xyz)
    assert np.allclose(kinematics.joint_angles(trajectories, [("k0", "k1", "k2")])[:, 0, 0], [180.0, 90.0])
    assert np.allclose(kinematics.segment_angles(trajectories, [("k1", "k2")])[:, 0, 0], [0.0, 90.0])
    with pytest.raises(ValueError, match="no keypoint called 'knee'"):
        kinematics.joint_angles(trajectories, [("k0", "knee", "k2")])
