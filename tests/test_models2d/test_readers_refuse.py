"""What is wrong with files of detections is said in one message, with the counts."""

import json

import numpy as np
import pytest

from models2d import Skeleton, read_detections, read_tracks, write_detections


def csv(path, frames, keypoints=("nose", "tail"), value="1.5", header=None):
    cells = [(keypoint, part) for keypoint in keypoints for part in ("x", "y", "likelihood")]
    lines = [
        ",".join(["scorer", *["net" for _ in cells]]),
        ",".join(["bodyparts", *[cell[0] for cell in cells]]),
        ",".join(["coords", *[cell[1] for cell in cells]]),
    ]
    lines += [
        ",".join([str(frame), *[value if part != "likelihood" else "0.9" for _, part in cells]])
        for frame in frames
    ]
    path.write_text("\n".join(lines) + "\n")
    return path


def openpose(folder, count, keypoints=25, skip=()):
    folder.mkdir()
    for number in range(count):
        if number not in skip:
            person = {"person_id": [-1], "pose_keypoints_2d": [7.0, 8.0, 0.5] * keypoints}
            (folder / f"f_{number:06d}.json").write_text(json.dumps({"people": [person]}))
    return folder


def refused(match, paths, **options):
    with pytest.raises(ValueError, match=match) as caught:
        read_detections(paths, fps=30, **options)
    assert "Traceback" not in str(caught.value)


def test_different_frame_counts(tmp_path):
    a, b = csv(tmp_path / "a.csv", range(100)), csv(tmp_path / "b.csv", range(97))
    refused("back 100, side 97.*Nothing is cut", {"back": a, "side": b})
    refused("back 100; the recording has 99", {"back": a}, frames=99)


def test_different_keypoints(tmp_path):
    a, b = csv(tmp_path / "a.csv", range(3)), csv(tmp_path / "b.csv", range(3), ("nose", "ear"))
    refused("not in both: ear, tail", {"back": a, "side": b})
    refused("no keypoint called paw", {"back": a}, skeleton=Skeleton.from_names("s", ["nose", "paw"]))
    assert read_detections({"a": a, "b": b}, fps=1, skeleton=Skeleton.from_names("s", ["nose"])).shape[3] == 1


def test_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match="no such file"):
        read_detections({"back": tmp_path / "nowhere.csv"}, fps=30)


def test_empty_file(tmp_path):
    (tmp_path / "empty.csv").write_text("")
    refused("is empty", {"back": tmp_path / "empty.csv"})
    (tmp_path / "folder").mkdir()
    refused("no .json files", {"back": tmp_path / "folder"})


@pytest.mark.parametrize(
    "content", [b"\x00\x00\x00\x18ftypmp42\x99\xff", b"hello, world\n1, 2\n", b'{"a": 1}', b"\x89HDF\r\n"]
)
def test_a_file_of_another_kind(tmp_path, content):
    (tmp_path / "file.h5").write_bytes(content)
    refused("not a file of detections|damaged", {"back": tmp_path / "file.h5"})


def test_truncated_csv(tmp_path):
    file = csv(tmp_path / "a.csv", range(5))
    file.write_text(file.read_text()[:-14])
    refused("line 8: expected 7 cells", {"back": file})


def test_malformed_number(tmp_path):
    refused("line 4: expected a number, got 'abc'", {"back": csv(tmp_path / "a.csv", range(2), value="abc")})


def test_infinite_coordinate(tmp_path):
    refused("view back, frame 0, slot 0, nose is", {"back": csv(tmp_path / "a.csv", range(2), value="inf")})


def test_repeated_frame_number(tmp_path):
    refused("frame 1 occurs 2 times", {"back": csv(tmp_path / "a.csv", [0, 1, 1])})


def test_frames_left_out_of_a_csv_are_missing(tmp_path):
    found = read_detections({"a": csv(tmp_path / "a.csv", [0, 3])}, fps=1)
    assert np.isfinite(found.xy[:, 0, 0, 0, 0]).tolist() == [True, False, False, True]


def test_three_dimensional_file(tmp_path):
    file = csv(tmp_path / "a.csv", range(2))
    file.write_text(file.read_text().replace("likelihood", "z"))
    refused("holds 3D points", {"back": file})


