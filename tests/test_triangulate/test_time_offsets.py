"""Cameras whose clocks differ: known times are used, unknown ones are found."""

from dataclasses import replace

import numpy as np
import pytest

from models2d import Skeleton, Tracks2D
from tests.rigs import ring
from triangulate import TriangulationError, on_common_clock, reconstruct
from triangulate.camera_fit.time_offsets import find_offsets
from triangulate.common_clock import retimed, synchronised
from triangulate.smoothing.smoother import smooth

FPS = 60.0


def place(t):
    """Three points on quick, smooth paths; (..., 3, 3) m."""
    t = np.asarray(t)[..., None]
    phase = np.array([0.0, 1.0, 2.5])
    return np.stack(
        [0.4 * np.sin(4 * t + phase), 0.3 * np.cos(5 * t + 2 * phase), 0.9 + 0.2 * np.sin(3 * t + phase)],
        axis=-1,
    )


def watched(offset, rig, frames=240, noise=0.5, rate=None):
    nominal = np.arange(frames)[:, None] / FPS
    true = nominal * (1 + (0.0 if rate is None else np.asarray(rate))) + np.asarray(offset)
    rng = np.random.default_rng(0)
    views = [camera.project(place(true[:, view])) for view, camera in enumerate(rig.cameras)]
    xy = np.stack(views, axis=1)[:, :, None]
    return Tracks2D(
        xy=xy + rng.normal(0, noise, xy.shape),
        confidence=np.ones(xy.shape[:-1]),
        views=rig.names,
        skeleton=Skeleton(name="three", keypoints=("a", "b", "c")),
        subjects=("one",),
        fps=FPS,
    )


def miss(trajectories):
    return np.linalg.norm(trajectories.xyz[:, 0] - place(trajectories.times), axis=-1)


def test_known_times_are_used():
    rig, offset = ring(4), np.array([0.0, 0.004, -0.006, 0.02])
    tracks = watched(offset, rig)
    blind, _ = smooth(tracks, rig)
    told, _ = smooth(retimed(tracks, offset), rig)
    together, _ = smooth(watched(np.zeros(4), rig), rig)
    assert np.nanmedian(miss(told)) < 1.6 * np.nanmedian(miss(together))
    assert np.nanmedian(miss(blind)) > 5 * np.nanmedian(miss(told))


def test_single_frames_are_triangulated_at_common_times():
    rig, offset = ring(4), np.array([0.0, 0.004, -0.006, 0.02])
    tracks = watched(offset, rig)
    blind, told = reconstruct(tracks, rig), reconstruct(retimed(tracks, offset), rig)
    together = reconstruct(watched(np.zeros(4), rig), rig)
    assert np.nanmedian(miss(told)) < 1.2 * np.nanmedian(miss(together))
    assert np.nanmedian(miss(blind)) > 5 * np.nanmedian(miss(told))


def watched_at(camera, times, fps):
    xy = camera.project(place(times))[:, None, None]
    return Tracks2D(
        xy=xy + np.random.default_rng(len(times)).normal(0, 0.5, xy.shape),
        confidence=np.ones(xy.shape[:-1]),
        views=(camera.name,),
        skeleton=Skeleton(name="three", keypoints=("a", "b", "c")),
        subjects=("one",),
        fps=fps,
        times=times[:, None],
    )


def test_cameras_of_different_rates_share_a_clock():
    rig, starts, rates = ring(4), (3.0, 3.013, 2.991, 3.2), (60.0, 30.0, 25.0, 59.94)
    alone = [
        watched_at(camera, start + np.arange(round(4 * fps)) / fps, fps)
        for camera, start, fps in zip(rig.cameras, starts, rates, strict=True)
    ]
    tracks, start = on_common_clock(alone)
    assert (tracks.views, tracks.fps, start) == (rig.names, 60.0, 2.991)
    for view, one in enumerate(alone):  # nothing is lost, nothing is moved
        there = np.isfinite(tracks.times[:, view])
        assert np.allclose(tracks.times[there, view] + start, one.times[:, 0])
        assert (tracks.xy[there, view] == one.xy[:, 0]).all()
        assert np.abs(tracks.times[there, view] * 60 - np.flatnonzero(there)).max() <= 0.5
    for found in (reconstruct(tracks, rig), smooth(tracks, rig)[0]):
        away = np.linalg.norm(found.xyz[:, 0] - place(found.times + start), axis=-1)
        assert np.isfinite(away).mean() > 0.9
        assert np.nanmedian(away) < 0.002


