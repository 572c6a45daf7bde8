"""Other tools' files become detections, and ours keep everything."""

import json
import pickle
import warnings

import h5py
import numpy as np
import pandas as pd
import pytest

import models2d
from models2d import Detections2D, Skeleton, Tracks2D, read_detections, read_tracks, write_detections
from models2d.readers.pandas_h5 import read_table
from models2d.readers.pickled_literals import literals


def detections(*, slots=2, covariance=True, times=False):
    frames, views = 7, 2
    random = np.random.default_rng(0)
    skeleton = Skeleton.from_names("mouse", ["nose", "ear_left", "ear_right"], [("nose", "ear_left")])
    xy = random.uniform(0, 600, (frames, views, slots, 3, 2))
    xy[random.random(xy.shape[:-1]) < 0.2] = np.nan
    spread = np.eye(2) * random.uniform(1, 4, (*xy.shape[:-1], 1, 1)) + 0.3
    return Detections2D(
        xy=xy,
        confidence=random.uniform(0.1, 1, xy.shape[:-1]),
        covariance=spread if covariance else None,
        times=random.random((frames, views)) if times else None,
        views=("back", "side")[:views],
        skeleton=skeleton,
        fps=29.97,
    )


def dlc_frame(frames, keypoints, individuals=None, seed=0):
    levels, names = [["net"], keypoints, ["x", "y", "likelihood"]], ["scorer", "bodyparts", "coords"]
    if individuals:
        levels.insert(1, individuals)
        names.insert(1, "individuals")
    columns = pd.MultiIndex.from_product(levels, names=names)
    return pd.DataFrame(np.random.default_rng(seed).uniform(0.1, 1, (frames, len(columns))), columns=columns)


@pytest.mark.parametrize("covariance", [False, True])
@pytest.mark.parametrize("times", [False, True])
def test_parquet_keeps_everything(tmp_path, covariance, times):
    there = detections(covariance=covariance, times=times)
    write_detections(there, tmp_path / "d.parquet")
    back = read_detections(tmp_path / "d.parquet")
    for name in ("xy", "confidence", "covariance", "times"):
        np.testing.assert_equal(getattr(back, name), getattr(there, name))
    assert (back.views, back.fps, back.skeleton.keypoints) == (there.views, 29.97, there.skeleton.keypoints)
    np.testing.assert_equal(back.skeleton.bones, there.skeleton.bones)
    np.testing.assert_equal(back.skeleton.mirror, there.skeleton.mirror)
    assert [path.name for path in tmp_path.iterdir()] == ["d.parquet"]


def test_parquet_keeps_tracks(tmp_path):
    there = detections(slots=1).as_tracks()
    write_detections(there, tmp_path / "t.parquet")
    back = models2d.readers.parquet.read(tmp_path / "t.parquet")
    assert isinstance(back, Tracks2D)
    assert back.subjects == ("subject",)
    np.testing.assert_equal(back.xy, there.xy)


@pytest.mark.parametrize("suffix", [".csv", ".h5"])
@pytest.mark.parametrize("slots", [1, 2])
def test_dlc_style_round_trip(tmp_path, suffix, slots):
    there = detections(slots=slots, covariance=False)
    written = write_detections(there, tmp_path / ("{view}" + suffix))
    assert [path.stem for path in written] == ["back", "side"]
    back = read_detections(dict(zip(there.views, written, strict=True)), fps=29.97)
    np.testing.assert_allclose(back.xy, there.xy, rtol=1e-12)
    np.testing.assert_allclose(back.confidence, there.confidence, rtol=1e-12)


@pytest.mark.parametrize("style", ["table", "fixed"])
@pytest.mark.parametrize("individuals", [None, ["one", "two"]])
def test_hdf5_of_pandas_reads_as_pandas_does(tmp_path, style, individuals):
    frame = dlc_frame(5, ["a", "b", "c"], individuals)
    frame.to_hdf(tmp_path / "p.h5", key="tracks", format=style)
    _, header, rows, values = read_table(tmp_path / "p.h5")
    assert header == list(frame.columns)
    assert rows == [str(row) for row in frame.index]
    np.testing.assert_equal(values, frame.to_numpy())


def test_a_pickle_that_would_run_code_is_refused(tmp_path):
    class Bomb:
        def __reduce__(self):
            return (tmp_path.joinpath("ran").touch, ())

    for protocol in range(5):
        with pytest.raises(ValueError, match="could run code"):
            literals(pickle.dumps([("a", Bomb())], protocol=protocol))
    assert not (tmp_path / "ran").exists()


def test_literals_equal_pickle():
    value = [("Pranav", "snout", "x"), {"names": ["a", None, True], 1: (2, 3.5), 2: ()}, [], {}, -7, 10**12]
    for protocol in range(6):
        assert literals(pickle.dumps(value, protocol=protocol)) == value


