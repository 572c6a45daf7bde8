"""Trajectories under the names of another skeleton."""

from dataclasses import replace

import numpy as np
import pytest
from typer.testing import CliRunner

import triangulate
from models2d.skeleton import Skeleton
from tests.test_triangulate.strict_trc import read_trc
from triangulate.cli import app
from triangulate.trajectories import Status, Trajectories3D

random = np.random.default_rng(0)


def trajectories(skeleton, frames=6, views=3):
    count = len(skeleton.keypoints)
    return Trajectories3D(
        xyz=random.normal(0, 1, (frames, 1, count, 3)),
        covariance=np.broadcast_to(1e-4 * np.eye(3), (frames, 1, count, 3, 3)),
        inliers=np.ones((frames, views, 1, count), dtype=bool),
        status=np.zeros((frames, 1, count), dtype=np.int64),
        error=np.ones((frames, 1, count)),
        views=("a", "b", "c"),
        skeleton=skeleton,
        subjects=("one",),
        fps=50.0,
    )


def test_names_change_and_points_stay():
    found = trajectories(Skeleton.load("blazepose33"))
    coco = triangulate.in_skeleton(found, Skeleton.load("coco17"))
    assert coco.skeleton.keypoints == Skeleton.load("coco17").keypoints
    for name in ("nose", "left_ear", "right_ankle"):
        np.testing.assert_array_equal(
            coco.xyz[:, :, coco.skeleton.index(name)], found.xyz[:, :, found.skeleton.index(name)]
        )
    np.testing.assert_array_equal(coco.covariance, found.covariance[:, :, :17])


def test_a_middle_lies_between_and_is_as_good_as_its_worse_end():
    found = trajectories(Skeleton.load("coco17"))
    left, right = (found.skeleton.index(f"{side}_shoulder") for side in ("left", "right"))
    xyz, status = found.xyz.copy(), found.status.copy()
    status[1, 0, left] = Status.TWO_VIEWS
    status[2, 0, right], xyz[2, 0, right] = Status.UNSEEN, np.nan
    markers = triangulate.in_skeleton(replace(found, xyz=xyz, status=status), Skeleton.load("opensim"))
    neck = markers.skeleton.index("Neck")
    wanted = xyz[:, 0, [left, right]].mean(axis=1)
    np.testing.assert_allclose(markers.xyz[:, 0, neck], wanted)
    assert markers.status[:3, 0, neck].tolist() == [Status.OK, Status.TWO_VIEWS, Status.UNSEEN]
    # The mean of two independent points has half of their variance.
    draws = random.normal(0, 0.01, (20000, 2, 3)).mean(axis=1)
    np.testing.assert_allclose(markers.covariance[0, 0, neck], np.cov(draws.T), atol=3e-6)


def test_a_skeleton_with_nothing_in_common_is_refused():
    mouse = Skeleton.from_names("mouse", ["snout", "tail_base"])
    with pytest.raises(
        ValueError, match="skeleton coco17: none of its keypoints is one of mouse, which has sno"
    ):
        triangulate.in_skeleton(trajectories(mouse), Skeleton.load("coco17"))


def test_export_writes_opensims_names(tmp_path):
    file = tmp_path / "trajectories.parquet"
    triangulate.write(trajectories(Skeleton.load("blazepose33")), file)
    said = CliRunner().invoke(app, ["export", str(file), "--to", "trc", "--skeleton", "opensim"])
    assert said.exit_code == 0, said.output
    _, names, _, xyz = read_trc(tmp_path / "trajectories-opensim.trc")
    assert {"LKnee", "RBigToe", "Neck", "Hip"} <= set(names)
    assert "Head" not in names  # the top of the head is none of BlazePose's
    assert np.isfinite(xyz).all()
    refused = CliRunner().invoke(app, ["export", str(file), "--to", "trc", "--skeleton", "nosuch"])
    assert refused.exit_code == 1
    assert "no skeleton 'nosuch'; shipped are ap10k17, " in " ".join(refused.output.split())
