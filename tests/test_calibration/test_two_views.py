"""Two views: the essential matrix of a known pose, and Sampson's distance to first order."""

import numpy as np
from scipy.spatial.transform import Rotation

from calibration.geometry.two_views import epipolar_error, essential_of_pose, sampson_terms

rng = np.random.default_rng(0)
R, t = Rotation.from_rotvec(rng.normal(0, 0.4, (3, 3))).as_matrix(), rng.normal(size=(3, 3))
xyz = rng.normal((0, 0, 8.0), 1.0, size=(3, 20, 3))
moved = np.einsum("vij,vpj->vpi", R, xyz) + t[:, None]
a, b = (points[..., :2] / points[..., 2:] for points in (xyz, moved))
E = essential_of_pose(R, t)


def test_what_two_views_see_of_a_point_lies_on_the_epipolar_line():
    assert np.abs(sampson_terms(E, a, b)[0]).max() < 1e-12


def test_terms_are_the_squared_derivatives():
    _, by_a, by_b = sampson_terms(E, a, b)
    step = 1e-6

    def slope(axis, of_a):
        change = step * np.eye(2)[axis]
        up = sampson_terms(E, a + change * of_a, b + change * (1 - of_a))[0]
        return (up - sampson_terms(E, a - change * of_a, b - change * (1 - of_a))[0]) / (2 * step)

    np.testing.assert_allclose(by_a, slope(0, 1) ** 2 + slope(1, 1) ** 2, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(by_b, slope(0, 0) ** 2 + slope(1, 0) ** 2, rtol=1e-6, atol=1e-9)


def test_the_distance_is_how_far_the_nearest_true_pair_is():
    off = 1e-4 * rng.normal(size=(20, 4))
    moved_a, moved_b = a[0] + off[:, :2], b[0] + off[:, 2:]
    _, by_a, by_b = sampson_terms(E[0], a[0], b[0])
    line_a = b[0] @ E[0, :2, :2] + E[0, 2, :2]
    line_b = a[0] @ E[0, :2, :2].T + E[0, :2, 2]
    across = np.concatenate([line_a, line_b], axis=1) / np.sqrt(by_a + by_b)[:, None]
    expected = np.abs((across * off).sum(axis=1))
    np.testing.assert_allclose(epipolar_error(E[0], moved_a, moved_b), expected, atol=1e-7)
