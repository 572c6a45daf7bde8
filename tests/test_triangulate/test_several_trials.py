"""A trial that fails stops neither the others nor its own results; the end says what is missing and why."""

import shutil

import numpy as np
import pytest

from models2d import read_detections, write_detections
from tests.test_triangulate.test_cli import refused, run
from tests.test_triangulate.trajectory_samples import sample
from triangulate.export.formats import read
from triangulate.projects import pipeline
from triangulate.projects.checks import check_project
from triangulate.projects.project import load_project


@pytest.fixture
def three(demo_run, tmp_path):
    """Three trials from files of another tool, the second of which has a file that is none."""
    folder = tmp_path / "project"
    shutil.copytree(demo_run[0].folder, folder)
    found = read_detections(folder / "results" / "walk" / "detections.parquet")
    shutil.rmtree(folder / "results")
    text = (folder / "project.toml").read_text().replace("smooth = true", "smooth = false")
    text = text[: text.index("[trials.walk]")]
    for name in ("first", "second", "third"):
        (folder / name).mkdir()
        write_detections(found, folder / name / "{view}.csv")
        text += f'[trials.{name}]\ndetections = "{name}/{{camera}}.csv"\n'
    (folder / "project.toml").write_text(text.replace("[detections]\n", "[detections]\nfps = 50\n"))
    (folder / "second" / "east.csv").write_text("a shopping list\n")
    return folder


def written(folder):
    return sorted(path.parent.name for path in folder.glob("results/*/trajectories.trc"))


def test_a_run_goes_on_with_the_other_trials_and_sums_up(three):
    result = run("run", three)
    refused(result, r"^triangulate: detect second: .*east\.csv")
    assert "detect second: failed" in result.stdout
    assert "reconstruct second" not in result.output
    assert written(three) == ["first", "third"]


def test_every_failure_is_named_with_its_stage(three):
    (three / "third" / "west.csv").unlink()
    result = run("run", three)
    refused(result, "triangulate: 2 failures: - detect second: .* - detect third: .*west.csv")
    assert written(three) == ["first"]


def test_stages_over_several_trials_go_on_too(three):
    refused(run("detect", three), "detect second: ")
    assert sorted(path.parent.name for path in three.glob("results/*/detections.parquet")) == [
        "first",
        "third",
    ]
    refused(run("reconstruct", three), "reconstruct second: .*detections.parquet is not there yet")
    assert written(three) == ["first", "third"]


def test_run_takes_names_of_trials(three):
    result = run("run", three, "third", "third")
    assert result.exit_code == 0, result.output
    assert result.stdout.count("reconstruct third") == 1
    assert written(three) == ["third"]


@pytest.mark.parametrize("command", ["run", "detect", "reconstruct"])
def test_an_unknown_trial_is_said_before_anything_is_done(three, command):
    result = run(command, three, "first", "fourth")
    refused(result, "no trial called fourth; there are first, second, third")
    assert result.stdout == ""
    assert not (three / "results").exists()


def test_a_fault_of_ours_in_one_trial_does_not_stop_the_others_either(three, monkeypatch):
    detect = pipeline.detect_trial

    def detect_trial(project, trial, **options):
        if trial.name == "first":
            raise KeyError("ours")
        return detect(project, trial, **options)

    monkeypatch.setattr(pipeline, "detect_trial", detect_trial)
    result = run("run", three, "first", "third")
    assert result.exit_code == 1
    assert "Traceback" in result.stderr
    assert "detect first: 'ours'" in result.stderr
    assert written(three) == ["third"]


def test_a_long_trial_has_everything_but_what_the_format_cannot_hold(three, monkeypatch):
    """As with 65536 frames, but in less time."""
    monkeypatch.setattr("triangulate.export.c3d.MOST_FRAMES", 59)
    said = "c3d is not written: a C3D file holds 1 to 59 frames, got 60; write TRC or Parquet"
    result = run("run", three, "first")
    refused(result, f"^triangulate: reconstruct first: {said}")
    folder = three / "results" / "first"
    assert {path.name for path in folder.iterdir() if "inputs" not in path.name} == {
        "detections.parquet",
        "raw.parquet",
        "report.html",
        *(f"trajectories.{suffix}" for suffix in ("parquet", "trc", "csv")),
    }
    again = run("run", three, "first")
    assert "reconstruct first: up to date" in again.stdout
    refused(again, said)


def test_check_says_what_cannot_be_exported_before_anybody_waits(three, monkeypatch):
    monkeypatch.setattr("triangulate.export.c3d.MOST_FRAMES", 59)
    weak = [
        finding for finding in check_project(load_project(three)) if finding.weak and "c3d" in finding.text
    ]
    assert [finding.where for finding in weak] == ["trial first", "trial third"]
    assert "got 60; write TRC or Parquet, or a long recording in parts; or take c3d out" in weak[0].text


def test_check_counts_the_frames_of_a_recording_without_detections(demo_run, monkeypatch):
    assert not [finding for finding in check_project(demo_run[0]) if "c3d" in finding.text]
    monkeypatch.setattr("triangulate.export.c3d.MOST_FRAMES", 59)
    weak = [finding.text for finding in check_project(demo_run[0]) if finding.weak]
    assert any("c3d will not be written" in text and "got 60" in text for text in weak)


def test_an_export_that_failed_is_made_later_without_a_reconstruction(three, monkeypatch):
    project = load_project(three)
    trial = project.chosen(("first",))[0]
    with monkeypatch.context() as patched:
        patched.setattr("triangulate.export.c3d.ezc3d.c3d", None)
        list(pipeline.run_project(project, ("first",)))
    before = read(three / "results" / "first" / "trajectories.parquet").xyz
    monkeypatch.setattr("triangulate.points.reconstruction.reconstruct", None)
    outcome = pipeline.reconstruct_trial(project, trial)
    assert (outcome.missing, outcome.summary) == ({}, "wrote trajectories.c3d")
    np.testing.assert_array_equal(read(three / "results" / "first" / "trajectories.parquet").xyz, before)


def test_exporting_by_hand_writes_what_it_can(tmp_path):
    from triangulate.export.formats import write

    write(sample(frames=65536), tmp_path / "t.parquet")
    result = run("export", tmp_path / "t.parquet", "--to", "c3d,sleap")
    refused(result, r"t\.c3d: a C3D file holds 1 to 65535 frames, got 65536")
    assert {path.name for path in tmp_path.iterdir()} == {"t.parquet", "t.sleap.h5"}
