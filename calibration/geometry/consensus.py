# ruff: noqa: PLR0917  (a compiled kernel takes plain arrays)
"""Consensus of views: which observations of a point belong together.

Every pair of views proposes a point (with few views an exhaustive search is cheaper than drawing samples,
and deterministic); the views whose pixels agree with it, in front of their cameras, are its consensus; the
largest one is refitted and its members counted again (Fischler & Bolles 1981; the local refit of Chum, Matas
& Kittler 2003). Most points have no outlier: the solution of all views shows it, and they are never searched.
Importing this module loads numba.
"""

import numpy as np
from numba import njit

from calibration.geometry.blocks import VIEW, N, X, Y, solve3
from calibration.geometry.nearest_points import squared_cross
from calibration.geometry.point_projection import packed
from calibration.geometry.undistortion import LANES

TERMS = 9
"""Sums of one observation: normal matrix (6) and right-hand side (3)."""

FIELDS = 8
"""What is kept of one observation: x, y, information (3), direction of its ray in the world (3)."""

VAGUE = np.sin(np.radians(15.0)) ** 2
"""Squared sine of the angle below which a pair's point is too vague to tell who else agrees with it."""

CLOSE_CALL = 1.5
"""Factor on the inlier distance with which a tie between two groups is looked at again."""

_squared_cross = njit(inline="always")(squared_cross)


@njit(cache=True, nogil=True, error_model="numpy")
def residual_block(observed, rig, xyz, squared):
    """Measure how far every observation is from a block of points, in its own standard deviations.

    Parameters
    ----------
    observed : (views * VIEW,) float
    rig : CameraArrays
    xyz : (3 * LANES,) float, m, world
    squared : (views * LANES,) float
        Squared distance; infinite where missing or where the point is behind the camera.
    """
    for view in range(len(rig.t)):
        p00, p01, p02, p03, p10, p11, p12, p13, p20, p21, p22, p23 = packed(rig.R[view], rig.t[view])
        o = observed[view * VIEW : (view + 1) * VIEW]
        out = squared[view * LANES : (view + 1) * LANES]
        for i in range(LANES):
            a, b, c = xyz[i], xyz[LANES + i], xyz[2 * LANES + i]
            z = p20 * a + p21 * b + p22 * c + p23
            dx = o[X + i] - (p00 * a + p01 * b + p02 * c + p03) / z
            dy = o[Y + i] - (p10 * a + p11 * b + p12 * c + p13) / z
            r2 = o[N + i] * dx * dx + 2.0 * o[N + LANES + i] * dx * dy + o[N + 2 * LANES + i] * dy * dy
            out[i] = r2 if (z > 0.0) & (o[N + i] > 0.0) & (r2 >= 0.0) else np.inf


@njit(cache=True, nogil=True, error_model="numpy")
def agreeing(i, squared, candidates, limit, on):
    """Switch on, for one point, the best candidate of every view that agrees with it.

    Parameters
    ----------
    i : int
        Lane.
    squared : (rows * LANES,) float
        From `residual_block`; one row per candidate of every view.
    candidates : int
        Per view.
    limit : float
        Largest squared distance of an inlier.
    on : (rows * LANES,) float

    Returns
    -------
    count : int
        Views that agree.
    cost : float
        Sum over the seen views of the squared distance, cut at the limit.
    changed : bool
        Whether a switch moved.
    """
    count, cost, changed = 0, 0.0, False
    rows = len(on) // LANES
    for first in range(0, rows, candidates):
        best = first
        for row in range(first + 1, first + candidates):
            if squared[row * LANES + i] < squared[best * LANES + i]:
                best = row
        inside = squared[best * LANES + i] < limit
        count += inside
        cost += min(squared[best * LANES + i], limit)
        for row in range(first, first + candidates):
            want = 1.0 if inside and row == best else 0.0
            changed |= on[row * LANES + i] != want
            on[row * LANES + i] = want
    return count, cost, changed


