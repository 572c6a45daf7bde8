"""What a project says about smoothing: cameras refined along with it, and limits of joints."""

import numpy as np
import pytest
from scipy.spatial.transform import RigidTransform, Rotation

from calibration import Rig
from models2d import Detections2D, Skeleton, read_detections, write_detections
from triangulate import ProjectError, joint_angles, read, reconstruct
from triangulate.projects.project import load_project
from triangulate.projects.reconstruction import reconstruct_trial
from triangulate.synthetic.scene import demo_rig

true_rig = demo_rig()
TEXT = """\
cameras = ["north", "east", "south", "west"]

[calibration]
rig = "calibration.toml"

[trials.walk]
detections = "{camera}.csv"

"""
SKELETON = """\
name = "arm"
keypoints = ["shoulder", "elbow", "wrist"]
bones = [["shoulder", "elbow"], ["elbow", "wrist"]]

[[joints]]
joint = "elbow"
ends = ["shoulder", "wrist"]
"""


def arm(frames=150):
    """An arm that swings about its shoulder; the elbow stays bent by 120 degrees."""
    t = np.arange(frames) / 60.0
    turn = 1.5 * np.sin(3 * t)
    upper = 0.3 * np.stack([np.cos(turn), np.sin(turn), np.zeros(frames)], axis=-1)
    lower = 0.25 * np.stack([np.cos(turn + np.pi / 3), np.sin(turn + np.pi / 3), np.zeros(frames)], axis=-1)
    shoulder = np.stack([0.3 * np.sin(2 * t), 0.3 * np.cos(1.7 * t), 0.9 + 0.2 * np.sin(t)], axis=-1)
    return np.stack([shoulder, shoulder + upper, shoulder + upper + lower], axis=1)


def displaced(rig, size=1.0):
    """Every camera a little away from where it is."""
    rng = np.random.default_rng(4)
    cameras = [
        type(camera)(
            name=camera.name,
            intrinsics=camera.intrinsics,
            cam_from_world=RigidTransform.from_components(
                rng.normal(0, 0.004 * size, 3), Rotation.from_rotvec(rng.normal(0, 0.003 * size, 3))
            )
            * camera.cam_from_world,
        )
        for camera in rig.cameras
    ]
    return Rig(cameras=tuple(cameras))


def project_with(folder, rig, *lines, confidence=0.9):
    xy = np.moveaxis(np.array(true_rig.project(arm())), 2, 1)[:, :, None]
    xy = xy + np.random.default_rng(0).normal(0, 0.7, xy.shape)
    found = Detections2D(
        xy=xy,
        confidence=np.broadcast_to(confidence, xy.shape[:-1]),
        views=true_rig.names,
        skeleton=Skeleton.from_names("arm", ["shoulder", "elbow", "wrist"]),
        fps=60.0,
    )
    (folder / "results" / "walk").mkdir(parents=True, exist_ok=True)
    write_detections(found, folder / "results" / "walk" / "detections.parquet")
    rig.save(folder / "calibration.toml")
    (folder / "project.toml").write_text(TEXT + "\n".join(lines) + "\n")
    return load_project(folder)


def run(project):
    return reconstruct_trial(project, project.trials[0])


def test_cameras_are_refined_into_a_file_of_their_own(tmp_path):
    project = project_with(tmp_path, displaced(true_rig), "[reconstruct]", "refine_cameras = true")
    before = project.rig_file.read_bytes()
    outcome = run(project)
    new = tmp_path / "calibration-refined-walk.toml"
    assert new in outcome.outputs
    assert "cameras refined by up to" in outcome.summary
    assert "calibration-refined-walk.toml" in outcome.summary
    assert project.rig_file.read_bytes() == before
    tracks = read_detections(tmp_path / "results" / "walk" / "detections.parquet").as_tracks()
    old_error, new_error = (
        np.median(reconstruct(tracks, Rig.load(f)).error) for f in (project.rig_file, new)
    )
    true_error = np.median(reconstruct(tracks, true_rig).error)
    assert old_error > 2 * true_error
    assert new_error < 1.1 * true_error
    page = (tmp_path / "results" / "walk" / "report.html").read_text()
    table = page[page.index("Refined cameras") :]
    for camera in project.cameras:
        assert f"<td>{camera}</td>" in table
    assert run(project).reason is None  # up to date
    new.unlink()
    assert run(project).reason == "calibration-refined-walk.toml is not there yet"


