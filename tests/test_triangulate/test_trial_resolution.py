"""Trials of another size than the calibration: rescaled and said, or refused before they are detected."""

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

import triangulate
from models2d import Detections2D, Skeleton, write_detections
from tests.test_calibration.board_scene import true_rig
from triangulate.cli import app
from triangulate.projects.resolution import at_calibrated_size

FRAMES = 60
rig = true_rig(views=4)
xyz = np.random.default_rng(1).uniform([-0.5, -0.5, 0.4], [0.5, 0.5, 1.4], (FRAMES, 3, 3))


def project(folder, sizes, model=None):
    """A trial with images of these sizes, and what was found in them."""
    rig.save(folder / "calibration.toml")
    for view, (width, height) in enumerate(sizes):
        images = folder / "walk" / f"cam{view}"
        images.mkdir(parents=True)
        for frame in range(FRAMES):
            cv2.imwrite(str(images / f"{frame:03d}.png"), np.zeros((height, width), np.uint8))
    noise = np.random.default_rng(2).normal(0, 0.1, (FRAMES, len(sizes), 3, 2))
    factor = np.array([width / 1280 for width, _ in sizes])[:, None, None]
    xy = factor * (rig.project(xyz).transpose(0, 2, 1, 3) + noise + 0.5) - 0.5
    body = Skeleton.from_names("three", ["a", "b", "c"])
    detections = Detections2D(
        xy=xy[:, :, None], confidence=np.ones((FRAMES, 4, 1, 3)), views=rig.names, skeleton=body, fps=50
    )
    write_detections(detections, folder / "walk.{view}.csv")
    source = f'[detections]\nmodel = "{model}"\nfps = 50.0' if model else "[detections]\nfps = 50.0"
    files = "" if model else 'detections = "walk.{camera}.csv"'
    (folder / "project.toml").write_text(
        f'cameras = ["cam0", "cam1", "cam2", "cam3"]\n[calibration]\nrig = "calibration.toml"\n{source}\n'
        f'[reconstruct]\nsmooth = false\n[trials.walk]\nrecording = "walk/{{camera}}"\n{files}\n'
        '[export]\nformats = ["csv"]\n'
    )
    return folder


def run(command, folder):
    result = CliRunner().invoke(app, [command, str(folder)])
    return result.exit_code, " ".join(result.output.split())


def test_half_the_resolution_is_rescaled_and_said(tmp_path):
    folder = project(tmp_path, [(640, 512)] * 4)
    code, said = run("check", folder)
    assert code == 0
    assert "lenses of cam0, cam1, cam2, cam3 rescaled from 1280 x 1024 to 640 x 512 px" in said
    code, said = run("run", folder)
    assert code == 0
    assert "rescaled from 1280 x 1024 to 640 x 512 px" in said
    found = triangulate.read(folder / "results/walk/trajectories.parquet")
    np.testing.assert_allclose(found.xyz[:, 0], xyz, atol=2e-3)
    assert "1280 x 1024" in (folder / "results/walk/report.html").read_text()
    code, said = run("check", folder)  # the rig fits, as far as its drift is looked at too
    assert code == 0
    assert "moved" not in said


def test_one_camera_at_another_resolution_is_rescaled_alone(tmp_path):
    folder = project(tmp_path, [(1280, 1024), (640, 512), (1280, 1024), (1280, 1024)])
    assert "lenses of cam1 rescaled" in run("check", folder)[1]
    assert run("run", folder)[0] == 0
    found = triangulate.read(folder / "results/walk/trajectories.parquet")
    np.testing.assert_allclose(found.xyz[:, 0], xyz, atol=2e-3)


def test_a_video_without_what_fills_its_codecs_blocks_is_the_top_left_part_and_that_is_said(tmp_path):
    sizes = [(1280, 1016), (1280, 1024), (1280, 1024), (1280, 1016)]
    folder = project(tmp_path, sizes)
    told = "lenses of cam0, cam3 cut from 1280 x 1024 to the top left 1280 x 1016 px: codecs fill up"
    for command in ("check", "run"):
        code, said = run(command, folder)
        assert code == 0
        assert told in said
    found = triangulate.read(folder / "results/walk/trajectories.parquet")
    np.testing.assert_allclose(found.xyz[:, 0], xyz, atol=2e-3)
    assert told[1:] in (folder / "results/walk/report.html").read_text()