def test_a_row_takes_the_detection_nearest_to_its_time():
    camera = ring(2).cameras[0]
    quick = watched_at(camera, np.arange(10) / 120.0, 120.0)
    tracks, _ = on_common_clock([quick], fps=40.0)
    assert np.allclose(tracks.times[:, 0], np.arange(4) / 40.0)


def test_recordings_that_do_not_fit_are_named():
    one, other = (watched_at(camera, np.arange(3) / 30, 30.0) for camera in ring(2).cameras)
    with pytest.raises(ValueError, match=r"tracks of cam1: expected the subjects of cam0, \('one',\), got"):
        on_common_clock([one, replace(other, subjects=("two",))])
    with pytest.raises(ValueError, match="expected at least one, and frames in each"):
        on_common_clock([])
    with pytest.raises(ValueError, match="names must differ"):
        on_common_clock([one, one])


def test_offsets_are_found_to_a_fraction_of_a_frame():
    rig, offset = ring(4), np.array([0.0, 0.011, -0.105, 0.057])
    found, trajectories = find_offsets(watched(offset, rig), rig)
    assert np.allclose(found.offset, offset, atol=0.1 / FPS)
    assert np.nanmedian(miss(trajectories)) < 1.5e-3
    assert (found.sigma[1:] < 1e-3).all()


def test_rates_are_found():
    rig, rate = ring(4), np.array([0.0, 2e-3, 0.0, -1e-3])
    tracks = watched(np.zeros(4), rig, frames=480, rate=rate)
    found, _ = find_offsets(tracks, rig, longest=0.1, rates=True)
    assert np.allclose(found.rate, rate, atol=3e-4)
    applied = found.applied(tracks).times
    assert np.allclose(applied, np.arange(480)[:, None] / FPS * (1 + rate), atol=0.15 / FPS)


def test_interpolation_at_common_times_is_exact_for_uniform_motion():
    rig = ring(2)
    tracks = watched(np.zeros(2), rig, frames=20)
    times = np.arange(20)[:, None] / FPS + np.array([0.0, 0.3 / FPS])
    xy = np.zeros(tracks.xy.shape) + 100 * times[:, :, None, None, None]
    xy[5:9, 1] = np.nan
    out = synchronised(
        replace(tracks, xy=xy, times=times, confidence=np.where(np.isfinite(xy[..., 0]), 1, np.nan))
    )
    wanted = 100 * np.arange(20) / FPS
    known = np.isfinite(out.xy[:, 1, 0, 0, 0])
    assert np.allclose(out.xy[known, 1, 0, 0, 0], wanted[known])
    assert not known[6:9].any()
    assert known[10:].all()


def test_a_subject_at_rest_cannot_date_frames():
    rig = ring(3)
    tracks = watched(np.zeros(3), rig, frames=60)
    still = replace(
        tracks, xy=np.full(tracks.xy.shape, np.nan), confidence=np.full(tracks.confidence.shape, np.nan)
    )
    with pytest.raises(TriangulationError, match="too little motion"):
        find_offsets(still, rig)


def seen_late(paths, late, rig, *, fps=FPS, noise=1.0):
    """Tracks of paths (frames, keypoints, 3) m whose views are late by whole frames."""
    frames = np.arange(len(paths))
    xy = np.full((len(paths), len(rig), paths.shape[1], 2), np.nan)
    for view, camera in enumerate(rig.cameras):
        there = frames + late[view]
        inside = (there >= 0) & (there < len(paths))
        xy[inside, view] = camera.project(paths[there[inside]])
    xy += np.random.default_rng(0).normal(0, noise, xy.shape)
    names = tuple(f"k{number}" for number in range(paths.shape[1]))
    return Tracks2D(
        xy=xy[:, :, None],
        confidence=np.where(np.isnan(xy[..., 0]), np.nan, 1.0)[:, :, None],
        views=rig.names,
        skeleton=Skeleton(name="points", keypoints=names),
        subjects=("one",),
        fps=fps,
    )


