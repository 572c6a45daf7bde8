"""Timestamp files and the matching of frames by time."""

import numpy as np
import pytest

from calibration import CalibrationError
from calibration.recordings.frame_times import read_times
from calibration.recordings.synchrony import match_numbers, match_times


def test_a_csv_names_its_cameras_by_number(tmp_path):
    path = tmp_path / "timestamps.csv"
    path.write_text("sync_index,cam_id,frame_time\n0,1,0.5\n0,0,0.4\n1,0,0.6\n1,1,0.7\n")
    first, second = read_times(path, ["cam_0", "cam_1"])
    assert first.tolist() == [0.4, 0.6]
    assert second.tolist() == [0.5, 0.7]


def test_npy_and_text_files(tmp_path):
    np.save(tmp_path / "a.npy", [0.0, 0.1])
    (tmp_path / "b.txt").write_text("0.01\n0.12\n")
    times = read_times({"a": tmp_path / "a.npy", "b": tmp_path / "b.txt"}, ["a", "b"])
    assert [view.tolist() for view in times] == [[0.0, 0.1], [0.01, 0.12]]


def test_a_pickle_is_not_loaded(tmp_path):
    np.save(tmp_path / "a.npy", np.array([{"time": 0}], dtype=object), allow_pickle=True)
    with pytest.raises(CalibrationError, match=r"a\.npy: expected one time in seconds per frame of a"):
        read_times({"a": tmp_path / "a.npy"}, ["a"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("cam_id,when\n0,1\n", "expected the columns cam_id and frame_time, got cam_id, when"),
        ("cam_id,frame_time\n0,soon\n", "line 2: could not convert string to float"),
        ("cam_id,frame_time\n7,1.0\n", r"nothing for cam_0; there are times for no view"),
        (
            "cam_id,frame_time,frame_index\n0,1.0,0\n0,0.9,1\n",
            "timestamps of cam_0 must increase: frame 0 is at 1 s",
        ),
        ("cam_id,frame_time\n0,nan\n", "expected one finite number per frame"),
    ],
)
def test_a_malformed_csv(tmp_path, text, message):
    path = tmp_path / "timestamps.csv"
    path.write_text(text)
    with pytest.raises(CalibrationError, match=message):
        read_times(path, ["cam_0"])


def test_missing_files_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"t\.npy: no such file \(timestamps of a\)"):
        read_times({"a": tmp_path / "t.npy"}, ["a"])


def test_every_frame_is_used_once_at_most():
    slow = np.array([0.0, 1.0, 2.0, 3.0])
    fast = np.array([0.3, 0.45, 1.4, 1.9, 2.9])
    frames, times = match_times([slow, fast])
    used = frames[:, 1][frames[:, 1] >= 0]
    assert len(set(used.tolist())) == len(used)
    assert np.nanmax(np.abs(times[:, 1] - times[:, 0])) <= 0.5


def test_a_dropped_frame_shifts_nothing():
    full = np.arange(20) / 30
    dropped = np.delete(full + 0.004, 7)
    frames, _ = match_times([full, dropped])
    assert frames[7].tolist() == [7, -1]
    assert frames[8:].tolist() == [[index, index - 1] for index in range(8, 20)]


def test_clocks_without_overlap():
    with pytest.raises(CalibrationError, match="the clocks differ, or the recordings do not belong together"):
        match_times([np.array([0.0, 1.0]), np.array([100.0, 101.0])])


def test_numbers_of_one_view_only():
    frames, instants = match_numbers([[4, 9]])
    assert frames.tolist() == [[0], [1]]
    assert instants.tolist() == [4, 9]


def test_paw_cameras_of_60_and_150_hz(recordings):
    folder = recordings("animals_eks") / "ibl-paw"
    left, right = sorted(folder.glob("*.npy"))
    times = read_times({"left": left, "right": right}, ["left", "right"])
    frames, matched = match_times(times)
    both = (frames >= 0).all(axis=1)
    assert both.mean() > 0.99
    assert np.abs(np.diff(matched[both], axis=1)).max() <= 1 / 60
