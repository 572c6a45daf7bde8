# ruff: noqa: PLR0917  (compiled kernels take plain arrays)
"""How far joints bend: limits of the angle at a keypoint between two bones, as soft one-sided residuals."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from models2d.skeleton import Skeleton
from triangulate.smoothing.stated_limits import JointLimit

Float = NDArray[np.float64]
Int = NDArray[np.int64]


class Hinges(NamedTuple):
    """Limits as arrays.

    Attributes
    ----------
    points : (limits, 3) int
        Joint and the two ends.
    bounds : (limits, 3) float
        Low and high (rad), and one over the standard deviation (1/rad) in one frame.
    """

    points: Int
    bounds: Float

    @classmethod
    def of(cls, limits: Sequence[JointLimit], skeleton: Skeleton) -> "Hinges":
        """Look the keypoints up; ValueError where there is none of that name."""
        points = [[skeleton.index(name) for name in (one.joint, *one.ends)] for one in limits]
        bounds = [
            [np.deg2rad(one.low_deg), np.deg2rad(one.high_deg), 1 / np.deg2rad(one.sigma_deg)]
            for one in limits
        ]
        return cls(
            np.array(points, dtype=np.int64).reshape(-1, 3), np.array(bounds, dtype=np.float64).reshape(-1, 3)
        )

    @property
    def pairs(self) -> Int:
        """Keypoints that the limits tie together, (2 limits, 2)."""
        return np.concatenate([self.points[:, [0, 1]], self.points[:, [0, 2]]])

    def within(self, part: Int) -> "Hinges":
        """Select the limits whose keypoints are all in `part`, and renumber them."""
        inside = np.isin(self.points, part).all(axis=1)
        return Hinges(np.searchsorted(part, self.points[inside]), self.bounds[inside])


@njit(cache=True, error_model="numpy")
def hinge(to_a, to_b, slope):
    """Measure the angle between two vectors.

    Parameters
    ----------
    to_a, to_b : (3,) float, m
        From the joint to the ends.
    slope : (2, 3) float, rad/m
        Receives the derivatives by both; zero where the angle is 0 or 180 degrees and has none.

    Returns
    -------
    angle : float, rad
    """
    normal = np.cross(to_a, to_b)
    along, across = np.dot(to_a, to_b), np.sqrt(np.dot(normal, normal))
    length_a, length_b = np.sqrt(np.dot(to_a, to_a)) + 1e-12, np.sqrt(np.dot(to_b, to_b)) + 1e-12
    sine = max(across / (length_a * length_b), 1e-9)
    cosine = along / (length_a * length_b)
    for i in range(3):
        a, b = to_a[i] / length_a, to_b[i] / length_b
        slope[0, i] = (cosine * a - b) / (length_a * sine)
        slope[1, i] = (cosine * b - a) / (length_b * sine)
    return np.arctan2(across, along)


@njit(cache=True, nogil=True, error_model="numpy")
def add_limits(control, priors, band, right, curved):
    """Add the limits at every knot to the system of `kernels.assemble`; return their cost."""
    cost, hinges = 0.0, priors.hinges
    slope, by_point = np.empty((2, 3)), np.empty((3, 3))
    for i in range(len(priors.share)):
        w, weight = priors.at_knot[i], np.sqrt(priors.share[i])
        for number in range(len(hinges.points)):
            joint, a, b = hinges.points[number]
            low, high = hinges.bounds[number, 0], hinges.bounds[number, 1]
            stiffness = weight * hinges.bounds[number, 2]
            middle = _at_knot(control, i, w, joint)
            angle = hinge(_at_knot(control, i, w, a) - middle, _at_knot(control, i, w, b) - middle, slope)
            beyond = stiffness * (min(angle - low, 0.0) + max(angle - high, 0.0))
            if beyond == 0.0:
                continue
            cost += 0.5 * beyond * beyond
            by_point[1:] = stiffness * slope
            by_point[0] = -by_point[1] - by_point[2]
            _spread(i, w, hinges.points[number], beyond, by_point, band, right, curved)
    return cost


@njit(cache=True, error_model="numpy")
def _at_knot(control, i, w, j):
    return w[0] * control[i, j] + w[1] * control[i + 1, j] + w[2] * control[i + 2, j]


@njit(cache=True, nogil=True, error_model="numpy")
def _spread(i, at_knot, points, beyond, by_point, band, right, curved):
    """Add one limit at one knot to the three control points that carry each of three keypoints."""
    for m in range(3):
        w_m = at_knot[m]
        for p in range(3):
            for c in range(3):
                right[i + m, 3 * points[p] + c] -= w_m * beyond * by_point[p, c]
        for n in range(m + 1 if curved else 0):
            w = w_m * at_knot[n]
            block = band[i + n, m - n]
            for p in range(3):
                for q in range(3):
                    for c in range(3):
                        for d in range(3):
                            block[3 * points[p] + c, 3 * points[q] + d] += w * by_point[p, c] * by_point[q, d]
