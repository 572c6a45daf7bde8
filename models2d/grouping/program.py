"""DeeperCut's integer program: which candidates are body parts, and which of them one person's."""

import time
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import coo_array, csr_array
from scipy.sparse.csgraph import connected_components, shortest_path

from calibration.arrays import ReadOnlyArrays, frozen
from models2d.errors import ModelError

Float = NDArray[np.float64]
Int = NDArray[np.int64]
Bool = NDArray[np.bool_]


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class Grouping(ReadOnlyArrays):
    """Solution of the program.

    Attributes
    ----------
    person : (candidates,) int
        Number of the person a candidate belongs to; -1 where it is not taken.
    cost : float
        Value of the objective.
    optimal : bool
        Whether that is proven to be the least.
    """

    person: Int
    cost: float
    optimal: bool


def solve_grouping(
    unary: ArrayLike,
    edges: ArrayLike,
    pairwise: ArrayLike,
    *,
    detection: ArrayLike | None = None,
    time_limit: float = 10.0,
) -> Grouping:
    """Choose among candidates and group them into people at the least cost.

    A candidate is a detection d taken as body part c, the pair (d, c) of the paper.

    Parameters
    ----------
    unary : (candidates,) float
        Cost log((1 - p) / p) of taking each candidate, p its probability of being that part.
    edges : (edges, 2) int
        Pairs of candidates whose joint cost is known; all others cost nothing together.
    pairwise : (edges,) float
        Cost log((1 - p) / p) of both belonging to one person, p the probability that they do.
    detection : (candidates,) int, optional
        The detection each candidate labels: at most one of its labels is taken. All differ unless given.
    time_limit : float, s

    Returns
    -------
    grouping : Grouping

    Raises
    ------
    ValueError
        If an array has another length, an index is out of range, an edge occurs twice or a cost is NaN.
    ModelError
        If the time ends before any solution of a part is found.

    Notes
    -----
    Insafutdinov et al., DeeperCut, ECCV 2016, and Pishchulin et al., DeepCut, CVPR 2016, eqs. 1-7: minimise
    sum a x + sum b z over x(d, c), y(d, d') and z(d, d', c, c') = x x' y with y transitive. With
    candidates (d, c) as nodes, z of two nodes is the indicator y that both are taken and joined, and the
    program is the same with fewer variables. Three reductions keep the optimum: a candidate whose cost
    exceeds all that its attractive edges can return is never taken; parts that no attractive edge connects
    are solved one by one, for splitting a person there costs nothing; and transitivity is added where a
    solution violates it, as path inequalities. The linear relaxation is solved first: where it is integral,
    as nearly always, it is the optimum; else HiGHS branches.

    Examples
    --------
    >>> solve_grouping([-1.0, -1.0, -1.0], [[0, 1], [1, 2]], [-2.0, 3.0]).person.tolist()
    [0, 0, 1]
    """
    a = frozen(unary, ("candidates",), "unary")
    pairs = np.sort(frozen(np.reshape(edges, (-1, 2)), ("edges", 2), "edges", np.int64), axis=1)
    b = frozen(pairwise, (len(pairs),), "pairwise")
    label = frozen(np.arange(len(a)) if detection is None else detection, (len(a),), "detection", np.int64)
    _check(a, pairs, b)
    finish = time.monotonic() + time_limit
    pairs, b = _without_rivals(pairs, b, label)
    taken = _worth_taking(a, pairs, b)
    person = np.full(len(a), -1)
    cost, optimal = 0.0, True
    component = _components(taken, pairs[b < 0], label)
    home = np.where(component[pairs[:, 0]] == component[pairs[:, 1]], component[pairs[:, 0]], -1)
    for number in range(component.max(initial=-1) + 1):
        part, inside = np.flatnonzero(component == number), home == number
        local = np.searchsorted(part, pairs[inside])
        group, value, proven = _solve_part(a[part], local, b[inside], label[part], finish)
        person[part] = np.where(group >= 0, group + person.max(initial=-1) + 1, -1)
        cost, optimal = cost + value, optimal and proven
    return Grouping(person=person, cost=cost, optimal=optimal)


