"""Undistortion: the inverse of projection up to the fold of the lens, NaN beyond, and OpenCV's."""

import cv2
import numpy as np
import pytest

from calibration import Intrinsics
from calibration.geometry.lens import DISTORT, fill_coefficients, project_from_camera
from calibration.geometry.undistortion import undistort

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
    xy = project_from_camera(np.concatenate([rays, np.ones((*shape, 1))], axis=-1), camera, k, model)
    assert np.abs(undistort(xy, camera, k, model) - rays).max() < 1e-12


@pytest.mark.parametrize("name", ["five", "eight", "twelve"])
def test_agrees_with_opencv(name):
    _, k, _ = LENSES[name]
    xy = np.random.default_rng(1).uniform([100, 100], [1180, 924], (1000, 2))
    rays = np.column_stack([undistort(xy, K, k), np.ones(1000)])
    back, _ = cv2.projectPoints(rays, np.zeros(3), np.zeros(3), K, np.array(k))
    assert np.abs(back[:, 0] - xy).max() < 1e-9


FOLDING = {
    "barrel": ("pinhole", [-0.5, 0, 0, 0, 0]),
    "barrel that comes out again": ("pinhole", [-0.3, 0.02, 0, 0, 0]),
    "barrel with two bends": ("pinhole", [-0.9, 0.5, 0, 0, -0.12]),
    "pincushion that gives way": ("pinhole", [0.6, -0.5, 0, 0, 0.05]),
    "rational": ("pinhole", [-0.3, 0, 0, 0, 0, 0.2, 0, 0]),
    "fisheye": ("fisheye", [-0.25, 0.01, 0, 0]),
    "fisheye that comes out again": ("fisheye", [-0.6, 0.15, 0, 0]),
    "fisheye without a fold": ("fisheye", [0.02, 0.01, 0, 0]),
}


def camera_lens(model, k):
    K = [[1000, 0, 640], [0, 1000, 512], [0, 0, 1]]
    return Intrinsics(size=(10**6, 10**6), K=K, distortion=k, model=model)


def radial_inverse(model, k, bent):
    """Invert the radius by walking out from the centre, up to where it stops growing."""
    r = np.tan(np.linspace(0, np.pi / 2 - 1e-3, 2_000_001))
    u = DISTORT[model](r, 0.0, fill_coefficients(k))[0]
    turn = np.flatnonzero(~(np.diff(u) > 0))
    stop = turn[0] + 1 if len(turn) else len(r)
    return np.interp(bent, u[:stop], r[:stop]), u[stop - 1], bool(len(turn))


@pytest.mark.parametrize("name", FOLDING)
def test_strong_lenses_are_inverted_up_to_their_fold(name):
    model, k = FOLDING[name]
    _, most, _ = radial_inverse(model, k, 0.0)
    bent, angle = np.linspace(0, 0.999 * most, 5000), np.linspace(0, 40, 5000)
    r, _, _ = radial_inverse(model, k, bent)
    around = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    xy = 1000 * bent[:, None] * around + [640, 512]
    expected = r[:, None] * around
    lens = camera_lens(model, k)
    found = lens.undistort(xy)
    assert (np.abs(found - expected) <= 1e-5 * (1 + r[:, None] ** 2)).all()
    np.testing.assert_allclose(lens.project(np.column_stack([found, np.ones(5000)])), xy, atol=1e-8)


@pytest.mark.parametrize("name", FOLDING)
def test_nothing_is_seen_beyond_the_fold(name):
    model, k = FOLDING[name]
    _, most, folds = radial_inverse(model, k, 0.0)
    lens = camera_lens(model, k)
    beyond = 1000 * most * np.geomspace(1.001, 100, 3000)
    xy = np.stack([640 + 0.6 * beyond, 512 + 0.8 * beyond], axis=1)
    assert folds != (name == "fisheye without a fold")
    if folds:
        assert np.isnan(lens.undistort(xy)).all()
        assert not lens.covers(xy).any()


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
