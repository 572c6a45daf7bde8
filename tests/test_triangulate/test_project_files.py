"""Project files: what a good one says, and that a bad one is refused by file, line and key."""

import pytest

from triangulate import ProjectError
from triangulate.projects.project import load_project

GOOD = """\
cameras = ["left", "right"]

[calibration]
recording = "calibration/{camera}.mp4"
floor_frame = 3

[calibration.board]
columns = 7
rows = 5
square = 0.04
marker = 0.03
dictionary = "4X4_50"

[detections]
model = "demo"
locate_every = 4
precision = "bfloat16"

[reconstruct]
bone_sigma = 0.002

[export]
formats = ["trc"]

[trials.walk]
recording = { left = "a.mp4", right = "b.mp4" }

[trials.run]
detections = "run/{camera}.h5"
"""


@pytest.fixture
def project(tmp_path):
    def write(text):
        (tmp_path / "project.toml").write_text(text)
        return tmp_path / "project.toml"

    return write


def test_everything_is_read_and_paths_are_relative_to_the_file(project):
    file = project(GOOD)
    loaded = load_project(file)
    folder = file.parent
    assert loaded.calibration.recording == {n: folder / f"calibration/{n}.mp4" for n in ("left", "right")}
    (board,) = loaded.calibration.boards
    assert (board.columns, loaded.calibration.floor_frame) == (7, 3)
    assert (loaded.locate_every, loaded.precision) == (4, "bfloat16")
    assert loaded.smoothing == {"bone_sigma": 0.002}
    assert [trial.name for trial in loaded.trials] == ["walk", "run"]
    assert loaded.trials[0].recording == {"left": folder / "a.mp4", "right": folder / "b.mp4"}
    assert loaded.trials[1].detections == {n: folder / f"run/{n}.h5" for n in ("left", "right")}


def test_a_folder_means_its_project_file(project):
    assert load_project(project(GOOD).parent).file.name == "project.toml"


