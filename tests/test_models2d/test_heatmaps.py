"""Heatmaps are read back to what was drawn, in each system's own coordinates."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models2d.decoding.heatmaps import Grid, decode, gaussian_targets, methods, offset_targets

grids = {
    "centred": Grid.centred(4),
    "deeplabcut": Grid.deeplabcut(8),
    "corner": Grid.corner(4),
    "unbiased": Grid.unbiased((192, 256), (48, 64)),
}


@pytest.mark.parametrize("name", grids)
@given(x=st.floats(0, 200), y=st.floats(0, 200))
def test_grids_go_both_ways(name, x, y):
    point = np.array([x, y])
    np.testing.assert_allclose(grids[name].to_input(grids[name].to_cells(point)), point, atol=1e-9)


def test_each_convention_puts_the_first_and_last_cell_where_its_authors_do():
    first, last = np.zeros(2), np.array([47.0, 63.0])
    # Cells of 4 px tile an image of 192 x 256: centres 1.5 px from its outer pixels' centres.
    np.testing.assert_allclose(Grid.centred(4).to_input(first), 1.5)
    np.testing.assert_allclose(Grid.centred(4).to_input(last), [191 - 1.5, 255 - 1.5])
    np.testing.assert_allclose(Grid.deeplabcut(8).to_input(first), 4.0)
    np.testing.assert_allclose(Grid.corner(4).to_input(last), [188, 252])
    np.testing.assert_allclose(grids["unbiased"].to_input(last), [191, 255])


def test_centred_cells_are_what_averaging_blocks_of_pixels_gives():
    x = np.arange(64.0)
    blocks = x.reshape(16, 4).mean(axis=1)
    centres = Grid.centred(4).to_input(np.stack([np.arange(16.0)] * 2, axis=1))
    np.testing.assert_allclose(centres[:, 0], blocks)


def test_a_mirror_image_maps_centred_cells_onto_each_other():
    grid, cells = Grid.centred(4), np.stack([np.arange(16.0)] * 2, axis=1)
    np.testing.assert_allclose(63 - grid.to_input(cells), grid.to_input(15 - cells))


def drawn(sigma=2.0, seed=0, count=200, size=(48, 64)):
    random = np.random.default_rng(seed)
    reach = 3 * sigma + 6
    xy = random.uniform([reach, reach], [size[0] - 1 - reach, size[1] - 1 - reach], (count, 2))
    return xy, gaussian_targets(xy, size, sigma)


@pytest.mark.parametrize(
    ("method", "worst"), [("argmax", 0.5), ("quarter", 0.25), ("dark", 1e-3), ("udp", 1e-3), ("soft", 0.05)]
)
@pytest.mark.parametrize("sigma", [1.5, 2.0, 3.0])
def test_drawn_points_are_read_back(method, worst, sigma):
    xy, heatmaps = drawn(sigma)
    assert np.abs(decode(heatmaps, method=method, sigma=sigma).xy - xy).max() <= worst + 1e-6


def test_quarter_shift_lowers_the_error_of_argmax_by_half():
    xy, heatmaps = drawn(count=2000)
    errors = {
        method: np.abs(decode(heatmaps, method=method).xy - xy).mean() for method in ("argmax", "quarter")
    }
    # Uniform position in a cell: mean |error| 1/4 for the cell's centre, 1/8 a quarter towards the right
    # side.
    assert errors["argmax"] == pytest.approx(1 / 4, abs=0.01)
    assert errors["quarter"] == pytest.approx(1 / 8, abs=0.01)


def test_rounded_targets_sit_on_the_nearest_cell():
    heatmaps = gaussian_targets(np.array([[10.4, 7.6]]), (20, 16), 2.0, rounded=True)
    np.testing.assert_allclose(decode(heatmaps).xy, [[10, 8]], atol=1e-4)


def test_location_refinement_is_exact_wherever_the_highest_cell_is():
    xy, heatmaps = drawn()
    offsets, near = offset_targets(xy, (48, 64), 4.0)
    np.testing.assert_allclose(decode(heatmaps, offsets=offsets).xy, xy, atol=1e-5)
    assert np.all((near > 0) == (np.linalg.norm(offsets, axis=1) > 0) | (near > 0))
    area = near.sum(axis=(1, 2)).mean()
    assert area == pytest.approx(np.pi * 16, rel=0.02)


def test_dark_beats_argmax_and_quarter_under_noise():
    xy, heatmaps = drawn(count=500)
    noisy = heatmaps + np.random.default_rng(1).normal(0, 0.02, heatmaps.shape)
    error = {method: np.abs(decode(noisy, method=method).xy - xy).mean() for method in methods}
    assert error["dark"] < error["quarter"] / 3 < error["argmax"] / 3
    assert error["udp"] < error["quarter"] / 3


@pytest.mark.parametrize("method", methods)
def test_moving_a_map_by_whole_cells_moves_the_answer_by_as_much(method):
    _, heatmaps = drawn(count=20)
    before, after = (
        decode(maps, method=method) for maps in (heatmaps, np.roll(heatmaps, (2, -3), axis=(1, 2)))
    )
    np.testing.assert_allclose(after.xy - before.xy, np.broadcast_to([-3, 2], before.xy.shape), atol=1e-2)


def test_batches_of_any_shape_give_the_same():
    _, heatmaps = drawn(count=12)
    flat, nested = decode(heatmaps), decode(heatmaps.reshape(3, 4, 64, 48))
    np.testing.assert_array_equal(nested.xy.reshape(12, 2), flat.xy)
    assert nested.covariance.shape == (3, 4, 2, 2)
    assert nested.confidence.shape == (3, 4)


def test_a_peak_on_the_border_stays_on_the_map():
    heatmaps = gaussian_targets(np.array([[-1.0, 5.0], [47.4, 63.4]]), (48, 64), 2.0)
    xy = decode(heatmaps).xy
    assert (xy >= 0).all()
    assert (xy <= [47, 63]).all()


def test_a_missing_keypoint_draws_nothing():
    heatmaps = gaussian_targets(np.full((1, 2), np.nan), (8, 8), 1.0)
    assert not heatmaps.any()
    assert decode(heatmaps).confidence == 0
    offsets, near = offset_targets(np.full((1, 2), np.nan), (8, 8), 3.0)
    assert not offsets.any()
    assert not near.any()


def test_covariance_grows_as_the_peak_sinks_and_follows_its_form():
    x, y = np.meshgrid(np.arange(64.0) - 31, np.arange(64.0) - 30)
    long = np.exp(-0.5 * ((x / 4) ** 2 + (y / 2) ** 2)) * 0.5
    sharp = gaussian_targets(np.array([31.0, 30.0]), (64, 64), 2.0)
    wide, narrow = (decode(maps).covariance for maps in (long, sharp))
    assert wide[0, 0] > 2 * wide[1, 1]
    assert np.linalg.det(wide) > 10 * np.linalg.det(narrow)
    assert narrow[0, 0] == pytest.approx(narrow[1, 1], rel=0.01)


@given(st.integers(0, 2**32 - 1))
def test_covariance_is_positive_definite_even_of_noise(seed):
    noise = np.random.default_rng(seed).normal(size=(4, 16, 16))
    assert (np.linalg.eigvalsh(decode(noise).covariance) > 0).all()


def test_unknown_methods_and_shapes_are_refused():
    with pytest.raises(ValueError, match="expected one of argmax, quarter, dark, udp, soft, got 'centroid'"):
        decode(np.zeros((8, 8)), method="centroid")
    with pytest.raises(ValueError, match="height, width"):
        decode(np.zeros(8))


@pytest.mark.parametrize("method", ["dark", "udp"])
@pytest.mark.parametrize("correlation", [-0.6, 0.6])
def test_a_peak_that_lies_askew_is_found_exactly(method, correlation):
    """The logarithm of any Gaussian is a parabola, whose cross term counts where it lies askew."""
    x, y = np.meshgrid(np.arange(48.0), np.arange(64.0))
    top = np.random.default_rng(0).uniform(20, 28, (50, 2))
    dx, dy = x - top[:, 0, None, None], y - top[:, 1, None, None]
    form = (dx**2 - 2 * correlation * dx * dy + dy**2) / (1 - correlation**2)
    found = decode(np.exp(-0.5 * form / 2.5**2), method=method, sigma=2.5).xy
    assert np.abs(found - top).max() < 0.02
