"""`triangulate train`: from a label file to a model that loads, and a word about what is wrong."""

import cv2
import numpy as np
from typer.testing import CliRunner

from models2d import LabelledFrame, Labels, Skeleton, load_model, write_labels
from triangulate.cli import app


def run(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_labels_become_a_model(tmp_path):
    folder = tmp_path / "labeled-data" / "day1"
    folder.mkdir(parents=True)
    frames = []
    for number in range(4):
        cv2.imwrite(str(folder / f"img{number}.png"), np.full((80, 100, 3), 40 * number, np.uint8))
        frames.append(LabelledFrame(path=folder / f"img{number}.png"))
    face = Skeleton.from_names("face", ["nose", "left_ear", "right_ear"])
    xy = np.random.default_rng(0).uniform(20, 60, (4, 1, 3, 2))
    labels = Labels(frames=tuple(frames), xy=xy, individuals=("single",), skeleton=face)
    write_labels(labels, folder / "CollectedData_me.csv")
    result = run("train", folder / "CollectedData_me.csv", "--to", tmp_path / "run", "--steps", 1)
    assert result.exit_code == 0, result.output
    assert "frames set aside: RMSE" in result.stdout
    assert load_model(tmp_path / "run" / "best.safetensors").skeleton.keypoints == face.keypoints


def test_labels_that_are_not_there_are_named(tmp_path):
    result = run("train", tmp_path / "absent.csv", "--to", tmp_path / "run")
    assert result.exit_code == 1
    assert "absent.csv" in result.stderr
    assert not (tmp_path / "run").exists()
