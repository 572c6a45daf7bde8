"""Keypoints that one view has elsewhere than the others, and subjects to which one view gives wrong names."""

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from triangulate.agreement.pair_distances import FEWEST_DISTANCES, PairDistances, signed_distance

Float = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class OddLabel:
    """A keypoint that one view has elsewhere than the others.

    Attributes
    ----------
    view, keypoint : int
    off, usual : float, px
        Median distance from the epipolar lines of the view's pairs, and of the other pairs of the keypoint.
    """

    view: int
    keypoint: int
    off: float
    usual: float


def odd_labels(distances: PairDistances, ratio: float) -> tuple[OddLabel, ...]:
    """List keypoints whose pairs with one view are far off while the pairs of the others agree.

    Parameters
    ----------
    distances : PairDistances
        Of three views or more; with two it cannot be told which is wrong, and nothing is listed.
    ratio : float
        Of a median distance to what the noise makes of it, from which a view is odd.

    Returns
    -------
    found : tuple of OddLabel
    """
    views, keypoints = len(distances.rig), distances.off.shape[-1]
    table = np.full((views, views, keypoints), np.nan)
    for (a, b), off in zip(distances.pairs, distances.off, strict=True):
        enough = np.isfinite(off).sum(axis=(0, 1)) >= FEWEST_DISTANCES
        for keypoint in np.flatnonzero(enough).tolist():
            table[a, b, keypoint] = table[b, a, keypoint] = np.nanmedian(np.abs(off[..., keypoint]))
    usual = 0.6745 * distances.sigma
    found = []
    for keypoint in range(keypoints):
        own = [_median(table[view, :, keypoint]) for view in range(views)]
        for view in range(views):
            rest = np.delete(np.delete(table[..., keypoint], view, axis=0), view, axis=1)
            others = _median(rest)
            if own[view] > ratio * usual and own[view] > ratio * others:
                found.append(OddLabel(view=view, keypoint=keypoint, off=own[view], usual=others))
    return tuple(found)


@dataclass(frozen=True, slots=True, kw_only=True)
class SwappedNames:
    """Two subjects that one view calls by each other's name.

    Attributes
    ----------
    view : int
    subjects : (int, int)
    frames : int
        In how many of the frames looked at.
    first : int
        The first of them.
    share : float
        Their part of the frames in which it can be told.
    """

    view: int
    subjects: tuple[int, int]
    frames: int
    first: int
    share: float


def swapped_names(
    distances: PairDistances, *, better: float = 0.5, clear: float = 4.0
) -> tuple[SwappedNames, ...]:
    """List views in which two subjects fit the other views' far better with their names exchanged.

    Parameters
    ----------
    distances : PairDistances
    better : float
        Part of their distance to which the exchange must bring it.
    clear : float
        Noise widths above which the distance as they are named must be.

    Returns
    -------
    found : tuple of SwappedNames
    """
    rig, uv = distances.rig, distances.uv
    found = []
    for one, other in combinations(range(uv.shape[2]), 2):
        for view in range(len(rig)):
            partners = [pair for pair in distances.pairs if view in pair]
            named: list[Float] = []
            exchanged: list[Float] = []
            for pair in partners:
                mate = pair[0] if pair[1] == view else pair[1]
                for mine, theirs in ((one, one), (other, other), (one, other), (other, one)):
                    row = signed_distance(rig, mate, view, uv[:, mate, theirs], uv[:, view, mine])
                    (named if mine == theirs else exchanged).append(np.abs(row))
            if not partners:
                continue
            was, then = (_row_medians(np.concatenate(rows, axis=1)) for rows in (named, exchanged))
            known = np.isfinite(was) & np.isfinite(then)
            wrong = known & (was > clear * distances.sigma) & (then < better * was)
            if wrong.any():
                found.append(
                    SwappedNames(
                        view=view,
                        subjects=(one, other),
                        frames=int(wrong.sum()),
                        first=int(distances.frame[np.flatnonzero(wrong)[0]]),
                        share=float(wrong.sum() / known.sum()),
                    )
                )
    return tuple(found)


def _row_medians(rows: Float) -> Float:
    return np.array([_median(row) for row in rows])


def _median(values: Float) -> float:
    known = values[np.isfinite(values)]
    return float(np.median(known)) if known.size else float("nan")
