"""No result is believed that is of other options, other inputs, or of a run that was cut off."""

import hashlib
import os
import shutil

import numpy as np
import pytest

from calibration import Rig
from models2d import read_detections, write_detections
from triangulate import ProjectError
from triangulate.projects import pipeline
from triangulate.projects.project import load_project
from triangulate.projects.reconstruction import reconstruct_trial


class Death(BaseException):
    """The process ends here."""


@pytest.fixture
def copied(demo_run, tmp_path, monkeypatch):
    """A copy of the finished demo without smoothing, whose report is the same whenever it is written."""
    folder = tmp_path / "project"
    shutil.copytree(demo_run[0].folder, folder)

    def write_report(path, final, *_, **__):
        path.write_text(hashlib.sha256(final.xyz.tobytes()).hexdigest())

    monkeypatch.setattr("triangulate.reporting.report.write_report", write_report)
    change(folder, "smooth = true", "smooth = false")
    return folder


def change(folder, old, new):
    file = folder / "project.toml"
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, new))


def reconstruct(folder):
    project = load_project(folder)
    return reconstruct_trial(project, project.trials[0])


def calibrate(folder):
    return pipeline.calibrate_project(load_project(folder))


def detect(folder):
    project = load_project(folder)
    return pipeline.detect_trial(project, project.trials[0])


def results(folder):
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file() and not path.name.startswith(".") and path.name != "project.toml"
    }


def dies_at(monkeypatch, number, run):
    """Run until so many files were put in place; tell whether it died there."""
    done, replacing = iter(range(1000)), os.replace

    def mortal(source, target):
        if next(done) == number:
            raise Death
        replacing(source, target)

    with monkeypatch.context() as patched:
        patched.setattr(os, "replace", mortal)
        try:
            run()
        except Death:
            return True
    return False


def test_a_reconstruction_cut_off_anywhere_leaves_nothing_of_other_options(copied, monkeypatch):
    reconstruct(copied)
    undisturbed = results(copied)
    number = 0
    while True:
        change(copied, "# min_confidence = 0.0 ", "min_confidence = 0.9 ")
        died = dies_at(monkeypatch, number, lambda: reconstruct(copied))
        change(copied, "min_confidence = 0.9 ", "# min_confidence = 0.0 ")
        reconstruct(copied)
        assert results(copied) == undisturbed, f"died at {number}"
        if not died:
            break
        number += 1
    assert number >= 14  # two records and three results; two records and a file of each export


def test_a_change_of_rigs_cut_off_anywhere_leaves_nothing_of_the_other(copied, monkeypatch):
    calibrate(copied)
    rig = Rig.load(copied / "calibration.toml")
    rig.scaled(1.1).save(copied / "other.toml")
    measured = 'recording = "calibration/{camera}.avi"'
    kept = "calibration-before.toml"
    measures = ("calibration.toml", "calibration.draws.npz")  # figures in the page have other names each time
    undisturbed = [results(copied)[name] for name in measures]
    number = 0
    while True:
        change(copied, measured, 'rig = "other.toml"')
        died = dies_at(monkeypatch, number, lambda: calibrate(copied))
        if not died:
            assert Rig.load(copied / "calibration.toml").centers == pytest.approx(1.1 * rig.centers)
            assert not (copied / "calibration.draws.npz").exists()
        change(copied, 'rig = "other.toml"', measured)
        calibrate(copied)
        assert [results(copied)[name] for name in measures] == undisturbed, f"died at {number}"
        assert calibrate(copied).reason is None
        (copied / kept).unlink(missing_ok=True)
        if not died:
            break
        number += 1
    assert number >= 4


def test_a_calibration_that_was_cut_off_is_not_reconstructed_with(copied, monkeypatch):
    calibrate(copied)
    change(copied, "floor_frame = 0", "floor_frame = 2")
    inside = 4  # of the calls: draws, page and rig into the staging, the mark, the first output
    assert dies_at(monkeypatch, inside, lambda: calibrate(copied))
    with pytest.raises(ProjectError, match=r"cut off while its files were replaced.*triangulate calibrate"):
        reconstruct(copied)
    assert "cut off" in calibrate(copied).reason or "floor_frame" in calibrate(copied).reason
    assert reconstruct(copied).reason == "calibration changed"


def test_a_calibration_that_was_cut_off_may_be_adopted_as_it_is(copied, monkeypatch):
    change(copied, "floor_frame = 0", "floor_frame = 2")
    assert dies_at(monkeypatch, 5, lambda: calibrate(copied))
    change(copied, 'recording = "calibration/{camera}.avi"', 'rig = "calibration.toml"')
    calibrate(copied)
    assert not (copied / "calibration.draws.npz").exists()
    assert reconstruct(copied).reason == "calibration changed"


def test_an_empty_report_is_not_up_to_date(copied):
    reconstruct(copied)
    (copied / "results" / "walk" / "report.html").write_text("")
    assert reconstruct(copied).reason == "report.html is not as it was written"
    assert (copied / "results" / "walk" / "report.html").read_text()


