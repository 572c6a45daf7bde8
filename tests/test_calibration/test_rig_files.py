"""Other tools' calibration files, each against its own tool's formula for a projection or real samples."""

import json

import cv2
import h5py
import numpy as np
import pandas as pd
import pytest
import scipy.io
from scipy.spatial.transform import Rotation

from calibration import Camera, Intrinsics, Rig

K = np.array([[800.0, 0, 330], [0, 810, 250], [0, 0, 1]])
LENS = np.array([-0.3, 0.1, 0.001, -0.002, 0.02])
R = Rotation.from_rotvec([0.3, -0.2, 0.5]).as_matrix()
t = np.array([0.1, -0.2, 2.0])
points = np.random.default_rng(1).uniform(-0.3, 0.3, (20, 3))


def bent(x, y, lens=LENS):
    """Brown's model, written once more, from the paper."""
    k1, k2, p1, p2, k3 = lens
    r2 = x**2 + y**2
    radial = 1 + k1 * r2 + k2 * r2**2 + k3 * r2**3
    return (
        x * radial + 2 * p1 * x * y + p2 * (r2 + 2 * x**2),
        y * radial + p1 * (r2 + 2 * y**2) + 2 * p2 * x * y,
    )


def expected_pixels():
    x, y, z = R @ points.T + t[:, None]
    u, v = bent(x / z, y / z)
    return np.stack([800 * u + 330, 810 * v + 250], axis=-1)


def rig_of(*names, lens=LENS):
    rng = np.random.default_rng(0)
    intrinsics = Intrinsics(size=(640, 480), K=K, distortion=lens)
    return Rig(
        cameras=tuple(
            Camera.from_rotvec(name, intrinsics, rng.normal(size=3), rng.normal(size=3)) for name in names
        )
    )


def assert_same(rig, other):
    assert rig.names == other.names
    for a, b in zip(rig.cameras, other.cameras, strict=True):
        assert a.intrinsics.size == b.intrinsics.size
        np.testing.assert_allclose(a.intrinsics.K, b.intrinsics.K, rtol=1e-14)
        np.testing.assert_allclose(a.intrinsics.distortion, b.intrinsics.distortion, rtol=1e-14)
        np.testing.assert_allclose(a.R, b.R, atol=1e-12)
        np.testing.assert_allclose(a.t, b.t, atol=1e-12)


def matrix_yaml(name, value):
    value = np.atleast_2d(value)
    data = ", ".join(repr(float(x)) for x in value.ravel())
    return (
        f"{name}: !!opencv-matrix\n   rows: {value.shape[0]}\n   cols: {value.shape[1]}\n"
        f"   dt: d\n   data: [ {data} ]\n"
    )


def test_caliscope_keeps_its_metres_and_numbers(tmp_path, recordings):
    rig = rig_of("cam_3", "cam_0", "cam_11")
    rig.save(tmp_path / "camera_array.toml", format="caliscope")
    assert_same(rig.select(["cam_0", "cam_3", "cam_11"]), Rig.load(tmp_path / "camera_array.toml"))
    folder = recordings("webcams_4cam") / "post_optimization"
    old = Rig.load(folder / "camera_array.toml")
    assert old.names == ("cam_0", "cam_1", "cam_2", "cam_3")
    np.testing.assert_array_equal(
        old.cameras[0].t, [0.17125994082321383, -0.03234536459937444, 1.208386461814154]
    )
    np.testing.assert_allclose(
        old.cameras[0].R[0], [-0.7070716153979968, 0.5639880775931625, -0.42657611165094056]
    )
    assert_same(old, Rig.load(folder / "config.toml"))


def test_caliscope_agrees_with_its_own_triangulation(recordings):
    """Its 3D points, projected by our reading of its cameras, fall onto its 2D points."""
    folder = recordings("webcams_4cam") / "holistic_recording"
    rig = Rig.load(folder / "camera_array.toml")
    keys = ["sync_index", "point_id"]
    xyz = pd.read_csv(folder / "xyz_SIMPLE_HOLISTIC.csv")
    seen = pd.read_csv(folder / "xy_HOLISTIC.csv").merge(xyz, on=keys).dropna(subset=["x_coord"])
    for view, rows in seen.groupby("port"):
        miss = rig.cameras[int(view)].project(rows[["x_coord", "y_coord", "z_coord"]])
        miss -= rows[["img_loc_x", "img_loc_y"]]
        assert len(rows) > 3000
        # Untidy landmarks of hands and face; a wrong convention would be off by hundreds of pixels.
        assert np.median(np.hypot(*miss.to_numpy().T)) < 40


