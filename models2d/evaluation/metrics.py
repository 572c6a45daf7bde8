"""How far predictions are from labels: distances, RMSE, PCK, PCKh, PDJ, PCP, PCPm.

In all of them a keypoint without a label does not count, and one with a label that was not predicted counts
as wrong.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from calibration.arrays import frozen

Float = NDArray[np.float64]
Bool = NDArray[np.bool_]


def distances(predicted: ArrayLike, truth: ArrayLike) -> Float:
    """Measure how far each prediction is from its label.

    Parameters
    ----------
    predicted, truth : (..., keypoints, 2) float, px

    Returns
    -------
    distance : (..., keypoints) float, px
        NaN without a label, infinite without a prediction.

    Raises
    ------
    ShapeError
        If the shapes differ.
    """
    labels = np.asarray(truth, dtype=np.float64)
    points = frozen(predicted, labels.shape, "predicted")
    away = np.linalg.norm(points - labels, axis=-1)
    labelled = np.isfinite(labels).all(axis=-1)
    return np.asarray(np.where(labelled, np.where(np.isfinite(points).all(axis=-1), away, np.inf), np.nan))


def mean_distance(
    predicted: ArrayLike, truth: ArrayLike, confidence: ArrayLike | None = None, cut: float = 0.0
) -> float:
    """Average the distances of predictions to labels: what DeepLabCut reports as train and test error.

    Parameters
    ----------
    predicted, truth : (..., keypoints, 2) float, px
    confidence : (..., keypoints) float, optional
    cut : float
        Predictions of lower confidence are left out (DeepLabCut's p-cutoff, 0.6 by default there).

    Returns
    -------
    error : float, px
        mean |p - t|; NaN if nothing can be compared.

    Notes
    -----
    Mathis et al., DeepLabCut, Nature Neuroscience 21, 2018 call it RMSE; it is the mean Euclidean distance.

    Examples
    --------
    >>> mean_distance([[[3.0, 4.0], [0.0, 1.0]]], [[[0.0, 0.0], [0.0, 0.0]]])
    3.0
    """
    away = _compared(predicted, truth, confidence, cut)
    return float(away.mean()) if away.size else float("nan")


def rmse(
    predicted: ArrayLike, truth: ArrayLike, confidence: ArrayLike | None = None, cut: float = 0.0
) -> float:
    """Compute the root of the mean squared distance of predictions to labels.

    Parameters
    ----------
    predicted, truth : (..., keypoints, 2) float, px
    confidence : (..., keypoints) float, optional
    cut : float
        Predictions of lower confidence are left out.

    Returns
    -------
    error : float, px
        sqrt(mean |p - t|^2); NaN if nothing can be compared.

    Examples
    --------
    >>> round(rmse([[[3.0, 4.0], [0.0, 1.0]]], [[[0.0, 0.0], [0.0, 0.0]]]), 3)
    3.606
    """
    away = _compared(predicted, truth, confidence, cut)
    return float(np.sqrt((away**2).mean())) if away.size else float("nan")


def _compared(predicted: ArrayLike, truth: ArrayLike, confidence: ArrayLike | None, cut: float) -> Float:
    away = distances(predicted, truth)
    keep = np.isfinite(away)
    if confidence is not None:
        with np.errstate(invalid="ignore"):
            keep &= frozen(confidence, away.shape, "confidence") >= cut
    return np.asarray(away[keep])


def pck(predicted: ArrayLike, truth: ArrayLike, size: ArrayLike, threshold: float = 0.2) -> Float:
    """Compute the percentage of correct keypoints (PCK) of each keypoint, as a fraction.

    Parameters
    ----------
    predicted, truth : (people, keypoints, 2) float, px
    size : (people,) float, px
        What distances are compared with: the longer side of the person's box (`box_size`, the original), or
        the torso (`torso_size`, PCK@0.2 of the LSP benchmark). People of unknown size do not count.
    threshold : float
        In sizes.

    Returns
    -------
    fraction : (keypoints,) float
        Of labels with |p - t| <= threshold * size; NaN for a keypoint without labels.

    Notes
    -----
    Yang and Ramanan, Articulated Human Detection with Flexible Mixtures of Parts, PAMI 35, 2013, section 6.

    Examples
    --------
    >>> pck([[[0.0, 5.0]], [[0.0, 5.0]]], [[[0.0, 0.0]], [[0.0, 0.0]]], [30.0, 20.0]).tolist()
    [0.5]
    """
    away = distances(predicted, truth)
    scale = frozen(size, (len(away),), "size")[:, None]
    counted = np.isfinite(scale) & ~np.isnan(away)
    with np.errstate(invalid="ignore"):
        right = counted & (away <= threshold * scale)
    return _fraction(right, counted)


def pckh(predicted: ArrayLike, truth: ArrayLike, head: ArrayLike, threshold: float = 0.5) -> Float:
    """Compute the PCK normalised by the head, as a fraction.

    Parameters
    ----------
    predicted, truth : (people, keypoints, 2) float, px
    head : (people,) float, px
        Length of the head segment; in MPII 0.6 times the diagonal of the annotated head box.
    threshold : float
        In head lengths.

    Returns
    -------
    fraction : (keypoints,) float
        Of labels with |p - t| <= threshold * head.

    Notes
    -----
    Andriluka et al., 2D Human Pose Estimation: New Benchmark and State of the Art Analysis, CVPR 2014,
    section 4.

    Examples
    --------
    >>> pckh([[[0.0, 5.0]]], [[[0.0, 0.0]]], [12.0]).tolist()
    [1.0]
    """
    return pck(predicted, truth, head, threshold)


def pdj(predicted: ArrayLike, truth: ArrayLike, size: ArrayLike, thresholds: ArrayLike = 0.2) -> Float:
    """Compute the percentage of detected joints (PDJ) over a range of thresholds, as fractions.

    Parameters
    ----------
    predicted, truth : (people, keypoints, 2) float, px
    size : (people,) float, px
        The torso's diagonal from left shoulder to right hip (`torso_size`, the original), or the diagonal
        of the box around the person (`box_diagonal`), for bodies without a torso.
    thresholds : (n,) float, or one
        In sizes.

    Returns
    -------
    fraction : (n, keypoints) float, or (keypoints,) float
        Of labels with |p - t| <= threshold * size.

    Notes
    -----
    Sapp and Taskar, MODEC, CVPR 2013, section 6; Toshev and Szegedy, DeepPose, CVPR 2014, section 4.1.

    Examples
    --------
    >>> pdj([[[0.0, 5.0]]], [[[0.0, 0.0]]], [30.0], [0.1, 0.2]).tolist()
    [[0.0], [1.0]]
    """
    levels = np.asarray(thresholds, dtype=np.float64)
    rows = [pck(predicted, truth, size, float(level)) for level in np.atleast_1d(levels)]
    return rows[0] if levels.ndim == 0 else np.array(rows)


def pcp(predicted: ArrayLike, truth: ArrayLike, bones: ArrayLike, threshold: float = 0.5) -> Float:
    """Compute the percentage of correct parts (PCP) of each bone, strictly, as a fraction.

    Parameters
    ----------
    predicted, truth : (people, keypoints, 2) float, px
    bones : (bones, 2) int
    threshold : float
        In lengths of the labelled bone.

    Returns
    -------
    fraction : (bones,) float
        Of labelled bones of which both ends are within threshold * |t_a - t_b| of their labels.

    Notes
    -----
    Ferrari, Marin-Jimenez and Zisserman, Progressive Search Space Reduction, CVPR 2008, section 5; strict:
    both ends (Pishchulin et al., CVPR 2012), not their mean.

    Examples
    --------
    >>> pcp([[[0.0, 4.0], [10.0, 0.0]]], [[[0.0, 0.0], [10.0, 0.0]]], [[0, 1]]).tolist()
    [1.0]
    """
    worst, length = _bone_errors(predicted, truth, bones)
    return _fraction(worst <= threshold * length, ~np.isnan(length))


def pcpm(predicted: ArrayLike, truth: ArrayLike, bones: ArrayLike, threshold: float = 0.5) -> Float:
    """Compute the PCP with the mean bone length of the whole test set as its measure, as a fraction.

    Parameters
    ----------
    predicted, truth : (people, keypoints, 2) float, px
    bones : (bones, 2) int
    threshold : float
        In mean lengths of the bone.

    Returns
    -------
    fraction : (bones,) float
        Of labelled bones of which both ends are within threshold * mean |t_a - t_b| of their labels.

    Notes
    -----
    Pishchulin et al., Articulated People Detection and Pose Estimation: Reshaping the Future, CVPR 2012,
    section 5: a foreshortened limb is not held to a stricter measure.
    """
    worst, length = _bone_errors(predicted, truth, bones)
    known = ~np.isnan(length)
    mean = np.where(known, length, 0.0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    return _fraction(known & (worst <= threshold * mean), known)


def _bone_errors(predicted: ArrayLike, truth: ArrayLike, bones: ArrayLike) -> tuple[Float, Float]:
    away, labels = distances(predicted, truth), np.asarray(truth, dtype=np.float64)
    pairs = frozen(bones, ("bones", 2), "bones", np.int64)
    length = np.linalg.norm(labels[:, pairs[:, 0]] - labels[:, pairs[:, 1]], axis=-1)
    worst = np.maximum(away[:, pairs[:, 0]], away[:, pairs[:, 1]])
    return np.where(np.isnan(length), np.inf, worst), length


def _fraction(right: Bool, counted: Bool) -> Float:
    total = counted.sum(axis=0)
    return np.asarray(np.where(total > 0, (right & counted).sum(axis=0) / np.maximum(total, 1), np.nan))


def torso_size(truth: ArrayLike, shoulder: int, hip: int) -> Float:
    """Measure the torso from a shoulder to the opposite hip.

    Parameters
    ----------
    truth : (people, keypoints, 2) float, px
    shoulder, hip : int
        Keypoints: left shoulder and right hip in PDJ.

    Returns
    -------
    size : (people,) float, px
        NaN where either is not labelled.
    """
    labels = np.asarray(truth, dtype=np.float64)
    return np.asarray(np.linalg.norm(labels[:, shoulder] - labels[:, hip], axis=-1))


def box_size(truth: ArrayLike) -> Float:
    """Measure the longer side of the box around each person's labels.

    Parameters
    ----------
    truth : (people, keypoints, 2) float, px

    Returns
    -------
    size : (people,) float, px
        NaN without labels.
    """
    return np.asarray(_sides(truth).max(axis=-1))


def box_diagonal(truth: ArrayLike) -> Float:
    """Measure the diagonal of the box around each person's labels.

    Parameters
    ----------
    truth : (people, keypoints, 2) float, px

    Returns
    -------
    size : (people,) float, px
        NaN without labels.
    """
    return np.asarray(np.linalg.norm(_sides(truth), axis=-1))


def _sides(truth: ArrayLike) -> Float:
    labels = np.asarray(truth, dtype=np.float64)
    known = np.isfinite(labels)
    low = np.where(known, labels, np.inf).min(axis=1)
    high = np.where(known, labels, -np.inf).max(axis=1)
    return np.asarray(np.where(known.any(axis=1), high - np.where(known.any(axis=1), low, 0.0), np.nan))
