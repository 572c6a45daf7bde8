# ruff: noqa: PLR0917  (compiled kernels take plain arrays)
"""The smoother's reprojection terms, in compiled loops over blocks of frames; importing this loads numba.

Neighbouring frames of one keypoint lie side by side in a block, one in each lane of the machine's vectors.
The views add up information and force of every point, and the sums go to the control points that carry it.
"""

import numpy as np
from numba import njit

from calibration.geometry.lens_kernels import FISHEYE, distort_fisheye, distort_pinhole
from calibration.geometry.point_projection import packed, packed_scale, pixel, ray
from triangulate.smoothing.residuals import mistakes, robust

LANES = 32
"""Frames of a block."""

SURE = 1e-60
"""Factor on the density of outliers for observations that are none."""

TOGETHER = 16
"""Views whose likelihoods are multiplied before a logarithm is taken: far from underflow."""


@njit(cache=True, nogil=True, error_model="numpy")
def add_views(control, views, observed, band, right, curved):
    """Add the reprojection terms to the system of `kernels.assemble`; return their cost."""
    frames, keypoints, view_count, _ = observed.xy.shape
    groups = observed.first.shape[1]
    cost = 0.0
    points, predicted, sums = np.empty((3, LANES)), np.empty((9, LANES)), np.empty((9, LANES))
    seen, likelihood = np.empty((6, LANES)), np.empty(LANES)
    for begin in range(0, frames, LANES):
        count = min(LANES, frames - begin)
        for group in range(groups):
            first = observed.first[begin : begin + count, group]
            weights = observed.weights[begin : begin + count, group]
            from_view, to_view = (0, view_count) if groups == 1 else (group, group + 1)
            for j in range(keypoints):
                place_points(control, j, first, weights, points)
                sums[:] = 0.0
                likelihood[:] = 1.0
                for view in range(from_view, to_view):
                    if load_seen(observed, begin, count, j, view, seen):
                        project_block(points, views, view, predicted)
                        weigh_block(seen, predicted, observed.nu, observed.kappa[view], sums, likelihood)
                    if (view + 1) % TOGETHER == 0 or view + 1 == to_view:
                        cost -= np.log(likelihood[:count]).sum()
                        likelihood[:] = 1.0
                spread(sums, j, first, weights, band, right, curved)
    return cost


@njit(cache=True, nogil=True, error_model="numpy")
def place_points(control, j, first, weights, points):
    """Evaluate one keypoint's spline at the frames of a block; the lanes left over repeat the last."""
    for lane in range(LANES):
        frame = min(lane, len(first) - 1)
        k, w = first[frame], weights[frame]
        for a in range(3):
            points[a, lane] = (w[0] * control[k, j, a] + w[1] * control[k + 1, j, a]) + (
                w[2] * control[k + 2, j, a] + w[3] * control[k + 3, j, a]
            )


@njit(cache=True, nogil=True, error_model="numpy")
def load_seen(observed, begin, count, j, view, seen):
    """Copy what one view saw of one keypoint: x, y, information and a factor on the density of outliers.

    Returns whether it saw anything.
    """
    total = 0.0
    for lane in range(count):
        seen[0, lane] = observed.xy[begin + lane, j, view, 0]
        seen[1, lane] = observed.xy[begin + lane, j, view, 1]
        for row in range(3):
            seen[2 + row, lane] = observed.information[begin + lane, j, view, row]
        seen[5, lane] = SURE if observed.sure[begin + lane, j, view] else 1.0
        total += seen[2, lane]
    seen[:, count:] = 0.0
    return total > 0.0


@njit(cache=True, nogil=True, error_model="numpy")
def project_block(points, views, view, predicted):
    """Project points into one view: rows u, v, derivatives and depth, see `point_projection.project`."""
    P, K, k = packed(views.R[view], views.t[view]), packed_scale(views.K[view]), lens(views.k[view])
    if views.model[view] == FISHEYE:
        for lane in range(LANES):
            a, b, i, depth = ray(points[0, lane], points[1, lane], points[2, lane], P)
            store(predicted, lane, pixel(a, b, i, distort_fisheye(a, b, k), P, K), depth)
    else:
        for lane in range(LANES):
            a, b, i, depth = ray(points[0, lane], points[1, lane], points[2, lane], P)
            store(predicted, lane, pixel(a, b, i, distort_pinhole(a, b, k), P, K), depth)


@njit(inline="always")
def lens(k):
    """Return lens coefficients as plain numbers."""
    return k[0], k[1], k[2], k[3], k[4], k[5], k[6], k[7], k[8], k[9], k[10], k[11]


@njit(inline="always")
def store(predicted, lane, values, depth):
    """Write what `point_projection.pixel` returns, and a depth, into one lane."""
    predicted[0, lane], predicted[1, lane] = values[0], values[1]
    predicted[2, lane], predicted[3, lane], predicted[4, lane] = values[2], values[3], values[4]
    predicted[5, lane], predicted[6, lane], predicted[7, lane] = values[5], values[6], values[7]
    predicted[8, lane] = depth


