"""The expected error on a grid of the working volume is what triangulated noise shows."""

import numpy as np
import pytest

from calibration import calibrate, levelled
from calibration.bundle.held_out import triangulated
from calibration.quality.error_figure import error_slices
from tests.test_calibration.board_scene import observe, true_rig


@pytest.fixture(scope="module")
def calibrated():
    rig, report = calibrate(
        observe(true_rig(views=4, spread=4.0), frames=40),
        lens="pinhole8",
        board_shape="rigid",
        validate=False,
    )
    return rig, report.error_map


def test_the_grid_is_regular_and_holds_where_the_board_was(calibrated):
    _, found = calibrated
    step = found.x[1] - found.x[0]
    for axis in (found.x, found.y, found.z):
        np.testing.assert_allclose(np.diff(axis), step, rtol=1e-9)
    assert found.views.shape == found.per_pixel.shape == (len(found.x), len(found.y), len(found.z))
    assert max(found.views.shape) == 12
    # The board was waved through 1.6 x 1.6 x 1 m, and is half a metre large itself.
    assert 1.4 < found.x[-1] - found.x[0] < 2.6
    assert 0.9 < found.z[-1] - found.z[0] < 1.8


def test_a_pixel_of_noise_does_what_the_map_says(calibrated):
    rig, found = calibrated
    upright = levelled(rig)
    rng = np.random.default_rng(0)
    everywhere = np.argwhere(found.views == 4)
    for i, j, k in everywhere[:: max(1, len(everywhere) // 4)]:
        point = np.array([found.x[i], found.y[j], found.z[k]])
        exact = np.array(upright.project(point[None]))
        noisy = exact[None] + rng.normal(0, 1.0, (3000, 1, 4, 2))
        xyz = triangulated(upright, noisy.transpose(0, 2, 1, 3))[:, 0]
        rms = np.sqrt(np.mean(np.sum((xyz - point) ** 2, axis=1)))
        # The point nearest to the rays is a little worse than the best estimate.
        assert 0.97 < rms / found.per_pixel[i, j, k] < 1.15


def test_the_calibrations_own_error_is_included(calibrated):
    _, found = calibrated
    known = found.views >= 2
    assert np.isnan(found.calibration[~known]).all()
    np.testing.assert_array_equal(found.expected(0.0)[known], found.calibration[known])
    np.testing.assert_allclose(
        found.expected(2.0)[known] ** 2, found.calibration[known] ** 2 + 4 * found.per_pixel[known] ** 2
    )


def test_the_figure_has_a_slice_per_height(calibrated):
    _, found = calibrated
    figure = error_slices(found)
    assert [trace.visible for trace in figure.data].count(True) == 1
    assert len(figure.data) == len(figure.layout.sliders[0].steps) == len(found.z)
    middle = len(found.z) // 2
    np.testing.assert_allclose(
        np.array(figure.data[middle].z, dtype=float), 1e3 * found.expected()[:, :, middle].T, atol=1e-4
    )