def _check(a: Float, pairs: Int, b: Float) -> None:
    if np.isnan(a).any() or np.isnan(b).any():
        raise ValueError("costs must not be NaN")
    if len(pairs) and (pairs.min() < 0 or pairs.max() >= len(a) or (pairs[:, 0] == pairs[:, 1]).any()):
        raise ValueError(f"edges: expected pairs of two different candidates below {len(a)}")
    if len(np.unique(pairs @ [len(a), 1])) != len(pairs):
        raise ValueError("edges: a pair occurs twice")


def _without_rivals(pairs: Int, b: Float, label: Int) -> tuple[Int, Float]:
    """Drop edges between two labels of one detection, which are never both taken."""
    apart = label[pairs[:, 0]] != label[pairs[:, 1]]
    return pairs[apart], b[apart]


def _worth_taking(a: Float, pairs: Int, b: Float) -> Bool:
    taken = np.ones(len(a), dtype=bool)
    while True:
        good = (b < 0) & taken[pairs].all(axis=1)
        returned = np.bincount(pairs[good].ravel(), np.repeat(b[good], 2), minlength=len(a))
        still = taken & (a + returned < 0)
        if (still == taken).all():
            return still
        taken = still


def _components(taken: Bool, attractive: Int, label: Int) -> Int:
    """Label the sets of candidates that attractive edges, or a shared detection, connect; -1 if not taken."""
    nodes = np.flatnonzero(taken)
    links = attractive[taken[attractive].all(axis=1)]
    order = nodes[np.argsort(label[nodes], kind="stable")]
    shared = np.column_stack([order[:-1], order[1:]])[label[order[:-1]] == label[order[1:]]]
    links = np.concatenate([links, shared])
    graph = coo_array((np.ones(len(links)), (links[:, 0], links[:, 1])), shape=(len(taken), len(taken)))
    _, component = connected_components(graph, directed=False)
    numbers = np.full(len(taken), -1)
    numbers[nodes] = np.unique(component[nodes], return_inverse=True)[1]
    return numbers


def _solve_part(a: Float, pairs: Int, b: Float, label: Int, finish: float) -> tuple[Int, float, bool]:
    """Solve one connected part; adds the path inequalities that its solutions violate until none does."""
    count = len(a)
    if (a <= 0).all() and (b <= 0).all() and len(np.unique(label)) == count:
        return np.zeros(count, dtype=np.int64), float(a.sum() + b.sum()), True
    _, place, shared = np.unique(label, return_inverse=True, return_counts=True)
    alone = shared[place] == 1
    sure = (a <= 0) & alone
    bounds = Bounds(np.r_[sure.astype(np.float64), np.zeros(len(pairs))], 1)
    matrix, upper = _fixed_rows(count, pairs, label, sure)
    rows = _triangles(count, pairs, b)
    whole = 0
    while True:
        left = finish - time.monotonic()
        lazy = _path_rows(count, len(pairs), rows)
        constraints = [LinearConstraint(matrix, ub=upper)]
        if rows:
            constraints.append(LinearConstraint(lazy, ub=np.array([len(path) - 1.0 for path, _ in rows])))
        result = milp(
            np.concatenate([a, b]),
            constraints=constraints,
            integrality=whole,
            bounds=bounds,
            options={"time_limit": max(left, 1e-3), "mip_rel_gap": 0.0},
        )
        if result.x is None:
            raise ModelError(
                f"grouping {count} candidates with {len(pairs)} pairs found no solution in the time limit; "
                f"raise it, "
                "or take fewer candidates per image"
            )
        if not whole and (np.abs(result.x - result.x.round()) > 1e-6).any():
            whole = 1
            continue
        proven = result.status == 0
        x, y = result.x[:count] > 0.5, result.x[count:] > 0.5
        group, broken = _broken_paths(x, y, pairs)
        if not broken or left <= 0:
            value = float(
                a[x].sum() + b[x[pairs].all(axis=1) & (group[pairs[:, 0]] == group[pairs[:, 1]])].sum()
            )
            return group, value, proven and not broken
        rows += broken


