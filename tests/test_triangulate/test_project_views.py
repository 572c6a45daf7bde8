"""A project whose cameras are one video, direct and in two mirrors; and boards on two sides of a plate."""

import cv2
import numpy as np
import pandas as pd
import pytest

import triangulate
from calibration import Board, Intrinsics, Rig, mirror_plane
from calibration.boards.pattern import board_image
from models2d import Detections2D, Skeleton
from tests.test_calibration import mirror_scene
from tests.test_calibration.board_scene import true_rig
from tests.test_calibration.test_several_boards import THICKNESS, plate
from triangulate import ProjectError
from triangulate.projects import pipeline, rig_stages
from triangulate.projects.checks import check_project
from triangulate.projects.project import load_project
from triangulate.projects.views import View, in_views, named_by_view

board = Board.charuco(columns=5, rows=6, square=0.014, marker=0.0105, dictionary="4X4_50")
lens = Intrinsics(size=(1600, 1200), K=[[1400.0, 0, 812], [0, 1403, 590], [0, 0, 1]], distortion=np.zeros(5))
VIEWS = "".join(
    f"[views.{name}]\ncrop = {list(box)}\nsuffix = '_{name}'\n" + "mirrored = true\n" * (name != "direct")
    for name, box in mirror_scene.boxes.items()
)
PROJECT = f"""\
cameras = ["direct", "right", "left"]
{VIEWS}
[calibration]
recording = "board.avi"
[calibration.board]
columns = 5
rows = 6
square = 0.014
marker = 0.0105
dictionary = "4X4_50"
[detections]
fps = 25.0
[reconstruct]
smooth = false
[trials.walk]
detections = "walk.csv"
[export]
formats = ["csv"]
"""


def drawn(R, t):
    """The whole image of a board, direct and in both mirrors: each a homography of its plane."""
    picture, cell = (
        cv2.copyMakeBorder(board_image(board, 40), 20, 20, 20, 20, cv2.BORDER_CONSTANT, value=255),
        40,
    )
    image = np.full((lens.size[1], lens.size[0]), 100, dtype=np.uint8)
    flat = [[1, 0, 0.5 - 20], [0, 1, 0.5 - 20], [0, 0, cell / board.square]]  # from pixels to board, m
    middle = (board.corners.max(axis=0) + board.corners.min(axis=0)) / 2
    for name, (x, y, width, height) in mirror_scene.boxes.items():
        axes = np.stack([R[:, 0], R[:, 1], np.zeros(3)])
        points = mirror_scene.reflected(name, np.vstack([axes[:2] + t, t]) - R @ middle)
        origin = points[2]
        eye = mirror_scene.reflected(name, np.zeros(3))
        if R[:, 2] @ (t - eye) < 0.2 * np.linalg.norm(t - eye):
            continue
        H = lens.K @ np.column_stack([points[0] - origin, points[1] - origin, origin]) @ flat
        H = H / H[2, 2]
        part = np.full_like(image, 100)
        cv2.warpPerspective(
            picture, H, lens.size, dst=part, flags=cv2.INTER_AREA, borderMode=cv2.BORDER_TRANSPARENT
        )
        image[y : y + height, x : x + width] = part[y : y + height, x : x + width]
    return cv2.cvtColor(cv2.GaussianBlur(image, (0, 0), 0.7), cv2.COLOR_GRAY2BGR)


