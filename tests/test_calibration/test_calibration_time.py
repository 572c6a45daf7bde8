"""Cameras that are not quite synchronous: delays are estimated from the motion of the board."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from calibration import BoardObservations, calibrate
from tests.test_calibration.board_scene import aligned_error, board, true_rig

inside = np.random.default_rng(9).uniform([-0.5, -0.5, 0.6], [0.5, 0.5, 1.2], (60, 3))
late = np.array([0.0, 0.006, -0.008, 0.004])


def board_at(times):
    """A board waved at walking speed, smoothly: world_from_board at any instants."""
    t = np.asarray(times)[..., None]
    place = np.array([0, 0, 0.9]) + np.concatenate(
        [0.5 * np.sin(1.1 * t), 0.5 * np.cos(0.8 * t), 0.3 * np.sin(1.7 * t)], axis=-1
    )
    angles = np.concatenate([0.5 * np.sin(0.9 * t), 0.4 * np.sin(1.3 * t + 1), 0.9 * t], axis=-1)
    upright = Rotation.from_euler("x", -90, degrees=True)
    turn = Rotation.from_euler("ZYX", angles.reshape(-1, 3)[:, ::-1]) * upright
    return turn.as_matrix().reshape(*t.shape[:-1], 3, 3), place


def delayed(frames=150, fps=30.0, stamped=False):
    rig = true_rig(views=4, spread=2.0)
    instant = np.arange(frames) / fps
    rng = np.random.default_rng(4)
    xy = np.full((frames, 4, len(board.corners), 2), np.nan)
    X = board.corners - board.corners.mean(axis=0)
    for view, camera in enumerate(rig.cameras):
        R, t = board_at(instant + late[view])
        world = np.einsum("fij,kj->fki", R, X) + t[:, None]
        facing = -np.einsum("fi,fi->f", camera.center - t, R[..., 2]) > 0.3 * 3
        xy[:, view] = np.where(facing[:, None, None], camera.project(world), np.nan)
    xy += rng.normal(0, 0.15, xy.shape)
    xy[~((xy > 0) & (xy < [1279, 1023])).all(axis=-1)] = np.nan
    times = np.repeat(instant[:, None], 4, axis=1) + (late if stamped else 0)
    size = np.array([[1280, 1024]] * 4)
    observations = BoardObservations(
        board=board, names=rig.names, sizes=size, xy=xy, frame=np.arange(frames), times=times
    )
    return rig, observations


def test_delays_are_found_and_the_rig_is_right():
    truth, observations = delayed()
    rig, report = calibrate(observations, time_offsets=True, validate=False)
    assert report.clock_offset == pytest.approx(late, abs=0.5e-3)
    assert aligned_error(rig, truth, inside) < 0.15e-3


def test_delays_in_the_time_stamps_are_used():
    truth, observations = delayed(stamped=True)
    rig, report = calibrate(observations, time_offsets=True, validate=False)
    assert report.clock_offset == pytest.approx(np.zeros(4), abs=0.5e-3)
    assert aligned_error(rig, truth, inside) < 0.15e-3


def test_without_time_stamps_delays_are_in_frames():
    _, observations = delayed()
    _, report = calibrate(replace(observations, times=None), time_offsets=True, validate=False)
    assert report.clock_offset == pytest.approx(30 * late, abs=0.02)