@njit(cache=True, nogil=True, error_model="numpy")
def gather_point(i, observed, P, candidates, point, terms, view_of):
    """Collect what one point's search needs: its observations and their linear equations.

    Parameters
    ----------
    i : int
    observed : (rows * VIEW,) float
    P : (rows, 12) float, m
        [R t] of every row's camera.
    candidates : int
    point : (rows, FIELDS) float
        Every observation that is there.
    terms : (rows, TERMS) float
    view_of : (rows, 2) int
        View and row of each.

    Returns
    -------
    count : int
        Observations.
    """
    count = 0
    for row in range(len(P)):
        o, p = observed[row * VIEW : (row + 1) * VIEW], P[row]
        n0, n1, n2 = o[N + i], o[N + LANES + i], o[N + 2 * LANES + i]
        if n0 <= 0.0:
            continue
        x, y = o[X + i], o[Y + i]
        a0, a1, a2, a3 = x * p[8] - p[0], x * p[9] - p[1], x * p[10] - p[2], p[3] - x * p[11]
        b0, b1, b2, b3 = y * p[8] - p[4], y * p[9] - p[5], y * p[10] - p[6], p[7] - y * p[11]
        e0, e1, e2 = n0 * a0 + n1 * b0, n0 * a1 + n1 * b1, n0 * a2 + n1 * b2
        f0, f1, f2 = n1 * a0 + n2 * b0, n1 * a1 + n2 * b1, n1 * a2 + n2 * b2
        terms[count, 0] = e0 * a0 + f0 * b0
        terms[count, 1] = e0 * a1 + f0 * b1
        terms[count, 2] = e0 * a2 + f0 * b2
        terms[count, 3] = e1 * a1 + f1 * b1
        terms[count, 4] = e1 * a2 + f1 * b2
        terms[count, 5] = e2 * a2 + f2 * b2
        terms[count, 6] = e0 * a3 + f0 * b3
        terms[count, 7] = e1 * a3 + f1 * b3
        terms[count, 8] = e2 * a3 + f2 * b3
        point[count, 0], point[count, 1] = x, y
        point[count, 2], point[count, 3], point[count, 4] = n0, n1, n2
        scale = 1.0 / np.sqrt(x * x + y * y + 1.0)
        for axis in range(3):
            point[count, 5 + axis] = (p[axis] * x + p[4 + axis] * y + p[8 + axis]) * scale
        view_of[count, 0], view_of[count, 1] = row // candidates, row
        count += 1
    return count


@njit(cache=True, nogil=True, error_model="numpy")
def _solve(members, count, terms, view_of, P, x, y, z, depth_known):
    """Solve the equations of the members, divided by the depths of the point x, y, z if it is known."""
    s0 = s1 = s2 = s3 = s4 = s5 = s6 = s7 = s8 = 0.0
    for m in range(count):
        if members[m]:
            row = P[view_of[m, 1]]
            weight = 1.0
            if depth_known:
                depth = row[8] * x + row[9] * y + row[10] * z + row[11]
                weight = 1.0 / (depth * depth)
            s0 += weight * terms[m, 0]
            s1 += weight * terms[m, 1]
            s2 += weight * terms[m, 2]
            s3 += weight * terms[m, 3]
            s4 += weight * terms[m, 4]
            s5 += weight * terms[m, 5]
            s6 += weight * terms[m, 6]
            s7 += weight * terms[m, 7]
            s8 += weight * terms[m, 8]
    return solve3(s0, s1, s2, s3, s4, s5, s6, s7, s8)


@njit(cache=True, nogil=True, error_model="numpy")
def _score(x, y, z, count, point, view_of, P, limit, members):
    """Mark the best agreeing observation of every view; return how many agree, at what cost."""
    inliers, cost, at = 0, 0.0, 0
    while at < count:
        view, best, least = view_of[at, 0], -1, limit
        while at < count and view_of[at, 0] == view:
            row = P[view_of[at, 1]]
            depth = row[8] * x + row[9] * y + row[10] * z + row[11]
            members[at] = False
            if depth > 0.0:
                inverse = 1.0 / depth
                dx = point[at, 0] - (row[0] * x + row[1] * y + row[2] * z + row[3]) * inverse
                dy = point[at, 1] - (row[4] * x + row[5] * y + row[6] * z + row[7]) * inverse
                r2 = point[at, 2] * dx * dx + 2.0 * point[at, 3] * dx * dy + point[at, 4] * dy * dy
                if r2 < least:
                    best, least = at, r2
            at += 1
        cost += least
        if best >= 0:
            members[best] = True
            inliers += 1
    return inliers, cost


@njit(cache=True, nogil=True, error_model="numpy")
def _contradicted(x, y, z, count, point, view_of, P, limit, chosen):
    """Tell whether a chosen observation is farther than the limit from a point."""
    for m in range(count):
        if chosen[m]:
            row = P[view_of[m, 1]]
            inverse = 1.0 / (row[8] * x + row[9] * y + row[10] * z + row[11])
            dx = point[m, 0] - (row[0] * x + row[1] * y + row[2] * z + row[3]) * inverse
            dy = point[m, 1] - (row[4] * x + row[5] * y + row[6] * z + row[7]) * inverse
            if point[m, 2] * dx * dx + 2.0 * point[m, 3] * dx * dy + point[m, 4] * dy * dy > limit:
                return True
    return False


@njit(cache=True, nogil=True, error_model="numpy")
def _propose(a, b, count, point, terms, view_of, P, limit, members):
    """Score the point of one pair, refitted once on its consensus if that is larger than the pair."""
    members[:count] = False
    members[a] = members[b] = True
    x, y, z = _solve(members, count, terms, view_of, P, 0.0, 0.0, 0.0, False)
    x, y, z = _solve(members, count, terms, view_of, P, x, y, z, True)
    # A pair is a noisy guess: what it predicts for a third view may be off by more than the limit.
    inliers, cost = _score(x, y, z, count, point, view_of, P, 4.0 * limit, members)
    if not (members[a] and members[b]):
        return 0, np.inf, x, y, z
    if inliers > 2:
        x, y, z = _solve(members, count, terms, view_of, P, x, y, z, True)
        inliers, cost = _score(x, y, z, count, point, view_of, P, limit, members)
        if inliers > 2:
            return inliers, cost, x, y, z
        members[:count] = False
        members[a] = members[b] = True
        x, y, z = _solve(members, count, terms, view_of, P, x, y, z, True)
    inliers, cost = _score(x, y, z, count, point, view_of, P, limit, members)
    views = 0
    for m in range(count):
        views += m == 0 or view_of[m, 0] != view_of[m - 1, 0]
    # Two views have one equation to spare, so it is their common cost that must stay below the limit.
    if inliers == 2 and cost - (views - 2) * limit > limit:
        return 0, np.inf, x, y, z
    return inliers, cost, x, y, z


