"""Views that are parts of one camera's image, direct and in mirrors, against reflections in known planes."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from calibration import Camera, Intrinsics, Recording, calibrate, find_corners, mirror_plane
from calibration.bundle.held_out import triangulated_corners
from calibration.recordings.crops import Crop
from tests.test_calibration import mirror_scene
from tests.test_calibration.mirror_scene import lens, observe, pixels, plane

inside = np.random.default_rng(3).uniform([-0.03, -0.03, 0.47], [0.03, 0.03, 0.53], (100, 3))


@pytest.fixture(scope="module")
def calibrated():
    return calibrate(observe(), lens="pinhole5", board_shape="rigid")


def in_millimetres(rig):
    """RMS distance, mm, of points triangulated from their exact pixels, rigidly moved onto the true ones."""
    xy = np.stack([pixels(inside, name) for name in rig.names])[None]
    assert np.isfinite(xy).all()
    found = triangulated_corners(rig, xy)[0] - triangulated_corners(rig, xy)[0].mean(axis=0)
    turn, _ = Rotation.align_vectors(inside - inside.mean(axis=0), found)
    off = turn.apply(found) - (inside - inside.mean(axis=0))
    return 1e3 * np.sqrt(np.mean(np.sum(off**2, axis=-1)))


def test_a_camera_and_its_two_mirrors_measure_in_millimetres(calibrated):
    rig, report = calibrated
    assert in_millimetres(rig) < 0.03
    assert report.held_out.all_pairs < 0.1e-3


def check_planes(rig, degrees, metres):
    cameras = dict(zip(rig.names, rig.cameras, strict=True))
    for name in ("right", "left"):
        found, (normal, distance) = mirror_plane(cameras["direct"], cameras[name]), plane(name)
        assert np.rad2deg(np.arccos(found.normal @ normal)) < degrees
        assert abs(found.distance - distance) < metres
        assert np.rad2deg(found.turn) < 0.02
        assert found.shift < 0.5e-3


def test_the_views_are_reflections_in_the_true_planes(calibrated):
    # The whole scene turns with the principal point, which is known to 5 px, 0.2 degrees, here.
    check_planes(calibrated[0], degrees=0.4, metres=2e-3)


def test_the_views_share_one_lens_exactly(calibrated):
    rig, _ = calibrated
    direct, right, _ = (camera.intrinsics for camera in rig.cameras)
    x, y, *size = mirror_scene.boxes["direct"]
    whole = direct.cropped(-x, -y, lens.size)
    x, y, *size = mirror_scene.boxes["right"]
    again = whole.cropped(x, y, tuple(size)).flipped()
    np.testing.assert_allclose(right.K, again.K, rtol=0, atol=1e-9)
    np.testing.assert_allclose(right.distortion, again.distortion, rtol=0, atol=1e-12)
    assert abs(whole.K[0, 0] / lens.K[0, 0] - 1) < 3e-3


def test_drawn_rigs_are_of_the_same_parts_and_share_their_lens(calibrated):
    rig, report = calibrated
    apart = [in_millimetres(drawn) for drawn in report.draw_rigs(5)]
    assert max(apart) < 0.1
    *_, width, height = mirror_scene.boxes["direct"]
    for drawn in report.draw_rigs(2):
        assert drawn.cameras[0].intrinsics.size == (width, height)
        focals = [camera.intrinsics.K[0, 0] for camera in drawn.cameras]
        assert np.ptp(focals) < 1e-9 < abs(focals[0] - rig.cameras[0].intrinsics.K[0, 0])


@pytest.mark.parametrize("model", ["auto", "pinhole12"])
def test_every_lens_family_is_shared_through_the_mirror(model):
    rig, _ = calibrate(observe(frames=40), lens=model, board_shape="rigid", validate=False)
    assert in_millimetres(rig) < 0.05


def test_a_known_lens_of_the_whole_image_serves_all_its_parts():
    rig, _ = calibrate(observe(), intrinsics={"direct": lens}, board_shape="rigid", validate=False)
    x, y, *size = mirror_scene.boxes["left"]
    np.testing.assert_allclose(rig.cameras[2].intrinsics.K, lens.cropped(x, y, tuple(size)).flipped().K)
    assert in_millimetres(rig) < 0.02
    check_planes(rig, degrees=0.04, metres=0.2e-3)


def test_a_known_lens_of_one_part_serves_the_others():
    x, y, *size = mirror_scene.boxes["right"]
    part = lens.cropped(x, y, tuple(size)).flipped()
    rig, _ = calibrate(observe(), intrinsics={"right": part}, board_shape="rigid", validate=False)
    assert in_millimetres(rig) < 0.02


def test_one_video_gives_several_views(tmp_path):
    image = np.random.default_rng(0).integers(0, 255, (40, 60, 3), dtype=np.uint8)
    for number in range(3):
        cv2.imwrite(str(tmp_path / f"{number}.png"), np.roll(image, number, axis=1))
    views = {"direct": tmp_path, "mirror": tmp_path}
    recording = Recording.open(views, crops={"mirror": (40, 5, 20, 30)}, mirrored=["mirror"])
    assert recording.sizes.tolist() == [[60, 40], [20, 30]]
    for number, (direct, mirror) in enumerate(recording):
        assert np.array_equal(direct, np.roll(image, number, axis=1))
        assert np.array_equal(mirror, direct[5:35, 40:60][:, ::-1])
    assert [crop.camera for crop in recording.crops] == ["direct", "direct"]
    assert recording.views(["mirror"]).sizes.tolist() == [[20, 30]]


def test_views_of_one_video_decode_it_once(tmp_path, monkeypatch):
    path = tmp_path / "a.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 30.0, (64, 48))
    for _ in range(4):
        writer.write(np.zeros((48, 64, 3), dtype=np.uint8))
    writer.release()
    recording = Recording.open({"a": path, "b": path}, crops={"b": (0, 0, 32, 48)})
    opened = []
    real = cv2.VideoCapture
    monkeypatch.setattr(cv2, "VideoCapture", lambda name: opened.append(name) or real(name))
    assert len(list(recording)) == 4
    assert len(opened) == 1


def test_corners_of_crops_are_those_of_the_whole_image(tmp_path, rendered):
    image = rendered(mirror_scene.board, 30.0, (480, 360)).image
    for number in range(2):
        cv2.imwrite(str(tmp_path / f"{number}.png"), image)
    views = {"all": tmp_path, "part": tmp_path}
    recording = Recording.open(views, crops={"part": (60, 20, 400, 330)})
    found = find_corners(recording, mirror_scene.board, cache=tmp_path / "cache").uncropped()
    assert found.seen.all()
    np.testing.assert_allclose(found.xy[:, 0], found.xy[:, 1], atol=1e-6)
    again = find_corners(recording, mirror_scene.board, cache=tmp_path / "cache")
    assert again.crops == recording.crops
    other = Recording.open(views, crops={"part": (50, 20, 400, 330)})
    moved = find_corners(other, mirror_scene.board, cache=tmp_path / "cache")
    np.testing.assert_allclose(moved.xy[:, 1], again.xy[:, 1] + [10, 0], atol=1e-6)


@pytest.mark.parametrize(
    ("crops", "message"),
    [
        (
            {"mirror": (50, 0, 20, 30)},
            r"view mirror: crop: 20 x 30 px from pixel \(50, 0\).* no part of .* 60 x 40",
        ),
        ({"mirror": (0, 0, 20)}, r"mirror: expected \(x, y, width, height\) in px"),
        ({"side": (0, 0, 20, 30)}, "crops: no view is called side"),
    ],
)
def test_a_crop_that_cannot_be_is_refused(tmp_path, crops, message):
    cv2.imwrite(str(tmp_path / "0.png"), np.zeros((40, 60, 3), dtype=np.uint8))
    with pytest.raises(ValueError, match=message):
        Recording.open({"direct": tmp_path, "mirror": tmp_path}, crops=crops)


def test_as_many_crops_as_views():
    with pytest.raises(ValueError, match="one or None for each of 3 views, got 1"):
        replace(observe(frames=4), crops=(Crop(camera="a", x=0, y=0, size=(1, 1), whole=(1, 1)),))


def test_two_cameras_that_are_no_reflections_are_told():
    narrow = Intrinsics.from_focal((640, 480), 800.0)
    one = Camera.from_rotvec("one", narrow, [0, 0, 0], [0, 0, 1.0])
    other = Camera.from_rotvec("other", narrow, [0.4, 1.0, 0.3], [0.1, 0.05, 1.0])
    assert np.rad2deg(mirror_plane(one, other).turn) > 1
