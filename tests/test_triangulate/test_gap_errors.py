"""Ellipsoids hold in gaps: how far motion strays is learnt from stretches that are hidden, bones bend."""

import numpy as np
import pytest

from models2d import Skeleton, Tracks2D
from tests.rigs import ring
from triangulate import Status, smooth
from triangulate.smoothing.gap_errors import GapErrors, add_curvature
from triangulate.smoothing.inputs import RawPoints

rig = ring(5)
FRAMES, LIMIT = 1500, 7.815


def swinging(frames=FRAMES):
    """Two keypoints, a rigid bone apart, that swing at several rates up to a hertz."""
    t = np.arange(frames) / 60.0
    middle = [0.3 * np.sin(0.7 * t) + 0.1 * np.sin(3.1 * t), 0.3 * np.cos(0.5 * t), 0.1 * np.sin(2.3 * t)]
    bend, turn = 1.2 + 0.5 * np.sin(4.0 * t), 0.8 * np.sin(2.7 * t)
    along = [np.sin(bend) * np.cos(turn), np.sin(bend) * np.sin(turn), np.cos(bend)]
    xyz = np.zeros((frames, 2, 3))
    xyz[:, 0] = np.stack(middle, axis=-1)
    xyz[:, 1] = xyz[:, 0] + 0.25 * np.stack(along, axis=-1)
    return xyz


@pytest.mark.parametrize("bones", [[], [("a", "b")]], ids=["alone", "with a bone"])
@pytest.mark.parametrize("gap", [15, 30])
def test_ellipsoids_hold_in_gaps(gap, bones):
    truth = swinging()
    xy = np.moveaxis(rig.project(truth), 2, 1)
    xy = xy + np.random.default_rng(0).normal(size=xy.shape)
    hidden = np.zeros(FRAMES, dtype=bool)
    for first in range(50, FRAMES - 100, 100):
        hidden[first : first + gap] = True
    xy[hidden, :, 1] = np.nan
    tracks = Tracks2D(
        xy=xy[:, :, None],
        confidence=np.where(np.isnan(xy[:, :, None, :, 0]), np.nan, 1.0),
        views=rig.names,
        skeleton=Skeleton.from_names("pair", ["a", "b"], bones),
        subjects=("one",),
        fps=60.0,
    )
    smoothed, _ = smooth(tracks, rig, max_gap=1.0)
    inside = hidden & (smoothed.status[:, 0, 1] == Status.FILLED)
    assert inside.sum() > 0.9 * hidden.sum()
    error = (smoothed.xyz[:, 0, 1] - truth[:, 1])[inside]
    solved = np.linalg.solve(smoothed.covariance[inside, 0, 1], error[..., None])[..., 0]
    # Fourteen gaps, in each of which the errors are alike.
    assert 0.85 < ((error * solved).sum(axis=-1) < LIMIT).mean() <= 1.0


def raw_of(xyz, noise):
    seen = xyz + noise * np.random.default_rng(1).normal(size=xyz.shape)
    covariance = np.broadcast_to(noise**2 * np.eye(3), (*xyz.shape[:-1], 3, 3))
    return RawPoints(seen, covariance, np.ones((*xyz.shape[:-1], 4), dtype=bool))


def test_motion_with_slow_parts_strays_further_than_white_jerk_says():
    raws = [raw_of(swinging()[first : first + 300], 1e-3) for first in range(0, 1500, 300)]
    found = GapErrors.measured(raws, np.full(2, 5e-5), 3, 1)
    assert found.factors[0] == 1.0
    assert (np.diff(found.factors) >= 0).all()
    assert found.factors[-1] > 3.0
    seen = np.ones(200, dtype=bool)
    seen[50:98] = False
    growth = found.growth(seen)
    assert (growth[seen] == 1).all()
    assert growth[74] == pytest.approx(np.interp(48, found.lengths, found.factors), rel=0.05)
    assert growth[50] < 0.5 * growth[74]


def test_white_jerk_strays_as_it_should():
    """Where the motion is what the prior takes it for, no factor is needed."""
    rng = np.random.default_rng(2)
    jerk = 2e-4 * rng.normal(size=(600, 8, 3))
    xyz = np.cumsum(np.cumsum(np.cumsum(jerk, axis=0), axis=0), axis=0)
    found = GapErrors.measured([raw_of(xyz, 1e-3)], np.full(8, 2e-4), 3, 1)
    assert (found.factors[:4] < 1.7).all()


def test_what_a_bone_leaves_unknown_is_that_of_points_on_a_sphere():
    """Monte Carlo: an end of a bone of 0.3 m that may lie 5 cm aside."""
    rng, length, aside = np.random.default_rng(3), 0.3, 0.05
    tangent = aside * rng.normal(size=(200_000, 2))
    nearer = length - np.sqrt(np.maximum(length**2 - (tangent**2).sum(axis=1), 0))
    xyz = np.array([[[0.0, 0.0, 0.0], [0.0, 0.0, length]]])
    covariance = np.zeros((1, 2, 3, 3))
    covariance[0, 1] = np.diag([aside**2, aside**2, 1e-12])
    filled = np.array([[False, True]])
    add_curvature(xyz, covariance, filled, np.array([[0, 1]]), np.array([length]))
    assert covariance[0, 1, 2, 2] == pytest.approx((nearer**2).mean(), rel=0.15)
    assert (covariance[0, 0] == 0).all()
