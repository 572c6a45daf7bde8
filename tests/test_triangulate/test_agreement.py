"""What is wrong with which view of a trial is named; healthy trials, also difficult ones, are not blamed."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import RigidTransform, Rotation

from calibration import Intrinsics, Rig
from models2d import Skeleton, Tracks2D
from tests.rigs import ring
from triangulate.agreement.disagreements import disagreements
from triangulate.projects.drift import wrong_views

FPS, FRAMES = 60.0, 600
CAMERAS = ring(4)


def walk(t, subjects=1):
    """Ten keypoints of each subject on a circle, bobbing, (frames, subjects, 10, 3) m."""
    rng = np.random.default_rng(1)
    rest = rng.uniform(-0.4, 0.4, (subjects, 10, 3)) * [1, 1, 2] + [0, 0, 0.9]
    phase = np.arange(subjects) * 2.0
    angle = 1.2 * np.asarray(t)[:, None] + phase
    moved = np.stack([0.7 * np.cos(angle), 0.7 * np.sin(angle), 0.05 * np.sin(5 * angle)], axis=-1)
    return rest + moved[:, :, None]


def trial(rigs=None, late=(0, 0, 0, 0), *, noise=1.0, subjects=1, fps=FPS, seed=0):
    """Tracks seen by a rig, or by one after the other, with views late by frames and some outliers."""
    t = np.arange(FRAMES) / fps
    parts = np.array_split(np.arange(FRAMES), len(rigs or [CAMERAS]))
    xy = np.full((FRAMES, len(late), subjects, 10, 2), np.nan)
    for rig, frames in zip(rigs or [CAMERAS], parts, strict=True):
        for view, camera in enumerate(rig.cameras[: len(late)]):
            xy[frames, view] = camera.project(walk(t[frames] + late[view] / fps, subjects))
    rng = np.random.default_rng(seed)
    xy += rng.normal(0, noise, xy.shape)
    lost, far = rng.random(xy.shape[:-1]) < 0.1, rng.random(xy.shape[:-1]) < 0.02
    xy[far] += rng.normal(0, 60, (int(far.sum()), 2))
    xy[lost] = np.nan
    return Tracks2D(
        xy=xy,
        confidence=np.where(lost, np.nan, 1.0),
        views=CAMERAS.names[: len(late)],
        skeleton=Skeleton(name="ten", keypoints=tuple(f"k{number}" for number in range(10))),
        subjects=tuple("AB"[:subjects]),
        fps=fps,
    )


def turned(view, degrees):
    """The rig with one camera turned about its optical axis."""
    camera = CAMERAS.cameras[view]
    R = Rotation.from_rotvec([0, 0, np.radians(degrees)]) * camera.cam_from_world.rotation
    place = RigidTransform.from_components(-R.apply(camera.center), R)
    cameras = list(CAMERAS.cameras)
    cameras[view] = replace(camera, cam_from_world=place)
    return Rig(cameras=tuple(cameras))


def kinds(tracks, rig=CAMERAS):
    return [(one.kind, one.view) for one in disagreements(tracks, rig)]


@pytest.mark.parametrize("noise", [0.3, 1.0, 4.0])
@pytest.mark.parametrize("views", [2, 3, 4])
def test_healthy_trials_are_not_blamed(noise, views):
    tracks = trial(late=(0,) * views, noise=noise, seed=views)
    assert kinds(tracks, CAMERAS.select(tracks.views)) == []
    assert wrong_views(tracks, CAMERAS.select(tracks.views)) == ()


@pytest.mark.parametrize("late", [1, -1, 4, 20])
def test_a_late_view_is_named_with_its_delay(late):
    delays = [0, 0, late, 0]
    (found,) = disagreements(trial(late=delays), CAMERAS)
    assert (found.kind, found.view) == ("late", "cam2")
    assert float(found.text.split("were taken ")[1].split()[0]) == pytest.approx(late, abs=0.2)
    (said,) = wrong_views(trial(late=delays), CAMERAS)
    assert "has moved" not in said


def test_known_times_are_no_delay():
    tracks = trial(late=(0, 0, 3, 0))
    times = (np.arange(FRAMES)[:, None] + np.array([0, 0, 3, 0])) / FPS
    assert kinds(replace(tracks, times=times)) == []
    assert wrong_views(replace(tracks, times=times), CAMERAS) == ()


@pytest.mark.parametrize("degrees", [0.5, 1.0, 5.0])
@pytest.mark.parametrize("first", [True, False])
def test_a_camera_turned_in_mid_trial_is_named_with_the_time(degrees, first):
    rigs = [CAMERAS, turned(1, degrees)]
    (found,) = disagreements(trial(rigs[::-1] if first else rigs), CAMERAS)
    assert (found.kind, found.view) == ("changed", "cam1")
    frame = int(found.text.split(" frame ")[1].split()[0])
    assert frame == pytest.approx(FRAMES / 2, abs=20)
    assert ("up to frame" if first else "from frame") in found.text


@pytest.mark.parametrize("size", [6.0, 30.0])
def test_labels_of_one_view_are_named(size):
    tracks = trial()
    xy = tracks.xy.copy()
    xy[:, 2, :, [3, 7]] += [size, -size]
    (found,) = disagreements(replace(tracks, xy=xy), CAMERAS)
    assert (found.kind, found.view) == ("labels", "cam2")
    assert "k3, k7" in found.text


def test_exchanged_names_of_one_view_are_told():
    tracks = trial(subjects=2)
    assert kinds(tracks) == []
    xy, confidence = tracks.xy.copy(), tracks.confidence.copy()
    xy[200:300, 1], confidence[200:300, 1] = xy[200:300, 1, ::-1], confidence[200:300, 1, ::-1]
    (found,) = disagreements(replace(tracks, xy=xy, confidence=confidence), CAMERAS)
    assert (found.kind, found.view) == ("names", "cam1")
    assert "A and B" in found.text


def with_lens(view, factor, distortion=None):
    """The rig with another lens in one camera."""
    cameras = list(CAMERAS.cameras)
    lens = cameras[view].intrinsics
    K = lens.K * [[factor, factor, 1], [factor, factor, 1], [1, 1, 1]]
    other = Intrinsics(size=lens.size, K=K, distortion=lens.distortion if distortion is None else distortion)
    cameras[view] = replace(cameras[view], intrinsics=other)
    return Rig(cameras=tuple(cameras))


@pytest.mark.parametrize(("factor", "distortion"), [(1.1, None), (1.1, np.zeros(5)), (0.95, None)])
def test_a_wrong_lens_is_no_move(factor, distortion):
    (said,) = wrong_views(trial(), with_lens(3, factor, distortion))
    assert "cam3" in said
    assert "lens" in said
    assert "no move" in said


def test_cameras_that_went_round_are_a_contradiction():
    places = (*CAMERAS.cameras[1:], CAMERAS.cameras[0])
    other = Rig(
        cameras=tuple(
            replace(camera, cam_from_world=there.cam_from_world)
            for camera, there in zip(CAMERAS.cameras, places, strict=True)
        )
    )
    assert wrong_views(trial(), other)


def test_a_camera_that_never_fitted_did_not_move_in_mid_trial():
    found = kinds(trial(noise=0.5), turned(1, 2.0))
    assert all(kind != "changed" for kind, _ in found)
    (said,) = wrong_views(trial(noise=0.5), turned(1, 2.0))
    assert "cam1 has moved by" in said


def test_exchanged_files_are_named_before_all_that_follows_from_them():
    tracks = trial()
    order = [1, 0, 2, 3]
    (said,) = wrong_views(
        replace(tracks, xy=tracks.xy[:, order], confidence=tracks.confidence[:, order]), CAMERAS
    )
    assert "cam0 and cam1" in said
    assert "look exchanged" in said
