"""The demo goes through every stage, ends near the truth, and no stage runs twice for nothing."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import cv2
import ezc3d
import numpy as np
import pandas as pd
import pytest

import triangulate
from calibration import Rig
from models2d import read_detections
from tests.browser import opened_page
from tests.demo_project import FIGURE_FRAMES
from tests.test_triangulate.strict_trc import read_trc
from triangulate import ProjectError, demo
from triangulate.export.formats import read
from triangulate.points.image_bounds import inside_images
from triangulate.projects import pipeline
from triangulate.projects.checks import check_project
from triangulate.projects.project import load_project
from triangulate.projects.reconstruction import reconstruct_trial
from triangulate.reporting.numbers import find_gaps


@pytest.fixture
def run(demo_run):
    return demo_run


@pytest.fixture
def copied(run, tmp_path):
    """A copy of the finished demo that a test may spoil."""
    folder = tmp_path / "project"
    shutil.copytree(run[0].folder, folder)
    return load_project(folder)


def test_the_demo_is_close_to_the_truth(run):
    project, scene, outcomes = run
    comparison = demo.compare_with_truth(project, scene)
    assert comparison.centers.max() < 1e-3
    assert np.sqrt(np.mean(comparison.held_out**2)) < 0.2e-3
    assert comparison.detected > 0.9
    assert comparison.smoothed.mean() < comparison.raw.mean()
    assert comparison.smoothed.mean() < 6e-3
    assert 0.85 < comparison.raw_held < 0.99
    assert 0.85 < comparison.smoothed_held < 0.99
    assert [outcome.stage for outcome in outcomes] == ["render", "calibrate", "detect", "reconstruct"]
    assert "3D smoothed (mm)" in demo.comparison_table(comparison, outcomes)


def test_the_world_stands_on_the_floor(run):
    project, scene, _ = run
    rig = Rig.load(project.rig_file).select(scene.rig.names)
    np.testing.assert_allclose(rig.centers[:, 2], scene.rig.centers[:, 2], atol=0.02)
    xyz = read(project.results("walk") / "trajectories.parquet").xyz
    assert 0 < np.nanmin(xyz[..., 2]) < 0.3
    assert 1.0 < np.nanmax(xyz[..., 2]) < 1.4


def test_every_export_holds_the_same_points(run):
    folder = run[0].results("walk")
    trajectories = read(folder / "trajectories.parquet")
    header, _, _, trc = read_trc(folder / "trajectories.trc")
    assert header["DataRate"] == "50"
    np.testing.assert_allclose(trc[..., [2, 0, 1]], trajectories.xyz[:, 0], atol=1e-6)
    c3d = ezc3d.c3d(str(folder / "trajectories.c3d"))["data"]["points"][:3].transpose(2, 1, 0)
    np.testing.assert_allclose(c3d, 1000 * trajectories.xyz[:, 0], rtol=1e-5, atol=1e-3)
    assert len(pd.read_csv(folder / "trajectories.csv")) == FIGURE_FRAMES * 15


def test_a_second_run_does_nothing(run):
    project, scene, _ = run
    before = {path: path.stat().st_mtime_ns for path in project.folder.rglob("*") if path.is_file()}
    again = list(demo.run_demo(project.folder, scene))
    assert [outcome.reason for outcome in again] == [None] * 4
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_a_changed_option_redoes_what_depends_on_it_only(copied):
    copied.file.write_text(copied.file.read_text().replace("smooth = true", "smooth = false"))
    reasons = {outcome.stage: outcome.reason for outcome in pipeline.run_project(load_project(copied.file))}
    assert reasons == {"calibrate": None, "detect": None, "reconstruct": "smooth changed"}
    raw, final = (read(copied.results("walk") / f"{name}.parquet") for name in ("raw", "trajectories"))
    np.testing.assert_array_equal(raw.xyz, final.xyz)


def test_the_network_is_asked_as_the_project_says(copied, monkeypatch):
    asked = {}

    def detect(recording, model, **options):
        asked.update(options, precision=model.precision)
        return read_detections(copied.results("walk") / "detections.parquet")

    monkeypatch.setattr("models2d.inference.detecting.detect", detect)
    text, keys = copied.file.read_text(), 'locate_every = 4\nprecision = "bfloat16"\n'
    copied.file.write_text(text.replace("[detections]\n", f"[detections]\n{keys}"))
    project = load_project(copied.file)
    outcome = pipeline.detect_trial(project, project.trials[0])
    assert outcome.reason == "locate_every, precision changed"
    assert (asked["locate_every"], asked["precision"]) == (4, "bfloat16")
    assert pipeline.detect_trial(project, project.trials[0]).reason is None

    def cannot(*_, **__):
        raise ValueError("a ready model")

    monkeypatch.setattr("models2d.model_files.weights.load_model", cannot)
    with pytest.raises(ProjectError, match=r"detections\.precision: 'bfloat16' cannot be had: a ready model"):
        pipeline.detect_trial(project, project.trials[0], force=True)


def test_a_changed_calibration_is_noticed(copied):
    rig = Rig.load(copied.rig_file)
    rig.scaled(1.01).save(copied.rig_file)
    outcome = reconstruct_trial(copied, copied.trials[0])
    assert outcome.reason == "calibration changed"


def test_a_lost_export_is_made_again(copied):
    (copied.results("walk") / "trajectories.trc").unlink()
    assert reconstruct_trial(copied, copied.trials[0]).reason == "trajectories.trc is not there yet"
    assert (copied.results("walk") / "trajectories.trc").is_file()


def test_nothing_is_half_written_when_a_stage_fails(copied, monkeypatch):
    folder = copied.results("walk")
    (folder / "trajectories.parquet.inputs.json").unlink()
    before = {path.name: path.read_bytes() for path in folder.iterdir()}

    def full(*_, **__):
        raise OSError("disk full")

    monkeypatch.setattr("triangulate.projects.reconstruction.write", full)
    with pytest.raises(OSError, match="disk full"):
        reconstruct_trial(copied, copied.trials[0])
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_the_record_beside_a_result_says_what_it_was_made_from(run):
    record = json.loads((run[0].folder / "calibration.toml.inputs.json").read_text())
    assert set(record["inputs"]) == {f"recording {name}" for name in run[0].cameras}
    assert record["options"]["floor_frame"] == 0


def test_a_camera_that_filmed_mirror_images_is_named(copied):
    file = next((copied.folder / "calibration").glob("north.*"))
    video = cv2.VideoCapture(str(file))
    images = []
    while (found := video.read())[0]:
        images.append(cv2.flip(found[1], 1))
    video.release()
    size = images[0].shape[1], images[0].shape[0]
    writer = cv2.VideoWriter(str(file), cv2.VideoWriter.fourcc(*"MJPG"), 25.0, size)
    for image in images:
        writer.write(image)
    writer.release()
    before = copied.rig_file.read_bytes()
    with pytest.raises(ProjectError, match="north filmed mirror images"):
        pipeline.calibrate_project(copied)
    assert copied.rig_file.read_bytes() == before


def test_check_finds_nothing_to_mend_in_the_demo(run):
    findings = list(check_project(run[0]))
    assert not [finding for finding in findings if finding.bad]
    assert any("40 frames at 10 Hz, 4 views of 800 x 600 px" in finding.text for finding in findings)


def test_a_rig_made_elsewhere_is_used(copied, tmp_path):
    elsewhere = tmp_path / "rig.toml"
    Rig.load(copied.rig_file).save(elsewhere)
    text = copied.file.read_text()
    text = text.replace('recording = "calibration/{camera}.avi"', f'rig = "{elsewhere}"').replace(
        "floor_frame = 0", ""
    )
    copied.file.write_text(text)
    copied.rig_file.unlink()
    outcome = pipeline.calibrate_project(load_project(copied.file))
    assert "taken from" in outcome.summary
    assert Rig.load(copied.rig_file).names == copied.cameras


def test_detections_of_another_tool_take_the_place_of_the_network(copied):
    from models2d import write_detections

    found = read_detections(copied.results("walk") / "detections.parquet")
    write_detections(found, copied.folder / "{view}.csv")
    copied.file.write_text(copied.file.read_text() + 'detections = "{camera}.csv"\n')
    project = load_project(copied.file)
    pipeline.detect_trial(project, project.trials[0])
    again = read_detections(project.results("walk") / "detections.parquet")
    np.testing.assert_allclose(again.xy, found.xy, atol=1e-3)
    assert again.fps == found.fps


def test_detections_of_another_recording_are_refused(copied):
    from models2d import write_detections

    found = read_detections(copied.results("walk") / "detections.parquet")
    short = type(found)(
        xy=found.xy[:-3],
        confidence=found.confidence[:-3],
        views=found.views,
        skeleton=found.skeleton,
        fps=found.fps,
    )
    write_detections(short, copied.folder / "{view}.csv")
    copied.file.write_text(copied.file.read_text() + 'detections = "{camera}.csv"\n')
    project = load_project(copied.file)
    with pytest.raises(ProjectError, match="the detections have 57 frames, the recording has 60"):
        pipeline.detect_trial(project, project.trials[0])


def test_stages_out_of_order_name_the_one_that_is_missing(copied):
    shutil.rmtree(copied.results("walk"))
    with pytest.raises(ProjectError, match=r"run `triangulate detect .*` first"):
        reconstruct_trial(copied, copied.trials[0])


def moved_detections(run, shift, share):
    found = read_detections(run[0].results("walk") / "detections.parquet")
    xy = found.xy.copy()
    xy[: int(share * len(xy)), 0] += shift
    return type(found)(
        xy=xy, confidence=found.confidence, views=found.views, skeleton=found.skeleton, fps=found.fps
    )


def test_a_few_detections_outside_the_image_are_left_out_and_counted(run):
    rig = Rig.load(run[0].rig_file)
    spoiled = moved_detections(run, 2000.0, 2 / FIGURE_FRAMES)
    inside, dropped = inside_images(spoiled, rig)
    assert list(dropped) == [spoiled.views[0]]
    assert dropped[spoiled.views[0]] == np.isfinite(spoiled.xy[:2, 0, ..., 0]).sum()
    assert np.isnan(inside.xy[:2, 0]).all()


def test_detections_of_another_resolution_are_refused(run):
    with pytest.raises(triangulate.TriangulationError, match=r"outside its 800 x 600 px image .*resolution"):
        inside_images(moved_detections(run, 2000.0, 1.0), Rig.load(run[0].rig_file))


@pytest.mark.parametrize("wanted", [True, False])
def test_swapped_sides_are_put_right_and_reported_unless_switched_off(copied, wanted):
    from models2d import write_detections

    file = copied.results("walk") / "detections.parquet"
    found, before = read_detections(file), read(copied.results("walk") / "raw.parquet").inliers
    xy, mirror = found.xy.copy(), np.asarray(found.skeleton.mirror)
    xy[20:30, 1] = xy[20:30, 1][:, :, mirror]
    write_detections(replace(found, xy=xy), file)
    if not wanted:
        copied.file.write_text(copied.file.read_text().replace("# unswap = true ", "unswap = false "))
    outcome = reconstruct_trial(load_project(copied.file), copied.trials[0])
    told = f"left and right exchanged in 10 frames of {found.views[1]}"
    assert (told in outcome.summary) == wanted
    page = (copied.results("walk") / "report.html").read_text(encoding="utf-8")
    assert (f"other cameras: 10 of camera {found.views[1]} (of 60)" in page) == wanted
    after = read(copied.results("walk") / "raw.parquet").inliers[20:30, 1]
    lost = 1 - after.sum() / before[20:30, 1].sum()
    assert (lost < 0.1) if wanted else (lost > 0.3)


def test_the_calibrations_own_uncertainty_is_added_on_request(copied):
    before = [read(copied.results("walk") / f"{name}.parquet") for name in ("raw", "trajectories")]
    text = copied.file.read_text()
    copied.file.write_text(
        text.replace("# calibration_uncertainty = true ", "calibration_uncertainty = true ")
    )
    outcome = reconstruct_trial(load_project(copied.file), copied.trials[0])
    assert outcome.reason == "draws changed" or "calibration_uncertainty" in outcome.reason
    for old, name in zip(before, ("raw", "trajectories"), strict=True):
        new = read(copied.results("walk") / f"{name}.parquet")
        np.testing.assert_array_equal(new.xyz, old.xyz)
        added = (new.covariance - old.covariance)[np.isfinite(old.xyz[..., 0])]
        assert np.linalg.eigvalsh(added).min() > 0
    (copied.folder / "calibration.draws.npz").unlink()
    with pytest.raises(ProjectError, match="needs a calibration made here"):
        reconstruct_trial(load_project(copied.file), copied.trials[0])


@pytest.mark.browser
def test_the_report_opens_without_an_error(run):
    report = Path(run[0].results("walk") / "report.html")
    with opened_page(report) as (page, errors):
        page.wait_for_selector(".plotly-graph-div .main-svg", state="attached")
        assert page.locator("h1").inner_text() == "walk"
        assert page.locator(".plotly-graph-div").count() == 5
        assert errors == []


def test_gaps_are_found_whole():
    from tests.test_triangulate.trajectory_samples import sample

    trajectories = sample(frames=30)
    found = find_gaps(trajectories)
    assert sum(gap.frames for gap in found) == np.isnan(trajectories.xyz[..., 0]).sum()
    for gap in found:
        keypoint = trajectories.skeleton.index(gap.keypoint)
        assert np.isnan(trajectories.xyz[gap.first : gap.last + 1, 0, keypoint]).all()
        for beside in (gap.first - 1, gap.last + 1):
            if 0 <= beside < 30:
                assert np.isfinite(trajectories.xyz[beside, 0, keypoint]).all()
