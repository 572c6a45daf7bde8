"""Single lens parameters that are given or common to several cameras."""

from dataclasses import replace

import numpy as np
import pytest

from calibration import Intrinsics, calibrate
from tests.test_calibration.board_scene import observe, true_rig


@pytest.fixture(scope="module")
def scene():
    truth = true_rig(views=3, spread=1.5)
    return truth, observe(truth, frames=30)


def calibrated(observations, lens="pinhole5", **options):
    return calibrate(observations, lens=lens, board_shape="rigid", validate=False, **options)


def test_fixed_parameters_stay_as_they_are_given(scene):
    truth, observations = scene
    fx, cx = (truth.cameras[1].intrinsics.K[0, [0, 2]] * [1.0001, 1.0003]).tolist()
    rig, report = calibrated(observations, fixed={"k3": 0.001, "cam1": {"fx": fx, "cx": cx, "p1": 4e-4}})
    lens = rig.cameras[1].intrinsics
    assert (lens.K[0, 0], lens.K[0, 2], lens.distortion[2]) == (fx, cx, 4e-4)
    assert [camera.intrinsics.distortion[4] for camera in rig.cameras] == [0.001] * 3
    assert report.uncertainty.lenses[1, [0, 2, 6]].tolist() == [0, 0, 0]
    assert report.uncertainty.deviation("1:fx") == 0
    assert "1:fx" not in report.uncertainty.names
    assert (report.uncertainty.lenses[0, :4] > 0).all()
    for view in (0, 2):
        error = rig.cameras[view].intrinsics.K[0, 0] - truth.cameras[view].intrinsics.K[0, 0]
        assert abs(error) < 4 * report.uncertainty.lenses[view, 0]


def test_fixing_what_was_found_changes_nothing(scene):
    _, observations = scene
    free, report = calibrated(observations)
    lens = free.cameras[2].intrinsics
    values = {"fx": lens.K[0, 0], "cy": lens.K[1, 2], "k2": lens.distortion[1]}
    again, _ = calibrated(observations, fixed={"cam2": values})
    for view, (camera, before) in enumerate(zip(again.cameras, free.cameras, strict=True)):
        off = (camera.intrinsics.K - before.intrinsics.K)[[0, 1, 0, 1], [0, 1, 2, 2]]
        assert (np.abs(off) < 0.05 * report.uncertainty.lenses[view, :4].max()).all()


def test_a_fixed_aspect_leaves_one_focal_length(scene):
    _, observations = scene
    rig, report = calibrated(observations, lens="pinhole8", fixed={"aspect": 0.998})
    for view, camera in enumerate(rig.cameras):
        K, deviation = camera.intrinsics.K, report.uncertainty.lenses[view]
        assert K[0, 0] / K[1, 1] == pytest.approx(0.998, rel=1e-12)
        assert deviation[0] / deviation[1] == pytest.approx(0.998, rel=1e-9)
    rig, report = calibrated(observations, fixed={"cam0": {"fy": 1100.0, "aspect": 1.0}})
    assert rig.cameras[0].intrinsics.K[[0, 1], [0, 1]].tolist() == [1100.0, 1100.0]


def test_shared_parameters_are_equal_and_the_rest_is_not(scene):
    _, observations = scene
    shared = {"focal": [("cam0", "cam2")], "k1": [("cam0", "cam1", "cam2")]}
    rig, report = calibrated(observations, shared=shared)
    first, second, third = (camera.intrinsics for camera in rig.cameras)
    assert first.K[[0, 1], [0, 1]].tolist() == third.K[[0, 1], [0, 1]].tolist()
    assert first.K[0, 0] != second.K[0, 0]
    assert first.distortion[0] == second.distortion[0] == third.distortion[0]
    assert first.distortion[1] != third.distortion[1]
    deviation = report.uncertainty.lenses
    assert deviation[0, :2].tolist() == deviation[2, :2].tolist()
    assert (deviation[:, :9] > 0).all()


