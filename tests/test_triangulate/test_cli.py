"""The command line: help, exit codes, and one clear paragraph for everything that a user can get wrong."""

import re
import shutil
import subprocess
import sys

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

import triangulate
from models2d import read_detections, write_detections
from triangulate.cli import app
from triangulate.synthetic.scene import write_video

BOARD = """
[calibration.board]
columns = 7
rows = 5
square = 0.1
marker = 0.075
dictionary = "4X4_50"
"""


def run(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def refused(result, *patterns):
    """Exit code 1, nothing on stdout, one paragraph on stderr that says all this; no traceback."""
    assert result.exit_code == 1, result.output
    text = " ".join(result.stderr.split())
    assert text.startswith("triangulate: ")
    assert "Traceback" not in text
    assert "\n\n" not in result.stderr.strip()
    for pattern in patterns:
        assert re.search(pattern, text), f"{pattern!r} is not said in: {text}"


def files_in(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def videos(tmp_path):
    """A folder with two cameras whose videos are plain grey: no board will ever be seen."""
    (tmp_path / "calibration").mkdir()
    grey = np.full((120, 160, 3), 128, dtype=np.uint8)
    for name in ("left", "right"):
        write_video(tmp_path / "calibration" / f"{name}.avi", [grey] * 12, 10.0)
    (tmp_path / "project.toml").write_text(
        f'cameras = ["left", "right"]\n[calibration]\nrecording = "calibration/{{camera}}.avi"\n{BOARD}'
    )
    return tmp_path


def test_every_command_has_help_with_an_example():
    commands = re.findall(r"^  (\w+)  ", run("--help").output, flags=re.MULTILINE)
    assert {"demo", "init", "check", "calibrate", "detect", "reconstruct", "run", "export"} <= set(commands)
    for command in commands:
        text = run(command, "--help").output
        assert f"Example: triangulate {command}" in " ".join(text.split())


def test_python_m_is_the_same_command():
    done = subprocess.run(
        [sys.executable, "-m", "triangulate", "run", "nowhere"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "no such project file" in done.stderr
    assert done.stdout == ""


def test_a_wrong_command_line_exits_with_2():
    assert run("run").exit_code == 2
    assert run("dance").exit_code == 2


def test_an_export_lists_the_known_formats(tmp_path):
    refused(run("export", tmp_path / "t.parquet", "--to", "xls"), "no format called xls; known are parquet")
    refused(run("export", tmp_path / "t.parquet", "--to", "trc"), "t.parquet: no such file")


def test_export(tmp_path, demo_run):
    source = demo_run[0].results("walk") / "trajectories.parquet"
    shutil.copy(source, tmp_path / "t.parquet")
    result = run("export", tmp_path / "t.parquet", "--to", "anipose,trc")
    assert result.exit_code == 0, result.output
    assert {path.name for path in tmp_path.iterdir()} == {"t.parquet", "t.trc", "t.anipose.csv"}


def test_run_says_what_is_up_to_date(demo_run):
    result = run("run", demo_run[0].folder)
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines() == [
        "calibrate: up to date",
        "detect walk: up to date",
        "reconstruct walk: up to date",
    ]
    assert result.stderr == ""  # no progress bar where there is no terminal


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--board", "7x5", "--square", "0.1", "--dictionary", "4X4_51"], "'4X4_51' is not known"),
        (["--board", "30x30", "--square", "0.1"], "4X4_50 has 50 markers, the board needs 450"),
        (["--board", "7x5", "--square", "100", "--marker", "75"], "100 m looks like millimetres"),
        (["--square", "0.1"], "--square and --marker need --board"),
        (["--model", "nosuch"], r"model: 'nosuch' is neither shipped \(demo"),
    ],
)
def test_init_writes_no_project_that_cannot_work(videos, options, reason):
    (videos / "project.toml").unlink()
    refused(run("init", videos, *options), reason)
    assert not (videos / "project.toml").exists()


def test_init_says_which_board_it_wrote(videos):
    (videos / "project.toml").unlink()
    said = run("init", videos, "--board", "7x5", "--square", "0.1").output
    assert "markers of 75 mm, 4X4_50 (three quarters of a square, unless --marker says)" in said


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("calibration/left.avi", "'calibration/left.avi' is one file; write {camera} where"),
        ("calibration/{cam}.avi", "{cam} is not known; {camera} stands for each camera"),
    ],
)
def test_a_recording_that_is_not_one_per_camera(videos, source, reason):
    file = videos / "project.toml"
    file.write_text(file.read_text().replace("calibration/{camera}.avi", source))
    refused(run("check", videos), re.escape(reason))