@njit(inline="always")
def compare(seen, predicted, nu, kappa, lane):
    """Return the residual, whether there is one, and what `robust` says of it."""
    s_xx, s_xy, s_yy = seen[2, lane], seen[3, lane], seen[4, lane]
    there = (s_xx > 0.0) & (predicted[8, lane] > 0.0)
    r, s = seen[0, lane] - predicted[0, lane], seen[1, lane] - predicted[1, lane]
    q = s_xx * r * r + 2.0 * s_xy * r * s + s_yy * s * s if there else 0.0
    kappa = seen[5, lane] * mistakes(kappa, s_xx * s_yy - s_xy * s_xy if there else 1.0)
    weight, likelihood, correct = robust(q, nu, kappa)
    return r, s, there, weight if there else 0.0, likelihood if there else 1.0, correct > kappa


@njit(cache=True, nogil=True, error_model="numpy")
def weigh_block(seen, predicted, nu, kappa, sums, likelihood):
    """Add what one view says: information xx xy xz yy yz zz, force x y z and likelihood."""
    for lane in range(LANES):
        r, s, there, weight, likely, _ = compare(seen, predicted, nu, kappa, lane)
        likelihood[lane] *= likely
        r, s = r if there else 0.0, s if there else 0.0
        a, b, c = weight * seen[2, lane], weight * seen[3, lane], weight * seen[4, lane]
        u_x, u_y, u_z = predicted[2, lane], predicted[3, lane], predicted[4, lane]
        v_x, v_y, v_z = predicted[5, lane], predicted[6, lane], predicted[7, lane]
        e_x, e_y, e_z = a * u_x + b * v_x, a * u_y + b * v_y, a * u_z + b * v_z
        f_x, f_y, f_z = b * u_x + c * v_x, b * u_y + c * v_y, b * u_z + c * v_z
        sums[0, lane] += u_x * e_x + v_x * f_x
        sums[1, lane] += u_x * e_y + v_x * f_y
        sums[2, lane] += u_x * e_z + v_x * f_z
        sums[3, lane] += u_y * e_y + v_y * f_y
        sums[4, lane] += u_y * e_z + v_y * f_z
        sums[5, lane] += u_z * e_z + v_z * f_z
        sums[6, lane] += e_x * r + f_x * s
        sums[7, lane] += e_y * r + f_y * s
        sums[8, lane] += e_z * r + f_z * s


@njit(cache=True, nogil=True, error_model="numpy")
def spread(sums, j, first, weights, band, right, curved):
    """Add information and force of one keypoint's block to the control points that carry it."""
    o = 3 * j
    for lane in range(len(first)):
        i, w = first[lane], weights[lane]
        for m in range(4):
            for a in range(3):
                right[i + m, o + a] += w[m] * sums[6 + a, lane]
            for n in range(m + 1 if curved else 0):
                s = w[m] * w[n]
                block = band[i + n, m - n]
                block[o, o] += s * sums[0, lane]
                block[o, o + 1] += s * sums[1, lane]
                block[o, o + 2] += s * sums[2, lane]
                block[o + 1, o] += s * sums[1, lane]
                block[o + 1, o + 1] += s * sums[3, lane]
                block[o + 1, o + 2] += s * sums[4, lane]
                block[o + 2, o] += s * sums[2, lane]
                block[o + 2, o + 1] += s * sums[4, lane]
                block[o + 2, o + 2] += s * sums[5, lane]


@njit(cache=True, nogil=True, error_model="numpy")
def examine(control, views, observed, offset, inlier, error, squared):
    """Compare the trajectories with what the views saw.

    Parameters
    ----------
    control : (knots, keypoints, 3) float, m
    views : CameraArrays
    observed : Observed
    offset : (frames, keypoints, views, 2) float, px
        What was taken off the detections beforehand; the error is that of the detections as they were.
    inlier : (frames, keypoints, views) bool
        Receives whether the observation is more likely a detection than a mistake.
    error : (frames, keypoints) float, px
        Receives the root mean square reprojection error over the inliers, NaN where there are none.
    squared : (frames, keypoints, views) float, px2
        Receives the squared error of every inlier, 0 for the others.
    """
    frames, keypoints, view_count, _ = observed.xy.shape
    groups = observed.first.shape[1]
    points, predicted, seen = np.empty((3, LANES)), np.empty((9, LANES)), np.empty((6, LANES))
    total, number = np.empty(LANES), np.empty(LANES)
    for begin in range(0, frames, LANES):
        count = min(LANES, frames - begin)
        for j in range(keypoints):
            total[:] = 0.0
            number[:] = 0.0
            for view in range(view_count):
                if view == 0 or groups > 1:
                    first = observed.first[begin : begin + count, view % groups]
                    place_points(
                        control, j, first, observed.weights[begin : begin + count, view % groups], points
                    )
                load_seen(observed, begin, count, j, view, seen)
                project_block(points, views, view, predicted)
                for lane in range(count):
                    r, s, there, _, _, correct = compare(
                        seen, predicted, observed.nu, observed.kappa[view], lane
                    )
                    inlier[begin + lane, j, view] = there and correct
                    r, s = r + offset[begin + lane, j, view, 0], s + offset[begin + lane, j, view, 1]
                    squared[begin + lane, j, view] = r * r + s * s if there and correct else 0.0
                    total[lane] += squared[begin + lane, j, view]
                    number[lane] += 1.0 if there and correct else 0.0
            error[begin : begin + count, j] = np.sqrt(total / number)[:count]