def test_how_far_cameras_may_be_off_can_be_said(tmp_path):
    line = "refine_cameras = { rotation_sigma = 0.0, position_sigma = 0.002, offset_sigma = 0.01 }"
    priors = project_with(tmp_path, true_rig, "[reconstruct]", line).smoothing["refine_cameras"]
    assert (priors.rotation_sigma, priors.position_sigma, priors.offset_sigma) == (0.0, 0.002, 0.01)
    assert "refine_cameras" not in project_with(tmp_path, true_rig).smoothing


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (
            ["refine_cameras = 1"],
            r"project.toml:10: reconstruct.refine_cameras: expected true or false, got 1",
        ),
        (["refine_cameras = { rotation = 1 }"], "refine_cameras.rotation: .*did you mean 'rotation_sigma'"),
        (["refine_cameras = { position_sigma = -1.0 }"], "expected standard deviations of 0 or more"),
        (["refine_cameras = true", "smooth = false"], "which smooth = false leaves out"),
        (["refine_cameras = true", "calibration_uncertainty = true"], "leave one of the two out"),
    ],
)
def test_a_wrong_way_to_refine_cameras_is_named(tmp_path, lines, message):
    with pytest.raises(ProjectError, match=message):
        project_with(tmp_path, true_rig, "[reconstruct]", *lines)


def test_the_projects_own_rig_is_never_written_over(tmp_path):
    project = project_with(tmp_path, true_rig, "[reconstruct]", "refine_cameras = true")
    text = project.file.read_text().replace("calibration.toml", "calibration-refined-walk.toml")
    project.file.write_text(text)
    with pytest.raises(ProjectError, match=r"would write over calibration-refined-walk\.toml"):
        run(load_project(tmp_path))


def test_limits_of_joints_come_from_the_skeletons_file(tmp_path):
    project = project_with(tmp_path, true_rig, "[detections]", 'skeleton = "arm.toml"')

    def elbow(low, high):
        limits = f"low_deg = {low}\nhigh_deg = {high}\nsigma_deg = 0.02\n"
        (tmp_path / "arm.toml").write_text(SKELETON + limits)
        outcome = run(project)
        found = read(tmp_path / "results" / "walk" / "trajectories.parquet")
        return outcome, joint_angles(found, [("shoulder", "elbow", "wrist")]).mean()

    _, free = elbow(0, 180)
    assert free == pytest.approx(120, abs=1)
    outcome, bent = elbow(0, 118)
    assert outcome.reason is not None
    assert bent < free - 1
    assert elbow(0, 118)[0].reason is None


def test_a_wrong_joint_is_named_with_file_and_place(tmp_path):
    project = project_with(tmp_path, true_rig, "[detections]", 'skeleton = "arm.toml"')
    (tmp_path / "arm.toml").write_text(SKELETON.replace('joint = "elbow"', 'joint = "knee"'))
    with pytest.raises(
        ProjectError, match=r"detections.skeleton: .*arm.toml: joints: no keypoint called 'knee'"
    ):
        run(project)


def test_doubtful_detections_reach_neither_the_raw_points_nor_the_smoothed_ones(tmp_path):
    confidence = np.where(np.random.default_rng(2).random((150, 4, 1, 3)) < 0.2, 0.1, 0.9)
    text = "[detections]\nmin_confidence = 0.5\n"
    project = project_with(tmp_path, true_rig, text, confidence=confidence)
    run(project)
    for name in ("raw", "trajectories"):
        used = read(project.results("walk") / f"{name}.parquet").inliers
        assert used.any()
        assert not (used & (confidence < 0.5)).any()


def test_a_given_pixel_sigma_holds_for_raw_points_too(tmp_path):
    run(project_with(tmp_path / "one", true_rig, "[reconstruct]\npixel_sigma = 1.0"))
    run(project_with(tmp_path / "two", true_rig, "[reconstruct]\npixel_sigma = 2.0"))
    one, two = (read(tmp_path / name / "results/walk/raw.parquet").covariance for name in ("one", "two"))
    assert np.nanmedian(two / one) == pytest.approx(4.0, rel=1e-3)


def test_no_gap_is_bridged_where_the_project_says_so(tmp_path):
    assert project_with(tmp_path, true_rig, "[reconstruct]\nmax_gap = 0").smoothing["max_gap"] == 0