def test_what_one_of_a_group_is_given_all_have(scene):
    _, observations = scene
    rig, _ = calibrated(observations, shared=[("cam0", "cam1")], fixed={"cam1": {"cx": 640.0}})
    assert [camera.intrinsics.K[0, 2] for camera in rig.cameras[:2]] == [640.0, 640.0]


def test_a_fisheye_counts_its_own_coefficients():
    lens = Intrinsics(
        size=(1280, 1024),
        K=np.array([[420.0, 0, 645], [0, 421.0, 508], [0, 0, 1]]),
        distortion=np.array([-0.02, 0.005, 0.0, 0.0]),
        model="fisheye",
    )
    truth = true_rig(views=2, spread=1.0)
    truth = type(truth)(cameras=tuple(replace(camera, intrinsics=lens) for camera in truth.cameras))
    observations = observe(truth, frames=30, noise=0.1)
    rig, report = calibrated(observations, lens="fisheye", fixed={"k3": 0.0, "k4": 0.0})
    for camera in rig.cameras:
        assert camera.intrinsics.distortion[2:].tolist() == [0.0, 0.0]
    assert report.median < 0.15
    assert "0:k1" in report.uncertainty.names
    assert "0:k3" not in report.uncertainty.names


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"fixed": {"cam9": {"fx": 900.0}}}, "fixed: no view called cam9: the views are cam0, cam1, cam2"),
        (
            {"fixed": {"cam0": {"zoom": 2.0}}},
            'zoom of cam0: with lens="pinhole5" one can take focal, center, fx',
        ),
        ({"fixed": {"k3": 0.0}, "lens": "auto"}, 'k3 of cam0: while lens="auto" leaves its model open'),
        ({"fixed": {"k1": 0.0}, "lens": "pinhole8"}, 'k1 of cam0: with lens="pinhole8" one can take'),
        ({"fixed": {"cam0": {"fx": float("nan")}}}, "fx of cam0: expected a finite number"),
        ({"fixed": {"aspect": 0.0}}, "aspect of cam0: expected a finite number"),
        ({"fixed": {"cam0": {"fx": 1100.0, "fy": 1000.0, "aspect": 1.0}}}, "have no aspect of 1"),
        ({"shared": {"aspect": [("cam0", "cam1")]}}, "the aspect cannot be shared"),
        ({"shared": {"cx": [("cam0", "cam9")]}}, "shared: no view called cam9"),
        ({"shared": [("cam0", "cam1")], "lens": {"cam0": "fisheye"}}, "have lenses of different models"),
        (
            {"shared": {"fx": [("cam0", "cam1")]}, "fixed": {"cam0": {"fx": 900.0}, "cam1": {"fx": 901.0}}},
            "cam0, cam1 share their fx, which cannot be 900 and 901",
        ),
        (
            {"shared": {"fx": [("cam0", "cam1")]}, "fixed": {"cam0": {"aspect": 1.0}}},
            "cam0 shares a focal length; fix the aspect of the whole group",
        ),
    ],
)
def test_rules_that_cannot_be_are_named(scene, options, message):
    with pytest.raises(ValueError, match=message):
        calibrate(scene[1], **{"lens": "pinhole5", **options})


def test_a_lens_that_is_given_whole_has_nothing_to_fix(scene):
    truth, observations = scene
    known = {"cam1": truth.cameras[1].intrinsics}
    with pytest.raises(ValueError, match="the lens of cam1 is given whole"):
        calibrate(observations, intrinsics=known, fixed={"fx": 900.0})


def test_the_centre_of_a_mirror_image_is_not_its_cameras(scene):
    mirrored = replace(scene[1], mirrored=("cam1",))
    with pytest.raises(ValueError, match="cx of cam1: the view is a part or mirror image"):
        calibrate(mirrored, fixed={"cam1": {"cx": 640.0}})
    with pytest.raises(ValueError, match="cam0, cam1 share their cx, but some are mirror images"):
        calibrate(mirrored, shared=[("cam0", "cam1")], fixed={"cam0": {"cx": 640.0}})
