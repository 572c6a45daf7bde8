"""What the README tells people to type is run here, and its sentences keep their promises."""

import re
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from triangulate.cli import app

root = Path(__file__).parents[1]
readme = (root / "README.md").read_text()


def block(language, first):
    """The code block of this language that starts with these words."""
    return next(
        text
        for text in re.findall(rf"```{language}\n(.*?)```", readme, flags=re.DOTALL)
        if text.startswith(first)
    )


def test_the_python_example_runs(tmp_path, monkeypatch, demo_run):
    shutil.copytree(demo_run[0].folder, tmp_path / "triangulate-demo")
    monkeypatch.chdir(tmp_path)
    code = block("python", "import")
    assert len([line for line in code.splitlines() if line and not line.startswith("import")]) <= 10
    made: dict = {}
    exec(compile(code, "README.md", "exec"), made)
    assert (
        1.0 < np.nanmax(made["trajectories"].xyz[..., 2]) < 1.4
    )  # a figure of 1.2 m that stands on the floor
    assert (tmp_path / "walk.trc").stat().st_size > 1000
    assert "Plotly.newPlot" in (tmp_path / "walk.html").read_text()


def test_the_walk_through_ones_own_recording_runs(tmp_path, monkeypatch, demo_run):
    for part in ("calibration", "trials/walk"):
        shutil.copytree(demo_run[0].folder / part, tmp_path / "recordings" / Path(part).name)
    shutil.rmtree(tmp_path / "recordings" / "calibration" / ".cache", ignore_errors=True)
    monkeypatch.chdir(tmp_path)
    lines = block("sh", "triangulate init").splitlines()
    assert len(lines) <= 10
    for line in lines:
        words = line.split("#")[0].split()
        assert words[0] == "triangulate"
        result = CliRunner().invoke(app, words[1:])
        assert result.exit_code == 0, f"{line}: {result.output} {result.stderr}"
    results = tmp_path / "recordings" / "results" / "walk"
    for name in ("report.html", "trajectories.trc", "trajectories.c3d", "trajectories.nc"):
        assert (results / name).is_file()


def test_two_commands_do_all_set_up():
    commands = [block("sh", "python3 -m venv"), *re.findall(r"```sh\n(python3.*pytest.*)\n```", readme)]
    assert len(commands) == 2
    for command in commands:
        assert command.startswith("python3 -m venv .venv && .venv/bin/pip install -c constraints.txt ")
    assert re.search(r"\n\s*\"torch", (root / "pyproject.toml").read_text())
    assert "torch==2.13.0" in (root / "constraints.txt").read_text()


def test_ci_runs_the_command_of_the_readme():
    script = (root / ".ci" / "run").read_text()
    assert "grep -m 1 'pytest' README.md" in script
    first = next(line for line in readme.splitlines() if "pytest" in line)
    assert first.startswith("python3 -m venv .venv")


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "docs/conventions.md"])
def test_links_lead_somewhere(page):
    text = (root / page).read_text()
    for target in re.findall(r"\]\(([^)#]+)\)", text):
        if not target.startswith("http"):
            assert ((root / page).parent / target).exists(), target


def test_the_picture_is_small():
    assert (root / "docs" / "demo.jpg").stat().st_size < 500_000


@pytest.mark.skipif(sys.platform == "win32", reason="the demo's commands are for a POSIX shell")
def test_every_extra_is_pinned():
    wanted = re.findall(r'"([A-Za-z0-9_.-]+)[><=\[]', (root / "pyproject.toml").read_text().split("[tool")[0])
    pinned = {
        re.split("==", line)[0].lower().replace("_", "-")
        for line in (root / "constraints.txt").read_text().split()
    }
    for name in wanted:
        if name not in {"triangulate", "hatchling"}:
            assert name.lower().replace("_", "-") in pinned, f"{name} is not in constraints.txt"
