"""The expected error on a grid of the working volume is what triangulated noise shows."""

import numpy as np
import pytest
from scipy.spatial.transform import RigidTransform

from calibration import calibrate, levelled
from calibration.bundle.held_out import triangulated_corners
from calibration.quality.error_figure import error_slices
from calibration.quality.figures import rig_in_space
from tests.test_calibration.board_scene import observe, true_rig


@pytest.fixture(scope="module")
def calibrated():
    rig, report = calibrate(
        observe(true_rig(views=4, spread=4.0), frames=40),
        lens="pinhole8",
        board_shape="rigid",
        validate=False,
    )
    return rig, report.error_map, report


def test_the_grid_is_regular_and_holds_where_the_board_was(calibrated):
    _, found, _ = calibrated
    step = found.x[1] - found.x[0]
    for axis in (found.x, found.y, found.z):
        np.testing.assert_allclose(np.diff(axis), step, rtol=1e-9)
    assert found.views.shape == found.per_pixel.shape == (len(found.x), len(found.y), len(found.z))
    assert max(found.views.shape) == 12
    # The board was waved through 1.6 x 1.6 x 1 m, and is half a metre large itself.
    assert 1.4 < found.x[-1] - found.x[0] < 2.6
    assert 0.9 < found.z[-1] - found.z[0] < 1.8


def test_a_pixel_of_noise_does_what_the_map_says(calibrated):
    rig, found, _ = calibrated
    upright = levelled(rig)
    rng = np.random.default_rng(0)
    everywhere = np.argwhere(found.views == 4)
    for i, j, k in everywhere[:: max(1, len(everywhere) // 4)]:
        point = np.array([found.x[i], found.y[j], found.z[k]])
        exact = np.array(upright.project(point[None]))
        noisy = exact[None] + rng.normal(0, 1.0, (3000, 1, 4, 2))
        xyz = triangulated_corners(upright, noisy.transpose(0, 2, 1, 3))[:, 0]
        rms = np.sqrt(np.mean(np.sum((xyz - point) ** 2, axis=1)))
        # The point nearest to the rays is a little worse than the best estimate.
        assert 0.97 < rms / found.per_pixel[i, j, k] < 1.15


def test_the_calibrations_own_error_is_included(calibrated):
    _, found, _ = calibrated
    known = found.views >= 2
    assert np.isnan(found.calibration[~known]).all()
    np.testing.assert_array_equal(found.expected(0.0)[known], found.calibration[known])
    np.testing.assert_allclose(
        found.expected(2.0)[known] ** 2, found.calibration[known] ** 2 + 4 * found.per_pixel[known] ** 2
    )


def test_the_figure_has_a_slice_per_height(calibrated):
    _, found, _ = calibrated
    figure = error_slices(found)
    assert len(figure.data) == len(figure.layout.sliders[0].steps) == len(found.z)
    (shown,) = [k for k, trace in enumerate(figure.data) if trace.visible]
    assert figure.layout.sliders[0].active == shown
    assert found.views[:, :, shown].mean() == found.views.mean(axis=(0, 1)).max()
    np.testing.assert_allclose(
        10 ** np.array(figure.data[shown].z, dtype=float), 1e3 * found.expected()[:, :, shown].T, rtol=3e-4
    )


def test_figures_show_the_world_that_is_used(calibrated):
    rig, found, report = calibrated
    shift = np.array([1.0, -2.0, 0.5])
    there = levelled(rig).moved(RigidTransform.from_translation(shift))
    moved = report.mapped(there)
    for axis, before, by in zip((moved.x, moved.y, moved.z), (found.x, found.y, found.z), shift, strict=True):
        np.testing.assert_allclose(axis, before + by, atol=1e-9)
    np.testing.assert_allclose(moved.per_pixel, found.per_pixel, rtol=1e-6)
    figure = rig_in_space(report, there)
    (named,) = (trace for trace in figure.data if trace.mode == "markers+text")
    assert named.text == there.names
    np.testing.assert_allclose(np.stack([named.x, named.y, named.z], axis=1), there.centers, atol=1e-4)
    points = np.stack([figure.data[0].x, figure.data[0].y, figure.data[0].z], axis=1)
    # The board was waved where the cameras look: there is the levelled world's origin.
    assert np.linalg.norm(np.median(points, axis=0) - shift) < 0.3
