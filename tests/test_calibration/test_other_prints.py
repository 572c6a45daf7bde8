"""A board that is not the one described is named by its corners; printers' errors and noise are not."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from calibration import Board, calibrate
from tests.test_calibration.board_scene import board, observe, true_rig
from tests.test_calibration.test_undetermined import MIDDLE, facing, shown_at

rig = true_rig(3, spread=1.5)


def printed(described, corners, seed=0):
    """Observations of a board whose corners were printed elsewhere than described."""
    rng = np.random.default_rng(seed)
    lean = Rotation.from_rotvec(rng.normal(0, 0.4, (50, 3))).as_matrix()
    places = MIDDLE + rng.uniform(-0.4, 0.4, (50, 3))
    R = lean @ facing(rig)
    return shown_at(rig, R, places, noise=0.15, seed=seed, described=described, corners=corners)


def tags(spacing):
    return Board.aprilgrid(columns=5, rows=4, marker=0.06, spacing=spacing)


@pytest.mark.parametrize("shape", ["auto", "rigid", "free"])
@pytest.mark.parametrize("spacing", [0.2, 0.27])
def test_another_spacing_of_tags(spacing, shape):
    seen = printed(tags(spacing), tags(0.3).corners)
    _, report = calibrate(seen, validate=False, board_shape=shape)
    (alarm,) = report.alarms
    assert "is not the one described (5 x 4 tags of an AprilGrid" in alarm
    gap = float(alarm.split("with gaps of ")[1].split()[0])
    assert gap == pytest.approx(0.3, abs=0.01)


@pytest.mark.parametrize(("stretch", "word"), [((1.03, 1, 1), "wider"), ((1, 1.03, 1), "higher")])
def test_a_print_stretched_in_one_direction(stretch, word):
    _, report = calibrate(printed(board, board.corners * stretch), validate=False)
    (alarm,) = report.alarms
    assert word in alarm


@pytest.mark.parametrize("seed", range(4))
def test_what_printers_do_is_no_other_print(seed):
    stretch = [1 + 1e-3, 1 - 5e-4, 1]
    jitter = np.random.default_rng(seed).normal(0, [5e-5, 5e-5, 2e-4], board.corners.shape)
    _, report = calibrate(printed(board, board.corners * stretch + jitter, seed), validate=False)
    assert report.alarms == ()


def test_noise_is_no_other_print():
    few = observe(rig, frames=14, noise=1.0, seed=3)
    _, report = calibrate(few, validate=False)
    assert report.other_print == ""
