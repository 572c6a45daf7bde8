"""Every format is read back by a reader that is not ours, or by a strict one made of the format's rules."""

import re
from dataclasses import replace

import ezc3d
import h5py
import numpy as np
import pandas as pd
import pytest
from scipy.io import netcdf_file

import triangulate
from models2d import Skeleton
from tests.test_triangulate.strict_trc import read_trc
from tests.test_triangulate.trajectory_samples import sample
from triangulate.export.extent import Extent
from triangulate.export.formats import FORMATS, format_of, refusal


def needs_extra(name):
    if name == "nwb":
        pytest.importorskip("ndx_pose", reason="NWB needs the extra nwb")


@pytest.fixture
def trajectories():
    return sample()


@pytest.fixture
def two():
    return sample(subjects=("ann", "bob"))


@pytest.mark.parametrize("frames", [0, 1, 12])
def test_parquet_gives_back_every_bit(tmp_path, frames):
    written = sample(frames=frames, subjects=("ann", "bob"))
    triangulate.write(written, tmp_path / "t.parquet")
    read = triangulate.read(tmp_path / "t.parquet")
    for name in ("xyz", "covariance", "inliers", "status", "error"):
        np.testing.assert_array_equal(getattr(read, name), getattr(written, name), err_msg=name)
    assert (read.fps, read.start, read.subjects, read.views) == (
        written.fps,
        written.start,
        written.subjects,
        written.views,
    )
    assert read.skeleton.keypoints == written.skeleton.keypoints
    np.testing.assert_array_equal(read.skeleton.bones, written.skeleton.bones)
    np.testing.assert_array_equal(read.skeleton.mirror, written.skeleton.mirror)


def test_parquet_is_a_plain_table_for_pandas(tmp_path, two):
    triangulate.write(two, tmp_path / "t.parquet")
    table = pd.read_parquet(tmp_path / "t.parquet")
    one = table[(table.frame == 3) & (table.subject == "bob") & (table.keypoint == "left ear")]
    np.testing.assert_array_equal(one[["x", "y", "z"]].to_numpy()[0], two.xyz[3, 1, 1])


def test_trc_obeys_every_rule_and_is_y_up_at_the_true_rate(tmp_path, trajectories):
    triangulate.write(trajectories, tmp_path / "t.trc")
    header, names, times, xyz = read_trc(tmp_path / "t.trc")
    assert (header["DataRate"], header["Units"]) == ("29.97", "m")
    assert names == ["nose", "left_ear", "right_ear"]
    np.testing.assert_allclose(times, trajectories.times, atol=1e-8)
    x, y, z = np.moveaxis(trajectories.xyz[:, 0], -1, 0)
    np.testing.assert_allclose(xyz, np.stack([y, z, x], axis=-1), atol=1e-7)
    assert np.isnan(xyz).any()


def test_c3d_holds_the_points_in_mm_and_marks_the_missing(tmp_path, two):
    triangulate.write(two, tmp_path / "t.c3d")
    file = ezc3d.c3d(str(tmp_path / "t.c3d"))
    point = file["parameters"]["POINT"]
    assert point["UNITS"]["value"] == ["mm"]
    np.testing.assert_allclose(point["RATE"]["value"], [29.97], rtol=1e-6)
    assert point["LABELS"]["value"][:2] == ["ann:nose", "ann:left_ear"]
    xyz = file["data"]["points"][:3].transpose(2, 1, 0)
    truth = 1000 * two.xyz.reshape(12, 6, 3)
    missing = np.isnan(truth[..., 0])
    np.testing.assert_allclose(xyz[~missing], truth[~missing], rtol=1e-6, atol=1e-3)
    assert np.isnan(xyz[missing]).all()
    residuals = file["data"]["meta_points"]["residuals"][0].T
    assert (residuals[missing] == -1).all()
    assert (residuals[~missing] >= 0).all()


def test_c3d_keeps_a_point_at_the_origin(tmp_path, trajectories):
    xyz = np.zeros_like(trajectories.xyz)
    still = type(trajectories)(
        **{name: getattr(trajectories, name) for name in trajectories.__dataclass_fields__} | {"xyz": xyz}
    )
    triangulate.write(still, tmp_path / "t.c3d")
    file = ezc3d.c3d(str(tmp_path / "t.c3d"))
    assert (file["data"]["meta_points"]["residuals"] >= 0).all()
    assert np.abs(file["data"]["points"][:3]).max() < 1e-5