def test_exports_of_trajectories_before_do_not_stay_beside_new_ones(copied, monkeypatch):
    reconstruct(copied)
    before = results(copied)["results/walk/trajectories.trc"]
    change(copied, "# min_confidence = 0.0 ", "min_confidence = 0.9 ")

    def full(*_):
        raise OSError("disk full")

    monkeypatch.setattr("triangulate.projects.exports.write", full)
    outcome = reconstruct(copied)
    assert outcome.missing == dict.fromkeys(("trc", "c3d", "csv"), "disk full")
    assert not list((copied / "results" / "walk").glob("trajectories.trc*"))
    monkeypatch.undo()
    again = reconstruct(copied)
    assert not again.missing
    assert results(copied)["results/walk/trajectories.trc"] != before


@pytest.fixture
def with_files(copied):
    """The demo with detections in files of another tool and a skeleton in a file of the project."""
    found = read_detections(copied / "results" / "walk" / "detections.parquet")
    write_detections(found, copied / "{view}.csv")
    skeleton = found.skeleton
    bones = [[skeleton.keypoints[a], skeleton.keypoints[b]] for a, b in skeleton.bones]
    text = f'name = "mine"\nkeypoints = {list(skeleton.keypoints)}\nbones = {bones}\n'
    (copied / "mine.toml").write_text(text.replace("'", '"'))
    change(copied, "[detections]\n", '[detections]\nskeleton = "mine.toml"\n')
    (copied / "project.toml").write_text(
        (copied / "project.toml").read_text() + 'detections = "{camera}.csv"\n'
    )
    return copied


def test_a_changed_skeleton_file_is_noticed(with_files):
    detect(with_files)
    assert detect(with_files).reason is None
    file = with_files / "mine.toml"
    file.write_text(file.read_text().replace('"mine"', '"yours"'))
    assert detect(with_files).reason == "skeleton file changed"
    assert read_detections(with_files / "results" / "walk" / "detections.parquet").skeleton.name == "yours"


def test_another_recording_of_the_same_detections_is_noticed(with_files):
    detect(with_files)
    with (with_files / "trials" / "walk" / "east.avi").open("ab") as file:
        file.write(b"0")
    assert detect(with_files).reason == "recording east changed"


@pytest.mark.parametrize("name", ["mine.safetensors", "mine", "demo"])
def test_a_changed_model_is_noticed_however_it_is_named(copied, monkeypatch, tmp_path, name):
    shipped = tmp_path / "shipped"
    shipped.mkdir()
    monkeypatch.setattr("models2d.model_files.places.shipped_weights", shipped)
    weights = {
        "mine.safetensors": copied / "mine.safetensors",
        "mine": copied / "mine" / "model.safetensors",
        "demo": shipped / "demo.safetensors",
    }[name]
    weights.parent.mkdir(exist_ok=True)
    weights.write_bytes(b"first")
    change(copied, 'model = "demo"', f'model = "{name}"')
    found, asked = read_detections(copied / "results" / "walk" / "detections.parquet"), []

    def load_model(source, **_):
        asked.append(source)

    monkeypatch.setattr("models2d.model_files.weights.load_model", load_model)
    monkeypatch.setattr("models2d.inference.detecting.detect", lambda *_, **__: found)
    detect(copied)
    assert detect(copied).reason is None
    assert asked == ["demo" if name == "demo" else copied / name]
    weights.write_bytes(b"other")
    assert detect(copied).reason == "model changed"


def test_both_files_of_a_rig_in_two_are_watched(copied):
    rig = Rig.load(copied / "calibration.toml")
    (copied / "opencv").mkdir()
    rig.save(copied / "opencv", format="opencv")
    change(copied, 'recording = "calibration/{camera}.avi"', 'rig = "opencv/intri.yml"\nunit = "m"')
    calibrate(copied)
    assert calibrate(copied).reason is None
    rig.scaled(1.1).save(copied / "opencv", format="opencv")
    assert calibrate(copied).reason == "rig extri.yml changed"
    centers = Rig.load(copied / "calibration.toml").centers
    np.testing.assert_allclose(centers, 1.1 * rig.centers, rtol=1e-6)


def test_a_project_named_from_another_folder_is_as_fresh(copied, monkeypatch):
    shutil.copy(copied / "calibration.toml", copied / "mine.safetensors")
    change(copied, 'model = "demo"', 'model = "mine.safetensors"')
    found = read_detections(copied / "results" / "walk" / "detections.parquet")
    monkeypatch.setattr("models2d.model_files.weights.load_model", lambda *_, **__: None)
    monkeypatch.setattr("models2d.inference.detecting.detect", lambda *_, **__: found)
    detect(copied)
    monkeypatch.chdir(copied)
    project = load_project(".")
    assert pipeline.detect_trial(project, project.trials[0]).reason is None
