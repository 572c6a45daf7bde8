"""What networks are trained to make small."""

import torch
from torch import Tensor
from torch.nn import functional

from models2d.networks.output import HeatmapOutput


def heatmap_loss(heatmaps: Tensor, targets: Tensor, weight: Tensor, hardest: int | None = None) -> Tensor:
    """Squared error of the heatmaps, per keypoint in units of one Gaussian's own square.

    Parameters
    ----------
    heatmaps, targets : (batch, keypoints, height, width) float
    weight : (batch, keypoints) float
        0 for keypoints that do not count.
    hardest : int, optional
        Only this many keypoints of each image count, those with the largest error (online hard keypoint
        mining; Chen et al., CVPR 2018, section 3.2).

    Returns
    -------
    loss : () float
    """
    error = (heatmaps.float() - targets).square().sum(dim=(2, 3)) * weight
    error = error / targets.square().sum(dim=(2, 3)).amax().clamp_min(1.0)
    if hardest is not None and hardest < error.shape[1]:
        return error.topk(hardest, dim=1).values.mean()
    return error.mean()


def offset_loss(offsets: Tensor, targets: Tensor, near: Tensor) -> Tensor:
    """Huber loss of the location refinement, over the cells near a keypoint (DeeperCut, section 3).

    Parameters
    ----------
    offsets, targets : (batch, keypoints, 2, height, width) float, cells
    near : (batch, keypoints, height, width) float

    Returns
    -------
    loss : () float
    """
    error = functional.smooth_l1_loss(offsets.float(), targets, reduction="none", beta=0.5).sum(dim=2)
    return (error * near).sum() / near.sum().clamp_min(1.0)


def total_loss(output: HeatmapOutput, targets: dict[str, Tensor], hardest: int | None) -> Tensor:
    """Add the losses of everything the network answers and the targets have.

    Parameters
    ----------
    output : HeatmapOutput
    targets : dict
        `heatmaps`, `weight`, and `offsets` with `near` where there is location refinement.
    hardest : int or None

    Returns
    -------
    loss : () float
    """
    loss = heatmap_loss(output.heatmaps, targets["heatmaps"], targets["weight"], hardest)
    if output.offsets is not None:
        loss = loss + 0.2 * offset_loss(output.offsets, targets["offsets"], targets["near"])
    return torch.as_tensor(loss)
