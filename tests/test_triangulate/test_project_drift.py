"""A camera that moved after the calibration is named by `check` and put right by `refine`."""

import re
from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import RigidTransform, Rotation
from typer.testing import CliRunner

from calibration import Rig, save_draws
from models2d import Detections2D, Skeleton, read_detections, write_detections
from triangulate import ProjectError
from triangulate.cli import app
from triangulate.projects import checks
from triangulate.projects.drift import drifts, refine_project
from triangulate.projects.freshness import record_file
from triangulate.projects.pipeline import calibrate_project
from triangulate.projects.project import load_project
from triangulate.synthetic.scene import demo_rig

now = demo_rig()
TEXT = """\
cameras = ["north", "east", "south", "west"]

[calibration]
rig = "calibration.toml"

[trials.walk]
detections = "{camera}.csv"
"""


def knocked(*names):
    push = RigidTransform.from_components([0.02, 0, 0], Rotation.from_rotvec([0, np.radians(0.8), 0]))
    cameras = [
        type(camera)(
            name=camera.name,
            intrinsics=camera.intrinsics,
            cam_from_world=push * camera.cam_from_world if camera.name in names else camera.cam_from_world,
        )
        for camera in now.cameras
    ]
    return Rig(cameras=tuple(cameras))


def project_with(folder, rig, *, wrong=None, keypoints="abcde"):
    rng = np.random.default_rng(0)
    count = len(keypoints)
    xyz = np.array([0, 0, 0.8]) + rng.uniform(-0.4, 0.4, (120, count, 3))
    xy = np.moveaxis(np.array(now.project(xyz)), 2, 1)[:, :, None] + rng.normal(0, 0.7, (120, 4, 1, count, 2))
    for name, labels in (wrong or {}).items():
        for label in labels:
            xy[:, now.names.index(name), :, keypoints.index(label)] += [9.0, -4.0]
    xy[rng.random(xy.shape[:-1]) < 0.1] = np.nan
    skeleton = Skeleton(name="blob", keypoints=tuple(keypoints))
    confidence = np.where(np.isfinite(xy[..., 0]), 0.9, np.nan)
    # In another order than the rig: cameras go by name.
    views, order = ("west", "north", "south", "east"), [3, 0, 2, 1]
    found = Detections2D(
        xy=xy[:, order], confidence=confidence[:, order], views=views, skeleton=skeleton, fps=30.0
    )
    (folder / "results" / "walk").mkdir(parents=True)
    write_detections(found, folder / "results" / "walk" / "detections.parquet")
    rig.save(folder / "calibration.toml")
    (folder / "project.toml").write_text(TEXT)
    return load_project(folder)


def test_a_rig_that_still_fits_is_said_to(tmp_path):
    ((trial, report),) = drifts(project_with(tmp_path, now))
    assert trial.name == "walk"
    assert str(report).startswith("all cameras agree")


@pytest.fixture
def read(tmp_path, monkeypatch):
    """The files that the trial names are read as what was made of them."""
    made = tmp_path / "results" / "walk" / "detections.parquet"
    monkeypatch.setattr(checks, "read_files", lambda *_: read_detections(made))


@pytest.mark.usefixtures("read")
def test_check_names_the_camera_that_moved_and_what_to_do(tmp_path):
    project_with(tmp_path, knocked("south"))
    done = CliRunner().invoke(app, ["check", str(tmp_path)])
    assert "? trial walk, rig: south has moved by" in done.output
    assert f"`triangulate refine {tmp_path} walk` writes a rig with that mended" in done.output
    assert done.output.splitlines()[-1] == "every stage can run, but mend first: trial walk, rig"
    assert done.exit_code == 0


@pytest.mark.usefixtures("read")
def test_check_of_a_rig_that_fits_has_nothing_to_mend(tmp_path):
    project_with(tmp_path, now)
    done = CliRunner().invoke(app, ["check", str(tmp_path)])
    assert done.output.splitlines()[-1] == "nothing to mend"


