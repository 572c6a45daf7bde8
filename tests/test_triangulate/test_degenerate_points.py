"""Input that cannot be answered, by name: a status, never an exception or a warning."""

import numpy as np
import pytest

from calibration import Rig, ShapeError
from tests.rigs import looking_at, ring
from triangulate import Status, solve_points, triangulate_points

METHODS = ["linear", "refined", "ransac"]
IDEAL = (0.0,) * 5


def pair(angle):
    """Two cameras three metres from the origin, at an angle in radians."""
    places = [[3 * np.cos(a), 3 * np.sin(a), 0.1] for a in (-angle / 2, angle / 2)]
    return Rig(cameras=tuple(looking_at(f"c{view}", place, [0, 0, 0.0]) for view, place in enumerate(places)))


@pytest.mark.parametrize("method", METHODS)
class TestEveryMethod:
    def test_narrow_baseline(self, method):
        rig = pair(np.radians(0.5))
        points = solve_points(rig.project([[0.0, 0.1, 0.1]]), rig, method=method)
        assert points.status == [Status.NARROW_BASELINE]
        assert np.allclose(points.xyz, [[0.0, 0.1, 0.1]], atol=1e-6)
        sd = np.sqrt(np.linalg.eigvalsh(points.covariance[0]))
        assert sd[2] > 100 * sd[0]

    def test_same_place_twice(self, method):
        camera = ring().cameras[0]
        rig = Rig(cameras=(camera, looking_at("other", camera.center, [0, 0.1, 0.9])))
        points = solve_points(rig.project([[0.0, 0.0, 0.9]]), rig, method=method)
        assert points.status == [Status.NARROW_BASELINE]

    def test_on_the_baseline(self, method):
        rig = Rig(
            cameras=(
                looking_at("left", [-2, 0, 0], [2, 0, 0], distortion=IDEAL),
                looking_at("right", [2, 0, 0], [-2, 0, 0], distortion=IDEAL),
            )
        )
        points = solve_points(rig.project([[0.5, 0.0, 0.0], [0.5, 0.2, 0.0]]), rig, method=method)
        assert points.status.tolist() == [Status.NARROW_BASELINE, Status.TWO_VIEWS]
        assert np.isnan(points.xyz[0]).all()
        assert np.allclose(points.xyz[1], [0.5, 0.2, 0.0])

    def test_planar_points_and_coplanar_cameras(self, method):
        rig = Rig(
            cameras=tuple(
                looking_at(f"c{a}", [3 * np.cos(a), 3 * np.sin(a), 0.9], [0, 0, 0.9]) for a in (0, 1, 2, 4)
            )
        )
        xyz = np.random.default_rng(0).uniform(-0.5, 0.5, (50, 3)) * [1, 1, 0] + np.array([0, 0, 0.9])
        points = solve_points(rig.project(xyz), rig, method=method)
        assert (points.status == Status.OK).all()
        assert np.allclose(points.xyz, xyz, atol=1e-9)

    def test_one_view(self, method):
        rig = ring()
        xy = rig.project([[0.1, 0.2, 0.9]])
        xy[:, 1:] = np.nan
        points = solve_points(xy, rig, method=method)
        assert points.status == [Status.ONE_VIEW]
        assert np.isnan(points.xyz).all()
        assert np.isnan(points.error).all()
        assert not points.inliers.any()

    def test_one_camera(self, method):
        rig = Rig(cameras=ring().cameras[:1])
        assert solve_points(rig.project([[0.1, 0.2, 0.9]]), rig, method=method).status == [Status.ONE_VIEW]

    def test_static(self, method):
        rig = ring()
        xyz = np.tile([[0.1, 0.2, 0.9]], (500, 1))
        assert np.allclose(triangulate_points(rig.project(xyz), rig, method=method), xyz, atol=1e-9)

    def test_all_missing(self, method):
        points = solve_points(np.full((7, 6, 2), np.nan), ring(), method=method)
        assert (points.status == Status.UNSEEN).all()
        assert np.isnan(points.xyz).all()
        assert np.isnan(points.covariance).all()

    def test_no_points(self, method):
        assert triangulate_points(np.zeros((0, 6, 2)), ring(), method=method).shape == (0, 3)
        assert solve_points(np.zeros((0, 4, 6, 2)), ring(), method=method).covariance.shape == (0, 4, 3, 3)

    def test_a_million_pixels_away(self, method):
        rig = ring()
        xy = rig.project([[0.1, 0.2, 0.9]])
        xy[0, 2] = 1e6
        points = solve_points(xy, rig, method=method)
        assert np.isfinite(points.xyz).all()
        if method == "ransac":
            assert not points.inliers[0, 2]
            assert np.allclose(points.xyz, [[0.1, 0.2, 0.9]], atol=1e-9)

    def test_beyond_the_fold_of_a_lens(self, method):
        # r - 0.3 r^3 + 0.02 r^5 turns back at r = 1.14 and out again at 2.77: that branch is no ray.
        rig = ring(distortion=(-0.3, 0.02, 0.0, 0.0, 0.0))
        xy = rig.project([[0.1, 0.2, 0.9]])
        xy[0, 2] = [1e6, 512.0]
        points = solve_points(xy, rig, method=method)
        assert points.status == [Status.OK]
        assert not points.inliers[0, 2]
        assert np.allclose(points.xyz, [[0.1, 0.2, 0.9]], atol=1e-9)

    def test_infinity_is_refused_by_place(self, method):
        xy = np.zeros((3, 6, 2))
        xy[1, 4, 0] = np.inf
        with pytest.raises(ValueError, match=r"xy must be finite or NaN, got inf at xy\[1, 4, 0\]"):
            triangulate_points(xy, ring(), method=method)

    def test_behind_the_cameras(self, method):
        # Rays that diverge meet behind both cameras.
        rig = Rig(
            cameras=(
                looking_at("left", [0, -0.5, 0], [3, -0.5, 0], distortion=IDEAL),
                looking_at("right", [0, 0.5, 0], [3, 0.5, 0], distortion=IDEAL),
            )
        )
        xy = np.array([[[900.0, 512.0], [300.0, 512.0]], [[300.0, 512.0], [900.0, 512.0]]])
        points = solve_points(xy, rig, method=method)
        assert sorted(points.status.tolist()) == [Status.TWO_VIEWS, Status.NO_CONSENSUS]
        assert np.isnan(points.xyz).all(axis=1).tolist() == (points.status == Status.NO_CONSENSUS).tolist()


