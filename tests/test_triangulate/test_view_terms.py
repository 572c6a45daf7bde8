"""The compiled reprojection terms against plain numpy and finite differences."""

import numpy as np
import pytest

from calibration import Camera, Intrinsics, Rig
from calibration.geometry.camera_arrays import camera_arrays
from triangulate.smoothing.kernels import Observed
from triangulate.smoothing.splines import Knots, basis, sample
from triangulate.smoothing.view_terms import LANES, TOGETHER, add_views, examine

KAPPA, NU = 1e-5, 10.0


def around(count):
    """Cameras on an arc, every third a fisheye."""
    cameras = []
    for number in range(count):
        fisheye = number % 3 == 2
        lens = Intrinsics(
            size=(1280, 1024),
            K=np.array([[900.0, 0, 640], [0, 910, 512], [0, 0, 1]]),
            distortion=np.array([0.02, -0.01, 0.003, 0.001] if fisheye else [-0.2, 0.05, 1e-3, -1e-3, 0.0]),
            model="fisheye" if fisheye else "pinhole",
        )
        cameras.append(Camera.from_rotvec(f"c{number}", lens, [0, 0.1 * number - 0.5, 0.05], [0, 0.1, 3.0]))
    return Rig(cameras=tuple(cameras))


def scene(views, frames, groups):
    """Control points of two keypoints and what the views saw of them, with gaps and mistakes."""
    rng = np.random.default_rng(views)
    rig, knots = around(views), Knots.uniform(frames - 1, 3.0)
    control = 0.2 * rng.normal(size=(knots.number, 2, 3))
    at = np.arange(frames)[:, None] + rng.uniform(0, 0.5, groups)
    first, weights = basis(at, knots)
    points = np.stack([sample(control, first[:, g], weights[:, g]) for g in range(groups)])
    seen = points if groups == views else np.repeat(points, views, axis=0)
    xy = np.stack([rig.cameras[view].project(seen[view]) for view in range(views)], axis=2)
    clean = xy.copy()
    xy += rng.normal(0, 1.5, xy.shape)
    xy[rng.random(xy.shape[:-1]) < 0.1] += 60.0
    information = np.broadcast_to([0.8, 0.1, 0.5], (*xy.shape[:-1], 3)).copy()
    information[rng.random(xy.shape[:-1]) < 0.2] = 0.0
    information[:, 1, -1] = 0.0  # the last view never sees the second keypoint
    sure = np.zeros(xy.shape[:-1], dtype=bool)
    observed = Observed(xy, information, np.full(views, KAPPA), sure, NU, first, weights)
    return rig, control, observed, xy - clean


def likelihoods(residual, information):
    """Density of detections relative to its peak, and of mistakes."""
    a, b, c = np.moveaxis(information, -1, 0)
    x, y = np.moveaxis(residual, -1, 0)
    q = a * x * x + 2 * b * x * y + c * y * y
    return (1 + q / NU) ** (-NU / 2 - 1), KAPPA / np.sqrt(a * c - b * b)


@pytest.mark.parametrize("views", [3, TOGETHER + 3])
@pytest.mark.parametrize("apart", [False, True])
def test_cost_is_minus_the_log_likelihood_and_the_right_side_minus_its_gradient(views, apart):
    rig, control, observed, residual = scene(views, LANES + 5, views if apart else 1)
    knots = len(control)
    band, right = np.zeros((knots, 4, 6, 6)), np.zeros((knots, 6))
    cost = add_views(control, camera_arrays(rig.cameras), observed, band, right, True)
    there = observed.information[..., 0] > 0
    correct, mistake = likelihoods(residual[there], observed.information[there])
    assert cost == pytest.approx(-np.log((correct + mistake) / (1 + mistake)).sum(), rel=1e-9)
    assert (np.einsum("kii->ki", band[:, 0]) > 0).any()
    for knot, keypoint, axis in ((2, 0, 0), (5, 1, 2), (knots - 4, 0, 1)):
        step, moved = 1e-6, []
        for sign in (1, -1):
            other = control.copy()
            other[knot, keypoint, axis] += sign * step
            unused = np.zeros_like(right)
            moved.append(add_views(other, camera_arrays(rig.cameras), observed, band, unused, False))
        slope = (moved[0] - moved[1]) / (2 * step)
        assert right[knot, 3 * keypoint + axis] == pytest.approx(-slope, rel=1e-4, abs=1e-3)


@pytest.mark.parametrize("apart", [False, True])
def test_inliers_are_the_detections_that_are_likelier_than_mistakes(apart):
    rig, control, observed, residual = scene(4, LANES + 5, 4 if apart else 1)
    inlier = np.zeros(observed.xy.shape[:-1], dtype=np.bool_)
    error = np.empty(observed.xy.shape[:2])
    offset = np.random.default_rng(0).normal(size=residual.shape)
    squared = np.empty(inlier.shape)
    examine(control, camera_arrays(rig.cameras), observed, offset, inlier, error, squared)
    with np.errstate(divide="ignore", invalid="ignore"):
        correct, mistake = likelihoods(residual, observed.information)
    expected = (observed.information[..., 0] > 0) & (correct > mistake)
    assert (inlier == expected).all()
    assert not expected.all()
    squares = np.where(expected, ((residual + offset) ** 2).sum(axis=-1), 0.0).sum(axis=-1)
    number = expected.sum(axis=-1)
    assert np.allclose(error[number > 0], np.sqrt(squares[number > 0] / number[number > 0]))
    assert np.isnan(error[number == 0]).all()
    assert np.allclose(squared, np.where(expected, ((residual + offset) ** 2).sum(axis=-1), 0.0))