def test_easymocap_round_trip(tmp_path):
    rig = rig_of("1", "left", "10")
    rig.save(tmp_path / "calibration", format="opencv")
    assert_same(rig, Rig.load(tmp_path / "calibration"))
    assert_same(rig, Rig.load(tmp_path / "calibration" / "extri.yml"))
    first = (tmp_path / "calibration" / "intri.yml").read_bytes()
    rig.save(tmp_path / "calibration", format="opencv")
    assert (tmp_path / "calibration" / "intri.yml").read_bytes() == first
    (tmp_path / "calibration" / "intri.yml").unlink()
    with pytest.raises(ValueError, match=r"side by side; no intri\.yml"):
        Rig.load(tmp_path / "calibration")


def test_easymocap_without_rodrigues_vectors_or_sizes(tmp_path):
    names = '%YAML:1.0\n---\nnames:\n   - "a"\n'
    (tmp_path / "intri.yml").write_text(names + matrix_yaml("K_a", K) + matrix_yaml("dist_a", LENS))
    (tmp_path / "extri.yml").write_text(names + matrix_yaml("Rot_a", R) + matrix_yaml("T_a", t[:, None]))
    with pytest.warns(UserWarning, match="image size of camera a is not stored; taken as 661 x 501"):
        rig = Rig.load(tmp_path)
    np.testing.assert_allclose(rig.project(points)[:, 0], expected_pixels(), atol=1e-9)


def test_mc_calib_poses_are_world_from_cam(tmp_path):
    world_from_cam = np.linalg.inv(np.vstack([np.column_stack([R, t * 100]), [0, 0, 0, 1]]))
    one = "".join(
        "   " + line + "\n"
        for line in (
            matrix_yaml("camera_matrix", K)
            + matrix_yaml("distortion_vector", LENS)
            + "distortion_type: 0\ncamera_group: 0\nimg_width: 640\nimg_height: 480\n"
            + matrix_yaml("camera_pose_matrix", world_from_cam)
        ).splitlines()
    )
    path = tmp_path / "calibrated_cameras_data.yml"
    path.write_text(f"%YAML:1.0\n---\nnb_camera: 1\ncamera_0:\n{one}")
    with pytest.raises(ValueError, match="does not store its length unit"):
        Rig.load(path)
    rig = Rig.load(path, unit="cm")
    np.testing.assert_allclose(rig.project(points)[:, 0], expected_pixels(), atol=1e-9)
    assert rig.cameras[0].intrinsics.size == (640, 480)


def test_jarvis_stores_transposed_matrices_one_file_per_camera(tmp_path):
    for name in ("Camera_2", "Camera_10"):
        (tmp_path / f"{name}.yaml").write_text(
            "%YAML:1.0\n---\nimage_width: 640\nimage_height: 480\n"
            + matrix_yaml("intrinsicMatrix", K.T)
            + matrix_yaml("distortionCoefficients", LENS)
            + matrix_yaml("R", R.T)
            + matrix_yaml("T", 1000 * t[:, None])
        )
    rig = Rig.load(tmp_path)
    assert rig.names == ("Camera_2", "Camera_10")
    np.testing.assert_allclose(rig.project(points)[:, 1], expected_pixels(), atol=1e-9)


