"""A motion prior that follows the motion: sudden events in quiet trials, beats at the limit of sampling."""

import numpy as np
import pytest

from models2d import Skeleton, Tracks2D
from tests.rigs import ring
from triangulate import reconstruct, smooth
from triangulate.smoothing.knots import KNOT_BLOCK, SPACINGS, spaced

rig = ring(4)


def film(xyz, fps, noise=1.0, seed=0):
    """Tracks of one keypoint, (frames, 3) m, seen by four cameras."""
    frames = len(xyz)
    xy = np.stack([camera.project(xyz) for camera in rig.cameras], axis=1)
    xy = xy + noise * np.random.default_rng(seed).normal(size=xy.shape)
    return Tracks2D(
        xy=xy[:, :, None, None],
        confidence=np.ones((frames, len(rig), 1, 1)),
        views=rig.names,
        skeleton=Skeleton.from_names("point", ["tip"], []),
        subjects=("one",),
        fps=fps,
    )


def rise(u):
    u = np.clip(u, 0, 1)
    return 10 * u**3 - 15 * u**4 + 6 * u**5


def sway(t):
    return np.stack([0.004 * np.sin(1.95 * t), 0.003 * np.sin(1.45 * t + 1), 0.002 * np.sin(2.5 * t + 2)], -1)


def rms_mm(found, truth):
    return 1e3 * np.sqrt(np.nanmean(np.sum((found - truth) ** 2, axis=-1)))


@pytest.mark.parametrize(("fps", "at"), [(60.0, 0.6), (60.0, 7.3), (120.0, 11.0), (200.0, 4.4)])
def test_a_punch_in_a_quiet_trial_stays_and_the_quiet_is_smoothed(fps, at):
    t = np.arange(int(13 * fps)) / fps
    out = rise((t - at) / 0.15) - rise((t - at - 0.2) / 0.15)
    truth = sway(t) + 0.6 * out[:, None] * [0.95, 0.3, 0.1]
    tracks = film(truth, fps)
    raw = reconstruct(tracks, rig)
    smoothed, report = smooth(tracks, rig, raw)
    fast = (t > at - 0.2) & (t < at + 0.6)
    points, single = smoothed.xyz[:, 0, 0], raw.xyz[:, 0, 0]
    assert report.converged
    assert np.isfinite(points).all()
    assert rms_mm(points[fast], truth[fast]) < 0.9 * rms_mm(single[fast], truth[fast])
    assert rms_mm(points[~fast], truth[~fast]) < 0.35 * rms_mm(single[~fast], truth[~fast])
    speed = [
        np.linalg.norm(np.gradient(one, 1 / fps, axis=0), axis=-1)[fast].max() for one in (points, truth)
    ]
    assert speed[0] == pytest.approx(speed[1], rel=0.03)


@pytest.mark.parametrize("frames_per_beat", [2.5, 3.0, 3.75, 5.0])
def test_a_beat_that_frames_do_not_predict_is_not_smoothed_away(frames_per_beat):
    t = np.arange(600)
    truth = np.stack([0.05 * np.sin(2 * np.pi * t / frames_per_beat), 0.02 * np.cos(0.05 * t), 0 * t], -1)
    tracks = film(truth, 300.0)
    raw = reconstruct(tracks, rig)
    smoothed, _ = smooth(tracks, rig, raw)
    inside = slice(5, -5)
    points, single = smoothed.xyz[inside, 0, 0], raw.xyz[inside, 0, 0]
    assert rms_mm(points, truth[inside]) < 1.02 * rms_mm(single, truth[inside])
    assert points[:, 0].std() == pytest.approx(truth[inside, 0].std(), rel=0.05)


def test_exact_pixels_stay_exact_at_sudden_turns():
    t = np.arange(300) / 60.0
    truth = np.stack(
        [0.4 * np.abs((1.3 * t) % 2 - 1), 0.2 * np.sin(2 * t), 0.1 * np.maximum(0, np.sin(6 * t))], -1
    )
    tracks = film(truth, 60.0, noise=0.0)
    smoothed, _ = smooth(tracks, rig)
    assert np.abs(smoothed.xyz[:, 0, 0] - truth).max() < 1e-6
    assert smoothed.inliers.all()


def test_a_mistake_of_one_frame_that_views_share_is_left_out():
    """One frame is no motion, even if all views agree on it: what lasts longer must be followed."""
    t = np.arange(300) / 60.0
    truth = 10 * sway(t)
    seen = truth.copy()
    seen[150] += [0.0, 0.3, 0.0]
    smoothed, _ = smooth(film(seen, 60.0), rig)
    assert rms_mm(smoothed.xyz[140:162, 0, 0], truth[140:162]) < 5.0


def test_knots_lie_close_where_the_motion_is_fast_and_change_gradually():
    corner = np.full(240, 0.05)
    corner[100:110] = 3.0
    knots = spaced(corner, early=3.2, late=5.0)
    step = knots.spacing
    assert knots.times[0] <= -3.2
    assert knots.times[-1] >= 239 + 5.0
    inside = (knots.times[:-1] >= 100) & (knots.times[1:] <= 110)
    assert (step[inside] == 1).all()
    assert step[0] == step[-2] == SPACINGS[-1]
    assert (np.maximum(step[1:], step[:-1]) <= 2 * np.minimum(step[1:], step[:-1])).all()
    later = spaced(corner[KNOT_BLOCK:]).times + KNOT_BLOCK
    assert np.isin(knots.times[(knots.times >= KNOT_BLOCK) & (knots.times <= 239)], later).all()
