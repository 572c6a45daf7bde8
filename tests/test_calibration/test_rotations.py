"""Steps of poses and upright axes against what defines them."""

import numpy as np
from scipy.linalg import expm
from scipy.spatial.transform import Rotation

from calibration.geometry.rotations import stepped_poses, upright

rng = np.random.default_rng(0)


def test_a_step_turns_and_shifts_what_the_pose_gives():
    R, t, step = Rotation.random(4, rng=1).as_matrix(), rng.normal(size=(4, 3)), rng.normal(size=(4, 6))
    x = rng.normal(size=3)
    for moved_R, moved_t, old_R, old_t, (a, b, c, *v) in zip(
        *stepped_poses(R, t, step), R, t, step, strict=True
    ):
        turn = expm([[0, -c, b], [c, 0, -a], [-b, a, 0]])
        np.testing.assert_allclose(moved_R @ x + moved_t, turn @ (old_R @ x + old_t) + v, atol=1e-13)


def test_upright_axes():
    turn = Rotation.random(rng=2)
    ahead, up = turn.apply([1.0, 0, 0]), turn.apply([0, 0, 1.0])
    np.testing.assert_allclose(upright(up, ahead).apply([up, ahead]), [[0, 0, 1], [1, 0, 0]], atol=1e-14)
    assert np.linalg.det(upright(up, ahead).as_matrix()) > 0
