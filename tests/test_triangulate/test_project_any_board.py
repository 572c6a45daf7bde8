"""Every marker dictionary, markers of half to nine tenths of a square: from `init` to a calibrated rig."""

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from calibration import Board, Intrinsics, Rig
from calibration.boards.pattern import board_image, dictionaries, fewest_pixels
from calibration.corners.detectors import detect_corners
from triangulate.cli import app
from triangulate.projects.project import load_project
from triangulate.projects.start import write_project
from triangulate.synthetic.board import BoardRenderer, wave
from triangulate.synthetic.rendering import looking_at

RATIOS = (0.5, 0.6, 0.7, 0.8, 0.9)
SQUARE = 0.1

ONE_OF_EACH = tuple(name for name in dictionaries() if not name.endswith(("_100", "_250", "_1000")))
"""Dictionaries whose markers look different; the longer ones begin with the same."""


def charuco(dictionary, ratio):
    return Board.charuco(columns=7, rows=5, square=SQUARE, marker=ratio * SQUARE, dictionary=dictionary)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Videos that need no more than their names."""
    folder = tmp_path_factory.mktemp("videos")
    for camera in ("left", "right"):
        for what in ("calibration", "walk"):
            (folder / what).mkdir(exist_ok=True)
            (folder / what / f"{camera}.mp4").touch()
    return folder


@pytest.mark.parametrize("dictionary", dictionaries())
def test_a_project_takes_the_board_and_finds_it_on_its_print(folder, dictionary):
    for ratio in RATIOS:
        write_project(folder, board=charuco(dictionary, ratio), overwrite=True)
        (board,) = load_project(folder).calibration.boards
        picture = cv2.copyMakeBorder(
            board_image(board, 4 * fewest_pixels(board)),
            *(30,) * 4,
            cv2.BORDER_CONSTANT,
            value=255,
        )
        assert np.isfinite(detect_corners(picture, board)).all(), ratio


@pytest.fixture(scope="module")
def rig():
    K = np.array([[900.0, 0, 479.5], [0, 900, 359.5], [0, 0, 1]])
    lens = Intrinsics(size=(960, 720), K=K, distortion=np.zeros(5))
    centers = {"left": [2.4, -0.5, 1.2], "right": [2.4, 0.7, 1.5]}
    target = np.array([0.0, 0.0, 0.75])
    return Rig(cameras=tuple(looking_at(name, lens, np.array(at), target) for name, at in centers.items()))


@pytest.mark.parametrize(
    ("dictionary", "ratio"),
    [(name, ratio) for number, name in enumerate(ONE_OF_EACH) for ratio in (RATIOS[number % 5],)],
)
def test_from_init_to_a_calibrated_rig(tmp_path, rig, dictionary, ratio):
    board = charuco(dictionary, ratio)
    places = wave(board, np.linspace(0.3, 11, 14))
    ground = np.full((720, 960, 3), 110, np.float32)
    for camera in rig.cameras:
        images = tmp_path / "calibration" / camera.name
        images.mkdir(parents=True)
        renderer = BoardRenderer(board, camera)
        for number, place in enumerate(places):
            drawn = renderer.draw(ground, place, np.array([0.6, 0.0, 0.8]))
            cv2.imwrite(str(images / f"{number:03d}.png"), np.rint(drawn).astype(np.uint8))
    told = ["--board", "7x5", "--square", SQUARE, "--marker", ratio * SQUARE, "--dictionary", dictionary]
    for command in (["init", tmp_path, *told], ["check", tmp_path], ["calibrate", tmp_path]):
        result = CliRunner().invoke(app, [str(word) for word in command])
        # `check` ends with 1: there is no trial
        assert result.exit_code == (command[0] == "check"), result.output
    found = Rig.load(tmp_path / "calibration.toml")
    apart = np.linalg.norm(np.diff(found.centers, axis=0))
    assert apart == pytest.approx(np.linalg.norm(np.diff(rig.centers, axis=0)), rel=0.02)


def test_a_dictionary_that_is_unknown_or_too_small_is_told(folder):
    for dictionary, reason in (("8X8_50", "'8X8_50' is not known"), ("APRILTAG_16h5", "has 30 markers")):
        write_project(folder, board=None, overwrite=True)
        file = folder / "project.toml"
        text = file.read_text().replace('"4X4_50"', f'"{dictionary}"').replace("columns = 7", "columns = 17")
        file.write_text(text)
        result = CliRunner().invoke(app, ["check", str(folder)])
        assert result.exit_code == 1
        assert reason in " ".join(result.output.split())


def test_a_board_drawn_with_too_few_pixels_is_refused():
    board = charuco("7X7_50", 0.5)
    least = fewest_pixels(board)
    assert board_image(board, least).shape == (5 * least, 7 * least)
    with pytest.raises(ValueError, match=f"pixels_per_square: expected {least} or more"):
        board_image(board, least - 1)
