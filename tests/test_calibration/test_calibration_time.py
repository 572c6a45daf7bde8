"""Cameras that are not quite synchronous: delays are estimated from the motion of the board."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from calibration import BoardObservations, CalibrationError, calibrate
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


def delayed(frames=150, fps=30.0, stamped=False, late=late, views=4):
    rig = true_rig(views=views, spread=2.0 * views / 4)
    instant = np.arange(frames) / fps
    rng = np.random.default_rng(4)
    xy = np.full((frames, views, len(board.corners), 2), np.nan)
    X = board.corners - board.corners.mean(axis=0)
    for view, camera in enumerate(rig.cameras):
        R, t = board_at(instant + late[view])
        world = np.einsum("fij,kj->fki", R, X) + t[:, None]
        facing = -np.einsum("fi,fi->f", camera.center - t, R[..., 2]) > 0.3 * 3
        xy[:, view] = np.where(facing[:, None, None], camera.project(world), np.nan)
    xy += rng.normal(0, 0.15, xy.shape)
    xy[~((xy > 0) & (xy < [1279, 1023])).all(axis=-1)] = np.nan
    times = np.repeat(instant[:, None], views, axis=1) + (late if stamped else 0)
    size = np.array([[1280, 1024]] * views)
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


@pytest.mark.parametrize("frames_late", [(0, 2.0, 0), (0, -7.3, 4.0), (0, 0, 31.0)])
@pytest.mark.parametrize("stamped", [True, False])
def test_delays_of_whole_frames_leave_the_lenses_right(frames_late, stamped):
    delays = np.array(frames_late) / 30
    truth, observations = delayed(frames=120, late=delays, views=3)
    if not stamped:
        observations, delays = replace(observations, times=None), np.array(frames_late)
    rig, report = calibrate(observations, time_offsets=True, validate=False)
    assert report.clock_offset == pytest.approx(delays, abs=(1 if stamped else 30) * 0.7e-3)
    assert aligned_error(rig, truth, inside) < 0.25e-3
    for one, true in zip(rig.cameras, truth.cameras, strict=True):
        assert one.intrinsics.K[0, 0] == pytest.approx(true.intrinsics.K[0, 0], rel=3e-3)
    assert report.alarms == ()


@pytest.mark.parametrize("stamped", [True, False])
def test_a_delay_that_was_not_asked_for_is_named(stamped):
    _, observations = delayed(frames=90, late=np.array([0, 0, -0.3 / 30]), views=3)
    if not stamped:
        observations = replace(observations, times=None)
    _, report = calibrate(observations, validate=False)
    (alarm,) = report.alarms
    assert alarm.startswith("camera cam2: by the board's motion its images are -0.")
    assert "time_offsets = true" in alarm
    found = report.lateness.late[2] / report.lateness.interval
    assert found == pytest.approx(-0.3, abs=0.05)


@pytest.mark.parametrize("seed", range(3))
def test_cameras_in_step_are_not_called_late(seed):
    _, observations = delayed(frames=60, late=np.zeros(3), views=3)
    order = np.random.default_rng(seed).permutation(60)  # photographs: no motion leads from one to the next
    for seen in (observations, replace(observations, xy=observations.xy[order], times=None)):
        assert calibrate(seen, validate=False)[1].alarms == ()


def test_a_refusal_names_the_delay():
    _, observations = delayed(frames=60, late=np.array([0, 0, 5 / 30]), views=3)
    with pytest.raises(CalibrationError, match=r"images of cam2 seem to be \+0.1667 s later"):
        calibrate(observations, validate=False)


@pytest.mark.parametrize("view", range(3))
def test_a_board_read_the_other_way_round_is_named(view):
    _, observations = delayed(frames=60, late=np.zeros(3), views=3)
    xy = observations.xy.copy()
    xy[:, view] = xy[:, view, ::-1]
    said = rf"Cam{view} seems to have seen the board turned by 180 degrees in its plane"
    with pytest.raises(CalibrationError, match=said):
        calibrate(replace(observations, xy=xy), validate=False)


def test_the_same_print_on_both_sides_is_named():
    rig = true_rig(views=3, spread=2 * np.pi)
    rng = np.random.default_rng(0)
    X = board.corners - board.corners.mean(axis=0)
    back = X @ Rotation.from_rotvec([0, np.pi, 0]).as_matrix().T + [0, 0, 0.005]
    xy = np.full((60, 3, len(X), 2), np.nan)
    R, t = board_at(np.arange(60) / 6)
    for view, camera in enumerate(rig.cameras):
        front = np.einsum("fi,fi->f", camera.center - t, R[..., 2]) < 0
        world = np.einsum("fij,fkj->fki", R, np.where(front[:, None, None], X, back)) + t[:, None]
        xy[:, view] = camera.project(world)
    xy += rng.normal(0, 0.15, xy.shape)
    xy[~((xy > 0) & (xy < [1279, 1023])).all(axis=-1)] = np.nan
    seen = BoardObservations(
        board=board, names=rig.names, sizes=np.array([[1280, 1024]] * 3), xy=xy, frame=np.arange(60)
    )
    with pytest.raises(CalibrationError, match="its back, which bears the same print"):
        calibrate(seen, validate=False)
