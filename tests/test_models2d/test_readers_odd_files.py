"""Files as people have them: they are read as meant, or one sentence says what is wrong."""

import json
import warnings

import h5py
import numpy as np
import pandas as pd
import pytest

from models2d import read_detections
from models2d.labelling import coco

HEADER = "scorer,S,S,S,S,S,S\nbodyparts,a,a,a,b,b,b\ncoords,x,y,likelihood,x,y,likelihood\n"


def table(path, rows, header=HEADER, encoding="utf-8"):
    path.write_text(header + "".join(f"{row}\n" for row in rows), encoding=encoding)
    return path


def read(path, **options):
    return read_detections({"left": path}, fps=30, **options)


def refused(match, path):
    with pytest.raises(ValueError, match=match):
        read(path)


def two_frames(path, **options):
    return table(path, ["0,10,20,0.9,30,40,0.8", "1,11,21,0.7,31,41,0.6"], **options)


# Likelihoods


@pytest.mark.parametrize("cells", ["", "nan"])
def test_points_without_a_likelihood_are_kept(tmp_path, cells):
    file = table(tmp_path / "d.csv", [f"0,10,20,{cells},30,40,0.8", f"1,,,{cells},31,41,0"])
    with pytest.warns(UserWarning, match=r"view left: 1 of 2 points have no confidence, .* \(d.csv\)"):
        found = read(file)
    assert found.xy[0, 0, 0].tolist() == [[10, 20], [30, 40]]
    assert found.confidence[0, 0, 0].tolist() == [1, 0.8]
    assert np.isnan(found.xy[1]).all()


def test_a_likelihood_column_without_any_value(tmp_path):
    """As movement and sleap-io write points without confidence."""
    with pytest.warns(UserWarning, match="4 of 4 points have no confidence"):
        found = read(table(tmp_path / "d.csv", ["0,10,20,,30,40,", "1,11,21,,31,41,"]))
    assert (found.confidence == 1).all()