def test_a_drift_over_trials_with_and_without_filling_keeps_its_pixels():
    sizes = np.array([[1280, 1016], [640, 512], [1280, 1024], [1280, 1024]])
    points = Detections2D(
        xy=rig.project(xyz).transpose(0, 2, 1, 3)[:, :, None],
        confidence=np.ones((FRAMES, 4, 1, 3)),
        views=rig.names,
        skeleton=Skeleton.from_names("three", ["a", "b", "c"]),
        fps=50,
        sizes=sizes,
    )
    whole = at_calibrated_size(points, rig, "trial walk")
    np.testing.assert_allclose(whole.xy[:, [0, 2, 3]], points.xy[:, [0, 2, 3]], atol=1e-9)
    np.testing.assert_allclose(whole.xy[:, 1] + 0.5, 2 * (points.xy[:, 1] + 0.5))


@pytest.mark.parametrize("model", [None, "demo"])
def test_a_crop_is_refused_before_detecting(tmp_path, model):
    folder = project(tmp_path, [(1280, 1024), (1280, 1024), (1280, 720), (1280, 1024)], model)
    for command in ("check", "run"):
        code, said = run(command, folder)
        assert code == 1
        assert "camera cam2: images of 1280 x 720 px do not fit its calibration on 1280 x 1024 px" in said
    assert not (folder / "results/walk/detections.parquet").exists()


def test_the_library_refuses_points_of_another_resolution():
    body = Skeleton.from_names("three", ["a", "b", "c"])
    points = Detections2D(
        xy=rig.project(xyz).transpose(0, 2, 1, 3)[:, :, None],
        confidence=np.ones((FRAMES, 4, 1, 3)),
        views=rig.names,
        skeleton=body,
        fps=50,
        sizes=[[1280, 1024]] * 3 + [[640, 512]],
    )
    message = "view cam3: points were found in images of 640 x 512 px.* calibrated on 1280 x 1024 px"
    for function in (triangulate.reconstruct, triangulate.smooth, triangulate.unswap):
        with pytest.raises(ValueError, match=message):
            function(points.as_tracks(), rig)
    with pytest.raises(ValueError, match=message):
        triangulate.associate(points, rig)


@pytest.mark.parametrize("factor", [0.5, 2 / 3, 1.5])
def test_detections_of_another_resolution_without_a_recording_are_refused(tmp_path, factor):
    folder = project(tmp_path, [(round(1280 * factor), round(1024 * factor))] * 4)
    file = folder / "project.toml"
    file.write_text(file.read_text().replace('recording = "walk/{camera}"\n', ""))
    code, said = run("run", folder)
    assert code == 1
    meant = f"{round(1280 * factor)} x {round(1024 * factor)}"
    # Where the points are larger, many lie outside the images, which is said.
    why = f"made on images of {meant} px in place of 1280 x 1024; name the trial's recording"
    assert (why in said) or (factor > 1 and "were they made on videos of another resolution" in said)
    assert meant in run("check", folder)[1] or factor > 1


def test_labels_that_disagree_are_not_taken_for_another_resolution(tmp_path):
    folder = project(tmp_path, [(1280, 1024)] * 4)
    file = folder / "project.toml"
    file.write_text(file.read_text().replace('recording = "walk/{camera}"\n', ""))
    for view in range(4):
        csv = folder / f"walk.cam{view}.csv"
        lines = csv.read_text().splitlines()
        rng = np.random.default_rng(view)
        for n, line in enumerate(lines[3:], 3):
            cells = line.split(",")
            lines[n] = ",".join([cells[0], *(str(float(cell) + rng.normal(0, 60)) if k % 3 else cell
                                             for k, cell in enumerate(cells[1:], 1))])  # fmt: skip
        csv.write_text("\n".join(lines) + "\n")
    code, said = run("run", folder)
    assert code == 0
    assert "the cameras contradict each other, see `triangulate check`" in said
