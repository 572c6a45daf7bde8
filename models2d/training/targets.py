"""What a network should have answered: keypoints of one individual, or of everybody, drawn into its cells."""

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models2d.decoding.heatmaps import gaussian_targets, offset_targets
from models2d.grouping.affinity import partners
from models2d.models.recipe import Recipe
from models2d.networks.output import HeatmapOutput, PointOutput

Float = NDArray[np.float64]
Int = NDArray[np.int64]


def targets_of_one(
    xy: Float, output: HeatmapOutput | PointOutput, recipe: Recipe, unlabelled: str
) -> dict[str, Tensor]:
    """Draw the targets of inputs that show one individual.

    Parameters
    ----------
    xy : (batch, keypoints, 2) float, px
        In the input; NaN where not known.
    output : HeatmapOutput or PointOutput
        The network's answer, which says what is wanted and in how many cells.
    recipe : Recipe
    unlabelled : str
        "absent" or "ignored", as `TrainingOptions` explains.

    Returns
    -------
    targets : dict of str to Tensor
        What `total_loss` takes.
    """
    known = np.isfinite(xy.sum(axis=-1))
    if isinstance(output, PointOutput):
        fraction = (xy + 0.5) / np.array(recipe.input_size) - 0.5
        return _tensors(xy=np.nan_to_num(fraction), known=known)
    height, width = output.heatmaps.shape[2:]
    cells = recipe.grid.to_cells(xy)
    weight = known if unlabelled == "ignored" else np.ones_like(known)
    drawn = _tensors(heatmaps=gaussian_targets(cells, (width, height), recipe.sigma), weight=weight)
    if output.coarse is not None:
        drawn |= _tensors(coarse=_hills(_cells(xy, output.coarse, recipe)[:, None], output.coarse, recipe))
    if output.offsets is None:
        return drawn
    offsets, near = offset_targets(cells, (width, height), 2 * recipe.sigma)
    return drawn | _tensors(offsets=offsets, near=near)


def targets_of_everybody(
    xy: Float, output: HeatmapOutput, recipe: Recipe, unlabelled: str
) -> dict[str, Tensor]:
    """Draw the targets of inputs that show several individuals.

    Parameters
    ----------
    xy : (batch, individuals, keypoints, 2) float, px
        In the input; NaN where not known.
    output : HeatmapOutput
    recipe : Recipe
    unlabelled : str
        "absent" or "ignored", as `TrainingOptions` explains: "ignored" are the heatmaps of a keypoint that an
        individual in the input has no label of.

    Returns
    -------
    targets : dict of str to Tensor
        What `total_loss` takes. Where the discs of two individuals overlap, a cell is the nearer one's.
    """
    height, width = output.heatmaps.shape[2:]
    cells = np.asarray(recipe.grid.to_cells(xy), dtype=np.float64)
    known = np.isfinite(xy.sum(axis=-1))
    there = known.any(axis=2, keepdims=True)
    weight = (known | ~there).all(axis=1) if unlabelled == "ignored" else np.ones_like(known[:, 0])
    drawn = _tensors(heatmaps=_hills(cells, output.heatmaps, recipe), weight=weight)
    if output.coarse is not None:
        drawn |= _tensors(coarse=_hills(_cells(xy, output.coarse, recipe), output.coarse, recipe))
    if output.tags is not None:
        size = (output.tags.shape[3], output.tags.shape[2])
        drawn |= _tag_targets(_cells(xy, output.tags, recipe), known, size)
    if output.offsets is None and output.pairwise is None:
        return drawn
    discs = nearest_discs(cells, (width, height), 2 * recipe.sigma)
    if output.offsets is not None:
        drawn |= _tensors(offsets=discs.offsets, near=discs.owner >= 0)
    if output.pairwise is not None:
        drawn |= _pair_targets(cells, discs)
    return drawn


def _cells(xy: Float, maps: Tensor, recipe: Recipe) -> Float:
    """Turn input pixels into cells of maps of whatever resolution."""
    stride = recipe.input_size[0] // maps.shape[3]
    return np.asarray(replace(recipe, stride=stride).grid.to_cells(xy), dtype=np.float64)


