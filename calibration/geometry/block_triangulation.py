# ruff: noqa: PLR0917  (a compiled kernel takes plain arrays)
"""The compiled loops over blocks of points: from pixels to points with covariance, inliers and status.

Importing this module loads numba; the callers run these loops on all cores.
"""

import numpy as np
from numba import njit

from calibration.geometry.blocks import SUMS, VIEW, N, X, Y, invert_block, load_block, mark_seen
from calibration.geometry.consensus import FIELDS, TERMS, agreeing, gather_point, residual_block, search_point
from calibration.geometry.linear import linear_block
from calibration.geometry.nearest_points import squared_cross
from calibration.geometry.point_projection import packed
from calibration.geometry.point_status import Status
from calibration.geometry.refinement import refine_block, sum_block
from calibration.geometry.undistortion import LANES

OK, TWO_VIEWS, NARROW, NO_CONSENSUS, ONE_VIEW, UNSEEN = (
    int(Status.OK),
    int(Status.TWO_VIEWS),
    int(Status.NARROW_BASELINE),
    int(Status.NO_CONSENSUS),
    int(Status.ONE_VIEW),
    int(Status.UNSEEN),
)

LINEAR, REFINED, RANSAC = 0, 1, 2

SURVEY = 8
"""Rows of what `survey_block` finds."""

RECOUNTS = 3
"""Times the consensus is counted again after a refit."""

_squared_cross = njit(inline="always")(squared_cross)


@njit(cache=True, nogil=True, error_model="numpy")
def linear_range(start, stop, xy, information, rig, origin, out):
    """Triangulate points start to stop linearly, from all views.

    Parameters
    ----------
    start, stop : int
    xy : (points, views, 2) float, px
    information : (points, views, 3) float, 1/px2
    rig : CameraArrays
        In a world whose origin is where they look, which keeps sums of squares well conditioned.
    origin : (3,) float, m, world
        Of that world.
    out : (points, 3) float, m, world
    """
    views = xy.shape[1]
    lens_block, observed, on = np.empty(8 * LANES), np.empty(views * VIEW), np.empty(views * LANES)
    sums, xyz = np.empty(SUMS * LANES), np.empty(3 * LANES)
    for first in range(start, stop, LANES):
        count = min(LANES, stop - first)
        load_block(xy, information, first, count, rig, lens_block, observed)
        mark_seen(views, observed, on)
        linear_block(observed, on, rig, sums, xyz)
        _refuse_behind(views, rig, on, xyz)
        for i in range(count):
            for axis in range(3):
                out[first + i, axis] = xyz[axis * LANES + i] + origin[axis]


@njit(cache=True, nogil=True, error_model="numpy")
def _refuse_behind(views, rig, on, xyz):
    """Turn points behind a camera that is said to see them into NaN."""
    for view in range(views):
        R, t = rig.R[view], rig.t[view]
        p20, p21, p22, p23 = R[2, 0], R[2, 1], R[2, 2], t[2]
        for i in range(LANES):
            z = p20 * xyz[i] + p21 * xyz[LANES + i] + p22 * xyz[2 * LANES + i] + p23
            xyz[i] = xyz[i] if (z > 0.0) | (on[view * LANES + i] == 0.0) else np.nan
    for i in range(LANES):
        xyz[LANES + i] = xyz[LANES + i] if xyz[i] == xyz[i] else np.nan
        xyz[2 * LANES + i] = xyz[2 * LANES + i] if xyz[i] == xyz[i] else np.nan


@njit(cache=True, nogil=True, error_model="numpy")
def solve_range(
    start,
    stop,
    method,
    xy,
    information,
    rig,
    origin,
    candidates,
    limit,
    narrow,
    xyz,
    covariance,
    inliers,
    error,
    status,
):
    """Triangulate points start to stop and say what is known about each.

    Parameters
    ----------
    start, stop : int
    method : int
        LINEAR, REFINED or RANSAC.
    xy : (points, rows, 2) float, px
        One row per candidate of every view, views in order.
    information : (points, rows, 3) float, 1/px2
    rig : CameraArrays
        One camera per row, in a world as of `linear_range`.
    origin : (3,) float, m, world
    candidates : int
        Rows per view.
    limit : float
        Largest squared distance of an inlier, in its own variance.
    narrow : float
        Squared sine of the largest angle between rays below which the baseline is narrow.
    xyz : (points, 3) float, m, world
    covariance : (points, 3, 3) float, m2
    inliers : (points, rows) bool
    error : (points,) float, px
    status : (points,) int
    """
    rows = xy.shape[1]
    lens_block, observed, on = np.empty(8 * LANES), np.empty(rows * VIEW), np.empty(rows * LANES)
    sums, best, inverse = np.empty(SUMS * LANES), np.empty((SUMS + 1) * LANES), np.empty(6 * LANES)
    point, trial, squared = np.empty(3 * LANES), np.empty(3 * LANES), np.empty(rows * LANES)
    survey = np.empty(SURVEY * LANES)
    for first in range(start, stop, LANES):
        count = min(LANES, stop - first)
        load_block(xy, information, first, count, rig, lens_block, observed)
        mark_seen(rows, observed, on)
        linear_block(observed, on, rig, sums, point)
        if method == RANSAC:
            if consensus_block(observed, rig, candidates, limit, squared, point, on):
                linear_block(observed, on, rig, sums, point)
            for recount in range(RECOUNTS):
                refine_block(observed, on, rig, trial, sums, best, point)
                if recount + 1 == RECOUNTS or not _recount(
                    observed, rig, candidates, limit, squared, point, on
                ):
                    break
        elif method == REFINED:
            refine_block(observed, on, rig, trial, sums, best, point)
        else:
            sum_block(observed, on, rig, point, best)
        invert_block(best, inverse)
        survey_block(observed, on, rig, candidates, point, survey)
        _judge_block(first, count, observed, rig, narrow, survey, inverse, on, status)
        _store_block(first, count, origin, point, inverse, best, survey, status, xyz, covariance, error)
        for i in range(count):
            for row in range(rows):
                inliers[first + i, row] = (on[row * LANES + i] > 0.0) & (error[first + i] >= 0.0)


