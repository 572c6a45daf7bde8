"""DeepLabCut's network: a backbone, score maps and location refinement.

Mathis et al., Nature Neuroscience 2018. Keys are those of DeepLabCut 3's snapshots but for two prefixes,
which `pretrained` maps.
"""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from models2d.networks.backbones import backbone as named_backbone
from models2d.networks.backbones import channels, stride
from models2d.networks.output import HeatmapOutput

LOCREF_DEVIATION = 7.2801
"""Input pixels per unit of DeepLabCut's location refinement."""


class DeepLabCut(nn.Module):
    """Score maps between 0 and 1 and vectors to the keypoints.

    Parameters
    ----------
    keypoints : int
    backbone : str
        A name that `backbones` knows.
    output_stride : int
        Of the backbone.
    hidden : sequence of int
        Channels of deconvolutions between the backbone and the last one, each doubling the resolution.
    tags : bool
        Also predict tags that are equal for the keypoints of one individual.
    """

    def __init__(
        self,
        keypoints: int,
        backbone: str = "resnet50",
        output_stride: int = 16,
        hidden: Sequence[int] = (),
        tags: bool = False,
    ) -> None:
        super().__init__()
        self.backbone = named_backbone(backbone, output_stride)
        width = channels(self.backbone)
        self.heatmap_head = Deconvolutions([width, *hidden, keypoints])
        self.locref_head = Deconvolutions([width, *hidden, 2 * keypoints])
        self.tag_head = Deconvolutions([width, *hidden, keypoints]) if tags else None
        self.stride = stride(self.backbone) // 2 ** (len(hidden) + 1)

    def forward(self, images: Tensor) -> HeatmapOutput:
        """Find keypoints.

        Parameters
        ----------
        images : (batch, 3, height, width) float

        Returns
        -------
        output : HeatmapOutput
            heatmaps and tags (batch, keypoints, about height / stride, about width / stride), offsets with 2
            more channels each, in cells.
        """
        features = self.backbone(images)  # (batch, channels, height / output_stride, width / output_stride)
        offsets = self.locref_head(features).unflatten(1, (-1, 2)) * (LOCREF_DEVIATION / self.stride)
        return HeatmapOutput(
            heatmaps=torch.sigmoid(self.heatmap_head(features)),
            offsets=offsets,
            tags=None if self.tag_head is None else self.tag_head(features),
        )


class Deconvolutions(nn.Module):
    """Transposed 3x3 convolutions with rectifiers between them: n cells become 2 n + 1.

    Parameters
    ----------
    channels : sequence of int
        Before the first and after each.
    """

    def __init__(self, channels: Sequence[int]) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for before, after in pairwise(channels):
            layers += [nn.ConvTranspose2d(before, after, 3, stride=2), nn.ReLU()]
        self.deconv_layers = nn.Sequential(*layers[:-1])

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels[0], height, width) to (batch, channels[-1], 2 height + 1, ...)."""
        maps: Tensor = self.deconv_layers(x)
        return maps
