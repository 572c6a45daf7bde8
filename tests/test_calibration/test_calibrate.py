"""From corners to a rig: accuracy against known truth and on a real recording, and what is refused."""

from dataclasses import replace

import numpy as np
import pytest

from calibration import CalibrationError, calibrate
from calibration.calibrator import check_rejected
from tests.test_calibration.board_scene import aligned_error, mouse_corners, observe, true_rig

volume = np.random.default_rng(9).uniform([-0.7, -0.7, 0.5], [0.7, 0.7, 1.3], (200, 3))


@pytest.fixture(scope="module")
def mouse(recordings):
    return mouse_corners(recordings("mouse_4cam"))


def test_six_cameras_and_200_frames_reach_the_stated_accuracy():
    truth = true_rig()
    rig, report = calibrate(observe(truth, frames=200))
    assert aligned_error(rig, truth, volume) < 0.06e-3
    assert report.converged


def test_the_real_mouse_rig_fits_to_a_fifth_of_a_pixel(mouse):
    _, report = calibrate(mouse)
    assert report.median < 0.2
    assert (report.median_per_view < 0.2).all()


def test_the_focal_start_does_not_matter(mouse):
    few = mouse.select(slice(0, 10))
    rigs = [calibrate(few, focal=focal)[0] for focal in (500.0, 1500.0)]
    assert np.allclose(rigs[0].centers, rigs[1].centers, rtol=0, atol=1e-9)


def test_the_same_input_gives_the_same_bytes():
    observations = observe(true_rig(views=3, spread=1.5), frames=20)
    one, two = calibrate(observations)[0], calibrate(observations)[0]
    for a, b in zip(one.cameras, two.cameras, strict=True):
        assert a.intrinsics.K.tobytes() == b.intrinsics.K.tobytes()
        assert a.t.tobytes() == b.t.tobytes()


def test_gross_outliers_do_not_move_the_rig():
    truth = true_rig(views=4, spread=2.0)
    observations = observe(truth, frames=60)
    xy = observations.xy.copy()
    rng = np.random.default_rng(1)
    bad = observations.seen & (rng.random(xy.shape[:3]) < 0.04)
    xy[bad] += rng.normal(0, 60, (bad.sum(), 2))
    rig, report = calibrate(replace(observations, xy=xy))
    assert report.rejected.sum() >= 0.8 * bad.sum()
    assert aligned_error(rig, truth, volume) < 0.5e-3


def test_views_that_never_share_the_board_are_named():
    observations = observe(true_rig(views=4, spread=2.0), frames=40)
    xy = observations.xy.copy()
    xy[:20, 2:] = np.nan
    xy[20:, :2] = np.nan
    split = replace(observations, xy=xy)
    with pytest.raises(CalibrationError, match=r"2 groups .* cam0 and cam1; cam2 and cam3.*cam0 and cam2"):
        calibrate(split)


def test_a_view_that_shares_only_a_row_of_corners_is_named():
    observations = observe(true_rig(views=3, spread=1.5), frames=40)
    xy = observations.xy.copy()
    xy[:20, 1, 7:] = np.nan
    xy[20:, [0, 2]] = np.nan
    with pytest.raises(CalibrationError) as caught:
        calibrate(replace(observations, xy=xy))
    assert str(caught.value) == (
        "no place found for cam1: the board was seen too obliquely or too partially in the frames shared "
        "with other views; record it facing these cameras and a neighbour at the same time"
    )


def test_a_view_that_never_sees_the_board_is_named():
    observations = observe(true_rig(views=3, spread=1.5), frames=10)
    xy = observations.xy.copy()
    xy[:, 1] = np.nan
    blind = replace(observations, xy=xy)
    with pytest.raises(CalibrationError, match=r"no usable board view .* in cam1"):
        calibrate(blind)


def test_a_view_out_of_step_is_an_error_in_words():
    observations = observe(true_rig(views=4, spread=2.0), frames=40)
    xy = observations.xy.copy()
    xy[:, 3] = np.roll(xy[:, 3], 1, axis=0)
    late = replace(observations, xy=xy)
    with pytest.raises(CalibrationError, match=r"more than 10% of the corners of .*cam3: \d+ of \d+ corners"):
        calibrate(late)


def test_a_view_of_which_more_than_a_tenth_contradicts_the_fit_is_named():
    view, rejected = np.repeat([0, 1, 2], 50), np.zeros(150, dtype=bool)
    rejected[[*range(5), *range(100, 106)]] = True  # 10% of the first, 12% of the third
    with pytest.raises(CalibrationError) as caught:
        check_rejected(("left", "mid", "right"), view, rejected)
    assert str(caught.value).startswith(
        "the fit contradicts more than 10% of the corners of right: 6 of 50 corners (12%). The low error on "
        "the rest would be misleading. Check that the views are synchronous and show the same board"
    )


def test_a_poorly_covered_camera_does_not_run_off():
    truth = true_rig(views=3, spread=1.5)
    whole = observe(truth, frames=60)
    xy = whole.xy.copy()
    xy[:, 0][(np.abs(xy[:, 0] - [980, 512]) > 200).any(axis=-1)] = np.nan
    _, full = calibrate(whole, validate=False)
    rig, poor = calibrate(replace(whole, xy=xy), validate=False)
    for name in ("fx", "fy"):
        assert poor.uncertainty.deviation(f"0:{name}") > 2 * full.uncertainty.deviation(f"0:{name}")
    K, true = rig.cameras[0].intrinsics.K, truth.cameras[0].intrinsics.K
    for name, place in {"fx": (0, 0), "fy": (1, 1), "cx": (0, 2), "cy": (1, 2)}.items():
        assert abs(K[place] - true[place]) < 4 * poor.uncertainty.deviation(f"0:{name}")
    said = [text for text in poor.verdicts if text.startswith("camera cam0: ")]
    assert any("no board near its left, right, upper and lower edges; record the board at" in s for s in said)
    assert any("only 8 frames show it the board; record 20 or more" in s for s in said)
