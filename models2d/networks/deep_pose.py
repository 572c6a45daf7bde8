"""DeepPose: coordinates regressed from features, and a cascade of crops (Toshev & Szegedy, CVPR 2014)."""

import torch
from torch import Tensor, nn

from models2d.networks.backbones import backbone as named_backbone
from models2d.networks.backbones import channels
from models2d.networks.likelihood_flow import LikelihoodFlow
from models2d.networks.output import PointOutput


class DeepPose(nn.Module):
    """A backbone whose pooled features give coordinates; later stages look closer at each keypoint.

    Parameters
    ----------
    keypoints : int
    backbone : str
        A name that `backbones` knows.
    stages : int
        1 is direct regression; each further stage cuts a square of side `closer` * diameter of the pose
        around each keypoint and regresses how far off it is (section 3.2).
    closer : float
        Sigma of the paper.
    crop : int, px
        Side to which those squares are resampled.
    likelihood : bool
        Also state standard deviations, and learn the distribution of the error (residual log-likelihood
        estimation).
    """

    def __init__(
        self,
        keypoints: int,
        *,
        backbone: str = "resnet50",
        stages: int = 1,
        closer: float = 1.0,
        crop: int = 64,
        likelihood: bool = False,
    ) -> None:
        super().__init__()
        if stages < 1:
            raise TypeError(f"stages: expected at least 1, got {stages}")
        self.keypoints, self.closer, self.crop = keypoints, closer, crop
        self.backbones = nn.ModuleList(named_backbone(backbone) for _ in range(stages))
        width = channels(self.backbones[0])
        self.regressors = nn.ModuleList(nn.Linear(width, 2 * keypoints) for _ in range(stages))
        self.spread = nn.Linear(width, 2 * keypoints) if likelihood else None
        self.flow = LikelihoodFlow() if likelihood else None

    def forward(self, images: Tensor) -> PointOutput:
        """Regress coordinates.

        Parameters
        ----------
        images : (batch, 3, height, width) float

        Returns
        -------
        output : PointOutput
            xy and sigma (batch, keypoints, 2), fractions of the input's sides from its middle.
        """
        features = self.backbones[0](images).mean(dim=(2, 3))  # (batch, channels)
        xy = self.regressors[0](features).unflatten(1, (self.keypoints, 2))  # (batch, keypoints, 2)
        for extractor, regressor in list(zip(self.backbones, self.regressors, strict=True))[1:]:
            side = self.closer * diameter(xy.detach())  # (batch,)
            closer = self.cut(images, xy.detach(), side)  # (batch * keypoints, 3, crop, crop)
            moves = regressor(extractor(closer).mean(dim=(2, 3)))  # (batch * keypoints, 2 * keypoints)
            moves = moves.unflatten(1, (self.keypoints, 2)).unflatten(0, (-1, self.keypoints))
            own = moves.diagonal(dim1=1, dim2=2).transpose(1, 2)  # (batch, keypoints, 2): each its own
            xy = xy.detach() + own * side[:, None, None]
        if self.spread is None:
            return PointOutput(xy=xy)
        return PointOutput(xy=xy, sigma=self.spread(features).unflatten(1, (self.keypoints, 2)).sigmoid())

    def cut(self, images: Tensor, xy: Tensor, side: Tensor) -> Tensor:
        """Cut a square around each keypoint.

        Parameters
        ----------
        images : (batch, 3, height, width) float
        xy : (batch, keypoints, 2) float
            Fractions of the input's sides from its middle.
        side : (batch,) float
            Of the squares, as a fraction of the input's sides.

        Returns
        -------
        crops : (batch * keypoints, 3, crop, crop) float
        """
        steps = (torch.arange(self.crop, device=images.device) + 0.5) / self.crop - 0.5
        grid = torch.stack(torch.meshgrid(steps, steps, indexing="xy"), dim=-1)  # (crop, crop, 2)
        where = (
            xy[:, :, None, None] + grid * side[:, None, None, None, None]
        )  # (batch, keypoints, crop, crop, 2)
        repeated = images[:, None].expand(-1, self.keypoints, -1, -1, -1).flatten(0, 1)
        return nn.functional.grid_sample(repeated, 2 * where.flatten(0, 1), align_corners=False)


def diameter(xy: Tensor, least: float = 0.05) -> Tensor:
    """Longer side of each pose's bounding box: the paper's torso diameter, for any skeleton.

    Parameters
    ----------
    xy : (batch, keypoints, 2) float
    least : float

    Returns
    -------
    diameter : (batch,) float
    """
    return (xy.amax(dim=1) - xy.amin(dim=1)).amax(dim=1).clamp_min(least)
