"""Recordings: what is read, what is matched, and the message of every kind of bad input."""

import threading

import cv2
import numpy as np
import pytest

from calibration import CalibrationError, Recording

WIDTH, HEIGHT = 64, 48


def shade(index):
    return np.full((HEIGHT, WIDTH, 3), 6 * index, dtype=np.uint8)


def write_video(path, count, fps=30.0, first=0):
    codec = "MJPG" if path.suffix == ".avi" else "mp4v"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*codec), fps, (WIDTH, HEIGHT))
    for index in range(first, first + count):
        writer.write(shade(index))
    writer.release()
    return path


def write_images(folder, numbers, prefix="shot-"):
    folder.mkdir()
    for number in numbers:
        cv2.imwrite(str(folder / f"{prefix}{number}.png"), shade(number))
    return folder


def shades(images):
    return [None if image is None else round(float(image.mean()) / 6) for image in images]


@pytest.fixture
def two(tmp_path):
    return {name: write_video(tmp_path / f"{name}.avi", 30) for name in ("left", "right")}


def test_videos_are_iterated_in_step(two):
    recording = Recording.open(two)
    assert recording.names == ("left", "right")
    assert len(recording) == 30
    assert recording.fps == pytest.approx(30.0)
    assert recording.sizes.tolist() == [[WIDTH, HEIGHT]] * 2
    assert [shades(images) for images in recording] == [[index, index] for index in range(30)]


def test_a_selection_decodes_exactly_those_frames(two):
    recording = Recording.open(two).select(slice(3, None, 7))
    assert recording.instants.tolist() == [3, 10, 17, 24]
    assert recording.fps == pytest.approx(30 / 7)
    assert [shades(images)[1] for images in recording] == [3, 10, 17, 24]
    assert Recording.open(two).views(["right"]).names == ("right",)


def test_a_selection_must_go_forward(two):
    with pytest.raises(ValueError, match="decoded forward only"):
        Recording.open(two).select(np.array([4, 2]))


def test_stopping_early_leaves_no_thread_behind(two):
    before = threading.active_count()
    for _ in Recording.open(two):
        break
    assert threading.active_count() == before


def test_a_mirrored_view_is_flipped_back(tmp_path):
    folder = tmp_path / "left"
    folder.mkdir()
    image = np.tile(np.arange(WIDTH, dtype=np.uint8), (HEIGHT, 1))
    cv2.imwrite(str(folder / "0.png"), image)
    (images,) = Recording.open({"left": folder}, mirrored=["left"])
    assert np.array_equal(images[0][..., 0], image[:, ::-1])
    with pytest.raises(ValueError, match="no view is called right"):
        Recording.open({"left": folder}, mirrored=["right"])


def test_image_folders_are_matched_by_trailing_number(tmp_path):
    left = write_images(tmp_path / "left", [1, 2, 10])
    right = write_images(tmp_path / "right", [2, 3, 10], prefix="other0-")
    recording = Recording.open({"left": left, "right": right})
    assert recording.instants.tolist() == [1, 2, 3, 10]
    assert [shades(images) for images in recording] == [[1, None], [2, 2], [None, 3], [10, 10]]
    assert recording.notes == ("of 4 instants some views lack some: left 1, right 1",)


def test_images_without_numbers_are_matched_in_natural_order(tmp_path):
    for name in ("left", "right"):
        (tmp_path / name).mkdir()
        for number in (10, 9, 2):
            cv2.imwrite(str(tmp_path / name / f"{number}_int.png"), shade(number))
    recording = Recording.open(tmp_path)
    assert [shades(images) for images in recording] == [[2, 2], [9, 9], [10, 10]]


def test_a_folder_of_videos_is_a_recording_in_natural_order(tmp_path):
    for name in ("cam10", "cam2"):
        write_video(tmp_path / f"{name}.mp4", 3)
    assert Recording.open(tmp_path).names == ("cam2", "cam10")


def test_one_folder_with_the_images_of_several_cameras(tmp_path):
    for name in ("cam_0_frame_005", "cam_0_frame_010", "cam_1_frame_010"):
        cv2.imwrite(str(tmp_path / f"{name}.png"), shade(1))
    recording = Recording.open(tmp_path)
    assert recording.names == ("cam_0", "cam_1")
    assert recording.frames.tolist() == [[0, -1], [1, 0]]


def test_a_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"gone\.mp4: no such file"):
        Recording.open({"left": tmp_path / "gone.mp4"})
    with pytest.raises(FileNotFoundError, match="gone: no such folder"):
        Recording.open(tmp_path / "gone")


def test_an_empty_file(tmp_path):
    (tmp_path / "left.mp4").write_bytes(b"")
    with pytest.raises(CalibrationError, match=r"left\.mp4: the file is empty \(0 bytes\)"):
        Recording.open(tmp_path)


def test_a_file_that_is_not_a_video(tmp_path):
    (tmp_path / "left.mp4").write_text("not a video at all\n" * 100)
    with pytest.raises(CalibrationError, match=r"left\.mp4: cannot be opened as a video"):
        Recording.open(tmp_path)