def test_several_scorers(tmp_path):
    file = csv(tmp_path / "a.csv", range(2))
    file.write_text(file.read_text().replace("net", "anna", 1))
    refused("2 scorers", {"back": file})


def test_openpose_frame_without_a_file(tmp_path):
    refused(
        "2 of the frames 0 to 9 have no file, the first is 4",
        {"back": openpose(tmp_path / "a", 10, skip=(4, 7))},
    )


def test_openpose_malformed_json(tmp_path):
    folder = openpose(tmp_path / "a", 3)
    (folder / "f_000001.json").write_text('{"people": [')
    refused("f_000001.json: not an OpenPose frame", {"back": folder})


def test_openpose_unknown_number_of_keypoints(tmp_path):
    refused("31 keypoints and do not name them", {"back": openpose(tmp_path / "a", 2, keypoints=31)})


def test_openpose_body25_that_could_be_either(tmp_path):
    folder = openpose(tmp_path / "a", 2)
    refused('skeleton="body25"', {"back": folder})
    assert read_detections({"back": folder}, fps=1, skeleton="body25b").skeleton.keypoints[17] == "upper_neck"


def test_one_openpose_frame_instead_of_its_folder(tmp_path):
    refused("give the folder", {"back": openpose(tmp_path / "a", 2) / "f_000000.json"})


def test_damaged_sleap_file(tmp_path, recordings):
    whole = (recordings("mouse_4cam") / "side" / "minimal_side_proofread.analysis.h5").read_bytes()
    (tmp_path / "cut.h5").write_bytes(whole[: len(whole) // 2])
    refused("damaged", {"side": tmp_path / "cut.h5"})


def test_damaged_parquet(tmp_path):
    a = read_detections({"back": csv(tmp_path / "a.csv", range(9))}, fps=30)
    write_detections(a, tmp_path / "a.parquet")
    (tmp_path / "cut.parquet").write_bytes((tmp_path / "a.parquet").read_bytes()[:-40])
    with pytest.raises(ValueError, match="damaged, or not detections"):
        read_detections(tmp_path / "cut.parquet")
    with pytest.raises(ValueError, match="no view called front; it has back"):
        read_detections({"front": tmp_path / "a.parquet"})
    with pytest.raises(ValueError, match="one path alone must be a Parquet file"):
        read_detections(tmp_path / "a.csv")


def test_unknown_suffix(tmp_path):
    points = read_detections({"a": csv(tmp_path / "a.csv", [0]), "b": csv(tmp_path / "b.csv", [0])}, fps=30)
    with pytest.raises(ValueError, match=r"unknown suffix '.xlsx'"):
        write_detections(points, tmp_path / "a.xlsx")
    with pytest.raises(ValueError, match="2 views cannot go into one file"):
        write_detections(points, tmp_path / "all.csv")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.csv", "b.csv"]


def test_unknown_frame_rate_is_said(tmp_path):
    with pytest.warns(UserWarning, match="do not state the frame rate"):
        assert read_detections({"a": csv(tmp_path / "a.csv", [0])}).fps == 1.0


def test_sparse_files_of_different_length(tmp_path):
    for name, last in (("a", 5), ("b", 7)):
        rows = [{"image_id": frame, "keypoints": [5.0, 6.0, 0.5] * 17, "score": 1} for frame in (0, last)]
        (tmp_path / f"{name}.json").write_text(json.dumps(rows))
    both = {name: tmp_path / f"{name}.json" for name in "ab"}
    with pytest.warns(UserWarning, match="a 6, b 8: the recording is taken to have 8"):
        assert read_detections(both, fps=1).shape[0] == 8
    refused("a 6, b 8; the recording has 7", both, frames=7)
    assert read_detections(both, fps=1, frames=8).shape[0] == 8


def test_individuals_without_names_are_no_tracks(tmp_path):
    rows = [{"image_id": 0, "keypoints": [5.0, 6.0, 0.5] * 17, "score": 1}] * 2
    (tmp_path / "a.json").write_text(json.dumps(rows))
    with pytest.raises(ValueError, match="2 individuals without names"):
        read_tracks({"a": tmp_path / "a.json"}, fps=1)
