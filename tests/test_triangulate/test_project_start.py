"""`init` finds recordings however a lab names its files."""

import pytest

from calibration import Board
from triangulate import ProjectError
from triangulate.projects.project import load_project
from triangulate.projects.start import find_recordings, write_project


def touch(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


LAYOUTS = {
    "folder per recording": (
        [f"{r}/{c}.mp4" for r in ("calibration", "walk", "run") for c in ("left", "right", "top")],
        ("left", "right", "top"),
        "calibration/{camera}.mp4",
        {"run": "run/{camera}.mp4", "walk": "walk/{camera}.mp4"},
    ),
    "folder per camera": (
        [f"cam{c}/{r}.avi" for r in ("board", "t1", "t2") for c in (1, 2, 10)],
        ("cam1", "cam2", "cam10"),
        "{camera}/board.avi",
        {"t1": "{camera}/t1.avi", "t2": "{camera}/t2.avi"},
    ),
    "camera in the file name": (
        [f"2024-05-01_{r}_cam{c}.mp4" for r in ("calib", "trial1", "trial2", "trial3") for c in "ab"],
        ("cama", "camb"),
        "2024-05-01_calib_{camera}.mp4",
        {f"2024-05-01_trial{n}": f"2024-05-01_trial{n}_{{camera}}.mp4" for n in (1, 2, 3)},
    ),
    "image folders, and the camera twice in a path": (
        [f"{c}/calibration_images/{c}-{n}.jpg" for c in ("back", "side") for n in range(3)]
        + [f"{c}/minimal_{c}.mp4" for c in ("back", "side")],
        ("back", "side"),
        "{camera}/calibration_images",
        {"minimal": "{camera}/minimal_{camera}.mp4"},
    ),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts(tmp_path, layout):
    files, cameras, calibration, trials = LAYOUTS[layout]
    touch(tmp_path, *files)
    found = find_recordings(tmp_path)
    assert found.cameras == cameras
    assert found.calibration == calibration
    assert {pattern for pattern in found.trials.values()} == set(trials.values())
    assert len(set(found.trials)) == len(trials)


def test_real_folders(recordings):
    found = find_recordings(recordings("mouse_4cam"))
    assert found.cameras == ("back", "mid", "side", "top")
    assert found.calibration == "{camera}/calibration_images"
    assert list(found.trials.values()) == ["{camera}/minimal_{camera}.mp4"]


@pytest.mark.parametrize("board", [None, Board.chessboard(columns=9, rows=6, square=0.025)])
def test_what_init_writes_is_a_project(tmp_path, board):
    touch(tmp_path, *LAYOUTS["folder per recording"][0])
    file = write_project(tmp_path, board=board)
    project = load_project(file)
    assert project.cameras == ("left", "right", "top")
    assert [trial.name for trial in project.trials] == ["run", "walk"]
    assert file.read_text().count("#") > 10


def test_without_a_calibration_a_rig_is_asked_for(tmp_path):
    touch(tmp_path, "walk/left.mp4", "walk/right.mp4")
    assert load_project(write_project(tmp_path)).calibration.rig == tmp_path / "calibration.toml"


def test_a_project_file_is_never_written_over(tmp_path):
    touch(tmp_path, "walk/left.mp4", "walk/right.mp4")
    (tmp_path / "project.toml").write_text("mine")
    with pytest.raises(ProjectError, match="is there already"):
        write_project(tmp_path)
    assert (tmp_path / "project.toml").read_text() == "mine"


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ([], "no videos or folders of images"),
        (["only.mp4"], "no two that differ only in the name of a camera"),
    ],
)
def test_nothing_to_work_on(tmp_path, files, message):
    touch(tmp_path, *files)
    with pytest.raises(ProjectError, match=message):
        find_recordings(tmp_path)


def test_a_missing_folder(tmp_path):
    with pytest.raises(ProjectError, match="no such folder"):
        find_recordings(tmp_path / "nowhere")
