"""What a calibration says is weak about it, and what it says to record: every verdict by its words."""

from dataclasses import replace

import numpy as np
import pytest

from calibration import calibrate
from calibration.bundle.held_out import HeldOut
from calibration.quality.verdicts import alarms, calibration_verdicts
from tests.test_calibration.board_scene import observe, true_rig

truth = true_rig(views=3, spread=1.5)
views = len(truth)


@pytest.fixture(scope="module")
def report():
    """A report in which every number is good, but for those that a test changes."""
    fitted = calibrate(observe(truth, frames=40), validate=False)[1]
    whole = np.array([[10.0, 10], [1270, 10], [1270, 1014], [10, 1014]])
    return replace(
        covering(fitted, [whole] * views),
        frames_used=40,
        graph=replace(fitted.graph, pairs=np.full((views, views), 40)),
        uncertainty=replace(fitted.uncertainty, lenses=np.full((views, 16), 1e-3)),
        sigma=np.full(views, 0.2),
        rejected=np.zeros(views, dtype=int),
    )


def covering(report, parts):
    """Give each camera of a report the part of its image that the board covered."""
    cameras = tuple(
        replace(camera, intrinsics=replace(camera.intrinsics, covered=part))
        for camera, part in zip(report.rig.cameras, parts, strict=True)
    )
    return replace(report, rig=replace(report.rig, cameras=cameras))


def weaknesses(report):
    """Say the verdicts on single cameras."""
    return [text for text in calibration_verdicts(report) if text.startswith("camera ")]


def changed(values, view, value):
    """Copy an array with another value for one view."""
    values = np.array(values)
    values[view] = value
    return values


def test_a_good_calibration_has_no_weakness(report):
    assert weaknesses(report) == []


def test_an_uncertain_focal_length(report):
    deviation = 0.04 * report.rig.cameras[1].intrinsics.K[0, 0]
    lenses = changed(report.uncertainty.lenses, (1, 0), deviation)
    (text,) = weaknesses(replace(report, uncertainty=replace(report.uncertainty, lenses=lenses)))
    assert text.startswith("camera cam1: focal length uncertain by 4.0%; record the board nearer to it")
    assert "tilted by 30 to 45 degrees" in text


@pytest.mark.parametrize(
    ("edge", "part"),
    [
        ("left", [[400.0, 10], [1270, 10], [1270, 1014], [400, 1014]]),
        ("right", [[10.0, 10], [900, 10], [900, 1014], [10, 1014]]),
        ("upper", [[10.0, 300], [1270, 300], [1270, 1014], [10, 1014]]),
        ("lower", [[10.0, 10], [1270, 10], [1270, 700], [10, 700]]),
    ],
)
def test_no_board_near_an_edge(report, edge, part):
    parts = [camera.intrinsics.covered for camera in report.rig.cameras]
    parts[2] = np.array(part)
    (text,) = weaknesses(covering(report, parts))
    assert text.startswith("camera cam2: the board covered ")
    assert f"no board near its {edge} edge; record the board at its {edge} edge" in text


def test_little_of_the_image_covered_though_it_reaches_every_edge(report):
    parts = [camera.intrinsics.covered for camera in report.rig.cameras]
    parts[0] = np.array([[0.0, 0], [320, 0], [1280, 1024], [960, 1024]])  # a quarter
    (text,) = weaknesses(covering(report, parts))
    assert text.startswith("camera cam0: the board covered 25% of the image; record the board all over its")


def test_few_frames_with_the_board(report):
    pairs = changed(report.graph.pairs, (0, 0), 7)
    (text,) = weaknesses(replace(report, graph=replace(report.graph, pairs=pairs)))
    assert text == "camera cam0: only 7 frames show it the board; record 20 or more"


def test_few_shared_board_views(report):
    pairs = report.graph.pairs.copy()
    pairs[0, 1:] = pairs[1:, 0] = [4, 6]
    (text,) = weaknesses(replace(report, graph=replace(report.graph, pairs=pairs)))
    assert text == (
        "camera cam0: shares only 6 board views with its best partner cam2; record 20 or more with the "
        "board where both see it"
    )


def test_corners_that_scatter(report):
    (text,) = weaknesses(replace(report, sigma=changed(report.sigma, 1, 0.8)))
    assert text == ("camera cam1: corners scatter by 0.80 px; look for blur, motion or frames out of step")


def test_corners_that_scatter_more_than_in_other_views(report):
    (text,) = weaknesses(replace(report, sigma=np.array([0.1, 0.1, 0.4])))
    assert text.startswith("camera cam2: corners scatter 4.0 times as much as in other views; look for blur")
    assert "time_offsets=True" in text


def test_corners_that_contradict_the_fit(report):
    share = np.array([0, 0.05, 0]) * report.corners
    (text,) = weaknesses(replace(report, rejected=np.ceil(share).astype(int)))
    assert text.startswith("camera cam1: 5.")
    assert "of its corners contradict the fit and were given no weight" in text
    assert "record again" in text


def test_an_error_that_grows_on_board_views_left_out_of_the_fit(report):
    held_out = HeldOut(
        folds=5,
        neighbour_bias=0.0,
        neighbour_spread=1e-4,
        all_pairs=2e-4,
        all_pairs_nominal=3e-4,
        repeatability=1e-4,
        pixel_median=report.median_per_view * [1.0, 1.2, 2.5],
        outside=0,
        rejected=0,
        observations=1000,
        median=1e-4,
        weakest=(0, 2),
        weakest_median=4e-3,
    )
    said = replace(report, held_out=held_out)
    assert weaknesses(said) == [
        "camera cam2: its error grows 2.5-fold on board views left out of the fit; it needs more board views"
    ]
    (distances,) = (text for text in calibration_verdicts(said) if "distances between corners" in text)
    assert "off by 0.100 mm (median; 0.200 mm rms) and repeat to 0.100 mm" in distances
    assert distances.endswith("most, by 4.000 mm, where only cam0, cam2 see them")


def test_a_refinement_that_did_not_converge(report):
    first = next(iter(alarms(replace(report, converged=False))))
    assert "stopped before it converged" in first
    assert "record more board views" in first


def test_frames_that_show_too_little_of_the_board(report):
    first = next(iter(calibration_verdicts(replace(report, frames_used=31))))
    assert first.startswith("9 of 40 frames show too little of the board in every view and were not used")
