"""Everybody in a frame from one pass: candidates of each keypoint, grouped by tags or by pairwise vectors."""

import warnings
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from models2d.decoding.heatmaps import Peaks, refined_peaks
from models2d.errors import ModelError
from models2d.grouping.affinity import normal_affinity, offset_costs, partners
from models2d.grouping.assembly import Individuals, group_by_program, group_by_tags
from models2d.models.crops import cut, frame_box
from models2d.models.pose_model import FoundKeypoints, PoseModel
from models2d.networks.output import HeatmapOutput

Image = NDArray[np.uint8]
Float = NDArray[np.float64]
Int = NDArray[np.int64]


class BottomUp:
    """A network that answers with tags (associative embedding) or pairwise vectors (DeeperCut).

    Parameters
    ----------
    model : PoseModel
        It looks at whole frames.
    individuals : int
    candidates : int, optional
        Of each keypoint, at most; by default three times the individuals.
    least : float
        Candidates that are less sure are left out.
    time_limit : float, s
        For DeeperCut's integer program on one image. Where it runs out, the best grouping so far is taken;
        before there is any, nobody is found and a warning says so.
    """

    def __init__(
        self,
        model: PoseModel,
        individuals: int = 10,
        candidates: int | None = None,
        least: float = 0.1,
        time_limit: float = 10.0,
    ) -> None:
        self.model, self.individuals, self.least, self.time_limit = model, individuals, least, time_limit
        self.candidates = 3 * individuals if candidates is None else candidates
        self.skeleton = model.skeleton

    @property
    def shared_error(self) -> Float | None:
        """Part of the error that all views share, (keypoints,), see `Detections2D`; None if not measured."""
        return self.model.shared_error

    def with_temperature(self, temperature: Float, tail: float | None = None) -> "BottomUp":
        """Return the same model with other covariance temperatures, (keypoints,), and tail of the errors."""
        return self.with_model(self.model.with_temperature(temperature, tail))

    @property
    def tail(self) -> float | None:
        """How heavy the tails of errors are, as `fit_tail` says."""
        return self.model.tail

    def with_model(self, model: PoseModel) -> "BottomUp":
        """Return the same around another model."""
        return BottomUp(model, self.individuals, self.candidates, self.least, self.time_limit)

    def find_all(self, images: Sequence[Image]) -> list[FoundKeypoints]:
        """Find everybody.

        Parameters
        ----------
        images : sequence of (height, width, 3) uint8

        Returns
        -------
        found : list of FoundKeypoints
            The surest individuals of each image.

        Raises
        ------
        ModelError
            If the network answers without tags and pairwise vectors.
        """
        size, found = self.model.recipe.input_size, []
        for first in range(0, len(images), self.model.batch):
            some = images[first : first + self.model.batch]
            cuts = [cut(image, frame_box((image.shape[1], image.shape[0]), size), size) for image in some]
            output = self.model.answer(np.stack([patch for patch, _ in cuts]))
            for number, (_, image_from_input) in enumerate(cuts):
                found.append(self._in_image(_of_image(output, number), image_from_input))
        return found

    def _in_image(self, output: HeatmapOutput, image_from_input: Float) -> FoundKeypoints:
        """Group the candidates of one image, whose maps come without the axis of the batch."""
        heatmaps, recipe = output.heatmaps, self.model.recipe
        cells, real = local_maxima(heatmaps, self.candidates)  # (keypoints, candidates, 2)
        refined = recipe.decoding == "offsets" and output.offsets is not None
        peaks = refined_peaks(
            heatmaps.numpy(),
            cells,
            method="dark" if recipe.decoding == "offsets" else recipe.decoding,
            sigma=recipe.sigma,
            offsets=output.offsets.numpy() if refined and output.offsets is not None else None,
        )
        peaks = replace(peaks, confidence=np.where(real, peaks.confidence, 0.0))
        if output.tags is not None:
            keypoint = np.arange(len(heatmaps))[:, None]
            tags = output.tags.numpy()[keypoint, cells[..., 1], cells[..., 0]]
            people = group_by_tags(peaks.xy, peaks.confidence, tags[..., None], least=self.least)
        elif output.pairwise is not None:
            people = self._by_vectors(peaks, cells, output.pairwise.numpy())
        return self._to_pixels(people, peaks, image_from_input)

    def _by_vectors(self, peaks: Peaks, cells: Int, pairwise: Float) -> Individuals:
        """Group by DeeperCut's program, its costs from the vectors read at each candidate's cell."""
        keypoints, recipe = len(cells), self.model.recipe
        part, number = np.nonzero(peaks.confidence >= self.least)
        at, xy = cells[part, number], peaks.xy[part, number]
        vectors = vectors_at(pairwise, part, at) + (at - xy)[:, None]
        affinity = recipe.affinity or normal_affinity(keypoints, recipe.sigma)
        edges, cost = offset_costs(xy, part, vectors, affinity, merge=recipe.sigma)
        try:
            people, _ = group_by_program(
                xy,
                peaks.confidence[part, number],
                part,
                edges=edges,
                pairwise=cost,
                keypoints=keypoints,
                time_limit=self.time_limit,
            )
        except ModelError as error:
            warnings.warn(f"nobody is found in an image: {error}", RuntimeWarning, stacklevel=2)
            return Individuals.none(keypoints)
        chosen = np.where(people.candidate >= 0, np.r_[number, 0][people.candidate], -1)
        return Individuals(xy=people.xy, confidence=people.confidence, candidate=chosen)

    def _to_pixels(self, people: Individuals, peaks: Peaks, image_from_input: Float) -> FoundKeypoints:
        """Bring grouped candidates to image pixels, each with the covariance of its peak."""
        count, keypoints = min(len(people), self.individuals), len(self.skeleton.keypoints)
        xy, confidence = people.xy[:count], people.confidence[:count]
        covariance = peaks.covariance[np.arange(keypoints), people.candidate[:count]]
        covariance = covariance * self.model.temperature[:, None, None]
        scale, shift = image_from_input
        grid = self.model.recipe.grid
        per_cell = scale * np.array(grid.scale)
        covariance = covariance * per_cell[:, None] * per_cell[None]
        covariance[~np.isfinite(confidence)] = np.nan
        return FoundKeypoints(grid.to_input(xy) * scale + shift, confidence, covariance)


