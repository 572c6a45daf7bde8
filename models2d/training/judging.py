"""How far a model is off on labelled frames while it is trained."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from models2d.grouping.affinity import fit_affinity, misses, pair_number
from models2d.models.bottom_up import BottomUp, vectors_at
from models2d.models.crops import box_around
from models2d.models.pose_model import FoundKeypoints, PoseModel
from models2d.networks.output import HeatmapOutput
from models2d.training.dataset import Batch, Dataset

Float = NDArray[np.float64]
Int = NDArray[np.int64]


def judged(model: PoseModel | BottomUp, data: Dataset) -> tuple[Float, Float]:
    """Residuals, in image pixels, of a model on labelled individuals.

    A model for one individual is told where it is; one that groups keypoints looks at the whole frame, and
    what it finds is given to the labelled individuals so that the mean distance is least.

    Parameters
    ----------
    model : PoseModel or BottomUp
    data : Dataset

    Returns
    -------
    residuals : (individuals, keypoints, 2) float, px
        NaN where there is no label, or nothing was found.
    covariance : (individuals, keypoints, 2, 2) float, px2
    """
    if isinstance(model, BottomUp):
        return _judged_together(model, data)
    xy = truth(data)
    found = []
    for first in range(0, len(xy), model.batch):
        part = slice(first, first + model.batch)
        images = [data.image(frame) for frame, _ in data.individuals[part]]
        if model.recipe.region == "frame":
            boxes = [model.locate([image])[0][0] for image in images]
        else:
            boxes = list(box_around(xy[part], model.recipe.input_size, model.recipe.margin))
        found.append(model.find(images, boxes))
    return (
        xy - np.concatenate([part.xy for part in found]),
        np.concatenate([part.covariance for part in found]),
    )


def truth(data: Dataset) -> Float:
    """Labelled keypoints of every labelled individual, (individuals, keypoints, 2) px."""
    return np.stack([data.labels.xy[frame, individual] for frame, individual in data.individuals])


def _judged_together(model: BottomUp, data: Dataset) -> tuple[Float, Float]:
    residuals = np.full(truth(data).shape, np.nan)
    covariance = np.full((*residuals.shape, 2), np.nan)
    for frame in np.unique(data.individuals[:, 0]):
        mine = np.flatnonzero(data.individuals[:, 0] == frame)
        labelled = data.labels.xy[frame, data.individuals[mine, 1]]
        found = model.find_all([data.image(frame)])[0]
        for one, other in paired_individuals(found, labelled):
            residuals[mine[other]] = labelled[other] - found.xy[one]
            covariance[mine[other]] = found.covariance[one]
    return residuals, covariance


def paired_individuals(found: FoundKeypoints, labelled: Float) -> list[tuple[int, int]]:
    """Pair found and labelled individuals.

    Parameters
    ----------
    found : FoundKeypoints
    labelled : (individuals, keypoints, 2) float, px

    Returns
    -------
    pairs : list of (found, labelled)
        The sum over pairs of the mean distance of common keypoints is least, where a keypoint that only the
        label has counts as the diagonal of the labelled box.
    """
    size = np.nanmax(labelled, axis=1) - np.nanmin(labelled, axis=1)
    diagonal = np.maximum(np.linalg.norm(size, axis=-1), 1.0)
    away = np.linalg.norm(found.xy[:, None] - labelled, axis=-1)  # (found, labelled, keypoints)
    known = np.isfinite(labelled[..., 0])
    away = np.minimum(np.where(np.isfinite(away), away, np.inf), diagonal[:, None])
    mean = np.where(known, away, 0.0).sum(axis=-1) / known.sum(axis=-1)
    return [(int(a), int(b)) for a, b in zip(*linear_sum_assignment(mean), strict=True)]


def label_distances(residuals: Float, data: Dataset) -> Float:
    """Distances of labelled keypoints to what was found.

    Parameters
    ----------
    residuals : (individuals, keypoints, 2) float, px
        As `judged` returns.
    data : Dataset

    Returns
    -------
    distances : (individuals, keypoints) float, px
        NaN where there is no label; a keypoint that was not found counts as the diagonal of its individual's
        labelled box.
    """
    labelled = truth(data)
    size = np.nanmax(labelled, axis=1) - np.nanmin(labelled, axis=1)
    away = np.linalg.norm(residuals, axis=-1)
    missed = np.isnan(away) & np.isfinite(labelled[..., 0])
    return np.where(missed, np.maximum(np.linalg.norm(size, axis=-1), 1.0)[:, None], away)


def with_affinity(model: PoseModel, batches: Iterable[Batch]) -> PoseModel:
    """Fit the probabilities of pairs to what a network regresses at labelled keypoints.

    Parameters
    ----------
    model : PoseModel
    batches : iterable of Batch
        Augmented images, with everybody in them: the network has not seen exactly these.

    Returns
    -------
    model : PoseModel
        The same where the network does not answer with pairwise vectors.
    """
    keypoints, rows = len(model.skeleton.keypoints), []
    for batch in batches:
        output = model.answer(batch.images)
        if not isinstance(output, HeatmapOutput) or output.pairwise is None:
            return model
        for xy, maps in zip(model.recipe.grid.to_cells(batch.xy), output.pairwise, strict=True):
            rows.append(_labelled_misses(xy, maps.float().cpu().numpy()))
    miss, pair, same = (np.concatenate(column) for column in zip(*rows, strict=True))
    return model.with_affinity(fit_affinity(miss, pair, same, keypoints))


def _labelled_misses(xy: Float, pairwise: Float) -> tuple[Float, Int, NDArray[np.bool_]]:
    """Measure misses between labelled keypoints (individuals, keypoints, 2): cells, pair, whether of one."""
    person, part = np.nonzero(np.isfinite(xy[..., 0]))
    place, (height, width) = xy[person, part], pairwise.shape[2:]
    at = np.clip(np.floor(place + 0.5), 0, [width - 1, height - 1]).astype(np.int64)
    edges, miss = misses(place, part, vectors_at(pairwise, part, at) + (at - place)[:, None])
    apart = part[edges[:, 0]] != part[edges[:, 1]]
    one, two = edges[apart].T
    return miss[apart], pair_number(part[one], part[two], xy.shape[1]), person[one] == person[two]
