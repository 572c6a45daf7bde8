"""From videos of a person and a calibration to 3D in two commands, nothing trained and nothing downloaded."""

import re
import socket
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

import triangulate
from calibration import Rig
from tests.drawn_person import SIDE, background, draw_person, joints
from tests.rigs import looking_at
from tests.test_triangulate.strict_trc import read_trc
from triangulate.cli import app

HEIGHT = 2.0
"""Of the board on which the person is drawn, m: the person is 1.6 m tall."""

NAMES = ("left", "middle", "right", "high")
rig = Rig(
    cameras=tuple(
        looking_at(name, [x, -3.6, z], [0, 0, 1.0], focal=1200.0, distortion=(0.0,) * 5)
        for name, x, z in zip(NAMES, (-1.4, 0.1, 1.5, -0.3), (1.1, 1.3, 0.9, 2.2), strict=True)
    )
)


def on_the_board(xy, at):
    """Pixels of the drawing as points in the world, (n, 3) m: on an upright board with its middle at x."""
    x, y = ((np.asarray(xy) - (SIDE - 1) / 2) * HEIGHT / SIDE).T
    return np.stack([x + at, np.zeros_like(x), HEIGHT / 2 - y], axis=1)


def film(folder, frames=10, speed=0.02):
    """Write a trial in which the board moves to the right, m a frame; return where its joints are."""
    person, corners = draw_person(), np.array([[0.0, 0], [SIDE, 0], [SIDE, SIDE], [0, SIDE]]) - 0.5
    names, xy = joints()
    (folder / "walk").mkdir(parents=True)
    for camera in rig.cameras:
        video = cv2.VideoWriter(
            str(folder / "walk" / f"{camera.name}.avi"),
            cv2.VideoWriter.fourcc(*"MJPG"),
            30.0,
            camera.intrinsics.size,
        )
        for frame in range(frames):
            seen = camera.project(on_the_board(corners, speed * frame)).astype(np.float32)
            matrix = cv2.getPerspectiveTransform(corners.astype(np.float32), seen)
            wall = background(*camera.intrinsics.size)
            cv2.warpPerspective(
                person, matrix, camera.intrinsics.size, dst=wall, borderMode=cv2.BORDER_TRANSPARENT
            )
            video.write(wall)
        video.release()
    return names, np.stack([on_the_board(xy, speed * frame) for frame in range(frames)])


@pytest.fixture
def offline(monkeypatch):
    def refuse(*_, **__):
        raise OSError("this test has no network")

    monkeypatch.setattr(socket.socket, "connect", refuse)


def test_the_two_commands_of_the_readme_lead_from_videos_to_a_person_in_3d(tmp_path, offline, monkeypatch):
    folder = tmp_path / "people"
    names, xyz = film(folder)
    rig.save(folder / "lab.toml")
    (folder / "notes.toml").write_text('cameras = "are new"\n')
    monkeypatch.chdir(tmp_path)
    readme = (Path(__file__).parents[2] / "README.md").read_text()
    commands = re.search(r"^triangulate (init people .*) && triangulate (run people)$", readme, re.MULTILINE)
    for command in commands.groups():
        said = CliRunner().invoke(app, command.split())
        assert said.exit_code == 0, said.output
        assert "calibration: lab.toml" in said.output or command.startswith("run")
    project = folder / "project.toml"
    project.write_text(project.read_text().replace('# skeleton = "opensim"', 'skeleton = "opensim"'))
    said = CliRunner().invoke(app, ["run", "people"])
    assert said.exit_code == 0, said.output
    results = folder / "results/walk"
    assert "wrote trajectories.trc" in said.output
    found = triangulate.read(results / "trajectories.parquet")
    _, markers, _, marked = read_trc(results / "trajectories.trc")
    knee = marked[:, markers.index("LKnee")][:, [2, 0, 1]]  # Y is up there
    np.testing.assert_allclose(knee, found.xyz[:, 0, found.skeleton.index("left_knee")], atol=1e-6)
    assert found.skeleton.name == "blazepose33"
    index = [found.skeleton.index(name) for name in names]
    error = np.linalg.norm(found.xyz[:, 0, index] - xyz, axis=-1)
    assert np.median(error) < 0.025  # a drawing's joints are where its maker put them: 10 px of the drawing
    assert error.max() < 0.1
    speed = np.median(np.diff(found.xyz[:, 0, index], axis=0)[..., 0])
    assert speed == pytest.approx(0.02, abs=0.003)


def test_a_calibration_of_other_cameras_is_left(tmp_path):
    for name in NAMES:
        (tmp_path / "walk" / name).mkdir(parents=True)
        cv2.imwrite(str(tmp_path / "walk" / name / "0.png"), np.zeros((20, 30), np.uint8))
    rig.select(NAMES[:3]).save(tmp_path / "lab.toml")
    said = CliRunner().invoke(app, ["init", str(tmp_path), "--model", "human"])
    assert "calibration: none found" in said.output
    assert 'rig = "calibration.toml"' in (tmp_path / "project.toml").read_text()
