"""Everybody in a frame from one pass: candidates of each keypoint, grouped by their tags."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from models2d.assembly import Individuals, group_by_tags
from models2d.crops import cut, frame_box
from models2d.errors import ModelError
from models2d.heatmaps import Peaks, refined_peaks
from models2d.networks.output import HeatmapOutput
from models2d.pose_model import Found, PoseModel

Image = NDArray[np.uint8]
Float = NDArray[np.float64]


class BottomUp:
    """A network with tags, looking at whole frames.

    Parameters
    ----------
    model : PoseModel
        Its network answers with heatmaps and tags.
    individuals : int
    candidates : int
        Of each keypoint, at most.
    least : float
        Candidates that are less sure are left out.
    """

    def __init__(
        self, model: PoseModel, individuals: int = 10, candidates: int = 30, least: float = 0.1
    ) -> None:
        self.model, self.individuals, self.candidates, self.least = model, individuals, candidates, least
        self.skeleton = model.skeleton

    def find_all(self, images: Sequence[Image]) -> list[Found]:
        """Find everybody.

        Parameters
        ----------
        images : sequence of (height, width, 3) uint8

        Returns
        -------
        found : list of Found
            The surest individuals of each image.

        Raises
        ------
        ModelError
            If the network answers without tags.
        """
        size = self.model.recipe.input_size
        cuts = [cut(image, frame_box((image.shape[1], image.shape[0]), size), size) for image in images]
        found = []
        for patch, image_from_input in cuts:
            output = self.model.answer(patch[None])
            if not isinstance(output, HeatmapOutput) or output.tags is None:
                raise ModelError(
                    "this network has no tags to group keypoints by: it sees one individual per box"
                )
            found.append(self._in_image(output, output.tags, image_from_input))
        return found

    def _in_image(self, output: HeatmapOutput, tags: torch.Tensor, image_from_input: Float) -> Found:
        heatmaps = output.heatmaps[0].float().cpu()
        cells = local_maxima(heatmaps, self.candidates)  # (keypoints, candidates, 2)
        peaks = refined_peaks(heatmaps.numpy(), cells, method=self.model.recipe.decoding)
        rows = np.arange(len(heatmaps))[:, None]
        at = tags[0].float().cpu().numpy()[rows, cells[..., 1], cells[..., 0]]
        people = group_by_tags(peaks.xy, peaks.confidence, at[..., None], least=self.least)
        return self._placed(people, peaks, image_from_input)

    def _placed(self, people: Individuals, peaks: Peaks, image_from_input: Float) -> Found:
        """Bring grouped candidates to image pixels, each with the covariance of its peak."""
        count = min(len(people), self.individuals)
        xy, confidence = people.xy[:count], people.confidence[:count]
        same = (np.asarray(peaks.xy)[None] == xy[:, :, None]).all(axis=-1)  # (people, keypoints, candidates)
        covariance = (same[..., None, None] * peaks.covariance[None]).sum(axis=2)
        scale, shift = image_from_input
        grid = self.model.recipe.grid
        per_cell = scale * np.array(grid.scale)
        covariance = covariance * per_cell[:, None] * per_cell[None]
        covariance[~np.isfinite(confidence)] = np.nan
        return Found(grid.to_input(xy) * scale + shift, confidence, covariance)


def local_maxima(heatmaps: torch.Tensor, count: int, reach: int = 2) -> NDArray[np.int64]:
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
    """
    highest = torch.nn.functional.max_pool2d(heatmaps[None], 2 * reach + 1, stride=1, padding=reach)[0]
    peaks = torch.where(heatmaps == highest, heatmaps, -torch.inf).flatten(1)
    best = peaks.topk(min(count, peaks.shape[1]), dim=1).indices.numpy()
    width = heatmaps.shape[2]
    return np.stack([best % width, best // width], axis=-1)
