"""Calibration files that cannot be right are recognised by name."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from calibration import Camera, Intrinsics, Rig, diagnose_rig
from tests.test_calibration.board_scene import true_rig


def test_a_good_rig_has_no_problems():
    assert diagnose_rig(true_rig()) == ()


def test_two_cameras_with_identical_parameters(recordings):
    rig = Rig.load(recordings("mouse_4cam") / "calibration_shipped.toml", unit="mm")
    problems = diagnose_rig(rig)
    assert "cameras side and top have identical parameters" in problems[0]
    assert any("camera back: its lens model folds back" in text for text in problems)


def test_a_rig_read_in_the_wrong_unit(recordings):
    rig = Rig.load(recordings("mouse_4cam") / "calibration_shipped.toml", unit="m")
    assert any("in mm they are 0.29 m" in text for text in diagnose_rig(rig))
    assert any("within 0.0003 m" in text for text in diagnose_rig(true_rig().scaled(5e-5)))


def test_distortion_that_lost_a_factor(recordings):
    rig = Rig.load(recordings("human_4cam") / "S00_Calibration" / "Calib_qualisys.toml", unit="m")
    assert any("a factor seems to have been lost" in text for text in diagnose_rig(rig))


@pytest.mark.parametrize(
    ("K", "message"),
    [
        ([[20.0, 0, 320], [0, 20.0, 240], [0, 0, 1]], "focal length of 20 px is absurd"),
        ([[8e5, 0, 320], [0, 8e5, 240], [0, 0, 1]], "focal length of 8e+05 px is absurd"),
        ([[800.0, 0, 320], [0, 400.0, 240], [0, 0, 1]], "differ as no camera's do"),
        ([[800.0, 0, 900], [0, 800.0, 240], [0, 0, 1]], "outside its 640 x 480 px"),
    ],
)
def test_absurd_lenses(K, message):
    lens = Intrinsics(size=(640, 480), K=np.array(K))
    (problem,) = diagnose_rig(Rig(cameras=(Camera.from_rotvec("odd", lens, [0, 0, 0], [0, 0, 0]),)))
    assert "camera odd" in problem
    assert message in problem


def test_cameras_at_one_place_with_different_lenses():
    rig = true_rig(views=3)
    one, other, third = rig.cameras
    rotvec = Rotation.from_matrix(other.R).as_rotvec()
    moved = Camera.from_rotvec(other.name, other.intrinsics, rotvec, -other.R @ one.center)
    (problem,) = diagnose_rig(Rig(cameras=(one, moved, third)))
    assert problem.startswith("cameras cam0 and cam1 stand at the same place, from which nothing")
    assert problem.endswith("a place was copied or never estimated; calibrate again")