def test_an_analysis_file_without_scores_keeps_its_points(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["tracks"] = np.full((1, 2, 3, 5), 7.0)
        file["point_scores"] = np.full((1, 3, 5), np.nan)
        file["node_names"], file["track_names"] = [b"a", b"b", b"c"], np.zeros(0)
    assert (read(tmp_path / "a.h5").confidence == 1).all()


@pytest.mark.parametrize("name", ["Likelihood", " LIKELIHOOD", "confidence", "score"])
def test_other_names_of_the_likelihood(tmp_path, name):
    found = read(two_frames(tmp_path / "d.csv", header=HEADER.replace("likelihood", name)))
    assert found.confidence[:, 0, 0].tolist() == [[0.9, 0.8], [0.7, 0.6]]


def test_a_column_that_is_not_known_is_told(tmp_path):
    with pytest.warns(UserWarning, match="columns called 'depth' are left out"):
        read(two_frames(tmp_path / "d.csv", header=HEADER.replace("likelihood", "depth")))


def test_percentages_are_refused(tmp_path):
    refused(
        "likelihood 97 of b in row 3: .* divide percentages by 100",
        table(tmp_path / "d.csv", ["2,10,20,12.0,30,40,55", "3,10,20,12.0,30,40,97"]),
    )


def test_labels_that_are_not_visible_are_missing(tmp_path):
    header = HEADER.replace("likelihood", "visible")
    found = read(
        table(tmp_path / "d.csv", ["img0.png,10,20,2,30,40,0", "img1.png,10,20,1,,,"], header=header)
    )
    assert np.isfinite(found.xy[:, 0, 0, :, 0]).tolist() == [[True, False], [True, False]]
    assert found.confidence[:, 0, 0, 0].tolist() == [1, 1]


def test_points_below_zero_confidence_are_told(tmp_path):
    with pytest.warns(UserWarning, match="1 points have a confidence below 0, and count as not seen"):
        found = read(table(tmp_path / "d.csv", ["0,10,20,-0.5,30,40,0.8"]))
    assert np.isnan(found.xy[0, 0, 0, 0]).all()


# Numbers of frames


def test_frames_that_are_no_numbers_of_frames(tmp_path):
    refused("frame 7 occurs 2 times", table(tmp_path / "a.csv", ["7,1,2,1,3,4,1", "7,1,2,1,3,4,1"]))
    refused("row 0.5: a frame's number is whole", table(tmp_path / "b.csv", ["0.5,1,2,1,3,4,1"]))
    refused("frame numbers start at 0, got -1", table(tmp_path / "c.csv", ["-1,1,2,1,3,4,1"]))
    assert read(table(tmp_path / "d.csv", ["0.0,1,2,1,3,4,1", "1.0,1,2,1,3,4,1"])).shape[0] == 2


def test_frames_that_count_from_one_are_told(tmp_path):
    with pytest.warns(UserWarning, match="its first frame is 1; there is nothing in frame 0"):
        assert read(table(tmp_path / "a.csv", ["1,10,20,1,3,4,1", "2,1,2,1,3,4,1"])).xy[1, 0, 0, 0, 0] == 10


LARGE = 2_000_000_000


@pytest.mark.parametrize("tool", ["dlc", "coco", "mmpose", "sleap"])
def test_an_id_or_a_time_is_no_frame_and_takes_no_memory(tmp_path, tool):
    person = [5.0, 6.0, 0.5] * 17
    files = {
        "dlc": HEADER + f"0,1,2,1,3,4,1\n{LARGE},1,2,1,3,4,1\n",
        "coco": json.dumps([{"image_id": LARGE, "keypoints": person, "score": 1}]),
        "mmpose": json.dumps(
            [{"frame_id": n, "instances": [{"keypoints": [[5, 6]] * 17}]} for n in (0, LARGE)]
        ),
        "sleap": f"track,frame_idx,instance.score,n.x,n.y,n.score\n,0,1,1,2,1\n,{LARGE},1,1,2,1\n",
    }
    (tmp_path / "file").write_text(files[tool])
    refused(
        "is no number of a frame in a file of [12]: it looks like an id or a timestamp", tmp_path / "file"
    )


def test_a_detection_late_in_a_long_recording_is_one(tmp_path):
    (tmp_path / "s.csv").write_text(
        "track,frame_idx,instance.score,n.x,n.y,n.score\n,0,1,1,2,1\n,500000,1,1,2,1\n"
    )
    assert read(tmp_path / "s.csv").shape[0] == 500001


def test_openpose_files_that_are_far_apart_take_no_memory(tmp_path):
    for number in (1, LARGE):
        (tmp_path / f"f_{number}.json").write_text('{"people": []}')
    refused(f"{LARGE - 2} of the frames 1 to {LARGE} have no file, the first is 2", tmp_path)


def test_rows_named_by_images_of_two_views_are_paired_by_their_numbers(tmp_path):
    for view, numbers in {"left": (3, 10), "right": (3, 7)}.items():
        rows = [f"labeled-data/{view}/img{n:04d}.png,{n},{n},1,,," for n in numbers]
        table(tmp_path / f"{view}.csv", rows)
    with pytest.warns(UserWarning, match="left 11, right 8: the recording is taken to have 11"):
        found = read_detections({v: tmp_path / f"{v}.csv" for v in ("left", "right")}, fps=1)
    seen = {view: np.flatnonzero(np.isfinite(found.xy[:, n, 0, 0, 0])) for n, view in enumerate(found.views)}
    assert {view: frames.tolist() for view, frames in seen.items()} == {"left": [3, 10], "right": [3, 7]}


def test_rows_named_by_images_without_numbers_must_be_alike(tmp_path):
    rows = {"left": ("sit", "run"), "right": ("sit", "jump"), "top": ("sit", "run")}
    for view, names in rows.items():
        table(tmp_path / f"{view}.csv", [f"labeled-data/{view}/{name}.png,1,2,1,3,4,1" for name in names])
    alike = read_detections({v: tmp_path / f"{v}.csv" for v in ("left", "top")}, fps=1)
    assert alike.shape[0] == 2
    with pytest.raises(ValueError, match="which of view right belongs to which"):
        read_detections({v: tmp_path / f"{v}.csv" for v in ("left", "right")}, fps=1)


def test_a_result_without_a_frame_number_is_named(tmp_path):
    rows = [{"image_id": name, "keypoints": [5.0, 6.0, 0.5] * 17} for name in ("0001.png", "a/b.png")]
    (tmp_path / "c.json").write_text(json.dumps(rows))
    refused("entry 1 is no result of COCO's: image_id 'a/b.png' holds no frame number", tmp_path / "c.json")
    (tmp_path / "m.json").write_text(json.dumps([{"frame_id": "x", "instances": []}]))
    refused("entry 0 is no frame of MMPose's", tmp_path / "m.json")


# Other ways of writing


@pytest.mark.parametrize(
    "change",
    [
        lambda text: "\n".join(
            ",".join(f'"{cell}"' for cell in line.split(",")) for line in text.splitlines()
        ),
        lambda text: text.replace(",", ";"),
        lambda text: text.replace(",", ";").replace(".", ","),
        lambda text: text.replace(",", "\t"),
        lambda text: text.replace("\n", "\r\n"),
        lambda text: "\ufeff" + text,
        lambda text: text.replace("scorer,S,S", "scorer,S,Unnamed: 2_level_0"),
    ],
    ids=["quoted", "semicolons", "decimal commas", "tabs", "CRLF", "BOM", "unnamed"],
)
def test_dialects_of_csv(tmp_path, change):
    plain = two_frames(tmp_path / "plain.csv")
    (tmp_path / "other.csv").write_text(change(plain.read_text()), newline="")
    np.testing.assert_array_equal(read(tmp_path / "other.csv").xy, read(plain).xy)
    np.testing.assert_array_equal(read(tmp_path / "other.csv").confidence, read(plain).confidence)


def test_a_csv_whose_writing_was_cut_off_is_told(tmp_path):
    file = two_frames(tmp_path / "d.csv")
    file.write_bytes(file.read_bytes() + b"\0" * 512)
    refused("d.csv, line 6: holds zero bytes", file)


def test_nesting_that_exhausts_the_stack_is_told(tmp_path):
    (tmp_path / "d.json").write_text("[" * 200_000)
    refused("d.json: is nested too deeply", tmp_path / "d.json")


@pytest.mark.parametrize("encoding", ["latin1", "utf-16"])
def test_another_encoding_is_told(tmp_path, encoding):
    refused(
        "not written in UTF-8",
        two_frames(tmp_path / "d.csv", header=HEADER.replace("S", "Zoë"), encoding=encoding),
    )


def test_an_empty_table_of_pandas_has_no_frames(tmp_path):
    columns = pd.MultiIndex.from_product(
        [["S"], ["a", "b"], ["x", "y", "likelihood"]], names=["scorer", "bodyparts", "coords"]
    )
    empty = pd.DataFrame(np.zeros((0, 6)), columns=columns, index=np.arange(0))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        empty.to_hdf(tmp_path / "d.h5", key="df_with_missing")
    assert read(tmp_path / "d.h5").shape == (0, 1, 1, 2)


@pytest.mark.parametrize("say", ["dims", "preset"])
def test_a_sleap_file_in_standard_order(tmp_path, say):
    xy = np.arange(5 * 2 * 3 * 2, dtype=float).reshape(5, 2, 3, 2) + 1
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["tracks"], file["point_scores"] = xy, np.full((5, 2, 3), 0.5)
        file["node_names"], file["track_names"] = [b"a", b"b", b"c"], [b"s", b"t"]
        if say == "preset":
            file.attrs["preset"] = "standard"
        else:
            file["tracks"].attrs["dims"] = '["frame", "track", "node", "xy"]'
            file["point_scores"].attrs["dims"] = '["frame", "track", "node"]'
    np.testing.assert_array_equal(read(tmp_path / "a.h5").xy[:, 0], xy)


# OpenPose's folders


def openpose(folder, names, person=None, key="pose_keypoints_2d"):
    folder.mkdir(parents=True, exist_ok=True)
    for number, name in enumerate(names):
        body = person or {key: [10.0 + number, 20.0, 0.5] * 18}
        (folder / name).write_text(json.dumps({"people": [body]}), encoding="utf-8-sig")
    return folder


@pytest.mark.parametrize(
    "pattern",
    ["v_{:012d}_keypoints.json", "v_{:012d}_body25.json", "v2_{:04d}_keypoints_2d.json", "{}.json"],
)
def test_openpose_files_as_they_are_called(tmp_path, pattern):
    folder = openpose(tmp_path / "cam", [pattern.format(number) for number in range(12)])
    assert read(folder).xy[:, 0, 0, 0, 0].tolist() == [10 + number for number in range(12)]


def test_one_openpose_file_or_one_that_is_inside(tmp_path):
    assert read(openpose(tmp_path / "cam" / "json", ["v_000000000000_body25.json"])).shape[0] == 1
    assert read(tmp_path / "cam").shape[0] == 1
    openpose(tmp_path / "cam" / "other", ["v_000000000000_body25.json"])
    refused("2 folders in it hold .json files .json, other.; give one view's", tmp_path / "cam")


def test_openpose_keys_of_version_1_0(tmp_path):
    folder = openpose(tmp_path / "cam", ["0.json", "1.json"], key="pose_keypoints")
    assert read(folder).xy[1, 0, 0, 0].tolist() == [11, 20]


def test_hands_and_faces_that_are_left_out_are_told(tmp_path):
    person = {
        "pose_keypoints_2d": [5.0, 6, 1] * 18,
        "hand_left_keypoints_2d": [5.0, 6, 1] * 21,
        "face_keypoints_2d": [],
    }
    with pytest.warns(UserWarning, match="view left: hand keypoints are left out"):
        read(openpose(tmp_path / "cam", ["0.json"], person))


@pytest.mark.parametrize("low", [0.0, -1.0])
def test_shares_of_the_image_are_no_pixels(tmp_path, low):
    points = np.c_[np.random.default_rng(0).uniform(low, 1, (18, 2)), np.ones(18)]
    folder = openpose(tmp_path / "cam", ["0.json"], {"pose_keypoints_2d": points.ravel().tolist()})
    refused("these are shares of the image, not pixels", folder)


# COCO labels


@pytest.mark.parametrize("bones", [[[1, 2], [2, 3]], [[0, 1], [1, 2]]], ids=["from 1", "from 0"])
def test_coco_bones_count_from_one_or_zero(tmp_path, bones):
    assert labels(tmp_path, bones).skeleton.bone_names == [("a", "b"), ("b", "c")]


def test_a_coco_bone_without_a_keypoint_is_left_out_with_a_word(tmp_path):
    with pytest.warns(UserWarning, match=r"1 bones name keypoints that are not among its 3, as \[3, 4\]"):
        assert labels(tmp_path, [[1, 2], [3, 4]]).skeleton.bone_names == [("a", "b")]


def labels(folder, bones):
    category = {"id": 1, "name": "m", "keypoints": ["a", "b", "c"], "skeleton": bones}
    document = {
        "images": [{"id": 1, "file_name": "a.png", "width": 9, "height": 9}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "keypoints": [1, 2, 2, 3, 4, 2, 5, 6, 2]}],
        "categories": [category],
    }
    (folder / "labels.json").write_text(json.dumps(document))
    return coco.read(folder / "labels.json")
