"""Object keypoint similarity (OKS), and AP and AR as COCO's own evaluation computes them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from calibration.arrays import frozen

Float = NDArray[np.float64]
Bool = NDArray[np.bool_]

coco_sigmas: Float = np.array(
    [26, 25, 25, 35, 35, 79, 79, 72, 72, 62, 62, 107, 107, 87, 87, 89, 89], dtype=np.float64
)
coco_sigmas /= 1000.0
coco_sigmas.flags.writeable = False
"""Spread of human labels for COCO's 17 keypoints, in square roots of the person's area."""

thresholds: Float = np.linspace(0.5, 0.95, 10)
recalls: Float = np.linspace(0.0, 1.0, 101)
ranges = {"": (0.0, 1e10), " medium": (32.0**2, 96.0**2), " large": (96.0**2, 1e10)}
most_detections = 20


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class People:
    """Labelled or detected people of one image.

    Attributes
    ----------
    xy : (people, keypoints, 2) float, px
        NaN where not labelled, or not found.
    score : (people,) float or None
        Of detections.
    area : (people,) float, px2, or None
        Of labelled people; that of the box around the keypoints unless given.
    box : (people, 4) float, px, or None
        Left, top, width, height of labelled people; around the keypoints unless given.
    crowd : (people,) bool or None
        Labels that stand for a crowd: ignored, and matched as often as need be.

    Raises
    ------
    ShapeError
        If the arrays do not agree.
    """

    xy: Float
    score: Float | None = None
    area: Float | None = None
    box: Float | None = None
    crowd: Bool | None = None

    def __post_init__(self) -> None:
        """Check and freeze."""
        xy = frozen(self.xy, ("people", "keypoints", 2), "xy")
        count = len(xy)
        known = np.isfinite(xy)
        some = known.any(axis=1)
        low = np.where(some, np.where(known, xy, np.inf).min(axis=1), 0.0)
        high = np.where(some, np.where(known, xy, -np.inf).max(axis=1), 0.0)
        box = np.concatenate([low, high - low], axis=-1) if self.box is None else self.box
        area = np.prod(high - low, axis=-1) if self.area is None else self.area
        object.__setattr__(self, "xy", xy)
        object.__setattr__(self, "box", frozen(box, (count, 4), "box"))
        object.__setattr__(self, "area", frozen(area, (count,), "area"))
        crowd = np.zeros(count, dtype=bool) if self.crowd is None else self.crowd
        object.__setattr__(self, "crowd", frozen(crowd, (count,), "crowd", np.bool_))
        if self.score is not None:
            object.__setattr__(self, "score", frozen(self.score, (count,), "score"))

    @property
    def labelled(self) -> Bool:
        """Which keypoints there are, (people, keypoints)."""
        return np.asarray(np.isfinite(self.xy[..., 0]))


def oks(found: ArrayLike, truth: People, sigmas: ArrayLike = coco_sigmas) -> Float:
    """Compute the object keypoint similarity of every detection to every labelled person.

    Parameters
    ----------
    found : (detections, keypoints, 2) float, px
    truth : People
    sigmas : (keypoints,) float

    Returns
    -------
    similarity : (detections, people) float
        Mean over the labelled keypoints of exp(-d^2 / (2 area (2 sigma)^2)). For a person without labelled
        keypoints d is the distance from the box, doubled about its centre, as in COCO's code.

    Notes
    -----
    cocodataset.org, Keypoint Evaluation; Ruggero Ronchi and Perona, Benchmarking and Error Diagnosis in
    Multi-Instance Pose Estimation, ICCV 2017.

    Examples
    --------
    >>> person = People(xy=np.zeros((1, 17, 2)), area=np.array([100.0]))
    >>> float(oks(np.zeros((1, 17, 2)), person)[0, 0])
    1.0
    """
    points = frozen(found, ("detections", truth.xy.shape[1], 2), "found")
    spread = frozen(sigmas, (truth.xy.shape[1],), "sigmas")
    delta = np.where(np.isnan(points), np.inf, points)[:, None] - np.nan_to_num(truth.xy)
    box = np.asarray(truth.box)
    low, high = box[:, :2] - box[:, 2:], box[:, :2] + 2 * box[:, 2:]
    outside = np.maximum(low[:, None] - points[:, None], 0) + np.maximum(points[:, None] - high[:, None], 0)
    labelled = truth.labelled
    none = np.asarray(~labelled.any(axis=1))
    delta = np.where(none[:, None, None], np.nan_to_num(outside, nan=np.inf), delta)
    area = np.asarray(truth.area)[:, None] + np.spacing(1)
    e = (delta**2).sum(axis=-1) / (2 * spread) ** 2 / area / 2
    counted = labelled | none[:, None]
    similarity: Float = np.where(counted, np.exp(-e), 0.0).sum(axis=-1) / np.maximum(counted.sum(axis=-1), 1)
    return similarity


def average_precision(
    truth: Sequence[People], found: Sequence[People], sigmas: ArrayLike = coco_sigmas
) -> dict[str, float]:
    """Compute COCO's ten keypoint figures.

    Parameters
    ----------
    truth, found : sequence of People
        One per image; `found` with scores.
    sigmas : (keypoints,) float

    Returns
    -------
    figures : dict
        "AP", "AP50", "AP75", "AP medium", "AP large" and the same with "AR"; -1 where nothing is labelled.

    Raises
    ------
    ValueError
        If the numbers of images differ or detections have no score.

    Notes
    -----
    The protocol of pycocotools 2.0 (COCOeval, iouType "keypoints"): at most 20 detections per image by
    score; greedy matching at OKS 0.50, 0.55, ... 0.95; people without labelled keypoints, crowds and those
    outside the range of areas are ignored; precision made monotone and read at 101 recalls.
    """
    if len(truth) != len(found):
        raise ValueError(f"{len(truth)} images have labels, but {len(found)} have detections")
    if any(people.score is None and len(people.xy) for people in found):
        raise ValueError("detections need scores")
    images = [_ranked(one, two, sigmas) for one, two in zip(truth, found, strict=True)]
    figures: dict[str, dict[str, float]] = {"AP": {}, "AR": {}}
    for name, limits in ranges.items():
        precision, recall = _accumulated([_matched(*image, limits) for image in images])
        figures["AP"][name], figures["AR"][name] = _mean(precision), _mean(recall)
        if not name:
            for level in (0, 5):
                label = str(round(100 * float(thresholds[level])))
                figures["AP"][label] = _mean(precision[level : level + 1])
                figures["AR"][label] = _mean(recall[level : level + 1])
    return {f"{kind}{name}": value for kind, some in figures.items() for name, value in some.items()}


def _mean(values: Float) -> float:
    known = values[values > -1]
    return float(known.mean()) if known.size else -1.0


def _ranked(truth: People, found: People, sigmas: ArrayLike) -> tuple[People, Float, Float, Float]:
    score = np.zeros(0) if found.score is None else np.asarray(found.score)
    order = np.argsort(-score, kind="mergesort")[:most_detections]
    similarity = oks(found.xy[order], truth, sigmas) if len(order) else np.zeros((0, len(truth.xy)))
    return truth, similarity, score[order], np.asarray(found.area)[order]


ImageMatch = tuple[Float, Bool, Bool, int]
"""Scores, matched (thresholds, detections), ignored (thresholds, detections), and people that count."""


def _matched(
    truth: People, similarity: Float, score: Float, area: Float, limits: tuple[float, float]
) -> ImageMatch:
    low, high = limits
    size = np.asarray(truth.area)
    crowd = np.asarray(truth.crowd)
    ignore = ~truth.labelled.any(axis=1) | crowd | (size < low) | (size > high)
    order = np.argsort(ignore, kind="mergesort")
    matched = np.zeros((len(thresholds), len(score)), dtype=bool)
    ignored = np.zeros_like(matched)
    for level, threshold in enumerate(thresholds):
        used = np.zeros(len(size), dtype=bool)
        for number, row in enumerate(similarity):
            person = _best(row, order, used=used & ~crowd, ignore=ignore, threshold=float(threshold))
            if person >= 0:
                used[person] = matched[level, number] = True
                ignored[level, number] = ignore[person]
    ignored |= ~matched & ((area < low) | (area > high))
    return score, matched, ignored, int((~ignore).sum())


def _best(row: Float, order: NDArray[np.int64], *, used: Bool, ignore: Bool, threshold: float) -> int:
    """Find the most similar person that is free; one that counts goes before one to be ignored."""
    best, limit = -1, min(threshold, 1 - 1e-10)
    for person in order:
        if used[person]:
            continue
        if best >= 0 and not ignore[best] and ignore[person]:
            break
        if row[person] >= limit:
            best, limit = int(person), float(row[person])
    return best


def _accumulated(matches: Sequence[ImageMatch]) -> tuple[Float, Float]:
    """Precision (thresholds, recalls) and recall (thresholds) over all images; -1 where nobody counts."""
    people = sum(match[3] for match in matches)
    precision, recall = np.full((len(thresholds), len(recalls)), -1.0), np.full(len(thresholds), -1.0)
    if people == 0:
        return precision, recall
    score = np.concatenate([match[0] for match in matches])
    order = np.argsort(-score, kind="mergesort")
    matched = np.concatenate([match[1] for match in matches], axis=1)[:, order]
    ignored = np.concatenate([match[2] for match in matches], axis=1)[:, order]
    right = np.cumsum(matched & ~ignored, axis=1).astype(np.float64)
    wrong = np.cumsum(~matched & ~ignored, axis=1).astype(np.float64)
    for level in range(len(thresholds)):
        precision[level] = 0.0
        recall[level] = right[level, -1] / people if score.size else 0.0
        curve = right[level] / (right[level] + wrong[level] + np.spacing(1))
        curve = np.maximum.accumulate(curve[::-1])[::-1]
        at = np.searchsorted(right[level] / people, recalls, side="left")
        precision[level, at < len(curve)] = curve[at[at < len(curve)]]
    return precision, recall
