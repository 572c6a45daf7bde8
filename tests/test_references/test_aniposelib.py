"""Rigs and aniposelib's camera groups, there and back, and its calibrator on our corners."""

import numpy as np
import pytest
from scipy.spatial.transform import RigidTransform, Rotation

from calibration import Board, BoardObservations, CalibrationError, Camera, Intrinsics, Rig
from calibration.anipose import aniposelib, calibrate_by_aniposelib, from_camera_group, to_camera_group

board = Board.charuco(columns=8, rows=11, square=0.024, marker=0.018, dictionary="4X4_1000")


def looking_in(number, model="pinhole", count=3):
    angle = 2 * np.pi * number / 8
    center = 0.8 * np.array([np.cos(angle), np.sin(angle), 0.8])
    ahead = -center / np.linalg.norm(center)
    right = np.cross(ahead, [0, 0, 1.0])
    right /= np.linalg.norm(right)
    R = np.array([right, np.cross(ahead, right), ahead])
    lens = [-0.2, 0.05, 1e-3, -1e-3, 0.01] if model == "pinhole" else [0.02, 0.01, -0.01, 0.002]
    K = np.array([[1000.0, 0, 645], [0, 1005, 505], [0, 0, 1]])
    return Camera(
        name=f"cam{number}",
        intrinsics=Intrinsics(size=(1280, 1024), K=K, distortion=lens, model=model),
        cam_from_world=RigidTransform.from_components(-R @ center, Rotation.from_matrix(R)),
    )


rig = Rig(cameras=tuple(looking_in(number, "fisheye" if number == 1 else "pinhole") for number in range(3)))


@pytest.mark.parametrize("unit", ["m", "mm"])
def test_a_camera_group_projects_as_the_rig_does(unit):
    group = to_camera_group(rig, unit=unit)
    points = np.random.default_rng(0).uniform(-0.2, 0.2, (30, 3))
    scale = {"m": 1, "mm": 1000}[unit]
    projected = np.array(group.project(scale * points)).reshape(3, 30, 2)
    np.testing.assert_allclose(projected.swapaxes(0, 1), rig.project(points), atol=1e-4)
    back = from_camera_group(group, unit=unit)
    assert back.names == rig.names
    np.testing.assert_allclose(back.centers, rig.centers, atol=1e-12)
    np.testing.assert_array_equal(back.cameras[0].intrinsics.distortion, rig.cameras[0].intrinsics.distortion)
    assert [camera.intrinsics.model for camera in back.cameras] == ["pinhole", "fisheye", "pinhole"]


def test_aniposelib_loads_what_we_save(tmp_path):
    twelve = Rig(cameras=tuple(looking_in(number) for number in range(12)))
    twelve.save(tmp_path / "calibration.toml")
    group = aniposelib.cameras.CameraGroup.load(tmp_path / "calibration.toml")
    assert group.get_names() == list(twelve.names)
    np.testing.assert_allclose(from_camera_group(group, unit="m").centers, twelve.centers, atol=1e-12)
    group.dump(str(tmp_path / "theirs.toml"))
    again = Rig.load(tmp_path / "theirs.toml")
    np.testing.assert_allclose(again.centers, twelve.centers, atol=1e-12)


def test_a_camera_without_a_size_is_named():
    with pytest.raises(ValueError, match="camera nose has no image size"):
        from_camera_group(aniposelib.cameras.CameraGroup.from_names(["nose"]), unit="mm")


def observed(frames=12):
    rng = np.random.default_rng(2)
    xy = []
    for _ in range(frames):
        turn = Rotation.from_rotvec([np.pi, 0, 0]) * Rotation.from_rotvec(rng.normal(0, 0.35, 3))
        pose = RigidTransform.from_components(rng.uniform(-0.1, 0.1, 3), turn)
        centred = board.corners - board.corners.mean(axis=0)
        pixels = rig.project(pose.apply(centred)).swapaxes(0, 1)
        xy.append(pixels + rng.normal(0, 0.1, pixels.shape))
    xy = np.array(xy)
    xy[~((xy > 0) & (xy < [1280, 1024])).all(axis=-1)] = np.nan
    return BoardObservations(
        board=board, names=rig.names, sizes=[[1280, 1024]] * 3, xy=xy, frame=np.arange(frames)
    )


def test_its_calibrator_runs_silently_and_repeatably(capsys):
    pinholes = observed()
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    found, error = calibrate_by_aniposelib(pinholes)
    again, _ = calibrate_by_aniposelib(pinholes)
    # Not to the last bit: it begins in single precision and switches the process to double on the way.
    np.testing.assert_allclose(found.centers, again.centers, atol=1e-4)
    assert np.array_equal(np.random.get_state()[1], before)  # noqa: NPY002
    assert capsys.readouterr().out == ""
    assert error < 5
    baseline = np.linalg.norm(found.centers[0] - found.centers[2])
    assert baseline == pytest.approx(np.linalg.norm(rig.centers[0] - rig.centers[2]), rel=0.1)


def test_its_failures_are_calibration_errors():
    seen = observed(4)
    hidden = np.array(seen.xy)
    hidden[:, 2] = np.nan
    with pytest.raises(CalibrationError, match="aniposelib cannot calibrate these observations"):
        calibrate_by_aniposelib(
            BoardObservations(board=board, names=seen.names, sizes=seen.sizes, xy=hidden, frame=seen.frame)
        )
