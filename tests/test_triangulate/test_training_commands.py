"""label, train and evaluate on the command line."""

import re

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from models2d import LabelledFrame, Labels, Skeleton, write_labels
from models2d.labels import joined
from triangulate.cli import app
from triangulate.labelling.server import LabellingServer
from triangulate.labelling.session import LabellingSession

dot = Skeleton.from_names("dot", ["dot"])


def dots(folder, count=24, people=1, view="v"):
    """Images of bright dots, labelled, as a DeepLabCut project."""
    random = np.random.default_rng(0)
    xy = random.uniform(12, 52, (count, people, 1, 2)).round()
    frames = []
    (folder / "labeled-data" / view).mkdir(parents=True)
    for number in range(count):
        frames.append(LabelledFrame(path=folder / "labeled-data" / view / f"img{number:03d}.png"))
        image = np.full((64, 64, 3), 30, np.uint8)
        for point in xy[number, :, 0].astype(int).tolist():
            cv2.circle(image, point, 4, (250, 250, 250), -1)
        cv2.imwrite(str(frames[-1].path), image)
    labels = Labels(frames=tuple(frames), xy=xy, individuals=("ann", "bob")[:people], skeleton=dot)
    write_labels(labels, folder)
    return labels


def ran(*words):
    return CliRunner().invoke(app, [str(word) for word in words])


def test_train_then_evaluate(tmp_path):
    dots(tmp_path / "labels")
    result = ran("train", tmp_path / "labels", "--out", tmp_path / "run", "--steps", 2, "--fraction", 0.8)
    assert result.exit_code == 0, result.output
    assert "19 frames to train on, 5 frames kept for the test" in result.output
    model = tmp_path / "run" / "best.safetensors"
    result = ran("evaluate", tmp_path / "labels", model, "--out", tmp_path / "e.html", "--fraction", 0.8)
    assert result.exit_code == 0, result.output
    assert re.search(r"train: 19 labels, mean .* px", result.output)
    assert "test: 5 labels" in result.output
    assert (tmp_path / "e.html").is_file()
    assert (tmp_path / "e.csv").is_file()


def test_views_of_an_instant_are_trained_or_tested_on_together(tmp_path):
    one, other = dots(tmp_path / "labels", 12), dots(tmp_path / "labels", 12, view="w")
    write_labels(joined([one, other]), tmp_path / "labels")
    result = ran("train", tmp_path / "labels", "--out", tmp_path / "run", "--steps", 1, "--fraction", 0.8)
    assert result.exit_code == 0, result.output
    said = " ".join(result.output.split())
    assert "18 frames of 9 instants to train on, 6 frames of 3 instants kept for the test" in said


def test_train_then_evaluate_on_several_individuals(tmp_path):
    dots(tmp_path / "labels", people=2)
    words = ("train", tmp_path / "labels", "--steps", 2, "--fraction", 0.8, "--size", 64)
    result = ran(*words, "--out", tmp_path / "alone")
    said = " ".join(result.output.split())
    assert result.exit_code == 1
    assert "2 individuals in a frame, but the network 'unet' finds one: choose an architecture" in said
    result = ran(*words, "--out", tmp_path / "run", "--architecture", "unet_tags")
    assert result.exit_code == 0, result.output
    model = tmp_path / "run" / "best.safetensors"
    result = ran("evaluate", tmp_path / "labels", model, "--out", tmp_path / "e.html", "--fraction", 0.8)
    assert result.exit_code == 0, result.output
    assert "test: 10 labels" in result.output
    result = ran(*words, "--out", tmp_path / "odd", "--size", 50)
    assert (result.exit_code, "cannot look at 50 x 50 px" in " ".join(result.output.split())) == (1, True)


def project(folder, skeleton='[detections]\nskeleton = "coco17"\n'):
    for view in ("a", "b"):
        (folder / "walk" / view).mkdir(parents=True)
        for number in range(12):
            image = np.full((48, 64, 3), 20 * number, np.uint8)
            cv2.imwrite(str(folder / "walk" / view / f"{number:03d}.png"), image)
    (folder / "rig.toml").write_text("")
    (folder / "project.toml").write_text(
        f'cameras = ["a", "b"]\n[calibration]\nrig = "rig.toml"\n{skeleton}'
        '[trials.walk]\nrecording = "walk"\n'
    )
    return folder / "project.toml"


@pytest.fixture
def opened(monkeypatch):
    """Sessions that the command would serve; serving itself ends at once."""
    sessions = []
    start = LabellingServer.__init__

    def remember(self, session, port=0):
        sessions.append(session)
        start(self, session, port)

    monkeypatch.setattr(LabellingServer, "__init__", remember)
    monkeypatch.setattr(LabellingServer, "run", lambda self: self._server.server_close())
    return sessions


@pytest.mark.parametrize("how", ["uniform", "clusters"])
def test_label_extracts_and_serves(tmp_path, opened, how):
    result = ran("label", project(tmp_path), "walk", "--frames", 3, "--how", how, "--individuals", "ann,bob")
    assert result.exit_code == 0, result.output
    assert "open http://127.0.0.1:" in result.output
    session = opened[0]
    assert isinstance(session, LabellingSession)
    assert (session.views, len(session.instants), session.individuals) == (("a", "b"), 3, ("ann", "bob"))
    assert session.folder == tmp_path / "labels" / "walk"
    for view in range(2):
        for instant in session.instants:
            assert cv2.imread(str(session.image(instant, view)))[0, 0, 0] == 20 * instant


def test_what_is_missing_is_said(tmp_path, opened):
    file = project(tmp_path, skeleton="")
    result = ran("label", file, "walk")
    assert (result.exit_code, "names no skeleton" in " ".join(result.output.split())) == (1, True)
    result = ran("label", file, "walk", "--how", "doubt")
    assert (result.exit_code, "needs detections" in " ".join(result.output.split())) == (1, True)
    result = ran("train", tmp_path / "nowhere.csv", "--out", tmp_path / "run")
    assert (result.exit_code, "no such file" in " ".join(result.output.split())) == (1, True)
    assert not opened
