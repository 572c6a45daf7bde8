"""What networks answer."""

from typing import NamedTuple

from torch import Tensor

PAIRWISE_DEVIATION = 50.0
"""Input pixels per unit of the layer that regresses vectors between keypoints: targets are of order one."""


class HeatmapOutput(NamedTuple):
    """Maps over the image.

    Attributes
    ----------
    heatmaps : (batch, keypoints, height, width) float
    offsets : (batch, keypoints, 2, height, width) float, cells, or None
        Location refinement.
    tags : (batch, keypoints, height, width) float or None
        Associative embedding; of the coarser cells where there are any.
    pairwise : (batch, pairs, 2, height, width) float, cells, or None
        From each cell to where the other keypoint of an ordered pair should be: the pairs of the first
        keypoint with each other one in their order, then those of the second, ...
    coarse : (batch, keypoints, height / 2, width / 2) float or None
        Heatmaps at a coarser resolution, while a network that combines two of them is trained on both.
    """

    heatmaps: Tensor
    offsets: Tensor | None = None
    tags: Tensor | None = None
    pairwise: Tensor | None = None
    coarse: Tensor | None = None


class PointOutput(NamedTuple):
    """Coordinates regressed directly.

    Attributes
    ----------
    xy : (batch, keypoints, 2) float
        Fractions of the input's sides, -0.5 to 0.5 from its middle.
    sigma : (batch, keypoints, 2) float or None
        Standard deviations in the same unit, where the network states them.
    """

    xy: Tensor
    sigma: Tensor | None = None
