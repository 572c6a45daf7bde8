"""Frames worth labelling: spread over the recording, unlike each other, or where a model fails."""

import warnings
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.cluster.vq import kmeans2
from scipy.spatial.distance import cdist

from models2d.detections import Detections2D, Tracks2D

Float = NDArray[np.float64]
Int = NDArray[np.int64]
Progress = Callable[..., Iterable[Any]]


def pick_uniform(frames: int, count: int) -> Int:
    """Pick frames at equal distances.

    Parameters
    ----------
    frames : int
        Length of the recording.
    count : int

    Returns
    -------
    picked : (count,) int

    Raises
    ------
    ValueError
        If more frames are wanted than there are, or none.

    Examples
    --------
    >>> pick_uniform(100, 4).tolist()
    [12, 37, 62, 87]
    """
    _check(frames, count)
    return ((np.arange(count) + 0.5) * frames / count).astype(np.int64)


def small_images(recording: Iterable[Any], width: int = 30, progress: Progress | None = None) -> Float:
    """Shrink the images of a recording to what k-means can tell apart.

    Parameters
    ----------
    recording : iterable of images or of tuples of images, (height, width, 3) uint8
        A `Recording`: the views of an instant count together.
    width : int, px
        Of the small images, as in DeepLabCut.
    progress : callable, optional
        Wraps an iterable as tqdm does.

    Returns
    -------
    small : (frames, values) float
        Grey values, mean subtracted.
    """
    frames = recording if progress is None else progress(recording, desc="reading images")
    rows = []
    for images in frames:
        views = images if isinstance(images, tuple) else (images,)
        rows.append(np.concatenate([_small(image, width) for image in views if image is not None]))
    small = np.array(rows, dtype=np.float64)
    return small - small.mean(axis=0)


def _small(image: NDArray[np.uint8], width: int) -> Float:
    grey = image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    height = max(1, round(grey.shape[0] * width / grey.shape[1]))
    return np.asarray(
        cv2.resize(grey, (width, height), interpolation=cv2.INTER_AREA), dtype=np.float64
    ).ravel()


def pick_by_clusters(small: ArrayLike, count: int, seed: int = 0) -> Int:
    """Pick frames that look different: the one nearest to the centre of each k-means cluster.

    Parameters
    ----------
    small : (frames, values) float
        See `small_images`.
    count : int
    seed : int

    Returns
    -------
    picked : (count,) int
        Sorted.

    Raises
    ------
    ValueError
        If more frames are wanted than there are, or none.

    Notes
    -----
    Nath et al., Using DeepLabCut for 3D markerless pose estimation, Nature Protocols 14, 2019, step 4.
    Where clusters are empty (still recordings), the frames farthest from those picked so far fill up.
    """
    values = np.asarray(small, dtype=np.float64)
    _check(len(values), count)
    centers, label = values[:1], np.zeros(len(values), dtype=np.int64)
    if len(np.unique(values, axis=0)) > count:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # an empty cluster: the frames below make up for it
            centers, label = kmeans2(values, count, minit="++", rng=np.random.default_rng(seed))
    away = cdist(values, centers)
    picked = [
        int(inside[away[inside, number].argmin()])
        for number in range(len(centers))
        for inside in [np.flatnonzero(label == number)]
        if len(inside)
    ]
    nearest = cdist(values, values[picked]).min(axis=1)
    while len(picked) < count:
        nearest[picked] = -1.0
        picked.append(int(nearest.argmax()))
        nearest = np.minimum(nearest, cdist(values, values[picked[-1:]])[:, 0])
    return np.sort(np.array(picked, dtype=np.int64))


def pick_highest(score: ArrayLike, count: int, apart: int = 10) -> Int:
    """Pick the frames of the highest score, none close to another.

    Parameters
    ----------
    score : (frames,) float
        NaN is never picked.
    count : int
        At most so many; fewer if the rest is too close.
    apart : int
        Least distance between picked frames: neighbours show the same.

    Returns
    -------
    picked : (n,) int
        The highest score first.

    Examples
    --------
    >>> pick_highest([0.0, 5.0, 4.0, 0.0, 3.0], 2, apart=2).tolist()
    [1, 4]
    """
    values = np.array(score, dtype=np.float64)
    values[np.isnan(values)] = -np.inf
    picked: list[int] = []
    while len(picked) < count and len(values) and np.isfinite(values.max()):
        best = int(values.argmax())
        picked.append(best)
        values[max(0, best - apart + 1) : best + apart] = -np.inf
    return np.array(picked, dtype=np.int64)


def doubt(points: Detections2D | Tracks2D) -> Float:
    """Score frames by how unsure a model was.

    Parameters
    ----------
    points : Detections2D or Tracks2D

    Returns
    -------
    score : (frames,) float
        Mean of 1 - confidence over views, keypoints and the slots in use; what was not found counts 1.
    """
    used = np.isfinite(points.confidence).any(axis=(0, 3))
    unsure = 1.0 - np.nan_to_num(points.confidence)
    return np.asarray(unsure[:, used].mean(axis=(1, 2)) if used.any() else np.full(len(unsure), np.nan))


def jumps(points: Detections2D | Tracks2D) -> Float:
    """Score frames by how far keypoints jump away and back.

    Parameters
    ----------
    points : Detections2D or Tracks2D

    Returns
    -------
    score : (frames,) float, px
        Largest distance of a keypoint from the middle of its neighbours in time, over the keypoint's own
        median; NaN where nothing can be said.
    """
    xy = points.xy
    score = np.full(len(xy), np.nan)
    if len(xy) < 3:
        return score
    away = np.linalg.norm(xy[1:-1] - 0.5 * (xy[:-2] + xy[2:]), axis=-1)
    known = np.isfinite(away)
    excess = np.where(known, away - _middle(away), -np.inf).reshape(len(away), -1).max(axis=1)
    score[1:-1] = np.where(np.isfinite(excess), excess, np.nan)
    return score


def disagreement(members: Sequence[Detections2D | Tracks2D]) -> Float:
    """Score frames by how far the models of an ensemble disagree.

    Parameters
    ----------
    members : sequence of Detections2D or Tracks2D
        The same recording by two models or more.

    Returns
    -------
    score : (frames,) float, px
        Largest distance of a model from the median of all, averaged over keypoints, views and slots; NaN
        where no keypoint was found by two.

    Raises
    ------
    ValueError
        If there are fewer than two or their shapes differ.
    """
    shapes = {member.xy.shape for member in members}
    if len(members) < 2 or len(shapes) > 1:
        raise ValueError(f"two or more models on the same frames are needed, got shapes {sorted(shapes)}")
    xy = np.stack([member.xy for member in members])
    known = np.isfinite(xy[..., 0])
    shared = known.sum(axis=0) >= 2
    center = np.where(shared[..., None], _middle(np.where(shared[..., None], xy, 0.0)), np.nan)
    away = np.linalg.norm(xy - center, axis=-1)
    largest = np.where(shared, np.where(known, np.nan_to_num(away), 0.0).max(axis=0), 0.0)
    total = shared.sum(axis=(1, 2, 3))
    return np.where(total > 0, largest.sum(axis=(1, 2, 3)) / np.maximum(total, 1), np.nan)


def _middle(values: Float) -> Float:
    """Median over the first axis without NaN; 0 where there is nothing."""
    some = np.isfinite(values).any(axis=0)
    return np.asarray(np.nanmedian(np.where(some, values, 0.0), axis=0))


def _check(frames: int, count: int) -> None:
    if not 1 <= count <= frames:
        raise ValueError(f"count: expected 1 to {frames} frames, got {count}")