def test_a_project_file_of_another_editor(videos):
    file = videos / "project.toml"
    text = file.read_text()
    file.write_text(text, encoding="utf-8-sig")
    assert "cameras: left, right" in run("check", videos).output
    file.write_text(text, encoding="utf-16")
    refused(run("check", videos), "is not written in UTF-8")


def test_the_version():
    assert run("--version").output.strip() == triangulate.__version__


def test_init_then_check(videos):
    (videos / "project.toml").unlink()
    result = run("init", videos)
    assert result.exit_code == 0, result.output
    assert "2 cameras: left, right" in result.output
    refused(run("init", videos), r"project\.toml: is there already")


def test_check_names_everything_that_is_wrong(videos):
    result = run("check", videos)
    assert result.exit_code == 1
    assert "12 frames at 10 Hz, 2 views of 160 x 120 px" in result.output
    assert "is seen in none of 12 frames of left, right" in " ".join(result.output.split())
    assert "! trials: none" in result.output


def test_malformed_toml_names_line_and_key(videos):
    (videos / "project.toml").write_text("cameras = [\nnot toml")
    refused(run("run", videos), r"project\.toml: not a TOML file: .*line 2")


def test_a_wrong_value_names_line_and_key(videos):
    file = videos / "project.toml"
    file.write_text(file.read_text().replace("columns = 7", "columns = -7"))
    refused(
        run("calibrate", videos), r"project\.toml:6: calibration\.board\.columns: expected a whole number"
    )


def test_fewer_than_two_cameras(videos):
    file = videos / "project.toml"
    file.write_text(file.read_text().replace('"left", "right"', '"left"'))
    refused(run("calibrate", videos), r":1: cameras: 3D needs at least two cameras, got 1")


