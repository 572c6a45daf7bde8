"""Each residual's Jacobian against finite differences, its value against the foundation's."""

import numpy as np
import pytest

from calibration import Camera, Intrinsics
from calibration.geometry.camera_arrays import camera_arrays
from calibration.geometry.point_projection import project
from triangulate.smoothing.residuals import bone, robust


def camera(model):
    lens = [-0.25, 0.09, 5e-4, -5e-4, 0.01, 0.01, 0.02, 0.0, 1e-3, 0, 2e-3, 0]
    distortion = lens if model == "pinhole" else [0.02, -0.01, 0.003, 0.001]
    K = np.array([[1100.0, 2.0, 640], [0, 1090, 512], [0, 0, 1]])
    intrinsics = Intrinsics(size=(1280, 1024), K=K, distortion=np.array(distortion), model=model)
    return Camera.from_rotvec("side", intrinsics, [0.3, -0.2, 0.5], [0.1, 0.2, 3.0])


@pytest.mark.parametrize("model", ["pinhole", "fisheye"])
def test_projection_is_the_cameras_and_its_jacobian_that_of_finite_differences(model):
    one = camera(model)
    views = camera_arrays([one])
    xyz = np.array([0.3, -0.4, 0.5])
    u, v, *jacobian, depth = project(*xyz, views.R[0], views.t[0], views.K[0], views.k[0], views.model[0])
    assert np.allclose([u, v], one.project(xyz), atol=1e-10)
    step = 1e-5
    numeric = [(one.project(xyz + step * e) - one.project(xyz - step * e)) / (2 * step) for e in np.eye(3)]
    assert np.allclose(np.reshape(jacobian, (2, 3)), np.transpose(numeric), rtol=1e-6, atol=1e-4)
    assert depth == pytest.approx((one.R @ xyz + one.t)[2])


def test_bone_jacobian_is_that_of_finite_differences():
    across, step = np.array([0.1, -0.2, 0.15]), 1e-7
    residual, *unit = bone(*across, 0.25, 500.0)
    assert residual == pytest.approx((0.25 - np.linalg.norm(across)) * 500)
    numeric = [
        (bone(*(across + step * e), 0.25, 500.0)[0] - bone(*(across - step * e), 0.25, 500.0)[0]) / (2 * step)
        for e in np.eye(3)
    ]
    assert np.allclose(unit, -np.array(numeric), rtol=1e-6)


@pytest.mark.parametrize("nu", [4.0, 30.0])
def test_the_robust_weight_is_the_slope_of_the_cost(nu):
    q = np.geomspace(1e-3, 1e3, 60)
    weight, likelihood, correct = np.array([robust(value, nu, 1e-6) for value in q]).T
    cost = [-np.log([robust(v * f, nu, 1e-6)[1] for v in q]) for f in (1.0001, 1 / 1.0001)]
    slope = (cost[0] - cost[1]) / (q * (1.0001 - 1 / 1.0001))
    assert np.allclose(weight / 2, slope, rtol=1e-3, atol=1e-9)
    assert np.allclose(correct, (1 + q / nu) ** (-nu / 2 - 1), rtol=1e-9)
    assert (np.diff(likelihood) <= 0).all()
    assert weight[-1] < 1e-3
    assert weight[0] == pytest.approx(1 + 2 / nu, rel=1e-2)