def test_c3d_refuses_what_its_frame_counter_cannot_hold(tmp_path):
    with pytest.raises(ValueError, match="1 to 65535 frames, got 65536"):
        triangulate.write(sample(frames=65536), tmp_path / "t.c3d")
    triangulate.write(sample(frames=65535), tmp_path / "t.c3d")
    assert ezc3d.c3d(str(tmp_path / "t.c3d"))["data"]["points"].shape == (4, 3, 65535)


def test_what_ezc3d_reads_of_a_longer_file_is_why_it_is_refused(tmp_path, monkeypatch):
    """Once ezc3d reads longer files, in whatever way of marking them, the limit can go."""
    monkeypatch.setattr("triangulate.export.c3d.MOST_FRAMES", 10**6)
    triangulate.write(sample(frames=65536), tmp_path / "t.c3d")
    assert ezc3d.c3d(str(tmp_path / "t.c3d"))["data"]["points"].shape == (4, 3, 65535)


def named(keypoints, frames=2, subjects=("ann",)):
    """Trajectories of keypoints of such names, as many as there are names."""
    points = sample(frames=frames, subjects=subjects)
    shape = (frames, len(subjects), len(keypoints))
    return replace(
        points,
        xyz=np.random.default_rng(0).normal(size=(*shape, 3)),
        covariance=np.broadcast_to(np.eye(3), (*shape, 3, 3)),
        inliers=np.ones((frames, len(points.views), *shape[1:]), dtype=bool),
        status=np.zeros(shape, dtype=np.int8),
        error=np.zeros(shape),
        skeleton=Skeleton.from_names("long", list(keypoints), [(keypoints[0], keypoints[-1])]),
    )


LIMITS = [
    ("c3d", dict(frames=65536, subjects=("ann",)), "1 to 65535 frames, got 65536"),
    ("c3d", dict(frames=9, subjects=("ann",), keypoints=("ü" * 128,)), "at most 255 bytes, .* has 256"),
    ("c3d", dict(frames=9, subjects=("ann",), keypoints=("a b", "a_b")), "'a_b' do not"),
    ("trc", dict(frames=9, subjects=("ann",), keypoints=("a b", "a_b")), "'a_b' do not"),
    ("anipose", dict(frames=9, subjects=("ann",), keypoints=("a b", "a_b")), "'a_b' do not"),
    ("nwb", dict(frames=9, subjects=("ann", "bob")), "one subject per file, got ann, bob"),
    ("nwb", dict(frames=9, subjects=("ann",), keypoints=("left/ear",)), "neither / nor :, got 'left/ear'"),
    ("nwb", dict(frames=9, subjects=("ann",), keypoints=tuple("k" * n for n in range(1, 258))), "256 key"),
    ("movement", dict(frames=10**7, subjects=("ann",), keypoints=tuple("abcdefghi")), "need 2160000000"),
]


@pytest.mark.parametrize(("name", "extent", "reason"), LIMITS)
def test_what_a_format_cannot_hold_is_known_before_there_is_any(name, extent, reason):
    needs_extra(name)
    assert re.search(reason, refusal(name, Extent(**extent)))


@pytest.mark.parametrize(
    ("name", "extent", "reason"), [limit for limit in LIMITS[:-1] if "keypoints" in limit[1]]
)
def test_the_writer_refuses_by_the_same_limit(tmp_path, name, extent, reason):
    needs_extra(name)
    with pytest.raises(ValueError, match=reason):
        triangulate.write(named(extent["keypoints"]), tmp_path / f"t{FORMATS[name][0]}")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("frames", [1, 65535, 65536, 10**7])
def test_formats_without_limits_have_none(frames):
    extent = Extent(frames=frames, subjects=("ann", "bob"), keypoints=("left/ear", "ü" * 300))
    for name in set(FORMATS) - {"c3d", "nwb", "movement"}:
        assert refusal(name, extent) is None


