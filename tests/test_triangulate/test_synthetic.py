"""The rendered scenes are what they say they are: rigid, at the stated pixels, repeatable."""

import cv2
import numpy as np
import pytest

from triangulate.synthetic import rendering
from triangulate.synthetic import scene as synthetic
from triangulate.synthetic.body import (
    ANGLES,
    figure_limbs,
    figure_skeleton,
    pose_figure,
    random_poses,
    walk,
)


def bone_lengths(xyz):
    bones = figure_skeleton().bones
    return np.linalg.norm(xyz[:, bones[:, 0]] - xyz[:, bones[:, 1]], axis=-1)


@pytest.mark.parametrize("xyz", [walk(np.linspace(0, 7, 50)), random_poses(50, np.random.default_rng(0))])
def test_bones_are_rigid(xyz):
    lengths = bone_lengths(xyz)
    assert np.ptp(lengths, axis=0).max() < 1e-12
    assert lengths.min() > 0.05


def test_turning_the_figure_turns_every_keypoint():
    angles = np.random.default_rng(1).normal(0, 0.4, len(ANGLES))
    still, turned = (pose_figure(angles, [0, 0, 1], heading) for heading in (0.0, np.pi / 2))
    np.testing.assert_allclose(turned, still @ np.array([[0, 1, 0], [-1, 0, 0], [0, 0, 1.0]]), atol=1e-12)


def test_lifting_the_left_arm_leaves_the_right_one():
    angles = np.zeros((2, len(ANGLES)))
    angles[1, ANGLES.index("left_arm_roll")] = 1.0
    moved = np.ptp(pose_figure(angles, np.zeros(3), 0.0), axis=0).max(axis=-1) > 1e-9
    names = np.array(figure_skeleton().keypoints)
    assert set(names[moved]) == {"left_elbow", "left_wrist"}


def test_limbs_are_drawn_where_their_keypoints_project():
    scene = synthetic.demo_scene(board_frames=6, figure_frames=2)
    limbs = figure_limbs()
    camera = scene.rig.cameras[1]
    black = np.zeros((*camera.intrinsics.size[::-1], 3), dtype=np.float32)
    head = figure_skeleton().index("head")
    only_head = type(limbs)(ends=limbs.ends[4:5], radius=limbs.radius[4:5], colour=np.full((1, 3), 255.0))
    image = rendering.draw_figure(black, camera, scene.xyz[0], np.array([0.0, 0.0, 1.0]), only_head)
    rows, columns = np.nonzero(image[..., 0] > 0)
    truth = camera.project(scene.xyz[0, head])
    np.testing.assert_allclose([columns.mean(), rows.mean()], truth, atol=0.3)


def test_the_nearer_limb_hides_the_other():
    camera = synthetic.demo_rig().cameras[0]
    center, target = camera.center, np.array([0.0, 0.0, 0.7])
    xyz = np.stack([center + s * (target - center) for s in (0.8, 1.0)])
    limbs = rendering.Limbs(
        ends=np.array([[0, 0], [1, 1]]),
        radius=np.full((2, 2), 0.05),
        colour=np.array([[255.0, 0, 0], [0, 0, 255.0]]),
    )
    black = np.zeros((600, 800, 3), dtype=np.float32)
    drawn = rendering.draw_figure(black, camera, xyz, np.array([0.0, 0.0, 1.0]), limbs)
    column, row = np.rint(camera.project(target)).astype(int)
    assert drawn[row, column, 0] > 50
    assert drawn[..., 2].max() < drawn[..., 0].max() / 2


def test_training_views_are_repeatable_and_labelled_inside_mostly():
    first = [next(rendering.training_views(5, (320, 240))) for _ in range(2)]
    np.testing.assert_array_equal(first[0][0], first[1][0])
    stream = rendering.training_views(6, (320, 240))
    xy = np.stack([next(stream)[1] for _ in range(40)])
    inside = ((xy > 0) & (xy < [320, 240])).all(axis=-1).mean()
    assert 0.8 < inside <= 1.0


def test_detected_board_corners_lie_where_the_truth_projects_them():
    scene = synthetic.demo_scene(board_frames=16, figure_frames=2)
    view = 1
    errors = []
    for frame, image in enumerate(synthetic.render_board(scene, view)):
        xyz = scene.world_from_board[frame].apply(scene.board.corners)
        truth = scene.rig.cameras[view].project(xyz).astype(np.float32)
        # From the truth itself, OpenCV's corner refinement must not want to move away.
        found = cv2.cornerSubPix(
            cv2.cvtColor(image, cv2.COLOR_BGR2GRAY),
            truth.copy(),
            (3, 3),
            (-1, -1),
            (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_COUNT, 30, 1e-3),
        )
        if frame >= synthetic.FLOOR_FRAMES:
            errors.append(found - truth)
    assert np.median(np.abs(np.concatenate(errors))) < 0.1
    assert np.abs(np.median(np.concatenate(errors), axis=0)).max() < 0.03


def test_videos_hold_every_frame_and_are_renamed_when_complete(tmp_path):
    scene = synthetic.demo_scene(board_frames=5, figure_frames=3)
    paths = synthetic.write_recording(scene, tmp_path)
    assert {name: len(views) for name, views in paths.items()} == {"calibration": 4, "walk": 4}
    video = cv2.VideoCapture(str(paths["walk"]["north"]))
    images = []
    while (read := video.read())[0]:
        images.append(read[1])
    assert len(images) == 3
    assert video.get(cv2.CAP_PROP_FPS) == synthetic.FIGURE_FPS
    rendered = next(iter(synthetic.render_figure(scene, 0)))
    assert np.abs(images[0].astype(float) - rendered).mean() < 5
    assert not list(tmp_path.rglob("*partial*"))


def test_a_video_without_images_is_refused(tmp_path):
    with pytest.raises(ValueError, match="at least one image"):
        synthetic.write_video(tmp_path / "empty.avi", [], 25.0)
