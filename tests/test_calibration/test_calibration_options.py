"""Known, shared and chosen lenses; single cameras; real webcams; what is refused and how."""

from dataclasses import replace

import numpy as np
import pytest

from calibration import Board, CalibrationError, Intrinsics, Recording, calibrate, find_corners
from calibration.bundle.held_out import triangulated_corners
from tests.test_calibration.board_scene import aligned_error, observe, true_rig

inside = np.random.default_rng(9).uniform([-0.6, -0.6, 0.5], [0.6, 0.6, 1.3], (60, 3))


@pytest.fixture(scope="module")
def scene():
    truth = true_rig(views=3, spread=1.5)
    return truth, observe(truth, frames=50)


def test_known_lenses_are_kept(scene):
    truth, observations = scene
    known = {camera.name: camera.intrinsics for camera in truth.cameras}
    rig, report = calibrate(observations, intrinsics=known, validate=False)
    for camera, true in zip(rig.cameras, truth.cameras, strict=True):
        assert camera.intrinsics.K.tolist() == true.intrinsics.K.tolist()
        assert camera.intrinsics.distortion.tolist() == true.intrinsics.distortion.tolist()
    assert report.uncertainty.deviation("0:fx") == 0
    assert aligned_error(rig, truth, inside) < 0.1e-3


def test_known_lenses_of_another_resolution_are_rescaled_and_said(scene):
    truth, observations = scene
    halves = {"cam1": truth.cameras[1].intrinsics.rescaled((640, 512))}
    rig, report = calibrate(observations, intrinsics=halves, validate=False)
    assert rig.cameras[1].intrinsics.K[0, 0] == pytest.approx(truth.cameras[1].intrinsics.K[0, 0])
    assert report.verdicts[0] == (
        "camera cam1: its lens is known for images of 640 x 512 px and was rescaled to 1280 x 1024 px, which "
        "is right only where both show the whole sensor"
    )


def test_known_lenses_of_a_cropped_image_are_refused(scene):
    _, observations = scene
    crop = Intrinsics.from_focal((640, 480), 500.0)
    with pytest.raises(ValueError, match="another aspect ratio"):
        calibrate(observations, intrinsics={"cam1": crop})


def test_identical_cameras_may_share_their_lens(scene):
    _, observations = scene
    rig, _ = calibrate(observations, shared=[("cam0", "cam2")], validate=False)
    assert rig.cameras[0].intrinsics.K.tolist() == rig.cameras[2].intrinsics.K.tolist()
    assert rig.cameras[0].intrinsics.distortion.tolist() == rig.cameras[2].intrinsics.distortion.tolist()
    assert rig.cameras[0].intrinsics.K[0, 0] != rig.cameras[1].intrinsics.K[0, 0]


def test_what_was_found_about_the_board_is_in_the_report(scene, tmp_path):
    note = "cam1: the print is inverted, white on black: the images were inverted"
    observed = replace(scene[1], notes=(note,))
    _, report = calibrate(observed, lens="pinhole5", board_shape="rigid", validate=False)
    assert report.verdicts[0] == note
    report.write_html(tmp_path / "calibration.html")
    assert f">{note}</li>" in (tmp_path / "calibration.html").read_text()


def test_a_single_camera_gets_its_lens(tmp_path):
    truth = true_rig(views=3, spread=1.5)
    observations = observe(truth.select(["cam1"]), frames=40)
    rig, report = calibrate(observations, validate=False)
    assert rig.cameras[0].intrinsics.K[0, 0] == pytest.approx(truth.cameras[1].intrinsics.K[0, 0], rel=2e-3)
    assert np.isnan(report.volume.calibration).all()
    report.write_html(tmp_path / "calibration.html")
    html = (tmp_path / "calibration.html").read_text()
    assert "Residuals and coverage" in html
    assert "Expected error" not in html
    assert "two cameras" not in html