def test_kalibr_chains_its_cameras(tmp_path):
    first = np.vstack([np.column_stack([R, t]), [0, 0, 0, 1]])
    camera = "  camera_model: pinhole\n  intrinsics: [800.0, 810.0, 330.0, 250.0]\n  resolution: [640, 480]\n"
    radtan = f"  distortion_model: radtan\n  distortion_coeffs: {LENS[:4].tolist()}\n"
    path = tmp_path / "camchain.yaml"
    path.write_text(
        f"cam0:\n{camera}{radtan}"
        f"cam1:\n{camera}  distortion_model: equidistant\n  distortion_coeffs: [0.1, 0.01, 0, 0]\n"
        f"  T_cn_cnm1: {first.tolist()}\n"
        f"cam2:\n{camera}{radtan}  T_cn_cnm1: {np.linalg.inv(first).tolist()}\n"
    )
    rig = Rig.load(path)
    assert rig.names == ("cam0", "cam1", "cam2")
    assert [camera.intrinsics.model for camera in rig.cameras] == ["pinhole", "fisheye", "pinhole"]
    np.testing.assert_allclose(rig.cameras[1].R, R, atol=1e-12)
    np.testing.assert_allclose(rig.cameras[2].t, 0, atol=1e-12)
    path.write_text(f"cam0:\n{camera}  distortion_model: fov\n  distortion_coeffs: [0.9]\n")
    with pytest.raises(ValueError, match="cam0 has a lens pinhole-fov; known are"):
        Rig.load(path)


def test_label3d_projects_onto_its_labels(recordings):
    path = recordings("mouse_6cam_label3d") / "mouse_1" / "label3d_dannce.mat"
    with pytest.warns(UserWarning, match="not stored"):
        rig = Rig.load(path)
    assert rig.names == tuple(f"Camera{number}" for number in range(1, 7))
    labels = scipy.io.loadmat(path, simplify_cells=True)["labelData"]
    for camera, label in zip(rig.cameras, labels, strict=True):
        xyz = label["data_3d"].reshape(-1, 22, 3) / 1000
        xy = label["data_2d"].reshape(-1, 22, 2)
        assert abs(camera.intrinsics.K[0, 1]) > 0.5  # the skew that cv2.projectPoints would ignore
        np.testing.assert_allclose(np.nanmedian(np.abs(camera.project(xyz) - xy)), 0, atol=1e-4)


def test_dannce_parameter_files_are_one_camera_each(tmp_path):
    for number in (1, 2, 10):
        scipy.io.savemat(
            tmp_path / f"hires_cam{number}_params.mat",
            {"K": K.T, "r": R.T, "t": 1000 * t[None], "RDistort": LENS[[0, 1, 4]], "TDistort": LENS[2:4]},
        )
    with pytest.warns(UserWarning, match="not stored"):
        rig = Rig.load(tmp_path)
    assert rig.names == ("hires_cam1", "hires_cam2", "hires_cam10")
    np.testing.assert_allclose(rig.project(points)[:, 2], expected_pixels(), atol=1e-9)


def test_mrcal_models(recordings):
    rig = Rig.load(recordings("format_samples") / "mrcal")
    assert rig.names == ("cam0.opencv8", "pinhole-narrow-yawed-left")
    wide, narrow = rig.cameras
    assert wide.intrinsics.size == (4000, 2200)
    assert len(wide.intrinsics.distortion) == 8
    np.testing.assert_allclose(wide.rotvec, [0.02, -0.3, -0.01])
    np.testing.assert_allclose(wide.t, [1, 2, -3])
    assert narrow.intrinsics.K[0, 0] == 2405.678127


def test_mrcal_says_how_to_convert_other_lenses(tmp_path):
    path = tmp_path / "a.cameramodel"
    path.write_text("{'lensmodel': 'LENSMODEL_CAHVOR', 'intrinsics': [1,2,3], 'imagersize': [4, 5]}")
    with pytest.raises(ValueError, match="mrcal-convert-lensmodel"):
        Rig.load(path)
    path.write_text("{'lensmodel': 'LENSMODEL_PINHOLE', 'intrinsics': __import__('os').system('true')}")
    with pytest.raises(ValueError, match="not a cameramodel"):
        Rig.load(path)


def test_qualisys_is_the_source_of_the_toml_beside_it(recordings):
    folder = recordings("human_4cam") / "S00_Calibration"
    ours, theirs = Rig.load(folder / "Calib.qca.txt"), Rig.load(folder / "Calib_qualisys.toml")
    assert ours.names == theirs.names
    np.testing.assert_allclose(ours.centers, theirs.centers, atol=1e-6)
    for a, b in zip(ours.cameras, theirs.cameras, strict=True):
        assert a.intrinsics.size == b.intrinsics.size
        np.testing.assert_allclose(a.R, b.R, atol=1e-6)
        np.testing.assert_allclose(a.intrinsics.K, b.intrinsics.K, atol=1e-6)
        # The TOML divides the coefficients by the 64 sub-pixels too, which flattens the lens.
        np.testing.assert_allclose(a.intrinsics.distortion[:4] / 64, b.intrinsics.distortion[:4], atol=1e-9)


