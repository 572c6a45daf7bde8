"""The lens models against OpenCV's, and against themselves."""

import cv2
import numpy as np
import pytest

from calibration import Intrinsics
from calibration.geometry import lens_kernels
from calibration.geometry.lens import DISTORT, fill_coefficients

K = np.array([[800.0, 0, 320], [0, 810, 240], [0, 0, 1]])
lenses = {
    "none": ("pinhole", []),
    "radial": ("pinhole", [-0.3, 0.1, 0.001, -0.002, 0.02]),
    "rational": ("pinhole", [-0.3, 0.1, 0.001, -0.002, 0.02, 0.1, 0.02, 0.01]),
    "thin prism": (
        "pinhole",
        [-0.3, 0.1, 0.001, -0.002, 0.02, 0.1, 0.02, 0.01, 0.001, 0.002, -0.001, 0.0005],
    ),
    "fisheye": ("fisheye", [-0.03, 0.01, 0.001, -0.002]),
}
points = np.random.default_rng(0).normal(size=(4, 50, 3)) * [0.25, 0.2, 0.1] + [0, 0, 1.0]


@pytest.fixture(params=list(lenses))
def lens(request):
    model, distortion = lenses[request.param]
    return Intrinsics(size=(640, 480), K=K, distortion=distortion, model=model)


def test_projection_equals_opencv(lens):
    flat, zero = points.reshape(-1, 1, 3), np.zeros(3)
    project = cv2.fisheye.projectPoints if lens.model == "fisheye" else cv2.projectPoints
    expected = project(flat, zero, zero, np.array(lens.K), np.array(lens.distortion))[0]
    np.testing.assert_allclose(lens.project(points), expected.reshape(4, 50, 2), atol=1e-9)


def test_undistortion_inverts_projection_exactly(lens):
    np.testing.assert_allclose(
        lens.undistort(lens.project(points)), points[..., :2] / points[..., 2:], atol=1e-10
    )


def test_compiled_lens_equals_numpy(lens):
    k, model = fill_coefficients(lens.distortion), int(lens.model == "fisheye")
    x, y = points[0, 0, :2] / points[0, 0, 2]
    np.testing.assert_allclose(lens_kernels.distort(x, y, k, model), DISTORT[lens.model](x, y, k))


def test_derivatives_by_the_coefficients_equal_finite_differences(lens):
    k, model, step = fill_coefficients(lens.distortion), int(lens.model == "fisheye"), 1e-6
    x, y = points[0, 0, :2] / points[0, 0, 2]
    found = np.empty((2, 12))
    lens_kernels.lens_derivatives(x, y, k, model, found)
    for column, change in enumerate(step * np.eye(12)):
        up, down = (np.array(DISTORT[lens.model](x, y, k + sign * change)[:2]) for sign in (1, -1))
        np.testing.assert_allclose(found[:, column], (up - down) / (2 * step), atol=1e-8)


def test_jacobian_equals_finite_differences(lens):
    k, step = fill_coefficients(lens.distortion), 1e-6
    distort = DISTORT[lens.model]
    x, y = points[..., 0] / points[..., 2], points[..., 1] / points[..., 2]
    along_x = (np.array(distort(x + step, y, k)[:2]) - np.array(distort(x - step, y, k)[:2])) / (2 * step)
    along_y = (np.array(distort(x, y + step, k)[:2]) - np.array(distort(x, y - step, k)[:2])) / (2 * step)
    _, _, u_x, u_y, v_x, v_y = distort(x, y, k)
    np.testing.assert_allclose([u_x, v_x], along_x, atol=1e-7)
    np.testing.assert_allclose([u_y, v_y], along_y, atol=1e-7)


def test_no_ray_where_the_lens_folds_back():
    folding = Intrinsics(size=(640, 480), K=K, distortion=[-0.5, 0, 0, 0, 0])
    assert np.isnan(folding.undistort([639.0, 5000.0])).all()
    assert folding.covers([320.0, 240.0])
    assert not folding.covers([320.0, 5000.0])


def test_a_flipped_image_has_the_flipped_lens(lens):
    flat, zero = points.reshape(-1, 1, 3), np.zeros(3)
    project = cv2.fisheye.projectPoints if lens.model == "fisheye" else cv2.projectPoints
    seen = project(flat, zero, zero, np.array(lens.K), np.array(lens.distortion))[0].reshape(4, 50, 2)
    mirrored = lens.flipped().project(points * [-1, 1, 1])
    np.testing.assert_allclose(mirrored, [639, 0] + seen * [-1, 1], atol=1e-9)


def test_a_flipped_lens_keeps_its_skew_and_its_covered_part():
    skewed = Intrinsics(
        size=(640, 480), K=K + np.eye(3, k=1) * [[1], [0], [0]], covered=[[0, 0], [9, 0], [9, 9]]
    )
    mirrored = skewed.flipped()
    assert (mirrored.project([-0.1, 0.1, 1.0]) + skewed.project([0.1, 0.1, 1.0]))[0] == pytest.approx(639)
    assert mirrored.covers([636.0, 2.0])
    assert not mirrored.covers([2.0, 2.0])
    assert mirrored.cropped(600, 0, (40, 40)).covers([36.0, 2.0])


def test_another_resolution_scales_about_the_corner_of_the_image(lens):
    half, full = lens.rescaled((320, 240)).project(points), lens.project(points)
    np.testing.assert_allclose(half + 0.5, (full + 0.5) / 2, atol=1e-9)  # pixel edges, not centres
