"""The smoother on scenes with known truth."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import RigidTransform, Rotation

from calibration import Camera, Intrinsics, Rig
from models2d import Skeleton, Tracks2D
from triangulate import Status
from triangulate.smoothing.smoother import smooth


def ring(count=5, radius=3.0):
    """Cameras around the origin, looking at it."""
    cameras = []
    for number in range(count):
        angle = 2 * np.pi * number / count
        center = np.array([radius * np.cos(angle), radius * np.sin(angle), 0.3 + 0.2 * (number % 2)])
        z = -center / np.linalg.norm(center)
        x = np.cross(z, [0, 0, 1.0])
        x /= np.linalg.norm(x)
        R = np.stack([x, np.cross(z, x), z])
        intrinsics = Intrinsics.from_focal((1280, 1024), 1100.0, [-0.2, 0.05, 0, 0, 0])
        cam_from_world = RigidTransform.from_components(-R @ center, Rotation.from_matrix(R))
        cameras.append(Camera(name=f"cam{number}", intrinsics=intrinsics, cam_from_world=cam_from_world))
    return Rig(cameras=tuple(cameras))


def swinging(frames, keypoints=4, fps=60.0, seed=0):
    """A chain of rigid bones swinging about a moving root."""
    rng = np.random.default_rng(seed)
    t = np.arange(frames) / fps
    xyz = np.zeros((frames, keypoints, 3))
    xyz[:, 0] = np.stack([0.3 * np.sin(0.9 * t), 0.3 * np.cos(0.7 * t), 0.05 * np.sin(2 * t)], axis=-1)
    for j in range(1, keypoints):
        a, b = (rng.uniform(0, 3) + 0.5 * np.sin(rng.uniform(1, 6) * t + rng.uniform(0, 6)) for _ in range(2))
        direction = np.stack([np.sin(a) * np.cos(b), np.sin(a) * np.sin(b), np.cos(a)], axis=-1)
        xyz[:, j] = xyz[:, j - 1] + 0.15 * direction
    return xyz


def watched(xyz, rig, *, noise=1.0, missing=0.1, mistakes=0.05, seed=0):
    """What the rig's views see of one subject."""
    rng = np.random.default_rng(seed)
    xy = rig.project(xyz).transpose(0, 2, 1, 3) + rng.normal(0, noise, (len(xyz), len(rig), xyz.shape[1], 2))
    wrong = rng.random(xy.shape[:-1]) < mistakes
    xy[wrong] += rng.normal(0, 80, (wrong.sum(), 2))
    xy[rng.random(xy.shape[:-1]) < missing] = np.nan
    return tracks_of(xy, rig)


def tracks_of(xy, rig, fps=60.0):
    keypoints = xy.shape[2]
    links = [(f"k{j}", f"k{j + 1}") for j in range(keypoints - 1)]
    skeleton = Skeleton.from_names("chain", [f"k{j}" for j in range(keypoints)], links)
    xy = np.asarray(xy)[:, :, None]
    confidence = np.where(np.isfinite(xy[..., 0]), 1.0, np.nan)
    return Tracks2D(
        xy=xy, confidence=confidence, views=rig.names, skeleton=skeleton, subjects=("one",), fps=fps
    )


def miss(trajectories, xyz):
    return np.linalg.norm(trajectories.xyz[:, 0] - xyz, axis=-1)


def test_smoothing_halves_the_error_with_no_option_set_and_says_how_large_it_is():
    rig, truth = ring(), swinging(400)
    tracks = watched(truth, rig)
    rough, _ = smooth(tracks, rig, jerk_sigma=1e5, bone_sigma=np.inf)
    smoothed, report = smooth(tracks, rig)
    assert np.nanmean(miss(smoothed, truth)) < 0.5 * np.nanmean(miss(rough, truth))
    assert np.isfinite(smoothed.xyz).all()
    error = smoothed.xyz[:, 0] - truth
    inverse = np.linalg.inv(smoothed.covariance[:, 0])
    inside = np.einsum("fki,fkij,fkj->fk", error, inverse, error) < 7.815
    assert 0.92 < inside.mean() < 0.98
    assert report.converged
    assert report.pixel_sigma == pytest.approx(1.0, rel=0.1)


def test_bones_come_out_with_their_length():
    rig, truth = ring(), swinging(200)
    _, report = smooth(watched(truth, rig), rig)
    assert np.allclose(report.bone_lengths, 0.15, atol=5e-4)


def test_clean_data_stay_exact():
    rig, truth = ring(), swinging(60)
    tracks = watched(truth, rig, noise=0.02, missing=0, mistakes=0)
    smoothed, _ = smooth(tracks, rig)
    assert miss(smoothed, truth).max() < 5e-4
    assert np.median(miss(smoothed, truth)) < 5e-5


def test_a_gap_is_bridged_with_growing_covariance_and_flagged_and_a_longer_one_is_not():
    rig, truth = ring(), swinging(200)
    tracks = watched(truth, rig, missing=0, mistakes=0)
    xy = tracks.xy[:, :, 0].copy()
    xy[50:60, :, 3] = np.nan
    xy[100:140, :, 3] = np.nan
    smoothed, report = smooth(tracks_of(xy, rig), rig, max_gap=0.25)
    status, size = smoothed.status[:, 0, 3], np.trace(smoothed.covariance[:, 0, 3], axis1=-2, axis2=-1)
    assert (status[50:60] == Status.FILLED).all()
    assert size[40] < size[51] < size[54]
    assert miss(smoothed, truth)[50:60].max() < 0.02
    assert (status[100:140] == Status.UNSEEN).all()
    assert np.isnan(smoothed.xyz[100:140, 0, 3]).all()
    assert report.counts["filled"] == 10