def test_a_video_cut_before_its_index(tmp_path):
    whole = write_video(tmp_path / "whole.mp4", 30).read_bytes()
    (tmp_path / "cut.mp4").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(CalibrationError, match=r"cut\.mp4: cannot be opened as a video.*truncated"):
        Recording.open({"left": tmp_path / "cut.mp4"})


def test_a_video_that_ends_before_its_header_says(tmp_path):
    path = tmp_path / "left.avi"
    write_video(path, 40)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(
        CalibrationError, match=r"\d+ of the 40 frames that its header promises can be decoded"
    ):
        Recording.open({"left": path})
    recording = Recording.open({"left": path}, allow_damaged=True)
    assert 0 < len(recording) < 40
    assert sum(1 for _ in recording) == len(recording)


def test_cameras_with_different_frame_counts(tmp_path):
    paths = {"left": write_video(tmp_path / "l.mp4", 30), "right": write_video(tmp_path / "r.mp4", 28)}
    with pytest.raises(
        CalibrationError, match=r"different frame counts.*left 30 \(30 Hz\), right 28 \(30 Hz\)"
    ):
        Recording.open(paths)
    recording = Recording.open(paths, truncate=True)
    assert len(recording) == 28
    assert "cut to the shortest camera, 28 frames" in recording.notes[0]


def test_cameras_with_different_frame_rates(tmp_path):
    paths = {
        "left": write_video(tmp_path / "l.mp4", 30),
        "right": write_video(tmp_path / "r.mp4", 25, fps=25.0),
    }
    with pytest.raises(CalibrationError, match=r"different frame counts and frame rates: left 30.*right 25"):
        Recording.open(paths, truncate=True)
    same = {"left": paths["left"], "right": write_video(tmp_path / "s.mp4", 30, fps=25.0)}
    assert "different frame rates with equal frame counts" in Recording.open(same).notes[0]


def test_a_folder_without_images(tmp_path):
    (tmp_path / "left").mkdir()
    with pytest.raises(CalibrationError, match="left: the folder holds no image"):
        Recording.open({"left": tmp_path / "left"})
    with pytest.raises(CalibrationError, match="found no videos, no folders of images"):
        Recording.open(tmp_path)
    with pytest.raises(CalibrationError, match="one view at least"):
        Recording.open({})


def test_a_damaged_image(tmp_path):
    folder = write_images(tmp_path / "left", [1, 2])
    (folder / "shot-2.png").write_bytes(b"nothing of the kind")
    with pytest.raises(CalibrationError, match=r"shot-2\.png: cannot be decoded as an image"):
        list(Recording.open({"left": folder}))


def test_images_of_two_sizes_in_one_view(tmp_path):
    folder = write_images(tmp_path / "left", [1])
    cv2.imwrite(str(folder / "shot-2.png"), np.zeros((10, 20, 3), np.uint8))
    with pytest.raises(CalibrationError, match="has 20 x 10 px, the first of its view 64 x 48"):
        list(Recording.open({"left": folder}))


def test_two_videos_in_the_folder_of_one_view(tmp_path):
    (tmp_path / "left").mkdir()
    for name in ("a", "b"):
        write_video(tmp_path / "left" / f"{name}.mp4", 2)
    with pytest.raises(CalibrationError, match=r"left: 2 videos for one view \(a\.mp4, b\.mp4\)"):
        Recording.open(tmp_path)


def test_timestamps_match_frames_by_the_nearest_time(tmp_path):
    paths = {"a": write_video(tmp_path / "a.avi", 6), "b": write_video(tmp_path / "b.avi", 5, first=1)}
    stamps = {"a": 0.1 * np.arange(6), "b": 0.1 * np.array([1, 2, 3, 4, 5]) + 0.003}
    recording = Recording.open(paths, timestamps=stamps)
    assert [shades(images) for images in recording] == [[index, index] for index in range(1, 6)]
    assert recording.times[0] == pytest.approx([0.1, 0.103])
    assert recording.fps == pytest.approx(10)
    assert "they differ by 3.0 ms (median)" in recording.notes[0]


def test_timestamps_of_another_recording(two):
    with pytest.raises(CalibrationError, match="right: 30 frames, 29 timestamps"):
        Recording.open(two, timestamps={"left": np.arange(30), "right": np.arange(29)})


def test_webcams_are_matched_by_their_timestamps(recordings):
    folder = recordings("webcams_4cam") / "post_optimization/calibration/extrinsic"
    recording = Recording.open(folder)
    assert recording.names == ("cam_0", "cam_1", "cam_2", "cam_3")
    assert len(recording) == 57
    assert recording.fps == pytest.approx(6, abs=0.05)
    assert np.ptp(recording.times, axis=1).max() < 0.03
    assert sum(len(images) for images in recording) == 57 * 4


def test_mouse_images_belong_together_by_number(recordings):
    folder = recordings("mouse_4cam")
    names = ("back", "mid", "side", "top")
    recording = Recording.open({name: folder / name / "calibration_images" for name in names})
    assert recording.instants.tolist() == list(range(15))
    assert not recording.notes
    files = [
        source.files[index].stem
        for source, index in zip(recording.sources, recording.frames[11], strict=True)
    ]
    assert all(file.endswith("-11") for file in files)
