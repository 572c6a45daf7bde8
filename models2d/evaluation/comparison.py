"""Predictions beside labels, and the table of their errors."""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibration.arrays import frozen
from calibration.atomic import replacing
from models2d.decoding.temperature import coverage
from models2d.evaluation import metrics
from models2d.labels import Labels

Float = NDArray[np.float64]


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class Comparison:
    """Predictions beside labels.

    Attributes
    ----------
    labels : Labels
    xy : (frames, individuals, keypoints, 2) float, px
        Predictions; NaN where nothing was found.
    confidence : (frames, individuals, keypoints) float
    parts : dict of str to (n,) int
        Frames by name: "train" and "test", or "all".
    cut : float
        Confidence below which a prediction is left out of the columns "above cut".
    covariance : (frames, individuals, keypoints, 2, 2) float, px2, or None
        What the model says of its errors.
    tail : float or None
        How heavy it says that their tails are, as `fit_tail` does.

    Raises
    ------
    ShapeError
        If the arrays do not have the labels' shape.
    ValueError
        If a part is empty.
    """

    labels: Labels
    xy: Float
    confidence: Float
    parts: Mapping[str, NDArray[np.int64]]
    cut: float = 0.6
    covariance: Float | None = None
    tail: float | None = None

    def __post_init__(self) -> None:
        """Check and freeze."""
        object.__setattr__(self, "xy", frozen(self.xy, self.labels.xy.shape, "xy"))
        shape = self.labels.xy.shape[:-1]
        object.__setattr__(self, "confidence", frozen(self.confidence, shape, "confidence"))
        if self.covariance is not None:
            object.__setattr__(self, "covariance", frozen(self.covariance, (*shape, 2, 2), "covariance"))
        parts = {name: np.asarray(frames, dtype=np.int64) for name, frames in self.parts.items()}
        empty = [name for name, frames in parts.items() if not len(frames)]
        if empty or not parts:
            raise ValueError(f"there are no frames to evaluate in {', '.join(empty) or 'any part'}")
        object.__setattr__(self, "parts", parts)

    @property
    def distance(self) -> Float:
        """From each prediction to its label, (frames, individuals, keypoints) px."""
        return metrics.distances(self.xy, self.labels.xy)

    def rows(self) -> list[dict[str, Any]]:
        """Return the table: a row for each part and keypoint, and one for all keypoints of a part.

        Returns
        -------
        rows : list of dict
            "mean px" is what DeepLabCut calls the error; PCK's size is the diagonal of the box around the
            labels. "in 68%" and "in 95%" are the parts of the labels inside the ellipses that should hold so
            many, of those that were found, where the model says how certain it is.
        """
        names = self.labels.skeleton.keypoints
        return [
            {"part": part, "keypoint": name, **self._row(frames, columns)}
            for part, frames in self.parts.items()
            for name, columns in [
                *((name, [k]) for k, name in enumerate(names)),
                ("all", list(range(len(names)))),
            ]
        ]

    def _row(self, frames: NDArray[np.int64], columns: list[int]) -> dict[str, Any]:
        at = (frames[:, None, None], np.arange(len(self.labels.individuals))[:, None], np.array(columns))
        found, truth, sure = self.xy[at], self.labels.xy[at], self.confidence[at]
        away = metrics.distances(found, truth)
        labelled = ~np.isnan(away)
        size = metrics.box_diagonal(self.labels.xy[frames].reshape(-1, *self.labels.xy.shape[2:]))
        flat = (found.reshape(-1, len(columns), 2), truth.reshape(-1, len(columns), 2))
        total = int(labelled.sum())
        with np.errstate(invalid="ignore"):
            kept = labelled & (sure >= self.cut)
        right = {t: metrics.pck(*flat, size, t) for t in (0.05, 0.1)}
        counts = labelled.reshape(-1, len(columns)).sum(axis=0)
        return {
            "labels": total,
            "found": int(np.isfinite(away).sum()),
            "mean px": metrics.mean_distance(found, truth),
            "RMSE px": metrics.rmse(found, truth),
            "median px": float(np.median(away[np.isfinite(away)]))
            if np.isfinite(away).any()
            else float("nan"),
            "above cut": int(kept.sum()),
            "mean px above cut": metrics.mean_distance(found, truth, sure, self.cut),
            "RMSE px above cut": metrics.rmse(found, truth, sure, self.cut),
            **{
                f"PCK@{t:g}": float(np.nansum(fraction * counts) / max(counts.sum(), 1))
                for t, fraction in right.items()
            },
            **self._covered(at),
        }

    def _covered(self, at: tuple[NDArray[np.int64], ...]) -> dict[str, float]:
        if self.covariance is None:
            return {}
        apart, covariance = self.labels.xy[at] - self.xy[at], self.covariance[at]
        return {f"in {level:.0%}": coverage(apart, covariance, level, self.tail) for level in (0.68, 0.95)}

    def worst(self, count: int = 12) -> list[tuple[int, int]]:
        """Find the labelled individuals with the largest errors.

        Parameters
        ----------
        count : int

        Returns
        -------
        places : list of (frame, individual)
            By the mean distance, the worst first; a keypoint that was not found counts as the diagonal of
            the box.
        """
        size = metrics.box_diagonal(self.labels.xy.reshape(-1, *self.labels.xy.shape[2:]))
        away = self.distance.reshape(len(size), -1)
        known = ~np.isnan(away)
        away = np.where(np.isinf(away), size[:, None], away)
        mean = np.where(known, np.nan_to_num(away), 0.0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
        order = np.argsort(-mean, kind="stable")[:count]
        width = len(self.labels.individuals)
        return [(int(k) // width, int(k) % width) for k in order if known[k].any()]

    def write_csv(self, path: str | Path) -> None:
        """Write the table, atomically.

        Parameters
        ----------
        path : path
        """
        rows, text = self.rows(), StringIO(newline="")
        writer = csv.DictWriter(text, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
        with replacing(path) as temporary:
            temporary.write_text(text.getvalue(), encoding="utf-8")