def _hills(cells: Float, maps: Tensor, recipe: Recipe) -> NDArray[np.floating[Any]]:
    """Draw everybody's Gaussians, (batch, individuals, keypoints, 2), of one sigma at every resolution."""
    size = (maps.shape[3], maps.shape[2])
    people = np.moveaxis(cells, 1, 0)
    return np.max([gaussian_targets(person, size, recipe.sigma) for person in people], axis=0)


class Discs(NamedTuple):
    """The cells around keypoints.

    Attributes
    ----------
    offsets : (batch, keypoints, 2, height, width) float, cells
        From each cell to the keypoint of its owner; zero where there is none.
    owner : (batch, keypoints, height, width) int
        The individual whose keypoint is nearest; -1 outside the discs.
    """

    offsets: NDArray[np.floating[Any]]
    owner: Int


def nearest_discs(cells: Float, size: tuple[int, int], radius: float) -> Discs:
    """Find for each keypoint the cells near it, and whose they are.

    Parameters
    ----------
    cells : (batch, individuals, keypoints, 2) float, cells
        NaN has no cells.
    size : (int, int)
        Width and height of the maps.
    radius : float, cells

    Returns
    -------
    discs : Discs

    Examples
    --------
    >>> discs = nearest_discs(np.array([[[[1.0, 0.0]], [[4.0, 0.0]]]]), (6, 1), 2.0)
    >>> discs.owner.tolist(), discs.offsets[0, 0, 0].tolist()
    ([[[[0, 0, 0, 1, 1, 1]]]], [[1.0, 0.0, -1.0, 1.0, 0.0, -1.0]])
    """
    batch, individuals, keypoints, _ = cells.shape
    offsets = np.zeros((batch, keypoints, 2, size[1], size[0]), dtype=np.float32)
    owner = np.full((batch, keypoints, size[1], size[0]), -1)
    least = np.full(owner.shape, np.inf, dtype=np.float32)
    for person in range(individuals):
        mine, near = offset_targets(cells[:, person], size, radius)
        away = np.where(near > 0, (mine**2).sum(axis=2), np.inf)
        closer = away < least
        least, owner = np.where(closer, away, least), np.where(closer, person, owner)
        offsets = np.where(closer[:, :, None], mine, offsets)
    return Discs(offsets, owner)


def _tag_targets(cells: Float, known: NDArray[np.bool_], size: tuple[int, int]) -> dict[str, Tensor]:
    """List the cells whose tags count, (n, 4) batch, keypoint, row, column, and whose they are, (n,)."""
    nearest = np.floor(np.where(known[..., None], cells, -1) + 0.5).astype(np.int64)
    inside = known & (nearest >= 0).all(axis=-1) & (nearest < np.array(size)).all(axis=-1)
    sample, person, keypoint = np.nonzero(inside)
    column, row = nearest[inside].T
    return {
        "tag_cells": torch.from_numpy(np.stack([sample, keypoint, row, column], axis=1)),
        "tag_owner": torch.from_numpy(sample * known.shape[1] + person),
    }


def _pair_targets(cells: Float, discs: Discs) -> dict[str, Tensor]:
    """List the cells of all discs, (n, 4), and the vectors to the owner's other keypoints, (n, others, 2)."""
    near = discs.owner >= 0
    sample, keypoint, row, column = np.nonzero(near)
    body = cells[sample, discs.owner[near]]  # (n, keypoints, 2)
    other = np.take_along_axis(body, partners(cells.shape[2])[keypoint][..., None], axis=1)
    vector = other - np.stack([column, row], axis=1)[:, None]
    return {
        "pair_cells": torch.from_numpy(np.stack([sample, keypoint, row, column], axis=1)),
        **_tensors(pair_vectors=vector),
    }


def _tensors(**arrays: NDArray[Any]) -> dict[str, Tensor]:
    return {
        name: torch.from_numpy(np.ascontiguousarray(array, dtype=np.float32))
        for name, array in arrays.items()
    }