def test_a_fisheye_is_calibrated_as_one():
    truth = true_rig(views=3, spread=1.5)
    lens = Intrinsics(
        size=(1280, 1024),
        K=np.array([[420.0, 0, 645], [0, 421.0, 508], [0, 0, 1]]),
        distortion=np.array([-0.02, 0.005, 0.0, 0.0]),
        model="fisheye",
    )
    truth = type(truth)(cameras=tuple(replace(camera, intrinsics=lens) for camera in truth.cameras))
    rig, report = calibrate(observe(truth, frames=60, noise=0.1), lens="fisheye", validate=False)
    assert [camera.intrinsics.model for camera in rig.cameras] == ["fisheye"] * 3
    assert report.median < 0.15
    for camera in rig.cameras:
        assert camera.intrinsics.K[0, 0] == pytest.approx(420, rel=5e-3)


@pytest.mark.parametrize("lens", ["pinhole4", "pinhole5", "pinhole12"])
def test_every_lens_model_fits(scene, lens):
    truth, observations = scene
    rig, _ = calibrate(observations, lens=lens, validate=False)
    assert len(rig.cameras[0].intrinsics.distortion) == int(lens.removeprefix("pinhole"))
    assert aligned_error(rig, truth, inside) < 0.3e-3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"lens": "pinhole6"}, "expected auto, pinhole4"),
        ({"lens": {"cam9": "pinhole5"}}, "no view called cam9"),
        ({"board_shape": "round"}, "expected auto, rigid, warp, free"),
        ({"shared": [("cam0", "cam9")]}, "no view called cam9"),
        ({"intrinsics": {"cam9": Intrinsics.from_focal((1280, 1024), 900.0)}}, "no view called cam9"),
    ],
)
def test_unknown_options_are_named(scene, options, message):
    with pytest.raises(ValueError, match=message):
        calibrate(scene[1], **options)


def test_a_board_seen_nowhere_is_an_error(scene):
    _, observations = scene
    with pytest.raises(CalibrationError, match="no usable board view"):
        calibrate(replace(observations, xy=np.full_like(observations.xy, np.nan)))


def test_webcams_measure_the_board(recordings):
    recording = Recording.open(recordings("webcams_4cam") / "post_optimization/calibration/extrinsic")
    nominal = Board.charuco(
        columns=4, rows=5, square=0.054, marker=0.0405, dictionary="4X4_1000", inverted=True
    )
    observations = find_corners(recording, nominal)
    rig, report = calibrate(observations)
    one, other = np.triu_indices(12, 1)
    true = np.linalg.norm(nominal.corners[one] - nominal.corners[other], axis=1)
    near = np.isclose(true, 0.054)
    xyz = triangulated_corners(rig, observations.xy)
    length = np.linalg.norm(xyz[:, one[near]] - xyz[:, other[near]], axis=-1)
    assert abs(np.nanmean(length) - 0.054) < 0.1e-3
    assert np.nanstd(length) < 0.5e-3
    assert any("cam_1" in text and "out of step" in text for text in report.verdicts)


def test_lenses_of_thirty_thousand_pixels_are_found():
    truth = true_rig(views=3, spread=1.5)
    cameras = []
    for camera in truth.cameras:
        K = camera.intrinsics.K * [[20, 1, 1], [1, 20, 1], [1, 1, 1]]
        lens = Intrinsics(size=(1280, 1024), K=K, distortion=np.zeros(5))
        center = np.array([0, 0, 0.9]) + 20 * (camera.center - [0, 0, 0.9])
        cameras.append(type(camera).from_rotvec(camera.name, lens, camera.rotvec, -camera.R @ center))
    far = type(truth)(cameras=tuple(cameras))
    rig, report = calibrate(observe(far, frames=60), lens="pinhole8", board_shape="rigid", validate=False)
    for view, (camera, true) in enumerate(zip(rig.cameras, far.cameras, strict=True)):
        deviation = report.uncertainty.deviation(f"{view}:fx")
        assert abs(camera.intrinsics.K[0, 0] - true.intrinsics.K[0, 0]) < 4 * deviation
        assert deviation < 0.05 * true.intrinsics.K[0, 0]
