"""Several boards in one project: which of them is wrong is named, and why."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from calibration import Board, CalibrationError
from tests.test_calibration.conftest import render
from triangulate.projects.checks import check_project
from triangulate.projects.project import load_project
from triangulate.projects.recordings import find_boards, open_recording

one = Board.charuco(columns=6, rows=4, square=0.03, marker=0.0225, dictionary="4X4_250")
other = replace(one, columns=5, first=12)
TEXT = """\
cameras = ["left", "right"]
[calibration]
recording = "board"
[[calibration.board]]
columns = 6
rows = 4
square = 0.03
marker = 0.0225
dictionary = "4X4_250"
[[calibration.board]]
columns = 5
rows = 4
square = 0.03
marker = 0.0225
dictionary = "4X4_250"
first = 12
"""


def filmed(folder, *boards, count=4):
    """A project whose cameras see these boards side by side; returns it and its recording."""
    for name in ("left", "right"):
        (folder / "board" / name).mkdir(parents=True)
        for number in range(count):
            parts = [render(board, 34.0, (320, 240), turn=0.1 * number).image for board in boards]
            cv2.imwrite(str(folder / "board" / name / f"{number}.png"), np.hstack(parts))
    (folder / "project.toml").write_text(TEXT)
    project = load_project(folder)
    return project, open_recording(project, project.calibration.recording, "calibration")


def test_boards_that_are_as_configured_need_no_word(tmp_path):
    first, second = find_boards(*filmed(tmp_path, one, other), None)
    assert first.seen.all()
    assert second.seen.all()
    assert not first.notes
    assert not second.notes


def test_the_one_of_two_boards_that_is_legacy_is_put_right_and_named(tmp_path):
    first, second = find_boards(*filmed(tmp_path, one, replace(other, legacy=True)), None)
    assert first.seen.all()
    assert second.seen.all()
    assert second.board.legacy
    assert not first.notes
    assert second.notes[0].startswith("[[calibration.board]], number 2: left: legacy layout: 0 corners in 4")
    assert "set legacy = true" in second.notes[0]


def test_the_one_of_two_boards_that_has_another_dictionary_is_named(tmp_path):
    project, recording = filmed(tmp_path, one, replace(other, dictionary="5X5_250"), count=2)
    with pytest.raises(CalibrationError) as caught:
        find_boards(project, recording, None)
    said = str(caught.value)
    assert said.startswith("[[calibration.board]], number 2: the board (charuco 5 x 4")
    assert "left: another dictionary: 0 corners in 2 images" in said
    assert "markers of 5X5_1000, numbers 12 to 21" in said
    (wrong,) = [finding for finding in check_project(project) if finding.bad and finding.where != "trials"]
    assert wrong.text == said


def test_the_one_of_two_boards_that_is_not_there_is_named_and_the_other_is_not_taken_for_it(tmp_path):
    with pytest.raises(CalibrationError) as caught:
        find_boards(*filmed(tmp_path, other, count=1), None)
    said = str(caught.value)
    assert said.startswith("[[calibration.board]], number 1: the board (charuco 6 x 4")
    assert "left: no board: 0 corners in 1 images" in said
    assert "number 2" not in said
