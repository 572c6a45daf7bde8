"""Laws of smoothing: units of time, spacing of knots, and covariances that hold under the noise assumed."""

import numpy as np
import pytest

from models2d import Skeleton, Tracks2D
from tests.rigs import ring
from triangulate import reconstruct, smooth
from triangulate.smoothing import knots

rig = ring(4)
body = Skeleton.from_names("stick", ["a", "b", "c"], [("a", "b"), ("b", "c")])
LENGTHS = np.array([0.3, 0.2])


def stick(t):
    """A bent stick that is carried and waved: positions (frames, 3 keypoints, 3) m of rigid bones."""
    swing = np.stack([0.8 * np.sin(2 * t), 0.5 * np.sin(3 * t + 1)], axis=-1)
    middle = np.stack([0.3 * np.sin(t), 0.3 * np.cos(1.3 * t), 0.9 + 0.1 * np.sin(1.7 * t)], axis=-1)
    swing[:, 1] += 2.0
    ends = []
    for length, angle in zip(LENGTHS, swing.T, strict=True):
        end = np.stack([np.cos(angle), np.sin(angle), 0.3 * np.cos(angle)], axis=-1)
        ends.append(length * end / np.linalg.norm(end, axis=-1, keepdims=True))
    return np.stack([middle + ends[0], middle, middle + ends[1]], axis=1)


def film(xyz, fps, noise, *, missing=(), rig=rig):
    """Tracks of positions (frames, keypoints, 3), with noise (frames, views, keypoints, 2) px."""
    xy = rig.project(xyz).transpose(0, 2, 1, 3) + noise
    for frames in missing:
        xy[frames] = np.nan
    return Tracks2D(
        xy=xy[:, :, None],
        confidence=np.ones((len(xyz), len(rig), 1, xyz.shape[1])),
        views=rig.names,
        skeleton=body,
        subjects=("one",),
        fps=fps,
    )


@pytest.fixture(scope="module")
def seen():
    t = np.arange(240) / 60
    return stick(t), np.random.default_rng(0).normal(0, 1, (240, len(rig), 3, 2))


@pytest.mark.parametrize("factor", [0.25, 4.0])
def test_the_same_frames_at_another_rate_give_the_same_points(seen, factor):
    """Jerk is a length over time cubed, and a gap a time: whatever depends on seconds must say so."""
    xyz, noise = seen
    gap = [slice(100, 112)]  # 0.2 s at 60 Hz, of at most 0.25
    given = {"pixel_sigma": 1.0, "bone_sigma": 0.005, "bone_lengths": LENGTHS}
    one, _ = smooth(film(xyz, 60.0, noise, missing=gap), rig, jerk_sigma=50.0, max_gap=0.25, **given)
    two, _ = smooth(
        film(xyz, 60.0 * factor, noise, missing=gap),
        rig,
        jerk_sigma=50.0 * factor**3,
        max_gap=0.25 / factor,
        **given,
    )
    assert np.isfinite(one.xyz).all()
    np.testing.assert_allclose(two.xyz, one.xyz, atol=1e-9)
    np.testing.assert_allclose(two.covariance, one.covariance, rtol=1e-6, atol=1e-14)
    assert (two.status == one.status).all()


def test_the_spacing_of_knots_changes_nothing_that_the_data_know(seen, monkeypatch):
    """Roughness and bones are integrals over time: knots three times as far apart must weigh as much."""
    xyz, noise = seen
    given = {"pixel_sigma": 1.0, "jerk_sigma": 20.0, "bone_sigma": 0.02, "bone_lengths": LENGTHS}
    tracks = film(xyz, 60.0, noise)
    results = {}
    monkeypatch.setattr(knots, "DENSITY", 1e6)  # as far apart as SPACINGS allow
    for widest in (1, 3):
        monkeypatch.setattr(knots, "SPACINGS", (widest,))
        results[widest], _ = smooth(tracks, rig, **given)
    inside = slice(12, -12)
    sd = np.sqrt(np.trace(results[1].covariance[inside], axis1=-2, axis2=-1))
    away = np.linalg.norm(results[3].xyz[inside] - results[1].xyz[inside], axis=-1)
    assert np.median(away / sd) < 0.1
    ratio = np.sqrt(np.trace(results[3].covariance[inside], axis1=-2, axis2=-1)) / sd
    assert 0.95 < np.median(ratio) < 1.05


def test_ellipsoids_hold_under_normal_noise():
    """Squared errors in standard deviations average 3."""
    rng = np.random.default_rng(1)
    xyz = stick(np.arange(600) / 60)
    shape = (600, len(rig), 3, 2)
    smoothed, report = smooth(film(xyz, 60.0, rng.normal(0, 1, shape)), rig)
    error = smoothed.xyz[:, 0] - xyz
    squared = np.einsum("fki,fkij,fkj->fk", error, np.linalg.inv(smoothed.covariance[:, 0]), error)
    assert 2.4 < squared.mean() < 3.7, (squared.mean(), report.pixel_sigma)


def test_clean_detections_are_kept():
    """A prior for outliers of five in a hundred leaves out next to none of normal noise."""
    xyz = stick(np.arange(600) / 60)
    noise = np.random.default_rng(2).normal(0, 1, (600, len(rig), 3, 2))
    smoothed, _ = smooth(film(xyz, 60.0, noise), rig, pixel_sigma=1.0)
    assert smoothed.inliers.mean() > 0.9995


def test_consensus_leaves_out_what_is_beyond_four_standard_deviations():
    """With noise of 1 px nearly all that are 3 px off are kept, nearly none that are 5.5 px off.

    Of twelve cameras one moves the point by a fraction of its error only.
    """
    many = ring(12)
    rng = np.random.default_rng(3)
    xyz = stick(np.arange(300) / 60)
    kept = {}
    for off in (3.0, 5.5):
        noise = rng.normal(0, 0.05, (300, 12, 3, 2))
        angle = rng.uniform(0, 2 * np.pi, (300, 3))
        noise[:, 0] += off * np.stack([np.cos(angle), np.sin(angle)], axis=-1)
        found = reconstruct(film(xyz, 60.0, noise, rig=many), many, pixel_sigma=1.0)
        kept[off] = found.inliers[:, 0].mean()
    assert kept[3.0] > 0.95, kept
    assert kept[5.5] < 0.1, kept


def test_a_detection_is_an_outlier_where_that_is_likelier():
    """Bayes' rule with one outlier in twenty, spread over the image, and noise of 1 px with Student's tails.

    Odds are even where (1 - p) (1 + r^2 / nu)^-(nu / 2 + 1) / 2 pi = p / area, which for nearly normal noise,
    nu = 30, is at 6.9 px.
    """
    many = ring(12)
    rng = np.random.default_rng(4)
    xyz = stick(np.arange(500) / 60)
    few = slice(5, None, 25)
    kept = {}
    for off in (6.1, 9.0):
        noise = rng.normal(0, 1, (500, 12, 3, 2))
        angle = rng.uniform(0, 2 * np.pi, (20, 3))
        noise[few, 0] = off * np.stack([np.cos(angle), np.sin(angle)], axis=-1)
        smoothed, _ = smooth(film(xyz, 60.0, noise, rig=many), many, pixel_sigma=1.0)
        kept[off] = smoothed.inliers[few, 0].mean()
    assert kept[6.1] > 0.8, kept
    assert kept[9.0] < 0.1, kept
