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


def tag_loss(tags: Tensor, cells: Tensor, owner: Tensor) -> tuple[Tensor, Tensor]:
    """Pull the tags of an individual together and push those of different ones in an image apart.

    Parameters
    ----------
    tags : (batch, keypoints, height, width) float
    cells : (n, 4) int
        Image, keypoint, row and column of each labelled keypoint.
    owner : (n) int
        Whose it is: a number that no individual of another image has.

    Returns
    -------
    pull, push : () float
        Means over the images that show anybody.

    Notes
    -----
    Associative embedding, Newell et al., NeurIPS 2017, equation 2, with their exp(-d^2 / 2) for the push,
    whose mean here is over pairs of different individuals.
    """
    if not len(cells):
        return tags.sum() * 0, tags.sum() * 0
    values = tags[cells[:, 0], cells[:, 1], cells[:, 2], cells[:, 3]].float()
    people, whose = owner.unique(return_inverse=True)
    count = torch.bincount(whose).to(values.dtype)
    mean = values.new_zeros(len(people)).index_add(0, whose, values) / count
    spread = values.new_zeros(len(people)).index_add(0, whose, (values - mean[whose]).square()) / count
    image = torch.zeros_like(people).index_copy(0, whose, cells[:, 0])
    together = (image[:, None] == image).to(values.dtype)
    crowd = together.sum(dim=1)  # how many individuals each one's image shows, itself among them
    images = (1 / crowd).sum()
    pull = (spread / crowd).sum() / images
    apart = torch.exp(-0.5 * (mean[:, None] - mean).square()) * (
        together - torch.eye(len(people), device=tags.device)
    )
    push = (apart.sum(dim=1) / (crowd * (crowd - 1).clamp_min(1))).sum() / images
    return pull, push


def pairwise_loss(pairwise: Tensor, cells: Tensor, vectors: Tensor) -> Tensor:
    """Huber loss of the vectors from each keypoint to the others of its individual (DeeperCut, section 4).

    Parameters
    ----------
    pairwise : (batch, pairs, 2, height, width) float, cells
        Ordered as `HeatmapOutput` says.
    cells : (n, 4) int
        Image, keypoint, row and column of the cells near a keypoint.
    vectors : (n, others, 2) float, cells
        From each cell to the other keypoints; NaN where these are not known.

    Returns
    -------
    loss : () float
        Mean over the vectors; quadratic up to a cell.
    """
    others = vectors.shape[1]
    maps = pairwise.unflatten(1, (others + 1, others))
    found = maps[cells[:, 0], cells[:, 1], :, :, cells[:, 2], cells[:, 3]].float()  # (n, others, 2)
    known = vectors.isfinite().all(dim=2)
    error = functional.smooth_l1_loss(found, vectors.nan_to_num(), reduction="none").sum(dim=2)
    return (error * known).sum() / known.sum().clamp_min(1)


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
        `heatmaps`, `weight`, and `coarse` where there is a second resolution, `offsets` with `near` where
        there is location refinement, `tag_cells` with `tag_owner` where there are tags to learn, `pair_cells`
        with `pair_vectors` where there are pairwise vectors to learn; or `xy` and `known`.
    hardest : int or None
    flow : LikelihoodFlow, optional
        Of a network that regresses coordinates with their likelihood.

    Returns
    -------
    loss : () float

    Notes
    -----
    Heatmaps count in units of one Gaussian, those of two resolutions alike (as in HigherHRNet). Tags count as
    much, about the ratio of Newell et al.'s 1e-3 to heatmaps averaged over 128 x 128 cells. The weights of
    offsets and vectors, in cells, keep them of one order.
    """
    if isinstance(output, PointOutput):
        return point_loss(output, targets["xy"], targets["known"], flow)
    loss = heatmap_loss(output.heatmaps, targets["heatmaps"], targets["weight"], hardest)
    if output.coarse is not None:
        loss = loss + heatmap_loss(output.coarse, targets["coarse"], targets["weight"], hardest)
    if output.offsets is not None:
        loss = loss + 0.2 * offset_loss(output.offsets, targets["offsets"], targets["near"])
    if output.tags is not None and "tag_cells" in targets:
        pull, push = tag_loss(output.tags, targets["tag_cells"], targets["tag_owner"])
        loss = loss + pull + push
    if output.pairwise is not None and "pair_cells" in targets:
        loss = loss + 0.05 * pairwise_loss(output.pairwise, targets["pair_cells"], targets["pair_vectors"])
    return torch.as_tensor(loss)
