"""From body parts to people in one image, by associative embedding or by DeeperCut's program."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import linear_sum_assignment

from calibration.arrays import ReadOnlyArrays, frozen
from models2d.grouping.affinity import log_odds_cost
from models2d.grouping.program import Grouping, solve_grouping

Float = NDArray[np.float64]
Int = NDArray[np.int64]


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class Individuals(ReadOnlyArrays):
    """People found in one image.

    Attributes
    ----------
    xy : (individuals, keypoints, 2) float, px
        NaN where a keypoint was not found.
    confidence : (individuals, keypoints) float
    candidate : (individuals, keypoints) int
        Which of the candidates that were given; -1 where a keypoint was not found.
    """

    xy: Float
    confidence: Float
    candidate: Int

    def __len__(self) -> int:
        """Return the number of people."""
        return len(self.xy)

    @classmethod
    def none(cls, keypoints: int) -> "Individuals":
        """Nobody."""
        nothing = np.zeros((0, keypoints))
        return cls(xy=np.zeros((0, keypoints, 2)), confidence=nothing, candidate=nothing.astype(np.int64))


def group_by_tags(
    xy: ArrayLike,
    confidence: ArrayLike,
    tags: ArrayLike,
    *,
    order: Sequence[int] | None = None,
    tag_distance: float = 1.0,
    least: float = 0.1,
) -> Individuals:
    """Group the candidates of each keypoint by associative-embedding tags.

    Parameters
    ----------
    xy : (keypoints, candidates, 2) float, px
    confidence : (keypoints, candidates) float
    tags : (keypoints, candidates, dimensions) float
        Equal for the keypoints of one person, apart for others.
    order : sequence of int, optional
        Keypoints in the order in which they join; as they come (head first, in COCO's order) unless given.
    tag_distance : float
        Largest distance to a person's mean tag.
    least : float
        Candidates of lower confidence are left out.

    Returns
    -------
    individuals : Individuals
        The largest sum of confidences first.

    Raises
    ------
    ShapeError
        If the arrays do not agree.

    Notes
    -----
    Newell, Huang and Deng, Associative Embedding, NIPS 2017, section 3.3: keypoint after keypoint,
    candidates are matched to the people so far by a maximum matching on tag distance, then confidence; the
    unmatched start new people. As in the authors' code the matching is the Hungarian method on 100
    round(distance) - confidence.
    """
    points = frozen(xy, ("keypoints", "candidates", 2), "xy")
    keypoints, candidates, _ = points.shape
    scores = frozen(confidence, (keypoints, candidates), "confidence")
    embedding = frozen(tags, (keypoints, candidates, "dimensions"), "tags")
    people: list[dict[int, int]] = []
    for keypoint in range(keypoints) if order is None else order:
        able = np.flatnonzero((scores[keypoint] >= least) & np.isfinite(points[keypoint, :, 0]))
        able = able[np.argsort(-scores[keypoint, able], kind="stable")]
        for candidate, person in _matched(
            people, embedding, scores, keypoint=keypoint, able=able, limit=tag_distance
        ):
            if person is None:
                people.append({keypoint: candidate})
            else:
                people[person][keypoint] = candidate
    return _collected(people, points, scores)


def _matched(
    people: list[dict[int, int]], tags: Float, scores: Float, *, keypoint: int, able: Int, limit: float
) -> list[tuple[int, int | None]]:
    if not people or not len(able):
        return [(int(candidate), None) for candidate in able]
    means = np.array([np.mean([tags[k, c] for k, c in person.items()], axis=0) for person in people])
    away = np.linalg.norm(tags[keypoint, able][:, None] - means, axis=-1)
    cost = np.round(away) * 100 - scores[keypoint, able][:, None]
    # Columns of a large constant cost let every candidate stay without a person.
    padded = np.concatenate([cost, np.full((len(able), len(able)), 1e10)], axis=1)
    rows, columns = linear_sum_assignment(padded)
    return [
        (int(able[row]), int(column) if column < len(people) and away[row, column] < limit else None)
        for row, column in zip(rows, columns, strict=True)
    ]


def _collected(people: list[dict[int, int]], xy: Float, scores: Float) -> Individuals:
    chosen = np.full((len(people), len(xy)), -1)
    for number, person in enumerate(people):
        for keypoint, candidate in person.items():
            chosen[number, keypoint] = candidate
    found, every = chosen >= 0, np.arange(len(xy))
    return _surest_first(
        np.where(found[..., None], xy[every, chosen], np.nan),
        np.where(found, scores[every, chosen], np.nan),
        chosen,
    )


def _surest_first(xy: Float, confidence: Float, candidate: Int) -> Individuals:
    rank = np.argsort(-np.nansum(confidence, axis=1), kind="stable")
    return Individuals(xy=xy[rank], confidence=confidence[rank], candidate=candidate[rank])


def group_by_program(
    xy: ArrayLike,
    confidence: ArrayLike,
    part: ArrayLike,
    *,
    edges: ArrayLike,
    pairwise: ArrayLike,
    keypoints: int,
    time_limit: float = 10.0,
) -> tuple[Individuals, Grouping]:
    """Group candidates into people by DeeperCut's integer program.

    Parameters
    ----------
    xy : (candidates, 2) float, px
    confidence : (candidates,) float
        Probability that each candidate is its part.
    part : (candidates,) int
        Keypoint of each candidate.
    edges : (edges, 2) int
    pairwise : (edges,) float
        See `offset_costs` and `solve_grouping`.
    keypoints : int
    time_limit : float, s

    Returns
    -------
    individuals : Individuals
        Of several candidates for one keypoint of a person the most confident.
    grouping : Grouping

    Raises
    ------
    ShapeError, ValueError, ModelError
        As `solve_grouping`.
    """
    points = frozen(xy, ("candidates", 2), "xy")
    scores = frozen(confidence, (len(points),), "confidence")
    label = frozen(part, (len(points),), "part", np.int64)
    grouping = solve_grouping(log_odds_cost(scores), edges, pairwise, time_limit=time_limit)
    count = int(grouping.person.max(initial=-1)) + 1
    chosen = np.full((count, keypoints), -1)
    for candidate in np.argsort(scores, kind="stable"):
        if grouping.person[candidate] >= 0:
            chosen[grouping.person[candidate], label[candidate]] = candidate
    found = chosen >= 0
    xy_found = np.where(found[..., None], points[chosen], np.nan)
    return _surest_first(xy_found, np.where(found, scores[chosen], np.nan), chosen), grouping