BAD = {
    "one camera": ('["left", "right"]', '["left"]', r":1: cameras: 3D needs at least two cameras, got 1"),
    "no cameras": ('cameras = ["left", "right"]', "", "cameras: 3D needs at least two cameras, got 0"),
    "twice": ('["left", "right"]', '["left", "left"]', ":1: cameras: expected names that differ"),
    "typo": (
        "floor_frame = 3",
        "flor_frame = 3",
        r":5: calibration.flor_frame: .* did you mean 'floor_frame'",
    ),
    "text for number": (
        "columns = 7",
        'columns = "7"',
        ":8: calibration.board.columns: expected a whole number",
    ),
    "negative": ("square = 0.04", "square = -0.04", ":10: calibration.board.square: .* above 0, got -0.04"),
    "millimetres": ("square = 0.04", "square = 40.0", ":10: .*metres; 40 m looks like millimetres"),
    "marker": ("marker = 0.03", "marker = 0.05", "calibration.board: marker: expected a length between"),
    "no marker": ("marker = 0.03", "", "calibration.board: a charuco board needs marker"),
    "dictionary": ('"4X4_50"', '"4X4_51"', "calibration.board: .*4X4_51"),
    "kind": (
        "columns = 7",
        'columns = 7\nkind = "circles"',
        "calibration.board.kind: expected one of charuco",
    ),
    "lens": ("floor_frame = 3", 'lens = "wide"', "calibration.lens: expected one of auto, pinhole4"),
    "format": ('["trc"]', '["xls"]', ":23: export.formats: no format called 'xls'; known are parquet"),
    "precision": (
        '"bfloat16"',
        '"half"',
        ":17: detections.precision: expected one of float32, float16, bfloat16, got 'half'",
    ),
    "doubtful in percent": (
        "locate_every = 4",
        "min_confidence = 80",
        ":16: .*min_confidence: expected a number between 0 and 1, got 80",
    ),
    "locate never": ("locate_every = 4", "locate_every = 0", ":16: .*locate_every: .* at least 1, got 0"),
    "locate rarely": (
        "locate_every = 4",
        "locate_every = 30",
        ":16: detections.locate_every: expected at most 8, got 30: frames are taken 8 at a time",
    ),
    "fixed": (
        "floor_frame = 3",
        "fixed = { aspct = 1.0 }",
        r"calibration.fixed.aspct: neither a camera \(left, right\) nor a parameter of a lens \(focal",
    ),
    "fixed value": (
        "floor_frame = 3",
        'fixed = { left = { cx = "640" } }',
        "calibration.fixed.left.cx: expected a number, got '640'",
    ),
    "fixed parameter of one": (
        "floor_frame = 3",
        "fixed = { left = { zoom = 2.0 } }",
        "calibration.fixed.left.zoom: not a key",
    ),
    "shared": (
        "floor_frame = 3",
        'shared = [["left", "mid"]]',
        "calibration.shared: no camera is called 'mid'; there are left, right",
    ),
    "shared with nobody": (
        "floor_frame = 3",
        'shared = ["left", "right"]',
        r"calibration.shared: expected groups of two cameras or more, such as \[\[.*got \['left'",
    ),
    "shared parameter": (
        "floor_frame = 3",
        'shared = { zoom = [["left", "right"]] }',
        "calibration.shared.zoom: not a parameter of a lens; these are focal",
    ),
    "enough": ("floor_frame = 3", "enough = 0", ":5: calibration.enough: expected a whole number of at"),
    "infinite": ("bone_sigma = 0.002", "bone_sigma = inf", "reconstruct.bone_sigma: expected a number"),
    "camera of a trial": ("left = ", "lefty = ", "no camera is called lefty; camera left is missing"),
    "one file for all": (
        '"run/{camera}.h5"',
        '"run/all.h5"',
        "trials.run.detections: expected a file for each",
    ),
    "nothing to see": ('detections = "run/{camera}.h5"', "", "trials.run: needs a recording, or detections"),
    "no board": ("[calibration.board]", "[elsewhere]", "needs a section .calibration.board."),
    "not TOML": ("cameras = [", "cameras = [[", "not a TOML file: .*line"),
    "no recording": (
        'recording = "calibration/{camera}.mp4"',
        "",
        "needs either a recording of a board or a rig",
    ),
    "slash": ("[trials.run]", '[trials."../run"]', "a trial's name is the name of a folder"),
    "section": ("[export]", "[exports]", "exports: not a key of a project; did you mean 'export'"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_wrong_is_named_by_file_line_and_key(project, name):
    old, new, message = BAD[name]
    assert old in GOOD
    file = project(GOOD.replace(old, new, 1))
    with pytest.raises(ProjectError, match=message) as caught:
        load_project(file)
    assert str(file) in str(caught.value)


def test_what_is_known_of_lenses_is_read(project):
    said = 'fixed = { aspect = 1.0, left = { cx = 639.5 } }\nshared = { focal = [["left", "right"]] }'
    said += "\nenough = 9"
    plan = load_project(project(GOOD.replace("floor_frame = 3", said))).calibration
    assert plan.lenses.fixed == {"aspect": 1.0, "left": {"cx": 639.5}}
    assert plan.lenses.shared == {"focal": [["left", "right"]]}
    assert plan.enough == 9
    plan = load_project(project(GOOD.replace("floor_frame = 3", 'shared = [["left", "right"]]'))).calibration
    assert plan.lenses.shared == [["left", "right"]]


def test_a_board_may_be_a_target_of_kalibr(project):
    start, end = GOOD.index("columns"), GOOD.index("[detections]")
    file = project(GOOD[:start] + 'target = "april.yaml"\n\n' + GOOD[end:])
    with pytest.raises(ProjectError, match=r":8: calibration\.board\.target: .*april\.yaml"):
        load_project(file)
    text = "target_type: 'aprilgrid'\ntagCols: 6\ntagRows: 5\ntagSize: 0.03\ntagSpacing: 0.3\n"
    (file.parent / "april.yaml").write_text(text)
    (board,) = load_project(file).calibration.boards
    assert (board.kind, board.columns, board.rows, board.marker) == ("aprilgrid", 6, 5, 0.03)
    (file.parent / "april.yaml").write_text(text.replace("tagRows: 5", "tagRows: many"))
    with pytest.raises(ProjectError, match="tagRows: expected a whole number, got 'many'"):
        load_project(file)


def test_a_missing_file_tells_how_to_make_one(tmp_path):
    with pytest.raises(ProjectError, match="no such project file; `triangulate init"):
        load_project(tmp_path)


def test_an_unknown_trial_lists_the_known_ones(project):
    with pytest.raises(ProjectError, match="no trial called swim; there are walk, run"):
        load_project(project(GOOD)).chosen(("swim",))
