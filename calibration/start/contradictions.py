"""Why views contradict each other: out of step by whole frames, a board read the other way round or its back.

Two cameras see a board in places that differ, in every frame, by one and the same motion: that from the one
camera to the other. Where they do not, what would make them is looked for: another lag between the two, or a
board that one of them turns. Nothing is refined for that; the poses of single views are enough.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csgraph, csr_matrix
from scipy.spatial.transform import Rotation

from calibration.boards.poses import BoardPoses
from calibration.corners.sightings import Sightings, middle_of, usual_interval
from calibration.start.extrinsics import pose_scatter

Float = NDArray[np.float64]
Int = NDArray[np.int64]

LONGEST = 60
"""Frames up to which views may be out of step."""

FEWEST = 8
"""Frames that two views must share at a lag."""

FAR_BETTER = 0.6
"""Part of the usual contradiction to which the right lag, or the right way round, brings it."""

TURNS = {
    "turned by 180 degrees in its plane": (0.0, 0.0, np.pi),
    "its back, which bears the same print": (np.pi, 0.0, 0.0),
    "its back, which bears the same print turned by 180 degrees": (0.0, np.pi, 0.0),
}
"""Ways in which a camera may take a board for another one, as turns about its middle."""


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class Contradiction:
    """What would bring a view into agreement with the others.

    Attributes
    ----------
    view : int
    turn : str
        Key of `TURNS`.
    before, after : float
        Disagreement with the other views, in radians and multiples of the cameras' distance.
    """

    view: int
    turn: str
    before: float
    after: float


def whole_steps(sightings: Sightings, poses: Sequence[BoardPoses]) -> Float:
    """Find how many whole frames each view is late, from how well the poses of pairs agree at every lag.

    Parameters
    ----------
    sightings : Sightings
        One board in each row.
    poses : sequence of BoardPoses
        Of each view.

    Returns
    -------
    late : (views,) float, s
        Against the first view, in whole intervals; 0 where the board tells nothing.
    """
    views, interval = len(poses), usual_interval(sightings.instant)
    key = np.rint(sightings.instant / interval).astype(np.int64)
    lag, doubt = np.zeros((views, views)), np.full((views, views), np.inf)
    for one, other in combinations(range(views), 2):
        found = pair_lag(poses[one], poses[other], key)
        if found is not None:
            lag[one, other], doubt[one, other] = found
            lag[other, one], doubt[other, one] = -found[0], found[1]
    weights = np.where(np.isfinite(doubt), doubt, 0.0)
    _, before = csgraph.dijkstra(csr_matrix(weights), directed=False, indices=0, return_predecessors=True)
    late = np.zeros(views)
    for view in range(1, views):
        here = view
        while before[here] >= 0:
            late[view] += lag[before[here], here]
            here = int(before[here])
    return late * interval


def pair_lag(one: BoardPoses, other: BoardPoses, key: Int) -> tuple[int, float] | None:
    """Return by how many frames the other view is later, and how doubtful that is; None where nothing tells.

    Parameters
    ----------
    one, other : BoardPoses
    key : (rows,) int
        Time of every row, in intervals.
    """
    here = _disagreement(one, other, key, 0)
    longest = min(LONGEST, int(key.max() - key.min()) // 3) if len(key) else 0
    usual, best, least = [here], 0, here
    # From the middle outwards: of lags that agree alike the shortest is taken.
    for lag in sorted(range(-longest, longest + 1), key=abs)[1:]:
        found = _disagreement(one, other, key, lag)
        usual.append(found)
        if found < 0.85 * least or not np.isfinite(least):
            best, least = lag, found
    if not np.isfinite(least) or least > FAR_BETTER * np.nanmedian(usual):
        return None
    return best, max(float(least), 1e-6)


def _disagreement(one: BoardPoses, other: BoardPoses, key: Int, lag: int) -> float:
    """Mean distance of single frames from the place that they agree on; NaN with too few."""
    there = {k: row for row, k in enumerate(key.tolist())}
    rows = np.array([(row, there[k - lag]) for row, k in enumerate(key.tolist()) if k - lag in there])
    if len(rows) < FEWEST:
        return float("nan")
    distance = pose_scatter(one.at(rows[:, 0]), other.at(rows[:, 1]))
    return float(distance.mean()) if len(distance) >= FEWEST else float("nan")


def misread_boards(sightings: Sightings, poses: Sequence[BoardPoses]) -> tuple[Contradiction, ...]:
    """Find views that contradict all others and no longer do once the board is turned for them.

    Parameters
    ----------
    sightings : Sightings
        One board in each row.
    poses : sequence of BoardPoses
        Of each view.

    Returns
    -------
    found : tuple of Contradiction
        With two views it cannot be told which of them it is; the second is named.
    """
    middle = middle_of(sightings.nominal)
    before = _table(poses)
    found = []
    for view in range(len(poses) - 1, -1, -1):
        others = [other for other in range(len(poses)) if other != view and np.isfinite(before[view, other])]
        if not others:
            continue
        now = float(np.median(before[view, others]))
        for name, rotvec in TURNS.items():
            turned = poses[view].turned(Rotation.from_rotvec(rotvec).as_matrix(), middle)
            then = float(np.nanmedian([_pair(poses[other], turned) for other in others]))
            if then < FAR_BETTER**2 * now:
                found.append(Contradiction(view=view, turn=name, before=now, after=then))
    best: Mapping[int, Contradiction] = {
        one.view: one for one in sorted(found, key=lambda one: -one.after / one.before)
    }
    chosen = sorted(best.values(), key=lambda one: one.after / one.before)
    return tuple(chosen[:1]) if len(poses) == 2 else tuple(chosen)


def two_fronts(sightings: Sightings, poses: Sequence[BoardPoses]) -> tuple[str, float, float] | None:
    """Tell whether both sides of a plate bear the same print, so that a back passes for a front.

    Parameters
    ----------
    sightings : Sightings
        One board in each row.
    poses : sequence of BoardPoses
        Of each view.

    Returns
    -------
    found : (str, float, float) or None
        Key of `TURNS`, and the disagreement of the views before and after in some frames the board is turned.
    """
    middle = middle_of(sightings.nominal)
    before = _pairs_median(poses, poses)
    best = None
    for name, rotvec in TURNS.items():
        turn = Rotation.from_rotvec(rotvec).as_matrix()
        after = _pairs_median(poses, [one.joined(one.turned(turn, middle)) for one in poses])
        if after < FAR_BETTER**2 * before and (best is None or after < best[2]):
            best = name, before, after
    return best


def _pairs_median(some: Sequence[BoardPoses], others: Sequence[BoardPoses]) -> float:
    """Median disagreement over all pairs, the first of each from the one list, the second from the other."""
    found = [_pair(some[one], others[other]) for one, other in combinations(range(len(some)), 2)]
    known = [value for value in found if np.isfinite(value)]
    return float(np.median(known)) if known else float("nan")


def _table(poses: Sequence[BoardPoses]) -> Float:
    table = np.full((len(poses), len(poses)), np.nan)
    for one, other in combinations(range(len(poses)), 2):
        table[one, other] = table[other, one] = _pair(poses[one], poses[other])
    return table


def _pair(one: BoardPoses, other: BoardPoses) -> float:
    distance = pose_scatter(one, other)
    return float(distance.mean()) if len(distance) >= FEWEST else float("nan")