def test_windows_leave_no_seam(monkeypatch):
    rig, truth = ring(), swinging(400)
    tracks = watched(truth, rig)
    whole, _ = smooth(tracks, rig)
    monkeypatch.setattr("triangulate.smoothing.smoother.WINDOW_BYTES", 1.0)
    pieces, _ = smooth(tracks, rig)
    sd = np.sqrt(np.trace(whole.covariance, axis1=-2, axis2=-1))
    assert (np.linalg.norm(whole.xyz - pieces.xyz, axis=-1) < 0.05 * sd).all()


def test_moving_the_world_moves_the_answer():
    rig, truth = ring(), swinging(60)
    tracks = watched(truth, rig)
    move = RigidTransform.from_components([1.0, -2.0, 0.5], Rotation.from_rotvec([0.4, 1.0, -0.3]))
    here, _ = smooth(tracks, rig)
    there, _ = smooth(tracks, rig.moved(move))
    away = np.linalg.norm(move.apply(here.xyz.reshape(-1, 3)) - there.xyz.reshape(-1, 3), axis=1)
    assert (away < 0.1 * np.sqrt(np.trace(here.covariance, axis1=-2, axis2=-1)).ravel()).all()


def test_the_same_input_gives_the_same_bytes():
    rig, truth = ring(), swinging(80)
    tracks = watched(truth, rig)
    assert smooth(tracks, rig)[0].xyz.tobytes() == smooth(tracks, rig)[0].xyz.tobytes()


def test_views_are_matched_by_name():
    rig, truth = ring(), swinging(40)
    tracks = watched(truth, rig)
    mixed, _ = smooth(tracks, rig.select(rig.names[::-1]))
    plain, _ = smooth(tracks, rig)
    assert np.allclose(mixed.xyz, plain.xyz)
    with pytest.raises(ValueError, match="no camera called cam4"):
        smooth(tracks, rig.select(rig.names[:4]))


@pytest.mark.parametrize(
    "option",
    [{"pixel_sigma": 0.0}, {"jerk_sigma": -1.0}, {"bone_sigma": 0.0}, {"max_gap": -1.0}],
    ids=lambda option: next(iter(option)),
)
def test_an_option_out_of_range_is_named(option):
    rig = ring()
    with pytest.raises(ValueError, match=next(iter(option))):
        smooth(watched(swinging(20), rig), rig, **option)


@pytest.mark.parametrize("late", [False, True])
def test_each_view_has_its_own_rms_in_the_report(late):
    rig, truth = ring(4), swinging(200)
    noise = np.array([0.5, 1.0, 2.0, 1.0])[:, None, None]
    clean = rig.project(truth).transpose(0, 2, 1, 3)
    tracks = tracks_of(clean + noise * np.random.default_rng(0).normal(size=clean.shape), rig)
    if late:
        tracks = replace(tracks, times=np.repeat(np.arange(200)[:, None] / 60.0, 4, axis=1))
    _, report = smooth(tracks, rig)
    # Root mean square length of a residual in two axes; the fit takes up a little of it.
    assert report.rms_by_view == pytest.approx(np.sqrt(2) * noise.ravel(), rel=0.1)
    share = report.inliers_by_view * np.isfinite(tracks.xy[..., 0]).sum(axis=(0, 2, 3))
    assert report.rms == pytest.approx(np.sqrt((share * report.rms_by_view**2).sum() / share.sum()))


def test_min_confidence_holds_in_the_smoother_too():
    rig, truth = ring(), swinging(120)
    tracks = watched(truth, rig, missing=0, mistakes=0)
    doubtful = np.random.default_rng(3).random(tracks.confidence.shape) < 0.2
    tracks = replace(tracks, confidence=np.where(doubtful, 0.2, 0.9))
    smoothed, _ = smooth(tracks, rig, min_confidence=0.5)
    assert not (smoothed.inliers & doubtful).any()
    without = replace(tracks, xy=np.where(doubtful[..., None], np.nan, tracks.xy))
    alone, _ = smooth(without, rig)
    assert smoothed.xyz.tobytes() == alone.xyz.tobytes()
    with pytest.raises(ValueError, match="min_confidence: expected a number between 0 and 1, got 80"):
        smooth(tracks, rig, min_confidence=80)


def test_subjects_do_not_disturb_each_other():
    rig = ring()
    alone = [watched(swinging(80, seed=seed), rig, seed=seed) for seed in (0, 1)]
    both = Tracks2D(
        xy=np.concatenate([one.xy for one in alone], axis=2),
        confidence=np.concatenate([one.confidence for one in alone], axis=2),
        views=rig.names,
        skeleton=alone[0].skeleton,
        subjects=("one", "two"),
        fps=60.0,
    )
    together, report = smooth(both, rig, pixel_sigma=1.0)
    for subject, one in enumerate(alone):
        separate, _ = smooth(one, rig, pixel_sigma=1.0)
        away = np.linalg.norm(together.xyz[:, subject] - separate.xyz[:, 0], axis=-1)
        assert np.nanmedian(away) < 2e-4
    assert report.bone_lengths.shape == (2, 3)