def test_hdf5_that_holds_pickled_arrays_is_refused(tmp_path):
    mixed = dlc_frame(2, ["a"]).astype(object)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        mixed.to_hdf(tmp_path / "object.h5", key="k")
    with pytest.raises(ValueError, match="pickled"):
        read_detections({"back": tmp_path / "object.h5"}, fps=1)


def test_real_dlc_labels_csv_and_h5_agree(recordings):
    folder = recordings("format_samples") / "dlc"
    for stem in ("m4s1_CollectedData_Pranav", "reachingvideo1_CollectedData_Mackenzie"):
        text = read_detections({"cam": folder / f"{stem}.csv"}, fps=30)
        binary = read_detections({"cam": folder / f"{stem}.h5"}, fps=30)
        np.testing.assert_allclose(text.xy, binary.xy, rtol=1e-12)
        assert text.skeleton.keypoints == binary.skeleton.keypoints
        assert np.isfinite(text.xy).any()


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("dlc_testdata.csv", (4, 1, 1, 3)),
        ("dlc_testdata_v2.csv", (4, 1, 1, 3)),
        ("madlc_testdata.csv", (4, 1, 2, 3)),
        ("madlc_testdata_v2.csv", (4, 1, 2, 3)),
        ("maudlc_testdata.csv", (4, 1, 3, 5)),
        ("maudlc_testdata_v2.csv", (4, 1, 3, 5)),
    ],
)
def test_real_dlc_header_variants(recordings, name, shape):
    found = read_detections({"cam": recordings("format_samples") / "dlc" / name}, fps=30)
    assert found.shape == shape
    np.testing.assert_equal(found.xy[0, 0, 0, :3], [[0, 1], [2, 3], [4, 5]])
    assert np.isnan(found.xy[1, 0, 0, 1]).all()


def test_unique_bodyparts_are_the_individual_called_single(recordings):
    tracks = read_tracks({"cam": recordings("format_samples") / "dlc" / "maudlc_testdata.csv"}, fps=30)
    assert tracks.subjects == ("Animal1", "Animal2", "single")
    np.testing.assert_equal(tracks.xy[1, 0, 2, 3:], [[22, 23], [24, 25]])


def test_real_sleap_analysis(recordings):
    folder = recordings("mouse_4cam")
    views = {
        view: folder / view / f"minimal_{view}_proofread.analysis.h5"
        for view in ("back", "mid", "side", "top")
    }
    found = read_detections(views, fps=30)
    assert found.shape == (120, 4, 1, 15)
    with h5py.File(views["side"]) as file:
        tracks = file["tracks"][()]
    np.testing.assert_equal(found.xy[:, 2, 0], tracks[0].transpose(2, 1, 0))
    present = np.isfinite(found.xy[..., 0])
    assert ((found.confidence[present] > 0) & (found.confidence[present] <= 1)).all()
    assert len(found.skeleton.bones) == 14
    named = read_tracks(views, fps=30)
    assert len(named.subjects) == 1


def test_real_sleap_tracks_are_slots(recordings):
    file = recordings("format_samples") / "sleap" / "predictions.analysis.h5"
    tracks = read_tracks({"cam": file}, fps=30)
    assert tracks.shape == (3000, 1, 2, 13)
    assert tracks.subjects == ("track_0", "track_1")


def test_real_sleap_csv_points_set_by_hand_count_fully(recordings):
    name = "minimal_instance.000_centered_pair_low_quality.analysis.csv"
    found = read_detections({"cam": recordings("format_samples") / "sleap" / name}, fps=30)
    np.testing.assert_allclose(found.xy[0, 0, 0, 0], [205.9300540539013689, 187.88964024221963])
    assert found.confidence[0, 0].tolist() == [[1.0, 1.0]]


def test_real_sleap_project_agrees_with_its_analysis_export(recordings):
    pytest.importorskip("sleap_io", reason="SLEAP projects need the extra sleap")
    folder = recordings("mouse_4cam") / "side"
    project = read_detections({"side": folder / "minimal_side_proofread.slp"}, fps=30)
    export = read_detections({"side": folder / "minimal_side_proofread.analysis.h5"}, fps=30)
    both = np.isfinite(project.xy[..., 0]) & np.isfinite(export.xy[..., 0])
    assert both.mean() > 0.8
    np.testing.assert_allclose(project.xy[both], export.xy[both], atol=1e-6)


def test_real_lightning_pose_predictions(recordings):
    folder = recordings("animals_eks") / "fly"
    views = {name: next(folder.glob(f"*Cam-{name}*rng=0.csv")) for name in "ABC"}
    found = read_detections(views, fps=300)
    assert found.shape == (500, 3, 1, 12)
    np.testing.assert_allclose(found.xy[0, 0, 0, 0], [194.6980, 161.2993])
    assert found.fps == 300


