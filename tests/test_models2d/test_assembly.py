"""Body parts become people: tags, and DeeperCut's program to its optimum."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calibration import ShapeError
from models2d import ModelError
from models2d.grouping.affinity import log_odds_cost, normal_affinity, offset_costs
from models2d.grouping.assembly import group_by_program, group_by_tags
from models2d.grouping.program import solve_grouping


def partitions(items):
    """Every way to split a list into groups."""
    if not items:
        yield []
        return
    first, *rest = items
    for parts in partitions(rest):
        yield [[first], *parts]
        for number, part in enumerate(parts):
            yield [*parts[:number], [first, *part], *parts[number + 1 :]]


def least_cost(unary, edges, pairwise, detection):
    """The optimum by trying every choice of candidates and every partition of them."""
    cost = dict(zip(map(tuple, np.sort(edges, axis=1).tolist()), pairwise, strict=True))
    best = 0.0
    for chosen in itertools.chain.from_iterable(
        itertools.combinations(range(len(unary)), size) for size in range(len(unary) + 1)
    ):
        if len({detection[candidate] for candidate in chosen}) < len(chosen):
            continue
        alone = sum(unary[candidate] for candidate in chosen)
        for parts in partitions(list(chosen)):
            joint = sum(
                cost.get(pair, 0.0) for part in parts for pair in itertools.combinations(sorted(part), 2)
            )
            best = min(best, alone + joint)
    return best


def value(grouping, unary, edges, pairwise):
    person = grouping.person
    taken = person >= 0
    together = (person[edges[:, 0]] == person[edges[:, 1]]) & taken[edges[:, 0]]
    return unary[taken].sum() + pairwise[together].sum()


@settings(max_examples=60)
@given(
    seed=st.integers(0, 10**6), detections=st.integers(1, 4), classes=st.integers(1, 2), bias=st.floats(-2, 2)
)
def test_the_program_finds_the_optimum(seed, detections, classes, bias):
    random = np.random.default_rng(seed)
    count = min(detections * classes, 7)
    detection = np.arange(count) // classes
    unary = random.normal(bias, 2, count).round(2)
    edges = np.array(list(itertools.combinations(range(count), 2)), dtype=int).reshape(-1, 2)
    pairwise = random.normal(0, 2, len(edges)).round(2)
    grouping = solve_grouping(unary, edges, pairwise, detection=detection)
    assert grouping.optimal
    assert grouping.cost == pytest.approx(least_cost(unary, edges, pairwise, detection), abs=1e-9)
    assert grouping.cost == pytest.approx(value(grouping, unary, edges, pairwise), abs=1e-9)
    for name in range(detections):
        assert (grouping.person[detection == name] >= 0).sum() <= 1


@settings(max_examples=15)
@given(seed=st.integers(0, 10**6))
def test_the_program_finds_the_optimum_where_edges_are_few(seed):
    random = np.random.default_rng(seed)
    edges = np.array(list(itertools.combinations(range(7), 2)))
    edges = edges[random.random(len(edges)) < 0.5]
    unary, pairwise = random.normal(-1, 1, 7), random.normal(0, 2, len(edges))
    grouping = solve_grouping(unary, edges, pairwise)
    assert grouping.cost == pytest.approx(least_cost(unary, edges, pairwise, np.arange(7)), abs=1e-9)


def test_transitivity_is_kept():
    grouping = solve_grouping([-1.0] * 4, [[0, 1], [1, 2], [2, 3], [0, 3]], [-2, -2, -2, 5])
    assert grouping.cost == -8.0
    assert grouping.person[0] != grouping.person[3]


def crowd(seed, people=10, apart=70.0):
    """Candidates of people in two rows who overlap, their offsets, and stray candidates (person -1)."""
    random = np.random.default_rng(seed)
    body = random.uniform([-25, -80], [25, 80], (17, 2))
    place = np.column_stack([np.arange(people) % 5 * apart, np.arange(people) // 5 * 120.0])
    truth = body + random.normal(0, 4, (people, 17, 2)) + place[:, None]
    offsets = (truth[:, None] - truth[:, :, None]).reshape(-1, 17, 2)
    offsets = offsets + random.normal(0, 6, offsets.shape)
    stray = random.uniform([-50, -100], [5 * apart, 300], (15, 2))
    xy = np.concatenate([truth.reshape(-1, 2), stray])
    part = np.concatenate([np.tile(np.arange(17), people), random.integers(0, 17, 15)])
    who = np.concatenate([np.repeat(np.arange(people), 17), np.full(15, -1)])
    offsets = np.concatenate([offsets, random.normal(0, 60, (15, 17, 2))])
    confidence = np.where(who >= 0, random.uniform(0.5, 0.95, len(xy)), random.uniform(0.2, 0.6, len(xy)))
    return xy, confidence, part, offsets, who, truth


@pytest.mark.parametrize("seed", range(3))
def test_a_crowd_is_grouped_to_proven_optimality(seed):
    xy, confidence, part, offsets, who, truth = crowd(seed)
    edges, pairwise = offset_costs(xy, part, offsets, normal_affinity(17, 6.0), merge=6.0)
    people, grouping = group_by_program(xy, confidence, part, edges=edges, pairwise=pairwise, keypoints=17)
    assert grouping.optimal
    real = who >= 0
    same = grouping.person[real][:, None] == grouping.person[real]
    assert (same == (who[real][:, None] == who[real])).mean() > 0.999
    whole = people.xy[np.isfinite(people.xy[..., 0]).sum(axis=1) == 17]
    away = np.linalg.norm(whole[:, None] - truth, axis=-1).max(axis=-1)
    assert len(whole) == 10
    assert (away.min(axis=1) == 0).all()


def test_time_limit_is_an_error_or_an_unproven_answer():
    random = np.random.default_rng(0)
    edges = np.array(list(itertools.combinations(range(60), 2)))
    pairwise = random.normal(0, 3, len(edges))
    with pytest.raises(ModelError, match="no solution in the time limit"):
        solve_grouping(np.zeros(60) - 0.1, edges, pairwise, time_limit=0.0)


@pytest.mark.parametrize(
    ("edges", "pairwise", "match"),
    [
        ([[0, 1], [1, 0]], [1, 1], "occurs twice"),
        ([[0, 3]], [1], "below 3"),
        ([[0, 0]], [1], "two different"),
        ([[0, 1]], [np.nan], "NaN"),
    ],
)
def test_malformed_programs(edges, pairwise, match):
    with pytest.raises(ValueError, match=match):
        solve_grouping([0, 0, 0], edges, pairwise)


def test_costs_are_log_odds():
    np.testing.assert_allclose(log_odds_cost([0.5, 0.9]), [0.0, np.log(1 / 9)])
    vectors = [[[0, 0], [10, 0]], [[-10, 0], [0, 0]]]
    edges, cost = offset_costs([[0, 0], [10, 0]], [0, 1], vectors, normal_affinity(2, 2.0), merge=1)
    assert edges.tolist() == [[0, 1]]
    assert cost.tolist() == [-3.0]
    with pytest.raises(ValueError, match="sigma"):
        normal_affinity(2, 0.0)
    with pytest.raises(ShapeError):
        offset_costs([[0, 0]], [0, 1], [[[0, 0]]], normal_affinity(1, 1.0), merge=1)


@pytest.mark.parametrize("seed", range(5))
def test_tags_at_the_papers_separation_group_perfectly(seed):
    random = np.random.default_rng(seed)
    people, keypoints = 6, 17
    truth = random.uniform(0, 500, (people, keypoints, 2))
    seen = random.random((people, keypoints)) < 0.85
    seen[:, 0] = True
    tag = np.arange(people) * 2.0 + random.uniform(-0.2, 0.2, people)
    xy = np.full((keypoints, 8, 2), np.nan)
    confidence, tags = np.zeros((keypoints, 8)), np.zeros((keypoints, 8, 1))
    for keypoint in range(keypoints):
        order = random.permutation(people)
        order = order[seen[order, keypoint]]
        xy[keypoint, : len(order)] = truth[order, keypoint]
        confidence[keypoint, : len(order)] = random.uniform(0.3, 1, len(order))
        tags[keypoint, : len(order), 0] = tag[order] + random.normal(0, 0.1, len(order))
    found = group_by_tags(xy, confidence, tags)
    assert len(found) == people
    for person in range(people):
        wanted = np.where(seen[person][:, None], truth[person], np.nan)
        assert any(np.array_equal(one, wanted, equal_nan=True) for one in found.xy)


def test_tags_prefer_the_nearer_and_drop_the_faint():
    xy = [[[1, 1], [2, 2]], [[3, 3], [4, 4]]]
    found = group_by_tags(xy, [[0.9, 0.05], [0.5, 0.8]], [[[0.0], [5.0]], [[0.4], [0.2]]])
    assert found.xy[:, 1].tolist() == [[4, 4], [3, 3]] or found.xy[0, 1].tolist() == [4, 4]
    assert len(found) == 2


def test_no_candidates_are_no_people():
    assert len(group_by_tags(np.full((3, 2, 2), np.nan), np.zeros((3, 2)), np.zeros((3, 2, 1)))) == 0
    empty, grouping = group_by_program(
        np.zeros((0, 2)), [], [], edges=np.zeros((0, 2), int), pairwise=[], keypoints=3
    )
    assert len(empty) == 0
    assert grouping.optimal