@njit(cache=True, nogil=True, error_model="numpy")
def _vague(a, b, point):
    one, two = (point[a, 5], point[a, 6], point[a, 7]), (point[b, 5], point[b, 6], point[b, 7])
    return _squared_cross(one, two) < VAGUE


@njit(cache=True, nogil=True, error_model="numpy")
def search_point(count, point, terms, view_of, P, limit, members, chosen):
    """Find the largest consensus of one point.

    Where two groups of equal size contradict each other, the noise may just have carried one view over the
    limit: a larger group within a slightly wider limit settles it, and nothing else does.

    Parameters
    ----------
    count : int
        Observations, ordered by view.
    point, terms, view_of
        From `gather_point`.
    P : (rows, 12) float, m
    limit : float
        Largest squared distance of an inlier.
    members : (rows,) bool
        Work space.
    chosen : (rows,) bool
        The consensus; the cheapest among the largest.

    Returns
    -------
    inliers : int
        Views in the consensus; 0 if no two views agree or two groups of equal size contradict each other.
    """
    inliers, rival = _leave_one_out(count, point, terms, view_of, P, limit, members, chosen)
    if inliers == 0 or rival:
        inliers, rival = _search(count, point, terms, view_of, P, limit, members, chosen)
    if not rival:
        return inliers
    wider = CLOSE_CALL * CLOSE_CALL * limit
    more, rival = _search(count, point, terms, view_of, P, wider, members, chosen)
    return more if more > inliers and not rival else 0


@njit(cache=True, nogil=True, error_model="numpy")
def _leave_one_out(count, point, terms, view_of, P, limit, members, chosen):
    """Look for the one observation that all others speak against: the rule, and quickly found.

    Only for a single candidate per view and at least four views. Returns as `_search`; 0 if there is none.
    """
    best, least, rival = 0, np.inf, False
    if count < 4 or view_of[count - 1, 0] == view_of[0, 0]:
        return best, rival
    for m in range(1, count):
        if view_of[m, 0] == view_of[m - 1, 0]:
            return best, rival
    for out in range(count):
        for m in range(count):
            members[m] = m != out
        x, y, z = _solve(members, count, terms, view_of, P, 0.0, 0.0, 0.0, False)
        inliers, cost = _score(x, y, z, count, point, view_of, P, 4.0 * limit, members)
        if inliers < count - 1:
            continue
        for m in range(count):
            members[m] = m != out
        x, y, z = _solve(members, count, terms, view_of, P, x, y, z, True)
        inliers, cost = _score(x, y, z, count, point, view_of, P, limit, members)
        if inliers < count - 1:
            continue
        if best > 0 and inliers == best:
            rival |= _contradicted(x, y, z, count, point, view_of, P, 4.0 * limit, chosen)
        if inliers > best or cost < least:
            rival &= inliers == best
            best, least = inliers, cost
            chosen[:count] = members[:count]
    return best, rival


@njit(cache=True, nogil=True, error_model="numpy")
def _search(count, point, terms, view_of, P, limit, members, chosen):
    """Find the largest consensus of one point, and tell whether another one contradicts it.

    What one group consists of is then far from the point of the other.
    """
    best, least, rival, passed, most = 0, np.inf, False, 1, 0
    chosen[:count] = False
    views = 0
    vague = np.zeros(count, dtype=np.int64)
    for m in range(count):
        views += m == 0 or view_of[m, 0] != view_of[m - 1, 0]
    for b in range(1, count):
        passed += view_of[b, 0] != view_of[b - 1, 0]
        for a in range(b):
            if view_of[a, 0] == view_of[b, 0]:
                continue
            if _vague(a, b, point):
                vague[a] += 1
                vague[b] += 1
                most = max(most, vague[a], vague[b])
            inliers, cost, x, y, z = _propose(a, b, count, point, terms, view_of, P, limit, members)
            if inliers < 2 or inliers < best:
                continue
            if inliers > best:
                rival = False
            elif _contradicted(x, y, z, count, point, view_of, P, 4.0 * limit, chosen):
                rival = True
            if inliers > best or cost < least:
                best, least = inliers, cost
                chosen[:count] = members[:count]
        # All pairs among the first views are done. Of a group not yet met, those among them formed vague
        # pairs only, so there are at most 1 + most of them.
        if (b + 1 == count or view_of[b + 1, 0] != view_of[b, 0]) and best > 1 + most + views - passed:
            break
    return best, rival
