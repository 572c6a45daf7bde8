"""Rigs drawn from a calibration scatter as it says, go where the rig goes, and survive a file."""

import numpy as np
import pytest
from scipy.spatial.transform import RigidTransform, Rotation

from calibration import calibrate, load_draws, save_draws
from calibration.rig_files.draws import draws_file
from models2d import Skeleton, Tracks2D
from tests.test_calibration.board_scene import observe, true_rig
from triangulate import reconstruct, smooth

ahead = np.array([0.0, 0.0, 3.0])


@pytest.fixture(scope="module")
def few_boards():
    truth = true_rig(views=4, spread=4.0)
    observations = observe(truth, frames=24, noise=0.3, seed=3)
    rig, report = calibrate(observations, lens="pinhole5", board_shape="rigid", validate=False)
    return truth.moved(truth.cameras[0].cam_from_world), rig, report


def test_draws_scatter_as_the_covariance_says(few_boards):
    _, rig, report = few_boards
    drawn = report.draw_rigs(500)
    focal = np.array([[camera.intrinsics.K[0, 0] for camera in one.cameras] for one in drawn])
    expected = [report.uncertainty.deviation(f"{view}:fx") for view in range(4)]
    np.testing.assert_allclose(focal.std(axis=0), expected, rtol=0.15)
    assert np.abs(focal.mean(axis=0) - [c.intrinsics.K[0, 0] for c in rig.cameras]).max() < max(expected) / 5
    assert np.array([one.centers[0] for one in drawn]) == pytest.approx(0, abs=1e-12)


def test_the_same_seed_draws_the_same(few_boards):
    report = few_boards[2]
    assert np.array_equal(report.draw_rigs(3)[2].centers, report.draw_rigs(3)[2].centers)
    assert not np.array_equal(report.draw_rigs(3)[2].centers, report.draw_rigs(3, seed=1)[2].centers)


def test_draws_follow_a_rig_that_was_placed(few_boards):
    _, rig, report = few_boards
    move = RigidTransform.from_components([1.0, -2.0, 0.5], Rotation.from_rotvec([0.3, 1.0, -0.2]))
    placed = rig.scaled(1.7).moved(move)
    inside = np.random.default_rng(0).uniform(-0.3, 0.3, (20, 3)) + ahead
    for before, after in zip(report.draw_rigs(3), report.draw_rigs(3, placed=placed), strict=True):
        np.testing.assert_allclose(after.project(move.apply(1.7 * inside)), before.project(inside), atol=1e-6)
    with pytest.raises(ValueError, match="say nothing about another rig"):
        report.draw_rigs(3, placed=report.draw_rigs(1)[0])


def test_draws_survive_a_file(few_boards, tmp_path):
    drawn = few_boards[2].draw_rigs(4)
    path = draws_file(tmp_path / "calibration.toml")
    save_draws(drawn, path)
    inside = np.random.default_rng(0).uniform(-0.3, 0.3, (20, 3)) + ahead
    for before, after in zip(drawn, load_draws(path), strict=True):
        assert after.names == before.names
        np.testing.assert_allclose(after.project(inside), before.project(inside), rtol=1e-12)


def test_another_file_is_refused_by_name(tmp_path):
    (tmp_path / "a.draws.npz").write_text("hello")
    with pytest.raises(ValueError, match=r"a\.draws\.npz: not a file of draws"):
        load_draws(tmp_path / "a.draws.npz")
    with pytest.raises(ValueError, match="at least one"):
        save_draws([], tmp_path / "b.draws.npz")


def points_seen(truth, names, sigma=0.2):
    """Return points that stand still for ten frames, and what the cameras see of them."""
    rng = np.random.default_rng(5)
    xyz = ahead + rng.uniform(-0.5, 0.5, (30, 3))
    xy = truth.project(xyz).transpose(1, 0, 2)[None, :, None].repeat(10, axis=0)
    tracks = Tracks2D(
        xy=xy + rng.normal(0, sigma, xy.shape),
        confidence=np.ones(xy.shape[:-1]),
        views=names,
        skeleton=Skeleton.from_names("points", [f"p{i}" for i in range(30)]),
        subjects=("one",),
        fps=60.0,
    )
    return xyz, tracks


def distances(trajectories, xyz):
    error = trajectories.xyz[5, 0] - xyz
    return np.einsum("ni,nij,nj->n", error, np.linalg.inv(trajectories.covariance[5, 0]), error)


def test_few_boards_are_the_larger_part_of_the_error_and_the_covariance_knows(few_boards):
    truth, rig, report = few_boards
    xyz, tracks = points_seen(truth, rig.names)
    rigs = report.draw_rigs(100)
    for solve in (reconstruct, lambda *given, **options: smooth(*given, **options)[0]):
        without, included = solve(tracks, rig), solve(tracks, rig, rigs=rigs)
        assert np.array_equal(without.xyz, included.xyz)
        assert (distances(without, xyz) < 7.815).mean() < 0.7
        assert (distances(included, xyz) < 7.815).mean() > 0.8