def test_refine_writes_a_new_file_and_moves_one_camera_only(tmp_path):
    old = knocked("south")
    project = project_with(tmp_path, old)
    before = project.rig_file.read_bytes()
    done = CliRunner().invoke(app, ["refine", str(tmp_path)])
    assert done.exit_code == 0, done.output
    assert 'set rig = "calibration-refined.toml"' in done.output
    assert project.rig_file.read_bytes() == before
    refined = Rig.load(tmp_path / "calibration-refined.toml")
    np.testing.assert_allclose(refined.centers, now.centers, atol=4e-3)
    for camera, was in zip(refined.cameras, Rig.load(project.rig_file).cameras, strict=True):
        moved = np.abs(camera.cam_from_world.as_matrix() - was.cam_from_world.as_matrix()).max()
        assert (moved > 1e-3) == (camera.name == "south")
    with pytest.raises(ProjectError, match=r"calibration-refined.toml exists and is not overwritten"):
        refine_project(project, project.trials)


def with_names_exchanged(rig, one, two):
    other = {one: two, two: one}
    return Rig(
        cameras=tuple(replace(camera, name=other.get(camera.name, camera.name)) for camera in rig.cameras)
    )


@pytest.mark.usefixtures("read")
@pytest.mark.parametrize("pair", [("north", "east"), ("north", "south"), ("south", "west")])
def test_exchanged_files_are_not_refined_away(tmp_path, pair):
    project_with(tmp_path, with_names_exchanged(now, *pair))
    done = CliRunner().invoke(app, ["check", str(tmp_path)])
    told = " ".join(done.output.split())
    assert re.search(rf"the files of ({pair[0]} and {pair[1]}|{pair[1]} and {pair[0]}) look exchanged", told)
    assert "triangulate refine" not in told
    assert "has moved" not in told
    for named in (
        (),
        ("--camera", pair[0]),
        ("--camera", pair[1]),
        ("--camera", pair[0], "--camera", pair[1]),
    ):
        done = CliRunner().invoke(app, ["refine", str(tmp_path), *named])
        assert done.exit_code == 1
        told = " ".join(done.output.split())
        assert re.search(r"nothing is written: the files of \w+ and \w+ look exchanged", told)
        assert not (tmp_path / "calibration-refined.toml").exists()


def test_what_is_said_of_several_cameras_are_sentences(tmp_path):
    project = project_with(tmp_path, knocked("south", "west"))
    with pytest.raises(ProjectError) as caught:
        refine_project(project, project.trials)
    said = str(caught.value)
    assert said.count("has moved by") == 2
    assert said.count("or calibrate again") == 1
    assert all(line[-1] in ".:" for line in said.splitlines())
    assert said.endswith("Say which with --camera NAME.")


def with_wrong_lens(name):
    """A camera of the rig has the lens of another: 10% longer."""
    return Rig(
        cameras=tuple(
            replace(
                camera,
                intrinsics=replace(
                    camera.intrinsics, K=camera.intrinsics.K * [[1.1, 1, 1], [1, 1.1, 1], [1, 1, 1]]
                ),
            )
            if camera.name == name
            else camera
            for camera in now.cameras
        )
    )


@pytest.mark.usefixtures("read")
@pytest.mark.parametrize("named", [(), ("--camera", "south")])
def test_a_wrong_lens_is_not_refined_away(tmp_path, named):
    project_with(tmp_path, with_wrong_lens("south"))
    done = CliRunner().invoke(app, ["check", str(tmp_path)])
    assert "? trial walk, rig: south no longer fits the other cameras, which is no move" in done.output
    assert "triangulate refine" not in done.output
    done = CliRunner().invoke(app, ["refine", str(tmp_path), *named])
    assert done.exit_code == 1
    told = " ".join(done.output.split())
    assert "nothing is written: " in told
    assert "south would move by" in told
    assert "another lens explains its pixels as well" in told
    assert not (tmp_path / "calibration-refined.toml").exists()


def test_labels_that_disagree_in_one_view_are_not_refined_away(tmp_path):
    project = project_with(tmp_path, now, wrong={"south": ["b", "d"]})
    with pytest.raises(ProjectError, match=r"nothing is written: south would move by .* mm"):
        refine_project(project, project.trials, cameras=["south"])
    assert not (tmp_path / "calibration-refined.toml").exists()