@njit(cache=True, nogil=True, error_model="numpy")
def consensus_block(observed, rig, candidates, limit, squared, xyz, on):
    """Switch off the observations of a block that do not belong to the consensus of their point.

    Parameters
    ----------
    observed : (rows * VIEW,) float
    rig : CameraArrays
    candidates : int
    limit : float
    squared : (rows * LANES,) float
        Work space.
    xyz : (3 * LANES,) float, m, world
        The solution of all observations.
    on : (rows * LANES,) float

    Returns
    -------
    changed : bool
    """
    rows = len(rig.t)
    P, point, terms = np.empty((rows, 12)), np.empty((rows, FIELDS)), np.empty((rows, TERMS))
    for row in range(rows):
        P[row] = packed(rig.R[row], rig.t[row])
    view_of = np.empty((rows, 2), dtype=np.int64)
    members, chosen = np.zeros(rows, dtype=np.bool_), np.zeros(rows, dtype=np.bool_)
    seen, worst = np.zeros(LANES), np.zeros(LANES)
    residual_block(observed, rig, xyz, squared)
    for row in range(rows):
        for i in range(LANES):
            there = on[row * LANES + i] > 0.0
            seen[i] += 1.0 if there else 0.0
            worst[i] = max(worst[i], squared[row * LANES + i]) if there else worst[i]
    any_change = False
    for i in range(LANES):
        if seen[i] < 2.0 or (worst[i] < limit and seen[i] > 2.0 and candidates == 1):
            continue
        any_change = True
        count = gather_point(i, observed, P, candidates, point, terms, view_of)
        if search_point(count, point, terms, view_of, P, limit, members, chosen) < 2:
            chosen[:count] = False
        for m in range(count):
            on[view_of[m, 1] * LANES + i] = 1.0 if chosen[m] else 0.0
    return any_change


@njit(cache=True, nogil=True, error_model="numpy")
def _recount(observed, rig, candidates, limit, squared, xyz, on):
    """Count the consensus of refitted points again; points that lost theirs keep what they had."""
    rows = len(rig.t)
    residual_block(observed, rig, xyz, squared)
    before, differ = np.empty(rows), np.zeros(LANES)
    for row in range(rows):
        for i in range(LANES):
            inside = squared[row * LANES + i] < limit
            differ[i] += 1.0 if inside != (on[row * LANES + i] > 0.0) else 0.0
    any_change = False
    for i in range(LANES):
        if differ[i] == 0.0:
            continue
        for row in range(rows):
            before[row] = on[row * LANES + i]
        count, _, changed = agreeing(i, squared, candidates, limit, on)
        if changed and count < 3:
            for row in range(rows):
                on[row * LANES + i] = before[row]
            changed = False
        any_change |= changed
    return any_change


