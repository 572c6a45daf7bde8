"""What the pages under docs tell people to type exists."""

import re
from importlib import import_module
from pathlib import Path

import pytest
from typer.testing import CliRunner

from triangulate.cli import app

docs = sorted((Path(__file__).parents[1] / "docs").glob("*.md"))
texts = {path.name: path.read_text() for path in docs}
commands = [
    line.split("#")[0].split()
    for text in texts.values()
    for line in re.findall(r"^triangulate .*$", text, flags=re.MULTILINE)
]


@pytest.mark.parametrize("words", commands, ids=" ".join)
def test_a_command_and_its_options_are_there(words):
    said = CliRunner().invoke(app, [words[1], "--help"], env={"COLUMNS": "200", "NO_COLOR": "1"}, color=False)
    assert said.exit_code == 0, said.output
    plain = re.sub(r"\x1b\[[0-9;]*m", "", said.output)
    for option in (word for word in words if word.startswith("--")):
        assert re.search(rf"{option}\b", plain), f"{option} of {' '.join(words)}"


def test_every_way_to_choose_frames_is_explained():
    from triangulate.cli.training_commands import How

    table = texts["labelling.md"].split("## Which frames")[1].split("##")[0]
    assert re.findall(r"^\| `(\w+)`", table, flags=re.MULTILINE) == [how.value for how in How]


@pytest.mark.parametrize("page", texts)
def test_names_in_code_are_public(page):
    for package, name in set(
        re.findall(r"\b(calibration|models2d|triangulate)\.([a-zA-Z_]\w+)\(", texts[page])
    ):
        assert name in import_module(package).__all__, f"{package}.{name}"


@pytest.mark.parametrize("page", texts)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#:]+)\)", texts[page]):
        assert (docs[0].parent / target).exists(), target


def test_the_readme_leads_to_every_page():
    readme = (docs[0].parents[1] / "README.md").read_text()
    assert all(f"docs/{name}" in readme for name in texts)
