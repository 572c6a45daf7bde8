"""Verdicts say what is wrong, by name, and the page holds whatever names people give."""

from dataclasses import replace

import numpy as np
import pytest

from models2d import Tracks2D
from tests.test_triangulate.test_figure_page import true_trajectories
from triangulate import Status
from triangulate.kinematics import speeds
from triangulate.reporting.numbers import bone_quality, view_quality
from triangulate.reporting.report import write_report
from triangulate.reporting.verdicts import verdicts
from triangulate.synthetic.scene import demo_rig


@pytest.fixture
def trajectories():
    return true_trajectories(30)


def seen(trajectories, offsets):
    xy = np.moveaxis(demo_rig().project(trajectories.xyz), -2, 1) + np.asarray(offsets)[:, None, None, None]
    return Tracks2D(
        xy=xy,
        confidence=np.ones(xy.shape[:-1]),
        views=demo_rig().names,
        skeleton=trajectories.skeleton,
        subjects=trajectories.subjects,
        fps=trajectories.fps,
    )


def said(trajectories, offsets=(0.0, 0.0, 0.0, 0.0)):
    views = view_quality(trajectories, demo_rig(), seen(trajectories, offsets))
    return [(verdict.good, verdict.text) for verdict in verdicts(trajectories, views)]


def test_a_good_trial_is_praised_only(trajectories):
    assert all(good for good, _ in said(trajectories))
    assert (True, "100% of all points were found.") in said(trajectories)


@pytest.mark.parametrize("wrong", [{"south"}, {"north", "south"}])
def test_cameras_that_disagree_are_named(trajectories, wrong):
    offsets = [9.0 if name in wrong else 0.6 for name in demo_rig().names]
    bad = [text for good, text in said(trajectories, offsets) if not good]
    assert {
        name for name in demo_rig().names if any(f"Camera {name} disagrees" in text for text in bad)
    } == wrong


def test_a_bone_that_changes_its_length_is_named(trajectories):
    xyz = trajectories.xyz.copy()
    wrist = trajectories.skeleton.index("left_wrist")
    xyz[::2, 0, wrist] += [0.0, 0.0, 0.12]
    bad = [text for good, text in said(replace(trajectories, xyz=xyz)) if not good]
    assert any("left_elbow – left_wrist changes its length" in text for text in bad)


def test_missing_points_are_counted_and_named(trajectories):
    xyz = trajectories.xyz.copy()
    xyz[:20, 0, trajectories.skeleton.index("head")] = np.nan
    xyz[:, 0, trajectories.skeleton.index("neck")] = np.nan
    status = np.where(np.isnan(xyz[..., 0]), Status.UNSEEN, Status.OK)
    bad = [text for good, text in said(replace(trajectories, xyz=xyz, status=status)) if not good]
    assert any(
        text.startswith("Only 89% of all points were found; least often neck (0%), head (33%)")
        for text in bad
    )


def test_a_jump_is_dated(trajectories):
    xyz = trajectories.xyz.copy()
    xyz[17, 0, 0] += 5.0
    bad = [text for good, text in said(replace(trajectories, xyz=xyz)) if not good]
    assert any("jump, the first at frame 16 (head" in text for text in bad)


def test_unequal_sides_are_named(trajectories):
    xyz = trajectories.xyz.copy()
    elbow, wrist = (trajectories.skeleton.index(f"right_{name}") for name in ("elbow", "wrist"))
    xyz[:, 0, wrist] = xyz[:, 0, elbow] + 1.5 * (xyz[:, 0, wrist] - xyz[:, 0, elbow])
    bad = [text for good, text in said(replace(trajectories, xyz=xyz)) if not good]
    assert any("left_elbow – left_wrist is 210 mm long, its counterpart" in text for text in bad)


def test_speeds_and_bones_are_those_of_the_motion(trajectories):
    xyz = np.zeros_like(trajectories.xyz)
    xyz[..., 0] = 1.5 * trajectories.times[:, None, None]
    xyz[:, :, 1, 1] = 0.3
    moved = replace(trajectories, xyz=xyz)
    np.testing.assert_allclose(speeds(moved), 1.5, rtol=1e-9)
    neck = next(bone for bone in bone_quality(moved) if bone.name == "head – neck")
    assert (neck.median, neck.iqr) == (pytest.approx(0.3), pytest.approx(0.0, abs=1e-12))


@pytest.mark.parametrize("frames", [0, 1, 2, 30])
def test_the_page_is_written_for_any_length_and_any_name(tmp_path, frames):
    trajectories = replace(true_trajectories(30), subjects=("<b>Bob</b>",))
    shown = {
        name: getattr(trajectories, name)[:frames]
        for name in ("xyz", "covariance", "inliers", "status", "error")
    }
    path = tmp_path / "report.html"
    write_report(path, replace(trajectories, **shown), demo_rig(), title="a < b & c")
    page = path.read_text()
    assert "<h1>a &lt; b &amp; c</h1>" in page
    assert "<b>Bob</b>" not in page.split("<main>")[1].split("<script")[0]


def test_nothing_found_is_said(trajectories):
    empty = replace(
        trajectories,
        xyz=np.full_like(trajectories.xyz, np.nan),
        status=np.full(trajectories.status.shape, Status.UNSEEN),
    )
    assert (False, "No point was found in any frame.") in said(empty)