@njit(cache=True, nogil=True, error_model="numpy")
def survey_block(observed, on, rig, candidates, xyz, survey):
    """Count, for every point of a block, the views that see it and that it rests on.

    Parameters
    ----------
    observed : (rows * VIEW,) float
    on : (rows * LANES,) float
    rig : CameraArrays
    candidates : int
    xyz : (3 * LANES,) float, m, world
    survey : (SURVEY * LANES,) float
        Rows: views that see the point; views used; used views that have it behind them; direction of the
        first used ray (3); largest squared sine of an angle between it and another used ray; work space.
    """
    survey[:] = 0.0
    for row in range(len(rig.t)):
        o = observed[row * VIEW : (row + 1) * VIEW]
        p00, p01, p02, _, p10, p11, p12, _, p20, p21, p22, p23 = packed(rig.R[row], rig.t[row])
        if row % candidates == 0:
            for i in range(LANES):
                survey[7 * LANES + i] = 0.0
        for i in range(LANES):
            fresh = (o[N + i] > 0.0) & (survey[7 * LANES + i] == 0.0)
            survey[i] += 1.0 if fresh else 0.0
            survey[7 * LANES + i] += 1.0 if fresh else 0.0
            z = p20 * xyz[i] + p21 * xyz[LANES + i] + p22 * xyz[2 * LANES + i] + p23
            used = on[row * LANES + i] > 0.0
            survey[2 * LANES + i] += 1.0 if used & (z <= 0.0) else 0.0
            x, y = o[X + i], o[Y + i]
            scale = 1.0 / np.sqrt(x * x + y * y + 1.0)
            d0 = (p00 * x + p10 * y + p20) * scale
            d1 = (p01 * x + p11 * y + p21) * scale
            d2 = (p02 * x + p12 * y + p22) * scale
            first = used & (survey[LANES + i] == 0.0)
            r0 = d0 if first else survey[3 * LANES + i]
            r1 = d1 if first else survey[4 * LANES + i]
            r2 = d2 if first else survey[5 * LANES + i]
            survey[3 * LANES + i] = r0
            survey[4 * LANES + i] = r1
            survey[5 * LANES + i] = r2
            sine2 = _squared_cross((r0, r1, r2), (d0, d1, d2))
            survey[6 * LANES + i] = sine2 if used & (sine2 > survey[6 * LANES + i]) else survey[6 * LANES + i]
            survey[LANES + i] += 1.0 if used else 0.0


@njit(cache=True, nogil=True, error_model="numpy")
def _judge_block(first, count, observed, rig, narrow, survey, inverse, on, status):
    """Write the status of every point."""
    for i in range(count):
        seen, used, apart = survey[i], survey[LANES + i], survey[6 * LANES + i] >= narrow
        known = (inverse[i] > 0.0) & (inverse[5 * LANES + i] > 0.0)
        if seen < 2.0:
            status[first + i] = ONE_VIEW if seen == 1.0 else UNSEEN
        elif used < 2.0:
            parallel = _widest(i, observed, rig, narrow, observed[N:], VIEW) < narrow
            status[first + i] = NARROW if parallel else NO_CONSENSUS
        elif survey[2 * LANES + i] > 0.0:
            status[first + i] = NO_CONSENSUS
        elif not known or not (apart or _widest(i, observed, rig, narrow, on, LANES) >= narrow):
            status[first + i] = NARROW
        else:
            status[first + i] = TWO_VIEWS if used == 2.0 else OK


@njit(cache=True, nogil=True, error_model="numpy")
def _widest(i, observed, rig, enough, on, step):
    """Return the largest squared sine of an angle between two rays, or the first that is enough."""
    widest = 0.0
    for b in range(1, len(rig.t)):
        if on[b * step + i] <= 0.0:
            continue
        b_ray = _direction(rig.R[b], observed[b * VIEW + X + i], observed[b * VIEW + Y + i])
        for a in range(b):
            if on[a * step + i] <= 0.0:
                continue
            a_ray = _direction(rig.R[a], observed[a * VIEW + X + i], observed[a * VIEW + Y + i])
            widest = max(widest, _squared_cross(a_ray, b_ray))
            if widest >= enough:
                return widest
    return widest


@njit(cache=True, nogil=True, error_model="numpy")
def _direction(R, x, y):
    """Return the unit vector of a ray in the world: R' (x, y, 1)."""
    scale = 1.0 / np.sqrt(x * x + y * y + 1.0)
    return (
        (R[0, 0] * x + R[1, 0] * y + R[2, 0]) * scale,
        (R[0, 1] * x + R[1, 1] * y + R[2, 1]) * scale,
        (R[0, 2] * x + R[1, 2] * y + R[2, 2]) * scale,
    )


@njit(cache=True, nogil=True, error_model="numpy")
def _store_block(first, count, origin, point, inverse, best, survey, status, xyz, covariance, error):
    """Write points, covariances and errors; NaN where there is no point."""
    for i in range(count):
        at = first + i
        used = survey[LANES + i]
        known = (status[at] < NO_CONSENSUS) & (used >= 2.0) & (point[i] == point[i])
        lost = 0.0 if known else np.nan
        for axis in range(3):
            xyz[at, axis] = point[axis * LANES + i] + origin[axis] + lost
        covariance[at, 0, 0] = inverse[i] + lost
        covariance[at, 0, 1] = covariance[at, 1, 0] = inverse[LANES + i] + lost
        covariance[at, 0, 2] = covariance[at, 2, 0] = inverse[2 * LANES + i] + lost
        covariance[at, 1, 1] = inverse[3 * LANES + i] + lost
        covariance[at, 1, 2] = covariance[at, 2, 1] = inverse[4 * LANES + i] + lost
        covariance[at, 2, 2] = inverse[5 * LANES + i] + lost
        error[at] = np.sqrt(best[10 * LANES + i] / used) + lost
