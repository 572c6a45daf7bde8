# ruff: noqa: PLR0917  (compiled kernels take plain arrays)
"""The smoother's normal equations, assembled in compiled loops; importing this loads numba.

Unknowns are the control points of one spline per keypoint. Reprojection, roughness, bone and anchor terms
add their Gauss-Newton Hessian into the blocks of a band (see `bands`) and minus their gradient
into the right side.
"""

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from triangulate.smoothing.joint_limits import Hinges, add_limits
from triangulate.smoothing.residuals import bone
from triangulate.smoothing.view_terms import add_views

Float = NDArray[np.float64]
Int = NDArray[np.int64]
Bool = NDArray[np.bool_]


class Observed(NamedTuple):
    """What the views saw of the keypoints of one block.

    Attributes
    ----------
    xy : (frames, keypoints, views, 2) float, px
    information : (frames, keypoints, views, 3) float, 1/px2
        Inverse covariance (xx, xy, yy); zero where unseen.
    kappa : (views,) float
        Density of mistakes relative to the density of a detection of unit information at its peak.
    sure : (frames, keypoints, views) bool
        Observations that are no outliers, however far from the motion around.
    nu : float
        Degrees of freedom of the noise.
    first : (frames, groups) int
    weights : (frames, groups, 4) float
        Basis of the spline at each frame; one group where the views are synchronous, else one per view.
    """

    xy: Float
    information: Float
    kappa: Float
    sure: Bool
    nu: float
    first: Int
    weights: Float


class Priors(NamedTuple):
    """What is known beside the views.

    Attributes
    ----------
    form : (intervals, 4, 4) float
        Roughness of each knot interval, see `splines.penalties`.
    roughness : (intervals, keypoints) float
        Prior weight of the form.
    at_knot : (knots, 3) float
        How the value at a knot follows from three control points, see `splines.Knots.values`.
    share : (knots,) float
        Frames that each knot stands for.
    bones : (bones, 2) int
    lengths : (bones,) float, m
    stiffness : (bones,) float, 1/m
        Inverse standard deviation of the length in one frame; zero leaves the bone out.
    anchor : (knots, keypoints) float, 1/m2
        Weak pull towards the start where nothing is seen, which keeps the system positive definite.
    hinges : Hinges
        Limits of joint angles.
    """

    form: Float
    roughness: Float
    at_knot: Float
    share: Float
    bones: Int
    lengths: Float
    stiffness: Float
    anchor: Float
    hinges: Hinges


@njit(cache=True, nogil=True, error_model="numpy")
def assemble(control, start, views, observed, priors, band, right, curved):
    """Build the Gauss-Newton system at the current control points.

    Parameters
    ----------
    control, start : (knots, keypoints, 3) float, m
        Current and anchored control points.
    views : CameraArrays
    observed : Observed
    priors : Priors
    band : (knots, 4, n, n) float
        Receives the Hessian, n = 3 keypoints.
    right : (knots, n) float
        Receives minus the gradient.
    curved : bool
        Whether the Hessian is wanted too; otherwise the band is left alone.

    Returns
    -------
    cost : float
    """
    if curved:
        band[:] = 0.0
    right[:] = 0.0
    cost = add_views(control, views, observed, band, right, curved)
    cost += add_roughness(control, start, priors, band, right, curved)
    cost += add_bones(control, priors, band, right, curved)
    return cost + add_limits(control, priors, band, right, curved)


@njit(cache=True, nogil=True, error_model="numpy")
def add_roughness(control, start, priors, band, right, curved):
    """Add the roughness of every knot interval and the anchors; return their cost."""
    knots, keypoints, _ = control.shape
    cost = 0.0
    for i in range(knots - 3):
        for j in range(keypoints):
            for a in range(3):
                for m in range(4):
                    force = 0.0
                    for n in range(4):
                        force += priors.form[i, m, n] * control[i + n, j, a]
                    force *= priors.roughness[i, j]
                    right[i + m, 3 * j + a] -= force
                    cost += 0.5 * force * control[i + m, j, a]
                    for n in range(m + 1 if curved else 0):
                        value = priors.roughness[i, j] * priors.form[i, m, n]
                        band[i + n, m - n, 3 * j + a, 3 * j + a] += value
    for i in range(knots):
        for j in range(keypoints):
            for a in range(3):
                away = control[i, j, a] - start[i, j, a]
                if curved:
                    band[i, 0, 3 * j + a, 3 * j + a] += priors.anchor[i, j]
                right[i, 3 * j + a] -= priors.anchor[i, j] * away
                cost += 0.5 * priors.anchor[i, j] * away * away
    return cost


@njit(cache=True, nogil=True, error_model="numpy")
def add_bones(control, priors, band, right, curved):
    """Add the bones at every knot; return their cost."""
    cost = 0.0
    unit = np.empty(3)
    for i in range(len(priors.share)):
        w, weight = priors.at_knot[i], np.sqrt(priors.share[i])
        for b in range(len(priors.bones)):
            if priors.stiffness[b] == 0.0:
                continue
            tail, head = priors.bones[b]
            d = w[0] * (control[i, head] - control[i, tail])
            d += w[1] * (control[i + 1, head] - control[i + 1, tail])
            d += w[2] * (control[i + 2, head] - control[i + 2, tail])
            stiffness = weight * priors.stiffness[b]
            r, unit[0], unit[1], unit[2] = bone(d[0], d[1], d[2], priors.lengths[b], stiffness)
            cost += 0.5 * r * r
            spread_bone(i, w, 3 * tail, 3 * head, r, unit, band, right, curved)
    return cost


@njit(cache=True, nogil=True, error_model="numpy")
def spread_bone(i, w, tail, head, r, unit, band, right, curved):
    """Add one bone at one knot, where three control points carry each end with weights w."""
    for m in range(3):
        for a in range(3):
            right[i + m, head + a] += w[m] * r * unit[a]
            right[i + m, tail + a] -= w[m] * r * unit[a]
        for n in range(m + 1 if curved else 0):
            s = w[m] * w[n]
            block = band[i + n, m - n]
            for a in range(3):
                for b in range(3):
                    value = s * unit[a] * unit[b]
                    block[head + a, head + b] += value
                    block[tail + a, tail + b] += value
                    block[head + a, tail + b] -= value
                    block[tail + a, head + b] -= value


@njit(cache=True, nogil=True, error_model="numpy")
def covariance_at(inverse, first, weights, out):
    """Read the covariance of the trajectories at given times from the band of the inverse.

    Parameters
    ----------
    inverse : (knots, 4, n, n) float, m2
    first : (frames,) int
    weights : (frames, 4) float
    out : (frames, keypoints, 3, 3) float, m2
        Receives the result.
    """
    out[:] = 0.0
    for frame in range(len(first)):
        i, w = first[frame], weights[frame]
        for j in range(out.shape[1]):
            o = 3 * j
            for m in range(4):
                for n in range(m + 1):
                    s = w[m] * w[n] * (0.5 if m == n else 1.0)
                    block = inverse[i + n, m - n]
                    for a in range(3):
                        for b in range(3):
                            out[frame, j, a, b] += s * (block[o + a, o + b] + block[o + b, o + a])
