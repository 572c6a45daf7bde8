"""What a project says about its calibration reaches it, and corners are looked for once."""

import shutil

import numpy as np
import pytest

from calibration import CalibrationError, Rig, find_corners
from calibration.corners import finding
from triangulate import ProjectError, triangulate_points
from triangulate.projects.checks import check_project
from triangulate.projects.project import load_project
from triangulate.projects.recordings import open_recording
from triangulate.projects.rig_stages import calibrate_project


@pytest.fixture
def told(demo_run, tmp_path):
    """Function that writes other options of [calibration] into a copy of the finished demo."""
    folder = tmp_path / "project"
    shutil.copytree(demo_run[0].folder, folder, ignore=shutil.ignore_patterns("results"))
    text = (folder / "project.toml").read_text()
    assert "floor_frame = 0" in text

    def write(options):
        (folder / "project.toml").write_text(text.replace("floor_frame = 0", options))
        return load_project(folder)

    return write


def test_a_second_calibration_does_not_look_for_corners_again(told, monkeypatch):
    project = told(
        'floor_frame = 0\nlens = "pinhole5"\nfixed = { aspect = 1.0 }\nshared = { k1 = [["north", "east"]] }'
    )
    monkeypatch.setattr(finding, "detect_corners", None)
    outcome = calibrate_project(project)
    assert "fixed" in outcome.reason
    assert "shared" in outcome.reason
    rig = Rig.load(project.rig_file)
    for camera in rig.cameras:
        assert camera.intrinsics.K[0, 0] == camera.intrinsics.K[1, 1]
    k1 = {camera.name: camera.intrinsics.distortion[0] for camera in rig.cameras}
    assert k1["north"] == k1["east"] != k1["south"]
    assert calibrate_project(project).reason is None


def test_the_floor_is_found_in_a_frame_that_was_not_looked_at(told, monkeypatch):
    monkeypatch.setattr(finding, "coverage_suffices", lambda _, __, enough: enough == 3)
    project = told('floor_frame = 3\nenough = 3\nlens = "pinhole5"')
    outcome = calibrate_project(project)
    assert "looked for the board in 10 of 40 frames: these cover the views" in outcome.summary  # 0, 4, 8, ...
    there = open_recording(project, project.calibration.recording, "calibration").select([3])
    (board,) = project.calibration.boards
    xy = find_corners(there, board).xy[0].transpose(1, 0, 2)
    xyz = triangulate_points(xy, Rig.load(project.rig_file))
    assert np.nanmax(np.abs(xyz[:, 2])) < 1e-3
    np.testing.assert_allclose(np.linalg.norm(xyz, axis=1), np.linalg.norm(board.corners, axis=1), atol=2e-3)
    with pytest.raises(CalibrationError, match="floor_frame: no camera sees the board in frame 999; choose"):
        calibrate_project(told('floor_frame = 999\nlens = "pinhole5"'))


def test_what_a_lens_does_not_have_is_said_before_corners_are_looked_for(told, monkeypatch):
    monkeypatch.setattr(finding, "detect_corners", None)
    project = told('lens = "pinhole8"\nfixed = { k1 = 0.0 }')
    said = r'project\.toml: calibration\.fixed: k1 of east: with lens="pinhole8" one can take focal, center'
    with pytest.raises(ProjectError, match=said):
        calibrate_project(project)
    assert any(finding.bad and "k1 of east" in finding.text for finding in check_project(project))
