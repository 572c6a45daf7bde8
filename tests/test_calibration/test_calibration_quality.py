"""What a calibration says about itself: covariance, cross-validation, coverage, verdicts and the page."""

from dataclasses import replace

import numpy as np
import pytest

from calibration import calibrate
from calibration.bundle.adjustment import residuals
from calibration.bundle.covariance import point_error, uncertainty
from calibration.bundle.lens_rules import LensRules
from calibration.bundle.parameters import Choice, free_unknowns
from calibration.bundle.problem import Corners
from calibration.bundle.staging import LOSS, settle, staged
from calibration.corners.sightings import Sightings
from calibration.start.first_estimate import first_unknowns
from tests.test_calibration.board_scene import aligned_error, board, mouse_corners, observe, true_rig

inside = np.random.default_rng(9).uniform([-0.6, -0.6, 0.5], [0.6, 0.6, 1.3], (60, 3))


@pytest.fixture(scope="module")
def mouse(recordings):
    return mouse_corners(recordings("mouse_4cam"))


def test_reported_deviations_match_the_scatter_over_seeds():
    truth = true_rig(views=4, spread=4.0)
    clean = observe(truth, frames=80, noise=0.0)
    choice = Choice(stages=("pinhole8",) * 4, rules=LensRules.none(4), shape="free")
    sizes, nominal = clean.sizes, board.corners
    start, frames = first_unknowns(Sightings.from_observations([clean]), {})
    start = staged(Corners.from_array(clean.xy[frames]), start, choice, sizes, nominal).unknowns
    world = inside @ truth.cameras[0].R.T + truth.cameras[0].t
    places, focals, expected, deviations = [], [], [], []
    for seed in range(30):
        xy = clean.xy + np.random.default_rng(seed).normal(0, 0.2, clean.xy.shape)
        corners = Corners.from_array(xy[frames])
        solution = settle(corners, start, choice, sizes, nominal, rounds=2)
        free = free_unknowns(choice, solution.unknowns, sizes, nominal)
        miss = residuals(corners, solution.unknowns)
        found = uncertainty(corners, solution.unknowns, free, miss, solution.sigma, loss=LOSS)
        error = point_error(world, np.ones((60, 4), dtype=bool), solution.unknowns, free, found.covariance)
        places.append(aligned_error(solution.unknowns.to_rig(clean.names, sizes, (8,) * 4), truth, inside))
        focals.append(solution.unknowns.lens[:, 0])
        expected.append(np.sqrt(np.mean(error.calibration**2)))
        deviations.append([found.deviation(f"{view}:fx") for view in range(4)])
    assert np.sqrt(np.mean(np.square(places))) == pytest.approx(np.mean(expected), rel=0.2)
    ratio = np.std(focals, axis=0, ddof=1) / np.mean(deviations, axis=0)
    assert np.sqrt(np.mean(ratio**2)) == pytest.approx(1, abs=0.2)


def test_held_out_millimetres_of_the_real_rig(mouse):
    _, report = calibrate(mouse)
    assert report.board_shape == "free"
    assert report.held_out.all_pairs < 0.05e-3
    assert report.held_out.repeatability < 0.05e-3
    assert abs(report.held_out.neighbour_bias) < 0.02e-3


def test_frames_outside_the_covered_part_are_still_measured_to_a_tenth_of_a_millimetre(mouse):
    rig, _ = calibrate(mouse.select(slice(0, 10)), validate=False)
    from calibration.bundle.held_out import triangulated_corners

    one, other = np.triu_indices(70, 1)
    nominal = mouse.board.corners
    true = np.linalg.norm(nominal[one] - nominal[other], axis=1)
    for covered_only, limit in ((False, 0.5e-3), (True, 0.15e-3)):
        xy = mouse.xy[10:].copy()
        for view, camera in enumerate(rig.cameras):
            if covered_only:
                xy[:, view][~camera.intrinsics.covers(xy[:, view])] = np.nan
        xyz = triangulated_corners(rig, xy)
        length = np.linalg.norm(xyz[:, one] - xyz[:, other], axis=-1)
        assert np.sqrt(np.nanmean((length - true) ** 2)) < limit


def test_a_bent_board_is_estimated():
    bent = board.corners.copy()
    middle = (bent[:, 0] - bent[:, 0].mean()) / 0.2
    bent[:, 2] += 0.002 * (1 - middle**2)
    truth = true_rig(views=4, spread=2.0)
    rig, report = calibrate(observe(truth, frames=60, corners=bent), validate=False)
    assert report.board_shape in {"warp", "free"}
    assert aligned_error(rig, truth, inside) < 0.15e-3


def test_a_flat_board_stays_rigid():
    _, report = calibrate(observe(true_rig(views=3, spread=1.5), frames=40), validate=False)
    assert report.board_shape == "rigid"


def test_covered_parts_are_those_where_the_board_was():
    observations = observe(true_rig(views=3, spread=1.5), frames=40)
    xy = observations.xy.copy()
    xy[:, 0][xy[:, 0, :, 0] < 640] = np.nan
    rig, report = calibrate(replace(observations, xy=xy), validate=False)
    lens = rig.cameras[0].intrinsics
    assert lens.covers([900.0, 500.0])
    assert not lens.covers([300.0, 500.0])
    assert any("cam0" in text and "left" in text for text in report.verdicts)


def test_the_page_is_one_file_that_needs_no_network(tmp_path, mouse):
    _, report = calibrate(mouse)
    report.write_html(tmp_path / "calibration.html")
    text = (tmp_path / "calibration.html").read_text()
    assert "Calibration of 4 cameras" in text
    assert "<script src" not in text
    assert [path.name for path in tmp_path.iterdir()] == ["calibration.html"]
    for name in ("back", "mid", "side", "top"):
        assert f"camera {name}" in text


def test_the_noise_counts_what_the_fit_has_used_up():
    """Eight corners per board leave few equations to spare: residuals are a fifth smaller than the noise."""
    truth, squares = true_rig(3, spread=2.0), []
    few = np.isin(np.arange(70), [0, 6, 13, 31, 38, 56, 63, 69])
    for seed in range(8):
        seen = observe(truth, 16, noise=0.3, seed=seed)
        xy = np.where(few[:, None], seen.xy, np.nan)
        _, report = calibrate(replace(seen, xy=xy), lens="pinhole4", board_shape="rigid", validate=False)
        squares.append(report.uncertainty.sigma**2)
    assert 0.9 < np.sqrt(np.mean(squares)) / 0.3 < 1.1