def broken_video(path, how):
    if how == "missing":
        path.unlink()
    elif how == "empty":
        path.write_bytes(b"")
    elif how == "not a video":
        path.write_text("this is a shopping list\n" * 100)
    else:
        data = path.read_bytes()
        path.write_bytes(data[: len(data) // 2])


@pytest.mark.parametrize("how", ["missing", "empty", "not a video", "truncated"])
def test_a_broken_video_is_named(videos, how):
    broken_video(videos / "calibration" / "right.avi", how)
    before = files_in(videos)
    refused(run("calibrate", videos), r"right\.avi")
    assert files_in(videos) == before


def test_different_frame_counts_are_said_and_never_cut(videos):
    grey = np.full((120, 160, 3), 128, dtype=np.uint8)
    write_video(videos / "calibration" / "right.avi", [grey] * 9, 10.0)
    before = files_in(videos)
    refused(run("calibrate", videos), r"\b12\b", r"\b9\b", "left", "right")
    assert files_in(videos) == before


def test_a_board_that_is_never_seen(videos):
    before = files_in(videos)
    refused(run("calibrate", videos), "board", "left")
    assert files_in(videos) == before


def test_a_camera_without_a_file(videos):
    file = videos / "project.toml"
    file.write_text(file.read_text().replace('"left", "right"', '"left", "right", "top"'))
    refused(run("calibrate", videos), r"top\.avi")


@pytest.fixture
def with_files(tmp_path, demo_run):
    """The finished demo, but with detections in files of another tool."""
    project = demo_run[0]
    folder = tmp_path / "project"
    shutil.copytree(project.folder, folder)
    found = read_detections(folder / "results" / "walk" / "detections.parquet")
    write_detections(found, folder / "{view}.csv")
    (folder / "project.toml").write_text(
        (folder / "project.toml").read_text() + 'detections = "{camera}.csv"\n'
    )
    return folder


def rewrite(path, change):
    lines = path.read_text().splitlines()
    change(lines)
    path.write_text("\n".join(lines) + "\n")


def test_detections_of_different_length(with_files):
    rewrite(with_files / "east.csv", lambda lines: lines.__delitem__(slice(-4, None)))
    before = files_in(with_files)
    refused(run("detect", with_files), r"\b56\b", r"\b60\b")
    assert files_in(with_files) == before


def test_detections_with_another_keypoint(with_files):
    rewrite(with_files / "east.csv", lambda lines: lines.__setitem__(1, lines[1].replace("head", "tail")))
    refused(run("detect", with_files), "head|tail", "east")


def test_detections_that_are_missing_for_a_camera(with_files):
    (with_files / "west.csv").unlink()
    refused(run("detect", with_files), r"west\.csv")


def test_detections_that_are_infinite(with_files):
    def spoil(lines):
        cells = lines[5].split(",")
        cells[1] = "inf"
        lines[5] = ",".join(cells)

    rewrite(with_files / "east.csv", spoil)
    refused(run("detect", with_files), r"(?i)inf", "east")


def test_detections_that_are_nan_are_missing(with_files):
    def spoil(lines):
        for row in range(3, len(lines)):
            cells = lines[row].split(",")
            cells[1:3] = ["nan", "nan"]
            lines[row] = ",".join(cells)

    rewrite(with_files / "east.csv", spoil)
    result = run("run", with_files)
    assert result.exit_code == 0, result.output
    found = read_detections(with_files / "results" / "walk" / "detections.parquet")
    assert np.isnan(found.xy[:, found.views.index("east"), 0, 0]).all()


def test_detections_of_another_resolution(with_files):
    def spoil(lines):
        for row in range(3, len(lines)):
            cells = lines[row].split(",")
            lines[row] = ",".join(
                f"{5 * float(cell)}" if column % 3 and cell else cell for column, cell in enumerate(cells)
            )

    rewrite(with_files / "east.csv", spoil)
    refused(run("run", with_files), "view east", "outside its 800 x 600 px image", "resolution")


def test_a_model_that_is_not_there(with_files):
    file = with_files / "project.toml"
    text = file.read_text().replace('detections = "{camera}.csv"\n', "")
    file.write_text(text.replace('model = "demo"', 'model = "dragon"'))
    refused(run("detect", with_files), "dragon", "shipped are demo")


def test_a_pickle_is_never_loaded(with_files):
    evil = b"cos\nsystem\n(S'touch owned'\ntR."
    (with_files / "east.csv").write_bytes(evil)
    refused(run("detect", with_files), r"east\.csv")
    file = with_files / "project.toml"
    (with_files / "evil.safetensors").write_bytes(evil)
    text = file.read_text().replace('detections = "{camera}.csv"\n', "")
    file.write_text(text.replace('model = "demo"', 'model = "evil.safetensors"'))
    refused(run("detect", with_files), r"evil\.safetensors")
    assert not list(with_files.rglob("owned"))


def test_an_image_among_the_videos_that_cannot_be_read(videos):
    for name in ("left", "right"):
        (videos / "images" / name).mkdir(parents=True)
        cv2.imwrite(str(videos / "images" / name / "1.png"), np.zeros((20, 20, 3), dtype=np.uint8))
    (videos / "images" / "right" / "1.png").write_text("no image")
    file = videos / "project.toml"
    file.write_text(file.read_text().replace("calibration/{camera}.avi", "images/{camera}"))
    refused(run("calibrate", videos), r"1\.png")
