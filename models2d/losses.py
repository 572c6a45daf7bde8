"""What networks are trained to make small."""

import torch
from torch import Tensor
from torch.nn import functional

from models2d.networks.likelihood_flow import LikelihoodFlow, likelihood_loss
from models2d.networks.output import HeatmapOutput, PointOutput


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


def point_loss(output: PointOutput, target: Tensor, weight: Tensor, flow: LikelihoodFlow | None) -> Tensor:
    """Distance of regressed coordinates, or their likelihood where the network learns it.

    Parameters
    ----------
    output : PointOutput
    target : (batch, keypoints, 2) float
        Fractions of the input's sides from its middle.
    weight : (batch, keypoints) float
    flow : LikelihoodFlow or None

    Returns
    -------
    loss : () float
    """
    if flow is not None and output.sigma is not None:
        return likelihood_loss(output.xy.float(), output.sigma.float(), target, weight, flow)
    error = (output.xy.float() - target).abs().sum(dim=2) * weight
    return error.sum() / weight.sum().clamp_min(1.0)


def tag_loss(tags: Tensor, cells: Tensor, individual: Tensor) -> tuple[Tensor, Tensor]:
    """Pull the tags of an individual together and push those of different ones apart.

    Parameters
    ----------
    tags : (keypoints, height, width) float
        Of one image.
    cells : (n, 3) int
        Keypoint, row and column of each labelled keypoint.
    individual : (n) int
        Whose it is, from 0.

    Returns
    -------
    pull, push : () float

    Notes
    -----
    Associative embedding, Newell et al., NeurIPS 2017, equation 2, with their exp(-d^2 / 2) for the push.
    """
    values = tags[cells[:, 0], cells[:, 1], cells[:, 2]].float()
    people = individual.unique()
    means = torch.stack([values[individual == person].mean() for person in people])
    spreads = [
        (values[individual == person] - mean).square().mean()
        for person, mean in zip(people, means, strict=True)
    ]
    pull = torch.stack(spreads).mean()
    if len(people) < 2:
        return pull, pull.new_zeros(())
    apart = torch.exp(-0.5 * (means[:, None] - means[None]).square())
    push = (apart.sum() - len(people)) / (len(people) * (len(people) - 1))
    return pull, push


def total_loss(
    output: HeatmapOutput | PointOutput,
    targets: dict[str, Tensor],
    hardest: int | None,
    flow: LikelihoodFlow | None = None,
) -> Tensor:
    """Add the losses of everything the network answers and the targets have.

    Parameters
    ----------
    output : HeatmapOutput or PointOutput
    targets : dict
        `heatmaps`, `weight`, and `offsets` with `near` where there is location refinement; or `xy` and
        `known`.
    hardest : int or None
    flow : LikelihoodFlow, optional
        Of a network that regresses coordinates with their likelihood.

    Returns
    -------
    loss : () float
    """
    if isinstance(output, PointOutput):
        return point_loss(output, targets["xy"], targets["known"], flow)
    loss = heatmap_loss(output.heatmaps, targets["heatmaps"], targets["weight"], hardest)
    if output.offsets is not None:
        loss = loss + 0.2 * offset_loss(output.offsets, targets["offsets"], targets["near"])
    return torch.as_tensor(loss)