def _of_image(output: object, number: int) -> HeatmapOutput:
    """Take one image's maps from a batch, on the processor."""
    if not isinstance(output, HeatmapOutput) or (output.tags is None and output.pairwise is None):
        raise ModelError(
            "this network has neither tags nor pairwise vectors to group keypoints by: it sees one "
            "individual per box"
        )
    return HeatmapOutput(
        **{name: maps[number].float().cpu() for name, maps in output._asdict().items() if maps is not None}
    )


def vectors_at(pairwise: Float, keypoint: Int, cells: Int) -> Float:
    """Read the vectors that a network regresses at some cells.

    Parameters
    ----------
    pairwise : (pairs, 2, height, width) float, cells
        Ordered as `HeatmapOutput` says.
    keypoint : (n,) int
        Which keypoint lies at each cell.
    cells : (n, 2) int
        Column and row.

    Returns
    -------
    vectors : (n, keypoints, 2) float, cells
        From each cell to every keypoint of the same individual; NaN to its own.
    """
    keypoints = round((1 + np.sqrt(1 + 4 * len(pairwise))) / 2)
    others = partners(keypoints)
    maps = pairwise.reshape(keypoints, keypoints - 1, *pairwise.shape[1:])
    vectors = np.full((len(cells), keypoints, 2), np.nan)
    read = maps[keypoint, :, :, cells[:, 1], cells[:, 0]]  # (n, keypoints - 1, 2)
    vectors[np.arange(len(cells))[:, None], others[keypoint]] = read
    return vectors


def local_maxima(heatmaps: torch.Tensor, count: int, reach: int = 2) -> tuple[Int, NDArray[np.bool_]]:
    """Find the highest cells that are no lower than any within `reach`.

    Parameters
    ----------
    heatmaps : (keypoints, height, width) float
    count : int
    reach : int, cells

    Returns
    -------
    cells : (keypoints, count, 2) int
        Column and row, the highest first.
    real : (keypoints, count) bool
        False where a map has fewer such cells: the rest are any.
    """
    highest = torch.nn.functional.max_pool2d(heatmaps[None], 2 * reach + 1, stride=1, padding=reach)[0]
    peaks = torch.where(heatmaps == highest, heatmaps, -torch.inf).flatten(1)
    height, best = peaks.topk(min(count, peaks.shape[1]), dim=1)
    cells = np.stack([best.numpy() % heatmaps.shape[2], best.numpy() // heatmaps.shape[2]], axis=-1)
    return cells, height.isfinite().numpy()