def test_two_views_that_contradict_each_other():
    rig = Rig(cameras=ring().cameras[:2])
    xy = rig.project([[0.1, 0.2, 0.9]])
    xy[0, 0] += [0, 60.0]
    assert solve_points(xy, rig).status == [Status.NO_CONSENSUS]


def test_two_against_two():
    rig = ring(4)
    here, there = rig.project([[[0.2, 0.0, 0.9]], [[-0.2, 0.0, 0.9]]])
    xy = np.where(np.array([True, False, True, False])[:, None], here, there)
    points = solve_points(xy, rig)
    assert points.status == [Status.NO_CONSENSUS]
    assert np.isnan(points.xyz).all()


def test_three_against_one():
    rig = ring(4)
    here, there = rig.project([[[0.2, 0.0, 0.9]], [[-0.2, 0.0, 0.9]]])
    xy = np.where(np.array([True, True, True, False])[:, None], here, there)
    points = solve_points(xy, rig)
    assert points.status == [Status.OK]
    assert points.inliers.tolist() == [[True, True, True, False]]
    assert np.allclose(points.xyz, [[0.2, 0.0, 0.9]], atol=1e-9)


def test_many_views_many_outliers():
    rig = ring(32)
    rng = np.random.default_rng(3)
    xyz = rng.uniform(-0.5, 0.5, (200, 3)) + np.array([0, 0, 0.9])
    xy = rig.project(xyz)
    bad = np.argsort(rng.random((200, 32)), axis=1) < 14
    xy[bad] += rng.normal(0, 100, (bad.sum(), 2))
    assert np.nanmedian(np.linalg.norm(triangulate_points(xy, rig) - xyz, axis=1)) < 1e-9


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "dlt"}, "method: expected one of linear, refined, ransac, got 'dlt'"),
        ({"pixel_sigma": 0.0}, "pixel_sigma: expected a positive number"),
        ({"inlier_sigmas": -1.0}, "inlier_sigmas: expected a positive number"),
        ({"confidence": np.full((2, 6), 3.0)}, "confidence must lie between 0 and 1"),
    ],
)
def test_options_out_of_range(options, message):
    with pytest.raises(ValueError, match=message):
        triangulate_points(np.zeros((2, 6, 2)), ring(), **options)


def test_arrays_that_do_not_fit_the_rig():
    with pytest.raises(ShapeError, match=r"6 views, 2\) for a rig of 6 cameras, got \(2, 5, 2\)"):
        triangulate_points(np.zeros((2, 5, 2)), ring())
    with pytest.raises(ShapeError, match="confidence: expected"):
        triangulate_points(np.zeros((2, 6, 2)), ring(), confidence=np.zeros((3, 6)))
    with pytest.raises(ShapeError, match="covariance: expected"):
        triangulate_points(np.zeros((2, 6, 2)), ring(), covariance=np.zeros((2, 6, 2)))
