"""HigherHRNet: HRNet, one deconvolution to half the input's size, and tags that say who is who.

Cheng et al., CVPR 2020; tags: associative embedding, Newell et al., NeurIPS 2017. Keys are those of the
authors' checkpoints.
"""

import torch
from torch import Tensor, nn

from models2d.networks.hrnet import HRNet
from models2d.networks.output import HeatmapOutput
from models2d.networks.resnet import Basic


class HigherHRNet(HRNet):
    """Heatmaps at two resolutions, and tags at the coarser one.

    In training each resolution answers for itself ("multi-resolution supervision" in the paper). Otherwise
    the coarser maps are made as large as the finer ones by bilinear interpolation, and the heatmaps averaged
    ("heatmap aggregation").

    Parameters
    ----------
    keypoints : int
    width : int
        As for `HRNet`.
    """

    def __init__(self, keypoints: int, width: int = 32) -> None:
        super().__init__(keypoints, width)
        del self.final_layer
        self.keypoints = keypoints
        heads = [nn.Conv2d(width, 2 * keypoints, 1), nn.Conv2d(width, keypoints, 1)]
        for head in heads:
            nn.init.normal_(head.weight, std=0.001)  # as the authors': empty heatmaps to begin with
        self.final_layers = nn.ModuleList(heads)
        up = nn.Sequential(
            nn.ConvTranspose2d(width + 2 * keypoints, width, 4, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(inplace=True),
        )
        blocks = [nn.Sequential(Basic(width, width)) for _ in range(4)]
        self.deconv_layers = nn.ModuleList([nn.Sequential(up, *blocks)])

    def forward(self, images: Tensor) -> HeatmapOutput:
        """Find keypoints of everybody in the image.

        Parameters
        ----------
        images : (batch, 3, height, width) float
            Sides are multiples of 32.

        Returns
        -------
        output : HeatmapOutput
            heatmaps and tags (batch, keypoints, height / 2, width / 2). In training heatmaps are those of the
            finer resolution alone, coarse and tags (batch, keypoints, height / 4, width / 4).
        """
        features = self.features(images)  # (batch, width, height / 4, width / 4)
        coarse = self.final_layers[0](features)  # (batch, 2 * keypoints, height / 4, width / 4)
        up = self.deconv_layers[0](torch.cat([features, coarse], dim=1))
        fine = self.final_layers[1](up)  # (batch, keypoints, height / 2, width / 2)
        if self.training:
            below, tags = coarse.split(self.keypoints, dim=1)
            return HeatmapOutput(heatmaps=fine, tags=tags, coarse=below)
        resized = nn.functional.interpolate(coarse, size=fine.shape[2:], mode="bilinear", align_corners=False)
        heatmaps = (resized[:, : self.keypoints] + fine) / 2
        return HeatmapOutput(heatmaps=heatmaps, tags=resized[:, self.keypoints :])
