"""Cameras refined together with the trajectories: the optimum is the true one, and it is near the truth."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.linalg import block_diag
from scipy.optimize import minimize

from calibration.geometry.camera_arrays import camera_arrays
from models2d import Skeleton, Tracks2D
from tests.rigs import ring
from triangulate import CameraPriors, smooth
from triangulate.camera_fit import solving as solver
from triangulate.camera_fit.fitting import fit_cameras, pieces_of, posed, rigid_motions
from triangulate.camera_fit.refined import stepped
from triangulate.camera_fit.solving import Cameras, linearise, prior_information, prior_terms, refine
from triangulate.smoothing.strength import Options

FPS = 60.0
BONES = {1: [], 2: [("k0", "k1")], 8: []}
starts = np.random.default_rng(1).uniform(-0.4, 0.4, (8, 3))


def path(t, keypoints):
    """Return keypoints that move about the middle of the ring at times t."""
    t, w = t[:, None], np.arange(keypoints)
    body = [0.4 * np.sin(2.2 * t), 0.4 * np.cos(1.7 * t), 0.9 + 0.15 * np.sin(3.1 * t)]
    limbs = [np.sin(5 * t + w), np.cos(4 * t + 2 * w), np.sin(6 * t + 3 * w)]
    return np.stack(body, axis=-1) + starts[:keypoints] + 0.1 * np.stack(limbs, axis=-1)


def film(rig, frames, keypoints, *, noise=1.0, spoiled=0.0, late=0.0):
    """Film the keypoints; the last camera looks late."""
    rng, t = np.random.default_rng(0), np.arange(frames) / FPS
    delays = [0.0] * (len(rig) - 1) + [late]
    views = [
        camera.project(path(t + delay, keypoints)) for camera, delay in zip(rig.cameras, delays, strict=True)
    ]
    xy = np.stack(views, axis=1)[:, :, None]
    xy = xy + rng.normal(0, noise, xy.shape)
    wrong = rng.random(xy.shape[:-1]) < spoiled
    xy[wrong] += rng.normal(0, 60, (wrong.sum(), 2))
    xy[rng.random(xy.shape[:-1]) < 3 * spoiled] = np.nan
    return Tracks2D(
        xy=xy,
        confidence=np.ones(xy.shape[:-1]),
        views=rig.names,
        skeleton=Skeleton.from_names("body", [f"k{i}" for i in range(keypoints)], BONES[keypoints]),
        subjects=("one",),
        fps=FPS,
    )


def perturbed(rig, turn, shift):
    """Turn and shift every camera by so much, each in a direction of its own."""
    way = np.random.default_rng(2).normal(0, 1, (2, len(rig), 3))
    way /= np.linalg.norm(way, axis=-1, keepdims=True)
    return stepped(rig, np.concatenate([turn * way[0], shift * way[1]], axis=1))


@pytest.fixture(scope="module")
def small():
    """A problem of one piece that a dense solver can do, with all that is free."""
    rig = ring(3)
    tracks = film(rig, 12, 2, noise=0.5, late=0.002)
    off, priors = perturbed(rig, 0.004, 0.004), CameraPriors(offset_sigma=0.005)
    given = Cameras(camera_arrays(off.cameras), np.zeros(3))
    (piece,) = pieces_of(posed(tracks, off, Options(3, 8.0, 200.0, 0.003)), given, priors)
    return piece, given, priors


def test_derivatives_by_the_cameras_are_those_of_the_cost(small):
    piece, given, priors = small
    far = given.moved(np.random.default_rng(3).normal(0, 0.003, (3, 7)))
    made, prior = linearise(piece, piece.start, far), prior_information(priors, given)

    def cost(step):
        moved = far.moved(step.reshape(3, 7))
        return linearise(piece, piece.start, moved).cost + prior_terms(moved, given, prior)[2]

    steps = 1e-6 * np.eye(21)
    slope = [(cost(step) - cost(-step)) / 2e-6 for step in steps]
    eliminated = made.lever.T @ linear_force(piece, far)
    expected = made.s + eliminated + prior_terms(far, given, prior)[1]
    np.testing.assert_allclose(-np.array(slope), expected, rtol=2e-5, atol=1e-4 * np.abs(expected).max())


def linear_force(piece, cameras):
    """Minus the gradient by the trajectories."""
    count, keypoints, _ = piece.start.shape
    band, right = np.empty((count, 4, 3 * keypoints, 3 * keypoints)), np.empty((count, 3 * keypoints))
    first, weights = solver.basis(piece.at + piece.fps * cameras.late, piece.knots)
    observed = piece.observed._replace(first=first, weights=weights)
    solver.assemble(piece.start, piece.start, cameras.views, observed, piece.priors, band, right, False)
    return right.ravel()


def test_the_optimum_is_that_of_a_dense_solver(small, monkeypatch):
    monkeypatch.setattr(solver, "CLOSE", 1e-9)
    piece, given, priors = small
    found = refine([piece], given, given, priors)
    assert found.converged
    prior, size = prior_information(priors, given), piece.start.size
    free = np.flatnonzero(priors.per_view(3))
    scale = np.concatenate([np.full(size, 1e-3), 0.1 * priors.per_view(3).ravel()[free]])

    def evaluated(y):
        step = np.zeros(21)
        step[free] = (y * scale)[size:]
        cameras = given.moved(step.reshape(3, 7))
        now = piece._replace(start=(y * scale)[:size].reshape(piece.start.shape))
        made = linearise(now, now.start, cameras)
        force = linear_force(now, cameras)
        by_camera = made.s + made.lever.T @ force + prior_terms(cameras, given, prior)[1]
        slope = block_diag(*cameras.away(given)[1])  # from steps on the left to the numbers that are varied
        gradient = np.concatenate([-force, -np.linalg.solve(slope.T, by_camera)[free]])
        return made.cost + prior_terms(cameras, given, prior)[2], gradient * scale

    first = np.concatenate([piece.start.ravel(), np.zeros(len(free))]) / scale
    dense = minimize(evaluated, first, jac=True, method="BFGS", options={"gtol": 1e-5, "maxiter": 3000})
    assert dense.fun == pytest.approx(found.after, rel=1e-5)
    at = np.concatenate([found.controls[0].ravel(), found.cameras.away(given)[0].ravel()[free]])
    assert np.abs(dense.x * scale - at)[:size].max() < 2e-3
    assert (np.abs(dense.x * scale - at)[size:] < 0.5 * scale[size:]).all()


def similar_part_removed(error, rig):
    """Take from steps of all cameras what moves or scales the rig as a whole."""
    motions = rigid_motions(Cameras(camera_arrays(rig.cameras), np.zeros(len(rig))))
    growth = np.zeros((len(rig), 6))
    outward = rig.centers - rig.centers.mean(axis=0)
    growth[:, 3:] = -np.einsum("vij,vj->vi", [camera.R for camera in rig.cameras], outward)
    basis = np.column_stack([motions, growth.ravel()])
    return error - (basis @ np.linalg.lstsq(basis, error.ravel(), rcond=None)[0]).reshape(error.shape)


def test_a_perturbed_rig_and_a_late_camera_are_recovered():
    rig = ring(4)
    tracks = film(rig, 240, 8, spoiled=0.03, late=0.4 / FPS)
    off = perturbed(rig, np.deg2rad(0.3), 0.005)
    xyz = path(np.arange(240) / FPS, 8)
    with_off, _ = smooth(tracks, off)
    priors = CameraPriors(rotation_sigma=0.005, position_sigma=0.005, offset_sigma=0.01)
    found = fit_cameras(tracks, off, priors)
    smoothed, report = smooth(found.timed(tracks), found.rig, rigs=found.draw())
    assert found.late[-1] == pytest.approx(0.4 / FPS, abs=4 * found.late_sigma[-1])
    assert found.late_sigma[-1] < 0.02 / FPS
    step = Cameras(camera_arrays(found.rig.cameras), np.zeros(4)).away(
        Cameras(camera_arrays(rig.cameras), np.zeros(4))
    )[0][:, :6]
    error = similar_part_removed(step, rig)
    assert np.linalg.norm(error[:, :3], axis=1).max() < np.deg2rad(0.06)
    assert np.linalg.norm(error[:, 3:], axis=1).max() < 0.002
    wrong, right = (
        np.nanmedian(np.linalg.norm(one.xyz[:, 0] - xyz, axis=-1)) for one in (with_off, smoothed)
    )
    assert right < wrong / 2
    assert report.pixel_sigma < 1.2
    assert "cam3: moved" in str(found)


def test_what_is_not_free_stays(small):
    piece, given, _ = small
    turned = refine([piece], given, given, CameraPriors(position_sigma=0.0)).cameras
    centers = [-views.R[0].T @ views.t[0] for views in (turned.views, given.views)]
    np.testing.assert_allclose(centers[0], centers[1], atol=1e-12)
    assert not turned.late.any()


@pytest.mark.parametrize("case", ["unseen", "one view", "no frames", "one frame", "static"])
def test_data_that_cannot_tell_leave_the_cameras_to_the_priors(case):
    rig = ring(1 if case == "one view" else 3)
    tracks = film(rig, {"no frames": 0, "one frame": 1}.get(case, 20), 2, noise=0.5)
    if case == "unseen":
        tracks = replace(tracks, xy=np.full(tracks.xy.shape, np.nan))
    if case == "static":
        tracks = replace(tracks, xy=tracks.xy[:1].repeat(20, axis=0))
    found = fit_cameras(tracks, rig, CameraPriors(offset_sigma=0.01))
    smoothed, _ = smooth(found.timed(tracks), found.rig, rigs=found.draw())
    assert smoothed.shape == (*tracks.shape[:1], 1, 2)
    assert np.isfinite(found.covariance).all()
    assert found.moved.max() < 0.05


@pytest.mark.parametrize("wrong", [{"rotation_sigma": -1.0}, {"offset_sigma": np.inf}])
def test_priors_out_of_range(wrong):
    with pytest.raises(ValueError, match="expected standard deviations"):
        CameraPriors(**wrong)
    with pytest.raises(ValueError, match="one of rotation, position"):
        CameraPriors(rotation_sigma=0.0, position_sigma=0.0)
