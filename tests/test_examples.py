"""The examples run on the real recordings as they stand, and reach the figures that are known of them."""

import re
import runpy
import sys
from pathlib import Path

import ezc3d
import numpy as np
import pytest

import triangulate
from tests.test_triangulate.strict_trc import read_trc

examples = Path(__file__).parents[1] / "examples"


@pytest.fixture
def example(monkeypatch, capsys, tmp_path):
    """Run an example on a data folder; return its variables and what it printed."""

    def run(name, folder):
        monkeypatch.setattr(sys, "argv", [name, str(folder), "--out", str(tmp_path)])
        return runpy.run_path(str(examples / name)), capsys.readouterr().out

    return run


@pytest.mark.recordings
def test_mouse_4cam(example, recordings, tmp_path):
    made, said = example("mouse_4cam.py", recordings("mouse_4cam"))
    assert made["report"].median <= 0.2
    assert made["sides_mm"].mean() == pytest.approx(24.0, abs=0.1)
    assert np.nanmedian(made["apart_mm"]) == pytest.approx(26.7, abs=0.2)
    raw, smoothed = map(float, re.findall(r"interquartile range ([\d.]+) mm", said))
    assert smoothed < raw
    assert smoothed <= 0.5
    assert triangulate.read(tmp_path / "mouse.parquet").shape == (120, 1, 15)
    assert "Only" not in (tmp_path / "mouse.html").read_text().split("In short")[1].split("Motion")[0]


@pytest.mark.recordings
def test_human_4cam(example, recordings, tmp_path):
    _, said = example("human_4cam.py", recordings("human_4cam"))
    shipped, refined = map(float, re.search(r"reprojection: ([\d.]+) px as shipped, ([\d.]+)", said).groups())
    assert refined < 0.7 * shipped
    header, names, times, xyz = read_trc(tmp_path / "human.trc")
    assert (header["DataRate"], header["Units"], header["NumFrames"]) == ("60", "m", "100")
    np.testing.assert_allclose(np.diff(times), 1 / 60, atol=1e-7)
    head, ankle = names.index("head_top"), names.index("right_ankle")
    assert 1.2 < np.nanmedian(xyz[:, head, 1] - xyz[:, ankle, 1]) < 1.9  # Y is up, and this is a person
    c3d = ezc3d.c3d(str(tmp_path / "human.c3d"))
    assert c3d["parameters"]["POINT"]["LABELS"]["value"] == names
    points = c3d["data"]["points"][:3].transpose(2, 1, 0)
    np.testing.assert_allclose(points[..., [1, 2, 0]], 1000 * xyz, rtol=1e-4, atol=0.01)


@pytest.mark.recordings
def test_fly(example, recordings, tmp_path):
    made, _ = example("fly.py", recordings("animals_eks") / "fly")
    assert np.nanmedian(made["raw"].error) <= 1.5
    assert np.isfinite(made["smooth"].xyz).mean() > 0.95
    assert (tmp_path / "fly.anipose.csv").is_file()


@pytest.mark.parametrize("path", sorted(examples.glob("*.py")), ids=lambda path: path.name)
def test_examples_are_cells_with_a_title(path):
    text = path.read_text()
    assert text.startswith("# %% [markdown]\n# ")
    assert text.count("# %%") > 3