def test_real_openpose_folders(recordings):
    trial = recordings("human_4cam") / "S00_P00_SingleParticipant" / "S00_P00_T01_BalancingTrial"
    views = {f"cam0{n}": trial / "pose" / f"cam0{n}_json" for n in range(1, 5)}
    found = read_detections(views, fps=60)
    assert found.skeleton.name == "body25b"
    assert found.shape[:2] == (100, 4)
    assert found.shape[3] == 25
    np.testing.assert_allclose(found.xy[0, 0, 0, 0], [505.232, 431.63])
    assert not (found.xy == 0).all(axis=-1).any()
    some = read_detections(views, skeleton=Skeleton.from_names("two", ["right_hip", "nose"]), fps=60)
    np.testing.assert_equal(some.xy[..., 1, :], found.xy[..., 0, :])
    assert some.skeleton.keypoints == ("right_hip", "nose")


def test_eks_variances_become_covariance(tmp_path):
    coords = ["x", "y", "likelihood", "x_ens_median", "y_ens_median", "x_ens_var", "y_ens_var"]
    coords += ["x_posterior_var", "y_posterior_var"]
    columns = pd.MultiIndex.from_product([["ensemble-kalman_tracker"], ["paw"], coords])
    columns.names = ["scorer", "bodyparts", "coords"]
    frame = pd.DataFrame([[10, 20, 0.9, 11, 21, 4, 5, 0.25, 0.5]], columns=columns)
    frame.to_csv(tmp_path / "eks.csv")
    found = read_detections({"a": tmp_path / "eks.csv"}, fps=100)
    assert found.covariance[0, 0, 0, 0].tolist() == [[0.25, 0.0], [0.0, 0.5]]
    frame.iloc[:, :7].to_csv(tmp_path / "ensemble.csv")
    found = read_detections({"a": tmp_path / "ensemble.csv"}, fps=100)
    assert found.covariance[0, 0, 0, 0].tolist() == [[4.0, 0.0], [0.0, 5.0]]


def openpose(folder, frames, keypoints=25, start=0):
    folder.mkdir()
    for number, people in enumerate(frames, start=start):
        body = {
            "version": 1.3,
            "people": [{"person_id": [who], "pose_keypoints_2d": list(points)} for who, points in people],
        }
        (folder / f"take_{number:012d}_keypoints.json").write_text(json.dumps(body))
    return folder


def body25(shift=0.0):
    points = np.random.default_rng(3).uniform(100, 500, (25, 3))
    points[:, 0] += shift
    points[:, 2] = 0.8
    points[24] = 0
    return points.ravel()


def test_openpose_missing_is_nan_and_ids_are_followed(tmp_path):
    frames = [[(4, body25()), (9, body25(50))], [(9, body25(50))], []]
    found = read_detections({"a": openpose(tmp_path / "a", frames)}, fps=50)
    assert found.skeleton.name == "body25"
    assert found.shape == (3, 1, 2, 25)
    assert np.isnan(found.xy[0, 0, 0, 24]).all()
    assert np.isfinite(found.xy[:, 0, :, 0, 0]).tolist() == [[True, True], [False, True], [False, False]]
    assert read_tracks({"a": tmp_path / "a"}, fps=50).subjects == ("4", "9")


def test_mmpose_video_and_coco_results(tmp_path):
    points = np.random.default_rng(0).uniform(0, 300, (17, 2))
    person = {"keypoints": points.tolist(), "keypoint_scores": [0.7] * 17, "bbox": [[0, 0, 5, 5]]}
    frames = [{"frame_id": n, "instances": [person] * (n % 2)} for n in (1, 2, 3)]
    (tmp_path / "mm.json").write_text(json.dumps({"meta_info": {}, "instance_info": frames}))
    found = read_detections({"a": tmp_path / "mm.json"}, fps=25)
    assert np.isfinite(found.xy[:, 0, 0, 0, 0]).tolist() == [True, False, True]
    np.testing.assert_allclose(found.xy[0, 0, 0], points)
    flat = np.column_stack([points, np.full(17, 1.3)]).ravel().tolist()
    results = [{"image_id": f"{n}.jpg", "category_id": 1, "keypoints": flat, "score": 2.0} for n in (0, 2, 2)]
    (tmp_path / "coco.json").write_text(json.dumps(results))
    with pytest.warns(
        UserWarning, match="view a: 51 of 51 confidences are above 1, up to 1.3, and count as 1"
    ):
        found = read_detections({"a": tmp_path / "coco.json"}, fps=25, frames=5)
    assert np.isfinite(found.xy[:, 0, :, 0, 0]).sum(axis=1).tolist() == [1, 0, 2, 0, 0]
    assert found.confidence[0, 0, 0, 0] == 1.0
