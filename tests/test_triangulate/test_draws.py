"""Draws from the posterior: they scatter as the covariance says, and hold what follows from them."""

import numpy as np
import pytest

from models2d import Skeleton, Tracks2D
from tests.rigs import ring
from triangulate import draw_trajectories, smooth

rig = ring(5)
FRAMES, FPS, JOINTS = 900, 100.0, 4
skeleton = Skeleton.from_names(
    "arm",
    ["shoulder", "elbow", "wrist", "tip"],
    [("shoulder", "elbow"), ("elbow", "wrist"), ("wrist", "tip")],
)


def arm(frames=FRAMES):
    """A chain of three rigid bones that swing at up to a hertz."""
    t = np.arange(frames) / FPS
    xyz = np.zeros((frames, JOINTS, 3))
    xyz[:, 0] = np.stack([0.1 * np.sin(1.1 * t), 0.1 * np.cos(0.9 * t), 0.05 * np.sin(2 * t)], axis=-1)
    for joint, (rate, length) in enumerate(((2.0, 0.3), (3.5, 0.25), (5.0, 0.1)), 1):
        bend, turn = 1.0 + 0.5 * np.sin(rate * t), 0.7 * np.sin(0.8 * rate * t + joint)
        along = [np.sin(bend) * np.cos(turn), np.sin(bend) * np.sin(turn), np.cos(bend)]
        xyz[:, joint] = xyz[:, joint - 1] + length * np.stack(along, axis=-1)
    return xyz


def film(truth, seed=0):
    xy = np.moveaxis(rig.project(truth), 2, 1)
    xy = xy + np.random.default_rng(seed).normal(size=xy.shape)
    return Tracks2D(
        xy=xy[:, :, None],
        confidence=np.ones((len(truth), len(rig), 1, JOINTS)),
        views=rig.names,
        skeleton=skeleton,
        subjects=("one",),
        fps=FPS,
    )


@pytest.fixture(scope="module")
def filmed():
    truth = arm()
    tracks = film(truth)
    return truth, tracks, draw_trajectories(tracks, rig, draws=200)


def bend(xyz):
    """Angle at the elbow, rad."""
    a, b = xyz[..., 0, :] - xyz[..., 1, :], xyz[..., 2, :] - xyz[..., 1, :]
    across = np.linalg.norm(np.cross(a, b), axis=-1)
    return np.arctan2(across, np.sum(a * b, axis=-1))


def test_draws_scatter_by_the_posterior_covariance(filmed):
    _, tracks, drawn = filmed
    smoothed, _ = smooth(tracks, rig)
    np.testing.assert_allclose(drawn[:, :, 0].mean(axis=0), smoothed.xyz[:, 0], atol=1e-3)
    away = drawn[:, :, 0] - smoothed.xyz[:, 0]
    solved = np.linalg.solve(smoothed.covariance[:, 0], away[..., None])[..., 0]
    assert (away * solved).sum(axis=-1).mean() == pytest.approx(3.0, rel=0.03)


@pytest.mark.parametrize(
    "quantity",
    [
        lambda xyz: np.linalg.norm(xyz[..., 3, :] - xyz[..., 0, :], axis=-1),
        lambda xyz: np.linalg.norm(xyz[..., 2, :] - xyz[..., 1, :], axis=-1),
        bend,
        lambda xyz: FPS * np.linalg.norm(xyz[..., 1:, 3, :] - xyz[..., :-1, 3, :], axis=-1),
    ],
    ids=["distance", "bone", "angle", "speed"],
)
def test_intervals_hold_what_follows_from_the_trajectories(filmed, quantity):
    truth, _, drawn = filmed
    low, high = np.quantile(quantity(drawn[:, :, 0]), [0.025, 0.975], axis=0)
    true = quantity(truth)
    assert 0.88 < ((low < true) & (true < high)).mean() <= 1.0


def test_windows_have_no_seam_in_draws(filmed, monkeypatch):
    _, tracks, whole = filmed
    monkeypatch.setattr("triangulate.smoothing.smoother.WINDOW_BYTES", 1.0)
    parts = draw_trajectories(tracks, rig, draws=200)
    sd = whole.std(axis=0)
    assert np.median(np.abs(parts - whole) / sd) < 0.05


def test_draws_depend_on_the_seed_and_on_the_rigs():
    short = film(arm(120))
    one, other = (draw_trajectories(short, rig, draws=3, seed=seed) for seed in (1, 2))
    assert not np.allclose(one, other)
    np.testing.assert_array_equal(one, draw_trajectories(short, rig, draws=3, seed=1))
    unsure = [ring(5, radius=3.0 + 0.02 * number) for number in range(12)]
    with_rigs = draw_trajectories(short, rig, draws=24, rigs=unsure)
    assert with_rigs.std(axis=0).mean() > draw_trajectories(short, rig, draws=24).std(axis=0).mean()


def test_fewer_than_one_draw_is_refused():
    with pytest.raises(ValueError, match="draws: expected at least 1, got 0"):
        draw_trajectories(film(arm(30)), rig, draws=0)
    with pytest.raises(ValueError, match="rigs: expected at least 10"):
        draw_trajectories(film(arm(30)), rig, rigs=[rig])