def test_a_package_that_is_missing_is_known_too(monkeypatch):
    monkeypatch.setattr("triangulate.export.formats.find_spec", lambda _: None)
    assert "pip install" in refusal("nwb", Extent(frames=9, subjects=("ann",)))


def test_nwb_keeps_bones_of_as_many_keypoints_as_it_takes(tmp_path):
    pynwb = pytest.importorskip("pynwb")
    pytest.importorskip("ndx_pose")
    triangulate.write(named([f"k{i}" for i in range(256)]), tmp_path / "t.nwb")
    with pynwb.NWBHDF5IO(str(tmp_path / "t.nwb"), "r") as io:
        skeletons = io.read().processing["behavior"]["Skeletons"].skeletons
        np.testing.assert_array_equal(next(iter(skeletons.values())).edges[:], [[0, 255]])


def test_deeplabcut_3d_of_more_columns_than_an_attribute_holds(tmp_path):
    points = named([f"keypoint number {i}" for i in range(1500)])
    triangulate.write(points, tmp_path / "t.dlc.h5")
    table = pd.read_hdf(tmp_path / "t.dlc.h5", key="df_with_missing")
    np.testing.assert_array_equal(table.to_numpy().reshape(points.xyz.shape), points.xyz)
    assert table.columns.get_level_values("bodyparts")[-1] == "keypoint number 1499"


@pytest.mark.parametrize("frames", [0, 1])
@pytest.mark.parametrize("name", FORMATS)
def test_very_short_recordings_are_written(tmp_path, name, frames):
    needs_extra(name)
    path = tmp_path / f"t{FORMATS[name][0]}"
    refused = {"c3d": "1 to 65535 frames, got 0", "trc": "a frame and a marker at least, got 0 frames"}
    if frames == 0 and name in refused:
        with pytest.raises(ValueError, match=refused[name]):
            triangulate.write(sample(frames=frames), path)
        return
    triangulate.write(sample(frames=frames), path)
    assert path.is_file()


def test_csv_has_one_row_per_point(tmp_path, two):
    triangulate.write(two, tmp_path / "t.csv")
    table = pd.read_csv(tmp_path / "t.csv")
    assert len(table) == 12 * 2 * 3
    np.testing.assert_allclose(
        table[["x", "y", "z"]].to_numpy().reshape(12, 2, 3, 3), two.xyz, rtol=1e-8, equal_nan=True
    )
    assert set(table.status) <= {"ok", "one_view"}
    assert (table.x.isna() == (table.status == "one_view")).all()


def test_anipose_csv_has_the_columns_that_movement_demands(tmp_path, trajectories):
    triangulate.write(trajectories, tmp_path / "t.anipose.csv")
    table = pd.read_csv(tmp_path / "t.anipose.csv")
    wanted = {f"nose_{what}" for what in ("x", "y", "z", "error", "ncams", "score")}
    wanted |= {f"M_{i}{j}" for i in range(3) for j in range(3)} | {"center_0", "center_1", "center_2", "fnum"}
    assert wanted <= set(table.columns)
    np.testing.assert_allclose(table["left_ear_y"], trajectories.xyz[:, 0, 1, 1], rtol=1e-8)


@pytest.mark.parametrize("suffix", [".dlc.h5", ".dlc.csv"])
def test_deeplabcut_3d(tmp_path, two, trajectories, suffix):
    for points, levels in ((two, 4), (trajectories, 3)):
        path = tmp_path / f"t{suffix}"
        triangulate.write(points, path)
        if suffix.endswith("h5"):
            table = pd.read_hdf(path, key="df_with_missing")
        else:
            table = pd.read_csv(path, header=list(range(levels)), index_col=0)
        assert table.columns.nlevels == levels
        np.testing.assert_allclose(table.to_numpy().reshape(points.xyz.shape), points.xyz, rtol=1e-8)


def test_sleap_anipose_h5(tmp_path, two):
    triangulate.write(two, tmp_path / "t.sleap.h5")
    with h5py.File(tmp_path / "t.sleap.h5") as file:
        np.testing.assert_array_equal(file["tracks"][:], two.xyz)
        assert file["node_names"].asstr()[:].tolist() == list(two.skeleton.keypoints)