def test_what_the_calibration_knows_is_read_from_beside_the_rig(tmp_path):
    project = project_with(tmp_path, knocked("south"))
    rigs = [knocked("south")] * 12
    save_draws(rigs, tmp_path / "calibration.draws.npz")
    ((_, report),) = drifts(project)
    assert report.moved == ("south",)
    assert report.objections == ()
    alone = project_with(tmp_path / "ball", knocked("south"), keypoints="a")
    save_draws(rigs, tmp_path / "ball" / "calibration.draws.npz")
    ((_, report),) = drifts(alone)
    assert "the calibration holds it to" in report.objections[0]


def test_nothing_is_refined_where_nothing_moved(tmp_path):
    project = project_with(tmp_path, now)
    with pytest.raises(ProjectError, match="nothing to refine: all cameras agree"):
        refine_project(project, project.trials)
    assert not (tmp_path / "calibration-refined.toml").exists()


def test_a_trial_without_detections_cannot_tell(tmp_path):
    project = project_with(tmp_path, now)
    (project.results("walk") / "detections.parquet").unlink()
    assert list(drifts(project)) == []
    with pytest.raises(ProjectError, match="run `triangulate detect"):
        refine_project(project, project.trials)


def test_the_measured_calibration_is_kept_when_another_takes_its_place(tmp_path):
    project = project_with(tmp_path, knocked("south"))
    (tmp_path / "calibration.html").write_text("")
    measured = project.rig_file.read_bytes()
    file, _ = refine_project(project, project.trials)
    project.file.write_text(TEXT.replace('"calibration.toml"', f'"{file.name}"'))
    calibrate_project(load_project(tmp_path))
    assert (tmp_path / "calibration-before.toml").read_bytes() == measured
    np.testing.assert_allclose(Rig.load(project.rig_file).centers, Rig.load(file).centers)


@pytest.mark.parametrize("change", ["another rig", "the rig's file", "cut off"])
def test_a_calibration_of_before_is_neither_checked_nor_refined(tmp_path, monkeypatch, change):
    project = project_with(tmp_path, knocked("south"))
    for name in ("one.toml", "other.toml"):
        knocked("south").scaled(1.0 if name == "one.toml" else 1.1).save(tmp_path / name)
    project.file.write_text(TEXT.replace("calibration.toml", "one.toml"))
    project.rig_file.unlink()
    calibrate_project(load_project(tmp_path))
    made = read_detections(tmp_path / "results" / "walk" / "detections.parquet")
    monkeypatch.setattr(checks, "read_files", lambda *_: made)
    ((_, report),) = drifts(load_project(tmp_path))
    assert report.moved == ("south",)
    if change == "another rig":
        project.file.write_text(TEXT.replace("calibration.toml", "other.toml"))
        reason = r"rig( \S+)? changed"
    elif change == "the rig's file":
        (tmp_path / "other.toml").replace(tmp_path / "one.toml")
        reason = r"rig( \S+)? changed"
    else:
        record_file(project.rig_file).write_text('{"unfinished": true}')
        reason = "the last run was cut off while it replaced calibration.toml"
    said = rf"calibration.toml is out of date \({reason}\): run `triangulate calibrate`"
    now_project = load_project(tmp_path)
    with pytest.raises(ProjectError, match=said):
        refine_project(now_project, now_project.trials, cameras=["south"])
    assert not (tmp_path / "calibration-refined.toml").exists()
    ((_, text),) = drifts(now_project)
    assert re.search(said, text)
    calibrate_project(now_project)
    ((_, report),) = drifts(now_project)
    assert not isinstance(report, str)


def test_a_calibration_whose_source_was_put_away_or_that_was_edited_is_still_looked_at(tmp_path):
    project = project_with(tmp_path, now)
    knocked("south").save(tmp_path / "one.toml")
    project.file.write_text(TEXT.replace("calibration.toml", "one.toml"))
    calibrate_project(load_project(tmp_path))
    (tmp_path / "one.toml").unlink()
    ((_, report),) = drifts(load_project(tmp_path))
    assert report.moved == ("south",)
    now.save(project.rig_file)
    ((_, report),) = drifts(load_project(tmp_path))
    assert report.moved == ()