def body(frames, moved):
    """Eight points that are carried along a path (frames, 3) m."""
    rest = np.random.default_rng(2).uniform([-0.3, -0.3, 0.6], [0.3, 0.3, 1.2], (1, 8, 3))
    return rest + np.broadcast_to(moved, (frames, 3))[:, None]


@pytest.mark.parametrize("fast", [120.0, 60.0])
def test_offsets_of_cameras_of_different_rates(fast):
    rig, starts, rates = ring(4), np.array([0.0, 0.0123, 0.0, 0.031]), (fast, 30.0, fast, 30.0)
    alone = [
        replace(
            watched_at(camera, start + np.arange(round(6 * fps)) / fps, fps),
            times=np.arange(round(6 * fps))[:, None] / fps,
        )
        for camera, start, fps in zip(rig.cameras, starts, rates, strict=True)
    ]
    tracks, _ = on_common_clock(alone)
    assert np.isnan(tracks.times).any()
    found, trajectories = find_offsets(tracks, rig)
    assert np.allclose(found.offset, starts, atol=1e-3)
    assert (np.isnan(found.applied(tracks).times) == np.isnan(tracks.times)).all()
    assert np.nanmedian(miss(trajectories)) < 2e-3
    # Views slower than half the rate of the rows lose nothing.
    assert np.isfinite(synchronised(tracks).xy[8:-8]).mean() > 0.99


@pytest.mark.parametrize("fps", [30.0, 60.0])
@pytest.mark.parametrize("noise", [0.3, 2.0])
def test_a_still_subject_tells_no_offset(fps, noise):
    rig = ring(4)
    tracks = seen_late(body(240, np.zeros(3)), (0, 0, 0, 0), rig, fps=fps, noise=noise)
    with pytest.raises(TriangulationError, match=r"too little motion to date the frames of cam0.*100%|9\d%"):
        find_offsets(tracks, rig)


def test_a_short_motion_in_a_long_rest_tells_the_offsets():
    rig, t = ring(4), np.arange(3000) / FPS
    jump = 0.3 * np.exp(-(((t - 37) / 0.15) ** 2))[:, None] * [0, 0, 1.0]
    found, _ = find_offsets(seen_late(body(3000, jump), (0, 5, -7, 1), rig), rig)
    assert np.allclose(found.offset * FPS, (0, 5, -7, 1), atol=0.6)


@pytest.mark.parametrize("hertz", [1.5, 2.0])
def test_periodic_motion_has_offsets_a_period_apart(hertz):
    rig, t = ring(4), np.arange(480) / FPS
    squat = 0.15 * np.sin(2 * np.pi * hertz * t)[:, None] * [0, 0, 1.0]
    found, _ = find_offsets(seen_late(body(480, squat), (0, -3, 0, 0), rig), rig, longest=0.7)
    assert np.allclose(found.offset * FPS, (0, -3, 0, 0), atol=0.05)
    period = 1 / hertz
    for view in (1, 2, 3):
        told = found.alternatives[view]
        assert told
        cycles = (np.array(told) - found.offset[view]) / period
        assert np.allclose(cycles, np.rint(cycles), atol=0.05)
        assert (np.rint(cycles) != 0).all()
    assert "the motion repeats" in str(found)


def test_offsets_beyond_the_longest_are_refused():
    rig, t = ring(4), np.arange(480) / FPS
    walk = 0.6 * np.stack([np.cos(1.2 * t), np.sin(1.2 * t), 0.1 * np.sin(6 * t)], axis=1)
    tracks = seen_late(body(480, walk), (0, 45, 0, 0), rig)
    with pytest.raises(TriangulationError, match=r"of cam1.*0\.50 s.*larger `longest`"):
        find_offsets(tracks, rig)
    found, _ = find_offsets(tracks, rig, longest=1.0)
    assert np.allclose(found.offset * FPS, (0, 45, 0, 0), atol=0.05)
