"""How good a model is on labelled frames: `evaluate`."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import linear_sum_assignment

from calibration.atomic import replacing
from models2d.evaluation.comparison import Comparison
from models2d.evaluation.page import evaluation_page
from models2d.labelling.images import frame_image
from models2d.labels import Labels

Float = NDArray[np.float64]
Progress = Callable[..., Iterable[Any]]


class Evaluation(Comparison):
    """Predictions beside labels, as a table and as a page."""

    __slots__ = ()

    def write_html(self, path: str | Path, worst: int = 12) -> None:
        """Write a page with the table and the worst frames drawn, in one file, atomically.

        Parameters
        ----------
        path : path
        worst : int
            Number of individuals to draw.
        """
        with replacing(path) as temporary:
            temporary.write_text(evaluation_page(self, worst), encoding="utf-8")


def evaluate(
    labels: Labels,
    model: Any,
    *,
    parts: Mapping[str, ArrayLike] | None = None,
    cut: float = 0.6,
    progress: Progress | None = None,
) -> Evaluation:
    """Compare a model with labels.

    Parameters
    ----------
    labels : Labels
    model : Model or FrameModel, or (xy, confidence)
        As `load_model` returns; or predictions in the shape of the labels.
    parts : mapping of str to (n,) int, optional
        Frames by name, as "train" and "test"; one part "all" unless given.
    cut : float
        Confidence below which predictions are left out of the columns "above cut".
    progress : callable, optional
        Wraps an iterable as tqdm does.

    Returns
    -------
    evaluation : Evaluation

    Raises
    ------
    ValueError
        If a part is empty or an image is missing or corrupt.
    """
    xy, confidence, covariance = (
        (*model, None) if isinstance(model, tuple) else predict(labels, model, progress)
    )
    chosen = (
        {"all": np.arange(len(labels))} if parts is None else {k: np.asarray(v) for k, v in parts.items()}
    )
    return Evaluation(
        labels=labels,
        xy=np.asarray(xy, dtype=np.float64),
        confidence=np.asarray(confidence, dtype=np.float64),
        parts=chosen,
        cut=cut,
        covariance=covariance,
        tail=getattr(model, "tail", None),
    )


def predict(labels: Labels, model: Any, progress: Progress | None = None) -> tuple[Float, Float, Float]:
    """Run a model on labelled frames, and give what it finds to the individuals nearest to it.

    Parameters
    ----------
    labels : Labels
    model : Model or FrameModel
    progress : callable, optional
        Wraps an iterable as tqdm does.

    Returns
    -------
    xy : (frames, individuals, keypoints, 2) float, px
    confidence : (frames, individuals, keypoints) float
    covariance : (frames, individuals, keypoints, 2, 2) float, px2

    Raises
    ------
    ValueError
        If an image is missing or corrupt.
    """
    xy = np.full(labels.xy.shape, np.nan)
    covariance = np.full((*labels.xy.shape, 2), np.nan)
    confidence = np.full(labels.xy.shape[:-1], np.nan)
    frames: Iterable[Any] = enumerate(labels.frames)
    if progress is not None:
        frames = progress(frames, desc="evaluating", total=len(labels))
    for row, frame in frames:
        image = frame_image(frame)
        if hasattr(model, "find_all"):
            found = model.find_all([image])[0]
        else:
            boxes = model.locate([image])[0]
            found = model.find([image] * len(boxes), list(boxes))
        for one, individual in _nearest(found.xy, labels.xy[row]):
            xy[row, individual], confidence[row, individual] = found.xy[one], found.confidence[one]
            covariance[row, individual] = found.covariance[one]
    return xy, confidence, covariance


def _nearest(found: Float, truth: Float) -> list[tuple[int, int]]:
    away = np.linalg.norm(found[:, None] - truth[None], axis=-1)
    common = np.isfinite(away)
    mean = np.where(common, away, 0.0).sum(axis=-1) / np.maximum(common.sum(axis=-1), 1)
    cost = np.where(common.any(axis=-1), mean, 1e9)
    rows, columns = linear_sum_assignment(cost)
    return [(int(r), int(c)) for r, c in zip(rows, columns, strict=True) if cost[r, c] < 1e9]
