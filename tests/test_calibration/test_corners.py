"""Corners of boards in recordings: rendered ones with known truth, and real ones."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from calibration import Board, CalibrationError, Recording, find_corners
from calibration.corners import finding as corners
from calibration.corners.cache import _content


@pytest.fixture(scope="session")
def mouse(recordings):
    folder = recordings("mouse_4cam")
    names = ("back", "mid", "side", "top")
    return Recording.open({name: folder / name / "calibration_images" for name in names})


def test_mouse_boards_are_found(mouse):
    board = Board.charuco(columns=8, rows=11, square=0.024, marker=0.01875, dictionary="4X4_1000")
    observations = find_corners(mouse, board)
    assert observations.names == ("back", "mid", "side", "top")
    counts = observations.seen.sum(axis=2)
    assert counts.shape == (15, 4)
    assert counts.min() >= 68
    assert counts.sum() >= 4180


def test_webcam_boards_are_found(recordings):
    recording = Recording.open(recordings("webcams_4cam") / "post_optimization/calibration/extrinsic")
    board = Board.charuco(
        columns=4, rows=5, square=0.054, marker=0.0405, dictionary="4X4_1000", inverted=True
    )
    observations = find_corners(recording, board)
    assert (observations.seen.sum(axis=(0, 2)) >= [680, 570, 620, 490]).all()
    assert observations.times.shape == (len(observations.frame), 4)


charuco = Board.charuco(columns=8, rows=6, square=0.03, marker=0.0225, dictionary="4X4_250")


def filmed(
    folder,
    rendered,
    *,
    names=("left", "right"),
    count=5,
    step=30.0,
    shown=None,
    change=lambda image, name: image,
):
    """Write image folders of a board, each image changed by `change`."""
    for name in names:
        (folder / name).mkdir(parents=True)
        for number in range(count):
            image = rendered(shown or charuco, step, (480, 360), turn=0.2 * number + len(name)).image
            cv2.imwrite(str(folder / name / f"{number}.png"), change(image, name))
    return Recording.open({name: folder / name for name in names})


def test_calibration_goes_on_by_itself_with_a_legacy_board_and_says_so(tmp_path, rendered):
    legacy = replace(charuco, legacy=True)
    recording = filmed(tmp_path, rendered, shown=legacy)
    plain = find_corners(recording, legacy)
    observations = find_corners(recording, charuco)
    assert observations.board.legacy
    assert not plain.notes
    assert plain.seen.all()
    assert np.array_equal(observations.xy, plain.xy)
    said = "legacy layout: 0 corners in 5 images as configured, 175 with that. The board was made by OpenCV "
    said += "before 4.6: set legacy = true"
    assert observations.notes == (f"left: {said}", f"right: {said}")


def test_calibration_goes_on_by_itself_with_an_inverted_board_and_says_so(tmp_path, rendered):
    recording = filmed(tmp_path, rendered, change=lambda image, name: 255 - image)
    observations = find_corners(recording, charuco)
    assert observations.board.inverted
    assert observations.seen.all()
    assert observations.notes[0].startswith("left: inverted print: 0 corners in 5 images as configured")
    assert not find_corners(filmed(tmp_path / "b", rendered), charuco).notes


def test_calibration_goes_on_by_itself_with_a_mirrored_camera_and_says_so(tmp_path, rendered):
    plain = find_corners(filmed(tmp_path / "a", rendered), charuco)
    recording = filmed(
        tmp_path / "b", rendered, change=lambda image, name: image[:, ::-1] if name == "right" else image
    )
    observations = find_corners(recording, charuco)
    assert observations.mirrored == ("right",)
    assert np.allclose(observations.xy, plain.xy, atol=1e-6)
    (note,) = observations.notes
    assert note.startswith("right: mirrored image: 0 corners in 5 images as configured, 175 with that")


def test_a_board_that_is_never_seen(tmp_path, rendered):
    recording = filmed(
        tmp_path, rendered, names=("left",), count=2, change=lambda image, name: image * 0 + 90
    )
    with pytest.raises(CalibrationError, match=r"is seen in none of 2 frames of left\. left: no board"):
        find_corners(recording, charuco)


def test_stride_and_progress(tmp_path, rendered):
    seen = []

    def progress(iterable, *, desc, total):
        seen.append((desc, total))
        return iterable

    observations = find_corners(filmed(tmp_path, rendered), charuco, stride=2, progress=progress)
    assert observations.frame.tolist() == [0, 2, 4]
    assert seen == [("corners", 3)]
    with pytest.raises(ValueError, match="stride: expected 1 or more, got 0"):
        find_corners(filmed(tmp_path / "b", rendered, count=1), charuco, stride=0)


def test_the_answer_does_not_depend_on_the_threads(tmp_path, rendered):
    recording = filmed(tmp_path, rendered)
    one, four = (find_corners(recording, charuco, workers=workers) for workers in (1, 4))
    assert one.xy.tobytes() == four.xy.tobytes()


def test_the_search_stops_when_the_views_are_covered(tmp_path, rendered):
    recording = filmed(tmp_path, rendered, count=12, step=44.0)
    everything = find_corners(recording, charuco)
    some = find_corners(recording, charuco, enough=2)
    assert some.frame.tolist() == [0, 2, 4, 6, 8, 10]
    assert np.array_equal(some.xy, everything.xy[::2])
    assert "looked for the board in 6 of 12 frames" in some.notes[0]


def test_cached_corners_are_used_until_a_file_changes(tmp_path, rendered, monkeypatch):
    recording = filmed(tmp_path, rendered, count=2)
    first = find_corners(recording, charuco, cache=tmp_path / "cache")
    monkeypatch.setattr(corners, "detect_corners", None)
    again = find_corners(recording, charuco, cache=tmp_path / "cache")
    assert again.xy.tobytes() == first.xy.tobytes()
    assert again.names == first.names
    monkeypatch.undo()
    cv2.imwrite(str(tmp_path / "left/0.png"), np.full((360, 480), 90, np.uint8))
    assert not find_corners(recording, charuco, cache=tmp_path / "cache").seen[0, 0].any()


def test_webcams_configured_as_black_on_white(recordings):
    recording = Recording.open(recordings("webcams_4cam") / "post_optimization/calibration/extrinsic")
    board = Board.charuco(columns=4, rows=5, square=0.054, marker=0.0405, dictionary="4X4_1000")
    observations = find_corners(recording.select(slice(None, None, 6)), board)
    assert observations.board.inverted
    assert any("inverted print: 0 corners" in note for note in observations.notes)
    assert observations.seen.sum() > 350


def test_kept_corners_are_those_of_the_whole_video(tmp_path):
    video = tmp_path / "video.avi"
    with video.open("wb") as file:
        file.truncate(160 << 20)
    before = _content(video)
    with video.open("r+b") as file:
        file.seek(3 << 19)
        file.write(b"x")
    assert _content(video) != before
