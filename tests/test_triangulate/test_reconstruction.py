"""From tracks to trajectories: options, matching by name, flags, the calibration's own uncertainty."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import RigidTransform, Rotation

from calibration import Rig
from models2d import Skeleton, Tracks2D
from tests.rigs import ring
from triangulate import Status, reconstruct, status_counts

skeleton = Skeleton.from_names("stick", ["a", "b", "c"])


def truth(frames=200):
    rng = np.random.default_rng(0)
    return rng.uniform(-0.5, 0.5, (frames, 1, 3, 3)) + np.array([0, 0, 0.9])


def tracks_of(rig, xyz, sigma=1.0, **fields):
    xy = np.moveaxis(rig.project(xyz), 3, 1)
    xy = xy + sigma * np.random.default_rng(1).normal(size=xy.shape)
    given = {"xy": xy, "confidence": np.ones(xy.shape[:-1]), **fields}
    return Tracks2D(views=rig.names, skeleton=skeleton, subjects=("one",), fps=50.0, **given)


def test_shapes_and_names():
    rig = ring()
    trajectories = reconstruct(tracks_of(rig, truth()), rig)
    assert trajectories.shape == (200, 1, 3)
    assert trajectories.inliers.shape == (200, 6, 1, 3)
    assert trajectories.views == rig.names
    assert np.linalg.norm(trajectories.xyz - truth(), axis=-1).max() < 0.02
    assert status_counts(trajectories)["OK"] == 600
    assert list(status_counts(trajectories)) == [status.name for status in Status]


def test_views_are_matched_by_name():
    rig = ring()
    shuffled = rig.select([rig.names[view] for view in (3, 0, 5, 1, 4, 2)])
    tracks = tracks_of(rig, truth())
    assert np.allclose(reconstruct(tracks, shuffled).xyz, reconstruct(tracks, rig).xyz, atol=1e-9)


def test_a_view_without_a_camera_is_named():
    rig = ring()
    with pytest.raises(ValueError, match=r"no camera called cam5: .* the rig has the cameras cam0, cam1"):
        reconstruct(tracks_of(rig, truth()), Rig(cameras=rig.cameras[:5]))


@pytest.mark.parametrize("sigma", [0.3, 1.0, 6.0])
def test_noise_is_found_from_the_data(sigma):
    rig = ring()
    xyz = truth(1000)
    tracks = tracks_of(rig, xyz, sigma)
    xy = tracks.xy.copy()
    bad = np.random.default_rng(2).random(xy.shape[:-1]) < 0.1
    xy[bad] += np.random.default_rng(3).normal(0, 80, (bad.sum(), 2))
    trajectories = reconstruct(replace(tracks, xy=xy), rig)
    known = trajectories.status == Status.OK
    assert known.mean() > 0.95
    error = (trajectories.xyz - xyz)[known]
    squared = (error * np.linalg.solve(trajectories.covariance[known], error[..., None])[..., 0]).sum(axis=-1)
    assert 0.93 < (squared < 7.815).mean() < 0.97


def test_stated_covariances_need_only_be_right_in_proportion():
    rig, xyz = ring(), truth(500)
    tracks = tracks_of(rig, xyz, 2.0)
    stated = np.broadcast_to(0.01 * np.eye(2), (*tracks.xy.shape, 2))
    plain, scaled = reconstruct(tracks, rig), reconstruct(replace(tracks, covariance=stated), rig)
    assert np.allclose(plain.xyz, scaled.xyz, atol=1e-6)
    assert np.allclose(plain.covariance, scaled.covariance, rtol=0.05)


def test_low_confidence_can_be_left_out():
    rig = ring()
    confidence = np.ones((200, 6, 1, 3))
    confidence[:, 2:] = 0.2
    tracks = tracks_of(rig, truth(), confidence=confidence)
    assert reconstruct(tracks, rig, pixel_sigma=1.0).inliers.mean() > 0.999
    few = reconstruct(tracks, rig, min_confidence=0.5)
    assert few.inliers.sum(axis=1).max() == 2
    assert (few.status == Status.TWO_VIEWS).all()


def test_points_outside_the_fitted_part_of_a_lens_are_flagged():
    rig = ring()
    lens = rig.cameras[0].intrinsics
    fitted = replace(lens, covered=np.array([[570.0, 440], [710, 440], [710, 580], [570, 580]]))
    rig = Rig(cameras=(replace(rig.cameras[0], intrinsics=fitted), *rig.cameras[1:]))
    tracks = tracks_of(rig, 0.5 * truth() + np.array([0, 0, 0.45]))
    outside = ~fitted.covers(tracks.xy[:, 0])
    trajectories = reconstruct(tracks, rig)
    assert 0.1 < outside.mean() < 0.9
    assert ((trajectories.status == Status.OUTSIDE) == (outside & trajectories.inliers[:, 0])).all()
    assert np.isfinite(trajectories.xyz).all()


def test_uncertain_calibration_widens_the_covariance():
    rig, xyz = ring(), truth(100)
    rng = np.random.default_rng(5)

    def draw():
        return Rig(
            cameras=tuple(
                replace(
                    camera,
                    cam_from_world=RigidTransform.from_components(
                        rng.normal(0, 0.002, 3), Rotation.from_rotvec(rng.normal(0, 0.001, 3))
                    )
                    * camera.cam_from_world,
                )
                for camera in rig.cameras
            )
        )

    tracks = tracks_of(rig, xyz, 0.5)
    covariance = reconstruct(tracks, rig, pixel_sigma=0.5, rigs=[draw() for _ in range(200)]).covariance
    squared = []
    for _ in range(30):
        error = reconstruct(tracks, draw(), pixel_sigma=5.0).xyz - xyz
        squared.append((error * np.linalg.solve(covariance, error[..., None])[..., 0]).sum(axis=-1))
    assert 0.92 < (np.array(squared) < 7.815).mean() < 0.98
    with pytest.raises(ValueError, match="at least 10 draws"):
        reconstruct(tracks, rig, rigs=[rig])


@pytest.mark.parametrize("frames", [0, 1])
def test_hardly_any_frames(frames):
    rig = ring()
    assert reconstruct(tracks_of(rig, truth(frames)), rig).shape == (frames, 1, 3)


def test_nothing_seen():
    rig = ring()
    tracks = tracks_of(rig, truth(), xy=np.full((200, 6, 1, 3, 2), np.nan))
    assert status_counts(reconstruct(tracks, rig))["UNSEEN"] == 600


def test_a_pixel_sigma_of_zero_is_refused():
    with pytest.raises(ValueError, match="pixel_sigma: expected a positive number of px, got 0"):
        reconstruct(tracks_of(ring(), truth()), ring(), pixel_sigma=0.0)


def test_min_confidence_out_of_range():
    with pytest.raises(ValueError, match="min_confidence"):
        reconstruct(tracks_of(ring(), truth()), ring(), min_confidence=80)
