"""What must hold for triangulation whatever the points, the noise and the rig."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.spatial.transform import RigidTransform, Rotation

from calibration import Rig
from tests.rigs import ring
from triangulate import solve_points, triangulate_points

METHODS = ["linear", "refined", "ransac"]
RIG = ring()
each_method = pytest.mark.parametrize("method", METHODS)
few = settings(max_examples=25)

seeds = st.integers(0, 2**32 - 1)
vectors = arrays(np.float64, 3, elements=st.floats(-2, 2))


def noisy(seed, shape=(20,), sigma=1.0, missing=0.1, outliers=0.05):
    rng = np.random.default_rng(seed)
    xy = RIG.project(rng.uniform(-0.5, 0.5, (*shape, 3)) + np.array([0, 0, 0.9]))
    xy = xy + sigma * rng.normal(size=xy.shape)
    bad = rng.random(xy.shape[:-1]) < outliers
    xy[bad] += rng.normal(0, 80, (bad.sum(), 2))
    xy[rng.random(xy.shape[:-1]) < missing] = np.nan
    return xy


@each_method
@pytest.mark.parametrize("shape", [(), (1,), (3, 1, 2, 1), (0, 2)])
@given(seed=seeds)
@few
def test_triangulation_undoes_projection(method, shape, seed):
    xyz = np.random.default_rng(seed).uniform(-0.7, 0.7, (*shape, 3)) + np.array([0, 0, 0.9])
    found = triangulate_points(RIG.project(xyz), RIG, method=method)
    assert found.shape == xyz.shape
    assert np.allclose(found, xyz, atol=1e-10, rtol=0)


@each_method
@given(seed=seeds, rotation=vectors, translation=vectors)
@few
def test_moving_the_world_moves_the_answer(method, seed, rotation, translation):
    new_from_world = RigidTransform.from_components(translation, Rotation.from_rotvec(rotation))
    xy = noisy(seed)
    here, there = (
        solve_points(xy, RIG, method=method),
        solve_points(xy, RIG.moved(new_from_world), method=method),
    )
    R = new_from_world.rotation.as_matrix()
    assert np.allclose(here.xyz @ R.T + translation, there.xyz, atol=1e-7, equal_nan=True)
    assert np.allclose(R @ here.covariance @ R.T, there.covariance, rtol=1e-5, atol=1e-12, equal_nan=True)
    assert (here.status == there.status).all()
    assert (here.inliers == there.inliers).all()


@each_method
@given(seed=seeds, order=st.permutations(range(6)))
@few
def test_the_order_of_views_changes_nothing(method, seed, order):
    xy = noisy(seed)
    permuted = Rig(cameras=tuple(RIG.cameras[view] for view in order))
    here, there = solve_points(xy, RIG, method=method), solve_points(xy[:, order], permuted, method=method)
    assert np.allclose(here.xyz, there.xyz, atol=1e-7, equal_nan=True)
    assert (here.inliers[:, order] == there.inliers).all()


@each_method
@given(seed=seeds, factor=st.sampled_from([1e-3, 0.1, 1000.0]))
@few
def test_lengths_scale_with_their_unit(method, seed, factor):
    xy = noisy(seed)
    here, there = solve_points(xy, RIG, method=method), solve_points(xy, RIG.scaled(factor), method=method)
    assert np.allclose(factor * here.xyz, there.xyz, rtol=1e-6, atol=1e-7 * factor, equal_nan=True)
    assert np.allclose(factor**2 * here.covariance, there.covariance, rtol=1e-4, equal_nan=True)
    assert (here.status == there.status).all()


@each_method
@given(seed=seeds)
@few
def test_a_point_does_not_depend_on_its_neighbours(method, seed):
    xy = noisy(seed, (3, 67))
    whole = triangulate_points(xy, RIG, method=method)
    alone = np.stack([triangulate_points(row, RIG, method=method) for row in xy[1, ::11]])
    assert np.allclose(whole[1, ::11], alone, atol=1e-10, equal_nan=True)


@each_method
@given(seed=seeds)
@few
def test_a_view_that_sees_nothing_is_no_view(method, seed):
    xy = noisy(seed)
    blind = np.concatenate([xy, np.full((20, 1, 2), np.nan)], axis=1)
    more = Rig(cameras=(*RIG.cameras, ring(7, radius=2.5).cameras[-1]))
    here, there = triangulate_points(xy, RIG, method=method), triangulate_points(blind, more, method=method)
    assert np.allclose(here, there, atol=1e-7, equal_nan=True)


@given(seed=seeds)
@few
def test_refined_and_consensus_agree_where_nothing_is_wrong(seed):
    xy = noisy(seed, sigma=0.3, outliers=0.0)
    refined, ransac = (solve_points(xy, RIG, method=method) for method in ("refined", "ransac"))
    assert np.allclose(refined.xyz, ransac.xyz, atol=1e-9, equal_nan=True)


@each_method
@pytest.mark.parametrize("sigma", [0.3, 2.0])
def test_reported_covariance_is_the_scatter(method, sigma):
    rng = np.random.default_rng(3)
    xyz = np.array([0.2, -0.3, 1.1])
    xy = RIG.project(xyz) + sigma * rng.normal(size=(20000, 6, 2))
    points = solve_points(xy, RIG, method=method, pixel_sigma=sigma)
    scatter = np.cov(points.xyz.T)
    reported = points.covariance.mean(axis=0)
    # The standard error of a variance from 20,000 draws is 1%.
    assert np.allclose(reported, scatter, rtol=0.05, atol=0.03 * np.abs(scatter).max())
