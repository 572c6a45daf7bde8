"""Relative places of two cameras from many frames, of which some are wrong."""

import tracemalloc

import numpy as np
from scipy.spatial.transform import Rotation

from calibration.boards.poses import BoardPoses
from calibration.start.extrinsics import MOST_FRAMES, link

turn = Rotation.from_euler("y", 40, degrees=True)
shift = np.array([-1.1, 0.2, 0.4])


def seen(frames, wrong, noise=0.003, seed=0):
    """Poses of a board before two cameras, both solutions as plausible, in some frames both wrong."""
    rng = np.random.default_rng(seed)
    R = Rotation.random(2 * frames, rng=rng)
    t = np.array([0, 0, 3]) + rng.uniform(-0.5, 0.5, (2 * frames, 3))
    first = R.as_matrix().reshape(frames, 2, 3, 3), t.reshape(frames, 2, 3)
    moved = turn * Rotation.from_rotvec(rng.normal(0, noise, (2 * frames, 3))) * R
    there = turn.apply(t) + shift + rng.normal(0, noise, t.shape)
    second = moved.as_matrix().reshape(frames, 2, 3, 3), there.reshape(frames, 2, 3)
    bad = rng.random(frames) < wrong
    second[0][bad] = Rotation.random(2 * bad.sum(), rng=rng).as_matrix().reshape(-1, 2, 3, 3)
    second[1][bad] += rng.uniform(-1, 1, (bad.sum(), 2, 3))
    error = np.full((frames, 2), 0.2)
    return [BoardPoses(R=R, t=t, error=error) for R, t in (first, second)]


def test_two_frames_of_five_may_be_wrong():
    for frames in (40, 4 * MOST_FRAMES):
        found = link(*seen(frames, wrong=0.4))
        off = (Rotation.from_matrix(found.R) * turn.inv()).magnitude()
        assert off < 4 * 0.003 / np.sqrt(0.6 * frames)
        assert np.abs(found.t - shift).max() < 6 * 0.003 / np.sqrt(0.6 * frames)
        assert 0.4 * frames < found.frames < 0.75 * frames


def test_long_recordings_take_little_memory():
    poses = seen(5000, wrong=0.3)
    tracemalloc.start()
    found = link(*poses)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert found.frames > 3000
    assert peak < 200e6  # 20,000 candidates, each with each, are 3.2 GB in one array