def test_movement_netcdf(tmp_path, two):
    triangulate.write(two, tmp_path / "t.nc")
    with netcdf_file(str(tmp_path / "t.nc"), mmap=False) as file:
        position = file.variables["position"]
        assert position.dimensions == ("time", "space", "keypoint", "individual")
        np.testing.assert_array_equal(position[:], two.xyz.transpose(0, 3, 2, 1))
        assert file.ds_type == b"poses"


def test_movement_netcdf_opens_in_xarray(tmp_path, two):
    xarray = pytest.importorskip("xarray")
    triangulate.write(two, tmp_path / "t.nc")
    with xarray.open_dataset(tmp_path / "t.nc") as dataset:
        assert dataset.individual.values.tolist() == ["ann", "bob"]
        left = dataset.position.sel(keypoint="left ear", individual="bob").values
        np.testing.assert_array_equal(left, two.xyz[:, 1, 1])
        assert dataset.attrs["fps"] == 29.97


def test_nwb(tmp_path, trajectories, two):
    pynwb = pytest.importorskip("pynwb")
    pytest.importorskip("ndx_pose")
    triangulate.write(trajectories, tmp_path / "t.nwb")
    with pynwb.NWBHDF5IO(str(tmp_path / "t.nwb"), "r") as io:
        pose = io.read().processing["behavior"]["PoseEstimation"]
        np.testing.assert_array_equal(pose["nose"].data[:], trajectories.xyz[:, 0, 0])
    with pytest.raises(ValueError, match="one subject per file, got ann, bob"):
        triangulate.write(two, tmp_path / "two.nwb")
    assert not (tmp_path / "two.nwb").exists()


def test_an_unknown_suffix_lists_the_known_ones(tmp_path, trajectories):
    with pytest.raises(ValueError, match=r"t\.xlsx: no format has this suffix; known are .*\.trc.*\.c3d"):
        triangulate.write(trajectories, tmp_path / "t.xlsx")
    assert not list(tmp_path.iterdir())


def test_a_missing_folder_is_named(tmp_path, trajectories):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        triangulate.write(trajectories, tmp_path / "nowhere" / "t.trc")


def test_names_that_become_the_same_are_refused(tmp_path, trajectories):
    skeleton = type(trajectories.skeleton)(name="odd", keypoints=("a b", "a_b", "c"))
    odd = type(trajectories)(
        **{name: getattr(trajectories, name) for name in trajectories.__dataclass_fields__}
        | {"skeleton": skeleton}
    )
    with pytest.raises(ValueError, match="'a_b' do not"):
        triangulate.write(odd, tmp_path / "t.trc")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", FORMATS)
def test_half_a_character_is_refused_with_the_file_and_the_name(tmp_path, name):
    needs_extra(name)
    path = tmp_path / f"t{FORMATS[name][0]}"
    for bad in (named(["nose", "\ud800tail"]), named(["nose"], subjects=("\ud800tail",))):
        message = re.escape(f"{path}: the name '\\ud800tail' holds half a character")
        with pytest.raises(ValueError, match=message) as caught:
            triangulate.write(bad, path)
        assert not isinstance(caught.value, UnicodeError)
        assert refusal(name, Extent.of(bad)) in str(caught.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_is_whole_or_absent(tmp_path, name, monkeypatch):
    needs_extra(name)
    path = tmp_path / f"t{FORMATS[name][0]}"
    assert format_of(path) == name
    monkeypatch.setattr(
        "calibration.atomic.os.replace", lambda *_: (_ for _ in ()).throw(OSError("disk full"))
    )
    with pytest.raises(OSError, match="disk full"):
        triangulate.write(sample(), path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"", "not a Parquet file"), (b"PAR1 not really", "not a Parquet file")],
)
def test_files_that_are_not_ours(tmp_path, content, message):
    (tmp_path / "t.parquet").write_bytes(content)
    with pytest.raises(ValueError, match=message):
        triangulate.read(tmp_path / "t.parquet")


def test_a_parquet_of_something_else_is_refused(tmp_path):
    pd.DataFrame({"x": [1.0]}).to_parquet(tmp_path / "t.parquet")
    with pytest.raises(ValueError, match="not of trajectories"):
        triangulate.read(tmp_path / "t.parquet")
