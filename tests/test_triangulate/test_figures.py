"""What the figure shows: every subject, equal axes, gaps as gaps, and no more frames than a browser plays."""

import numpy as np
import pytest

import triangulate
from models2d import Skeleton
from tests.test_triangulate.trajectory_samples import sample
from triangulate.reporting.traces import bone_sides, keypoint_sides
from triangulate.synthetic.scene import demo_rig


def points_of(traces):
    return [trace for trace in traces if trace.name not in (None, "cameras") and trace.mode == "markers"]


def test_every_subject_and_camera_is_drawn():
    figure = triangulate.figure(sample(subjects=("ann", "bob")), demo_rig())
    assert [trace.name for trace in points_of(figure.data)] == ["ann", "bob"]
    cameras = next(trace for trace in figure.data if trace.mode == "markers+text")
    assert list(cameras.text) == list(demo_rig().names)
    np.testing.assert_allclose(cameras.x, demo_rig().centers[:, 0], atol=1e-4)


def test_frames_move_the_points_and_missing_ones_are_left_out():
    trajectories = sample()
    figure = triangulate.figure(trajectories)
    last = figure.frames[-1]
    moved = last.data[-1]
    truth = trajectories.xyz[int(last.name), 0, :, 0]
    shown = np.array([np.nan if x is None else x for x in moved.x], dtype=float)
    np.testing.assert_allclose(shown, truth, atol=1e-4)
    assert any(None in frame.data[-1].x for frame in figure.frames)


@pytest.mark.parametrize(("frames", "step"), [(400, 1), (401, 2), (5000, 13)])
def test_long_recordings_are_strided_and_say_so(frames, step):
    figure = triangulate.figure(sample(frames=frames))
    assert len(figure.frames) <= 400
    assert int(figure.frames[1].name) == step
    assert ("frame is shown" in figure.layout.title.text) == (step > 1)


def test_axes_are_equal():
    scene = triangulate.figure(sample(), demo_rig()).layout.scene
    per_metre = [
        scene.aspectratio[name] / (scene[f"{name}axis"].range[1] - scene[f"{name}axis"].range[0])
        for name in "xyz"
    ]
    np.testing.assert_allclose(per_metre, per_metre[0], rtol=1e-6)


@pytest.mark.parametrize("frames", [0, 1])
def test_very_short_recordings_are_drawn(frames):
    figure = triangulate.figure(sample(frames=frames), demo_rig())
    assert len(figure.frames) == frames


def test_a_frustum_looks_at_what_the_camera_sees():
    rig = demo_rig()
    stroke = np.array(
        [
            [np.nan if x is None else x for x in triangulate.figure(sample(), rig).data[0][axis]]
            for axis in "xyz"
        ],
        dtype=float,
    ).T
    first = stroke[: int(np.argmax(np.isnan(stroke[:, 0])))]
    corner = rig.cameras[0].project(first[0])
    # Drawn without the lens' distortion, a corner of the frustum projects near the corner of the image.
    assert np.linalg.norm(corner) < 40


def test_sides_are_told_by_names_whatever_comes_first():
    skeleton = Skeleton.from_names(
        "s", ["right_hand", "left_hand", "LEye", "REye", "tail"], [("LEye", "left_hand"), ("tail", "REye")]
    )
    assert keypoint_sides(skeleton).tolist() == [-1, 1, 1, -1, 0]
    assert bone_sides(skeleton).tolist() == [1, -1]


def test_no_frames_at_all_is_refused():
    with pytest.raises(ValueError, match="most_frames"):
        triangulate.figure(sample(), most_frames=0)