def filmed(path, frames=24):
    rng = np.random.default_rng(1)
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 25.0, lens.size)
    for angle in np.linspace(-75, 75, frames):
        turn = cv2.Rodrigues(np.deg2rad([rng.normal(0, 15), angle, rng.normal(0, 10)]))[0]
        writer.write(drawn(turn, np.array([0, 0, 0.5]) + rng.uniform(-0.015, 0.015, 3)))
    writer.release()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The project, with keypoints of a walk in one file, in pixels of the whole video."""
    folder = tmp_path_factory.mktemp("mirrors")
    (folder / "project.toml").write_text(PROJECT)
    filmed(folder / "board.avi")
    xyz = walked()
    columns = {}
    for name in mirror_scene.boxes:
        xy = lens.project(mirror_scene.reflected(name, xyz))
        for key, keypoint in enumerate(("nose", "tail")):
            label = f"{keypoint}_{name}"
            columns["net", label, "x"], columns["net", label, "y"] = xy[:, key].T
            columns["net", label, "likelihood"] = np.ones(len(xyz))
    table = pd.DataFrame(columns)
    table.columns = pd.MultiIndex.from_tuples(table.columns, names=["scorer", "bodyparts", "coords"])
    table.to_csv(folder / "walk.csv")
    return folder


def walked():
    """Two keypoints 30 mm apart."""
    nose = np.array([0, 0, 0.5]) + np.linspace([-0.01, 0, -0.01], [0.01, 0.01, 0.01], 20)
    return np.stack([nose, nose + np.array([0.0, 0.03, 0.0])], axis=1)


def test_one_video_with_two_mirrors_goes_through_every_stage(folder):
    project = load_project(folder)
    assert not [finding for finding in check_project(project) if finding.bad]
    pipeline.calibrate_project(project)
    rig = Rig.load(project.rig_file)
    assert [camera.intrinsics.size for camera in rig.cameras] == [
        box[2:] for box in mirror_scene.boxes.values()
    ]
    assert np.rad2deg(mirror_plane(rig.cameras[0], rig.cameras[1]).turn) < 0.1
    (trial,) = project.trials
    pipeline.detect_trial(project, trial)
    pipeline.reconstruct_trial(project, trial)
    found = triangulate.export.formats.read(project.results("walk") / "raw.parquet")
    assert found.skeleton.keypoints == ("nose", "tail")
    length = np.linalg.norm(found.xyz[:, 0, 1] - found.xyz[:, 0, 0], axis=-1)
    assert np.abs(length - 0.03).max() < 0.1e-3
    path = np.linalg.norm(found.xyz[-1, 0, 0] - found.xyz[0, 0, 0])
    assert abs(path - np.linalg.norm([0.02, 0.01, 0.02])) < 0.1e-3


def test_a_change_of_the_views_makes_results_stale(folder):
    project = load_project(folder)
    assert pipeline.calibrate_project(project).reason is None
    changed = (folder / "project.toml").read_text().replace("280, 345, 620", "281, 345, 619")
    (folder / "project.toml").write_text(changed)
    assert pipeline.calibrate_project(load_project(folder)).reason is not None
    (folder / "project.toml").write_text(PROJECT)


def test_a_camera_said_to_be_mirrored_that_is_not(folder):
    (folder / "project.toml").write_text(
        PROJECT.replace("[views.right]", "[views.right]\nmirrored = true")
        .replace("suffix = '_right'\nmirrored = true", "suffix = '_right'")
        .replace("suffix = '_direct'\n", "suffix = '_direct'\nmirrored = true\n")
    )
    with pytest.raises(ProjectError, match=r"camera direct are no mirror images.*out of \[views.direct\]"):
        pipeline.calibrate_project(load_project(folder), force=True)
    (folder / "project.toml").write_text(PROJECT)


def everything(folder):
    project = load_project(folder)
    pipeline.detect_trial(project, project.trials[0], force=True)
    pipeline.calibrate_project(project, force=True)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "crop = [625, 300, 370, 600]",
            "crop = [625, 300, 370]",
            r"views.direct.crop: expected \[x, y, width",
        ),
        ("crop = [625, 300, 370, 600]", "crop = [625, 300, 0, 600]", "views.direct.crop: expected a part"),
        ("crop = [625, 300, 370, 600]", "crop = [1625, 300, 370, 600]", "no part of an image of 1600 x 1200"),
        ("[views.direct]", "[views.above]", "no camera is called above; there are direct, right, left"),
        ("crop = [995, 280, 345, 620]", "crop = [280, 280, 345, 620]", "right and left are the same images"),
        (
            "suffix = '_left'",
            "suffix = '_top'",
            "views.left: no keypoint ends with '_top'; the file has nose_dir",
        ),
    ],
)
def test_views_that_cannot_be_are_named(folder, old, new, message):
    assert old in PROJECT
    (folder / "project.toml").write_text(PROJECT.replace(old, new))
    with pytest.raises(ProjectError, match=message):
        everything(folder)
    (folder / "project.toml").write_text(PROJECT)


def test_detections_are_flipped_with_their_covariance():
    found = Detections2D(
        xy=np.array([5.0, 7.0]).reshape(1, 1, 1, 1, 2),
        confidence=np.ones((1, 1, 1, 1)),
        covariance=np.array([[4.0, 1.0], [1.0, 2.0]]).reshape(1, 1, 1, 1, 2, 2),
        views=("a",),
        skeleton=Skeleton.from_names("s", ["nose"]),
        fps=1.0,
    )
    flipped = in_views(found, {"a": View(crop=(2, 3, 10, 10), mirrored=True)}, [None])
    assert flipped.xy.ravel().tolist() == [6.0, 4.0]
    assert flipped.covariance.ravel().tolist() == [4.0, -1.0, -1.0, 2.0]
    assert in_views(found, {"a": View(mirrored=True)}, [20]).xy.ravel().tolist() == [14.0, 7.0]
    with pytest.raises(ProjectError, match=r"views.a: to flip its detections its width must be known"):
        in_views(found, {"a": View(mirrored=True)}, [None])


def test_a_keypoint_that_one_view_lacks_is_missing_there():
    found = Detections2D(
        xy=np.arange(12.0).reshape(1, 2, 1, 3, 2),
        confidence=np.ones((1, 2, 1, 3)),
        views=("top", "bot"),
        skeleton=Skeleton.from_names("s", ["paw_top", "tail_top", "paw_bot"]),
        fps=1.0,
    )
    own = named_by_view(found, {"top": View(suffix="_top"), "bot": View(suffix="_bot")}, None)
    assert own.skeleton.keypoints == ("paw", "tail")
    assert own.xy[0, 0, 0].tolist() == [[0.0, 1.0], [2.0, 3.0]]
    assert own.xy[0, 1, 0, 0].tolist() == [10.0, 11.0]
    assert np.isnan(own.xy[0, 1, 0, 1]).all()
    assert np.isnan(own.confidence[0, 1, 0, 1])


BACK = """\
cameras = ["cam0", "cam1", "cam2"]
[calibration]
recording = "{camera}.avi"
[calibration.board]
columns = 8
rows = 11
square = 0.06
marker = 0.045
dictionary = "4X4_1000"
[calibration.board.back]
columns = 7
rows = 9
square = 0.07
marker = 0.05
dictionary = "4X4_1000"
first = 44
thickness = 0.0123
"""


def test_a_board_on_the_back_is_calibrated_with(tmp_path, monkeypatch):
    (tmp_path / "project.toml").write_text(BACK)
    project = load_project(tmp_path)
    plan = project.calibration
    assert (len(plan.boards), plan.linked, plan.thickness) == (2, "two-sided", THICKNESS)
    assert plan.boards[1].first == 44
    truth = true_rig(views=3, spread=2.0)
    seen = plate(truth, frames=25)
    monkeypatch.setattr(rig_stages, "open_recording", lambda *_: seen[0])
    monkeypatch.setattr(rig_stages, "find_boards", lambda *_: seen)
    outcome = pipeline.calibrate_project(project)
    assert "mm behind the first board" in outcome.summary
    apart = np.linalg.norm(np.diff(truth.centers, axis=0), axis=1)
    found = np.linalg.norm(np.diff(Rig.load(project.rig_file).centers, axis=0), axis=1)
    np.testing.assert_allclose(found, apart, atol=5e-3)


def test_several_boards_may_be_fixed_to_each_other(tmp_path):
    text = BACK.replace("[calibration.board]", "[[calibration.board]]")
    text = text.replace("[calibration.board.back]", "[[calibration.board]]").replace(
        "thickness = 0.0123\n", ""
    )
    file = tmp_path / "project.toml"
    file.write_text(text)
    assert load_project(file).calibration.linked is None
    file.write_text(text.replace("[calibration]", "[calibration]\nlinked = true"))
    plan = load_project(file).calibration
    assert (len(plan.boards), plan.linked) == (2, "rigid")
    file.write_text(text.replace("first = 44", "first = 40"))
    with pytest.raises(ProjectError, match="cannot be told apart: both have the markers 40 to 43 of 4X4"):
        load_project(file)
    file.write_text(
        BACK.replace("[calibration]", "[calibration]\nlinked = true").split("[calibration.board.back]")[0]
    )
    with pytest.raises(ProjectError, match=r"linked: boards that are fixed to each other need two"):
        load_project(file)
