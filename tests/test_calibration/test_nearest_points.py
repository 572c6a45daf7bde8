"""Points nearest to rays against least squares by a general solver."""

import numpy as np
import pytest
from scipy.optimize import least_squares

from calibration.geometry.nearest_points import (
    between_two_rays,
    nearest_in_images,
    nearest_to_rays,
    ray_directions,
    squared_cross,
)
from tests.rigs import ring

rng = np.random.default_rng(0)
rig = ring(4)
xyz = np.array([0, 0, 0.9]) + rng.uniform(-0.5, 0.5, (20, 3))
uv = rig.undistort(rig.project(xyz) + rng.normal(0, 2.0, (20, 4, 2)))
directions = np.stack([ray_directions(uv[:, v], camera.R) for v, camera in enumerate(rig.cameras)], axis=1)


def distances(point, directions, weight):
    """Weighted vectors from rays to a point."""
    away = point - rig.centers
    across = away - (away * directions).sum(axis=-1, keepdims=True) * directions
    return (np.sqrt(weight)[:, None] * across).ravel()


def test_many_rays_have_the_point_of_least_squares():
    weight = rng.uniform(0, 1, (20, 4))
    for found, direction, w, start in zip(
        nearest_to_rays(rig.centers, directions, weight), directions, weight, xyz, strict=True
    ):
        best = least_squares(distances, start, args=(direction, w), xtol=1e-15, ftol=1e-15, gtol=1e-15).x
        np.testing.assert_allclose(found, best, atol=1e-7)


def test_two_rays_have_the_point_of_many():
    two = np.zeros((20, 4))
    two[:, [1, 3]] = 1.0
    middle = between_two_rays(rig.centers[1], 2.0 * directions[:, 1], rig.centers[3], 3.0 * directions[:, 3])
    np.testing.assert_allclose(middle, nearest_to_rays(rig.centers, directions, two), atol=1e-10)


def test_weights_by_depth_are_nearer_to_the_least_reprojection_error():
    """In a rig with one near camera, whose pixel is a short length."""
    centers = np.array([[0.0, 0, -0.3], [3.0, 0, 0], [-3.0, 0.5, 0], [0, 3.0, 0.5]])
    toward = -centers + rng.normal(0, 0.01, centers.shape) * np.linalg.norm(centers, axis=1)[:, None]
    toward /= np.linalg.norm(toward, axis=1)[:, None]

    def sines(point):
        away = point - centers
        return (np.cross(away, toward) / np.linalg.norm(away, axis=1)[:, None]).ravel()

    best = least_squares(sines, np.zeros(3), xtol=1e-15, ftol=1e-15, gtol=1e-15).x
    plain, seen = (find(centers, toward, np.ones(4)) for find in (nearest_to_rays, nearest_in_images))
    assert np.linalg.norm(seen - best) < 0.1 * np.linalg.norm(plain - best)


@pytest.mark.parametrize("rays", [0, 1])
def test_fewer_than_two_rays_have_no_point(rays):
    weight = np.zeros((20, 4))
    weight[:, :rays] = 1.0
    assert np.isnan(nearest_to_rays(rig.centers, directions, weight)).all()
    assert np.isnan(nearest_in_images(rig.centers, directions, weight)).all()


def test_parallel_rays_have_no_point():
    same = np.broadcast_to([0.0, 0.6, 0.8], (1, 4, 3))
    assert np.isnan(nearest_to_rays(rig.centers, same, np.ones((1, 4)))).all()
    assert np.isnan(between_two_rays(rig.centers[0], same[0, 0], rig.centers[1], same[0, 1])).all()


def test_a_point_behind_a_camera_that_sees_it_is_none():
    assert np.isnan(nearest_in_images(rig.centers, -directions, np.ones((20, 4)))).all()
    assert np.isnan(
        between_two_rays(rig.centers[0], directions[:, 0], rig.centers[1], -directions[:, 1])
    ).all()


@pytest.mark.parametrize("angle", [1e-9, 1e-4, 1.0, np.pi - 1e-9])
def test_the_squared_sine_of_an_angle_is_exact_however_small(angle):
    a, b = (3.0, 0.0, 0.0), (2.0 * np.cos(angle), 0.0, 2.0 * np.sin(angle))
    assert squared_cross(a, b) == pytest.approx(36.0 * np.sin(angle) ** 2, rel=1e-12)