def test_qualisys_turned_views_are_refused(tmp_path, recordings):
    text = (recordings("human_4cam") / "S00_Calibration" / "Calib.qca.txt").read_text()
    (tmp_path / "turned.txt").write_text(text.replace('viewrotation="0"', 'viewrotation="90"', 1))
    with pytest.raises(ValueError, match="camera cam_01 has viewrotation 90"):
        Rig.load(tmp_path / "turned.txt")


def test_panoptic_sees_its_people(recordings):
    folder = recordings("format_samples") / "panoptic" / "160906_band1"
    rig = Rig.load(folder / "calibration_160906_band1.json")
    assert len(rig) == 520
    hd = rig.select([name for name in rig.names if name.startswith("00_")])
    body = json.loads(next((folder / "hdPose3d_stage1_coco19").iterdir()).read_text())["bodies"][0]
    xyz = np.reshape(body["joints19"], (19, 4))[:, :3] / 100
    xy = hd.project(xyz)
    assert np.isfinite(xy).all()
    inside = ((xy > 0) & (xy < hd.cameras[0].intrinsics.size)).all(axis=-1)
    assert inside.mean() > 0.7


def test_freemocap_is_in_mm_unless_its_board_was_not_measured(tmp_path):
    rig = rig_of("cam_a", "cam_b")
    rig.save(tmp_path / "a.toml", unit="mm")
    text = (tmp_path / "a.toml").read_text().replace('unit = "mm"', "charuco_square_size = 39.0")
    (tmp_path / "a.toml").write_text(text)
    assert_same(rig, Rig.load(tmp_path / "a.toml"))
    (tmp_path / "a.toml").write_text(text.replace("39.0", "1"))
    with pytest.raises(ValueError, match="does not store its length unit"):
        Rig.load(tmp_path / "a.toml")


@pytest.mark.parametrize("content", [b"", b"\x80\x04\x95hello", b"hello = 3\n", b"\x00\x01\x02" * 100, b"{}"])
def test_unknown_files_are_named(tmp_path, content):
    path = tmp_path / "calibration.toml"
    path.write_bytes(content)
    with pytest.raises(
        ValueError, match=r"calibration\.toml: (the file is empty|a pickle|not a calibration)"
    ):
        Rig.load(path)


def test_missing_files_and_empty_folders(tmp_path):
    with pytest.raises(FileNotFoundError):
        Rig.load(tmp_path / "nothing.toml")
    with pytest.raises(ValueError, match="no calibration file of a known format in this folder"):
        Rig.load(tmp_path)


def test_new_matlab_files_are_refused_with_the_remedy(tmp_path):
    with h5py.File(tmp_path / "a.mat", "w", userblock_size=512) as file:
        file["params"] = [1]
    content = bytearray((tmp_path / "a.mat").read_bytes())
    content[:128] = b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM"
    (tmp_path / "a.mat").write_bytes(content)
    with pytest.raises(ValueError, match="save it there with -v7"):
        Rig.load(tmp_path / "a.mat")


def test_improper_rotations_are_refused(tmp_path):
    path = tmp_path / "a.json"
    camera = {
        "name": "a",
        "resolution": [640, 480],
        "K": K.tolist(),
        "distCoef": [0] * 5,
        "R": np.diag([1, 1, -1]).tolist(),
        "t": [0, 0, 0],
    }
    path.write_text(json.dumps({"cameras": [camera]}))
    with pytest.raises(ValueError, match=r"a\.json: expected a proper rotation"):
        Rig.load(path)


def test_opencv_itself_reads_what_is_written(tmp_path):
    rig = rig_of("a")
    rig.save(tmp_path / "out", format="opencv")
    storage = cv2.FileStorage(str(tmp_path / "out" / "extri.yml"), cv2.FILE_STORAGE_READ)
    np.testing.assert_allclose(cv2.Rodrigues(storage.getNode("R_a").mat())[0], storage.getNode("Rot_a").mat())
