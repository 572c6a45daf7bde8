"""Undistortion in blocks: the same as the plain one, and as OpenCV's."""

import cv2
import numpy as np
import pytest

from calibration.lenses import projection
from calibration.lenses.undistortion import undistort

K = np.array([[1100.0, 0, 640], [0, 1102, 512], [0, 0, 1]])
LENSES = {
    "none": ("pinhole", [], 1100),
    "five": ("pinhole", [-0.25, 0.09, 5e-4, -5e-4, 0.0], 1100),
    "barrel": ("pinhole", [0.4, 0.2, 0.0, 0.0, 0.1], 1100),
    "eight": ("pinhole", [0.8, -0.2, 1e-3, 1e-3, 0.05, 1.0, -0.1, 0.1], 1100),
    "twelve": ("pinhole", [-0.2, 0.05, 1e-3, -1e-3, 0.0, 0.01, 0.0, 0.0, 1e-3, -1e-3, 2e-3, 1e-4], 1100),
    "fisheye": ("fisheye", [-0.02, 0.01, -0.003, 0.0005], 700),
}


@pytest.mark.parametrize("name", LENSES)
@pytest.mark.parametrize("shape", [(), (1,), (3, 1, 2, 1), (100000,)])
def test_inverse_is_exact(name, shape):
    model, k, focal = LENSES[name]
    camera = K * [[focal / 1100, 1, 1], [1, focal / 1100, 1], [1, 1, 1]]
    rays = np.random.default_rng(0).uniform(-0.55, 0.55, (*shape, 2))
    xy = projection.project(np.concatenate([rays, np.ones((*shape, 1))], axis=-1), camera, k, model)
    assert np.abs(undistort(xy, camera, k, model) - rays).max() < 1e-12


@pytest.mark.parametrize("name", ["five", "eight", "twelve"])
def test_agrees_with_opencv(name):
    _, k, _ = LENSES[name]
    xy = np.random.default_rng(1).uniform([100, 100], [1180, 924], (1000, 2))
    rays = np.column_stack([undistort(xy, K, k), np.ones(1000)])
    back, _ = cv2.projectPoints(rays, np.zeros(3), np.zeros(3), K, np.array(k))
    assert np.abs(back[:, 0] - xy).max() < 1e-9


@pytest.mark.parametrize("name", ["five", "eight", "twelve", "fisheye"])
def test_agrees_with_the_plain_one_over_the_whole_image(name):
    model, k, focal = LENSES[name]
    camera = K * [[focal / 1100, 1, 1], [1, focal / 1100, 1], [1, 1, 1]]
    xy = np.random.default_rng(2).uniform([0, 0], [1280, 1024], (5000, 2))
    assert np.allclose(
        undistort(xy, camera, k, model), projection.undistort(xy, camera, k, model), atol=1e-11
    )


def test_no_ray_beyond_the_fold():
    # r - 0.3 r^3 + 0.02 r^5 turns back at r = 1.14, 0.73, and comes out again beyond r = 2.77.
    beyond = undistort([[1e6, 512.0], [640 + 1100 * 0.9, 512.0]], K, [-0.3, 0.02, 0, 0])
    assert np.isnan(beyond).all()
    assert np.isfinite(undistort([640 + 1100 * 0.7, 512.0], K, [-0.3, 0.02, 0, 0])).all()


def test_missing_stays_missing():
    xy = np.full((200, 2), np.nan)
    xy[7] = [640.0, 512.0]
    found = undistort(xy, K, LENSES["five"][1])
    assert np.isnan(np.delete(found, 7, axis=0)).all()
    assert np.allclose(found[7], 0, atol=1e-3)