def _fixed_rows(count: int, pairs: Int, label: Int, sure: Bool) -> tuple[csr_array, Float]:
    """Y <= x at both ends unless x = 1 is sure, and at most one label per detection."""
    edges = len(pairs)
    edge, end = np.nonzero(~sure[pairs])
    unsure = len(edge)
    row = np.repeat(np.arange(unsure), 2)
    column = np.column_stack([count + edge, pairs[edge, end]]).ravel()
    value = np.tile([1.0, -1.0], unsure)
    names, counts = np.unique(label, return_counts=True)
    several = [np.flatnonzero(label == name) for name in names[counts > 1]]
    for number, nodes in enumerate(several):
        row = np.r_[row, np.full(len(nodes), unsure + number)]
        column = np.r_[column, nodes]
        value = np.r_[value, np.ones(len(nodes))]
    shape = (unsure + len(several), count + edges)
    upper = np.r_[np.zeros(unsure), np.ones(len(several))]
    return csr_array((value, (row, column)), shape=shape), upper


Rows = list[tuple[list[int], int]]
"""Path inequalities: edges of a path, and the edge between its ends; sum of path - edge <= length - 1."""


def _triangles(count: int, pairs: Int, b: Float) -> Rows:
    """List the path inequalities of two attractive edges against a repulsive one."""
    number = np.full((count, count), -1)
    number[pairs[:, 0], pairs[:, 1]] = number[pairs[:, 1], pairs[:, 0]] = np.arange(len(pairs))
    attracts = np.zeros((count, count), dtype=bool)
    good = pairs[b < 0]
    attracts[good[:, 0], good[:, 1]] = attracts[good[:, 1], good[:, 0]] = True
    rows: Rows = []
    for edge in np.flatnonzero(b > 0):
        one, two = pairs[edge]
        for middle in np.flatnonzero(attracts[one] & attracts[two]):
            rows.append(([int(number[one, middle]), int(number[middle, two])], int(edge)))
    return rows


def _path_rows(count: int, edges: int, rows: Rows) -> csr_array:
    row = (
        np.repeat(np.arange(len(rows)), [len(path) + 1 for path, _ in rows])
        if rows
        else np.zeros(0, dtype=int)
    )
    column = [count + edge for path, closing in rows for edge in (*path, closing)]
    value = [sign for path, _ in rows for sign in (*([1.0] * len(path)), -1.0)]
    return csr_array((value, (row, column)), shape=(len(rows), count + edges))


def _broken_paths(x: Bool, y: Bool, pairs: Int) -> tuple[Int, Rows]:
    """People that a solution joins, and the paths whose ends it keeps apart all the same."""
    joined = pairs[y]
    weight = (np.ones(len(joined)), (joined[:, 0], joined[:, 1]))
    graph = csr_array(weight, shape=(len(x), len(x)))
    _, group = connected_components(graph, directed=False)
    _, group = np.unique(np.where(x, group, -1), return_inverse=True)
    group = group - (~x).any()
    bad = np.flatnonzero(~y & x[pairs].all(axis=1) & (group[pairs[:, 0]] == group[pairs[:, 1]]))
    if not len(bad):
        return np.where(x, group, -1), []
    starts = np.unique(pairs[bad, 0])
    _, previous = shortest_path(
        graph, directed=False, unweighted=True, indices=starts, return_predecessors=True
    )
    number = {(int(one), int(two)): int(edge) for edge, (one, two) in enumerate(pairs)}
    rows: Rows = []
    for edge in bad:
        one, node = int(pairs[edge, 0]), int(pairs[edge, 1])
        tree = previous[np.searchsorted(starts, one)]
        path = []
        while node != one:
            before = int(tree[node])
            path.append(number[min(node, before), max(node, before)])
            node = before
        rows.append((path, int(edge)))
    return np.where(x, group, -1), rows
