"""A small U-shaped network for training from scratch on a processor without a graphics card.

After Ronneberger et al., MICCAI 2015, with residual blocks, a strided stem and a decoder that stops at the
heatmaps' resolution.
"""

import itertools

import torch
from torch import Tensor, nn

from models2d.networks.output import PAIRWISE_DEVIATION, HeatmapOutput


class UNet(nn.Module):
    """Encoder of one residual block per level, decoder with skip connections, one layer for all answers.

    Parameters
    ----------
    keypoints : int
    widths : sequence of int
        Channels at 1/2, 1/4, 1/8 ... of the input.
    stride : int
        Input pixels per heatmap cell: a power of two, at least 2.
    offsets, tags, pairwise : bool
        Also predict location refinement, tags that are equal for the keypoints of one individual, and vectors
        from each keypoint to every other of the same individual.
    """

    def __init__(
        self,
        keypoints: int,
        widths: tuple[int, ...] = (16, 32, 64, 96, 128),
        stride: int = 4,
        offsets: bool = True,
        *,
        tags: bool = False,
        pairwise: bool = False,
    ) -> None:
        super().__init__()
        self.keypoints, self.stride = keypoints, stride
        pairs = keypoints * (keypoints - 1)
        self.parts = (keypoints, 2 * keypoints * offsets, keypoints * tags, 2 * pairs * pairwise)
        first = stride.bit_length() - 2  # level at which the decoder stops
        self.stem = _convolution(3, widths[0], stride=2)
        self.down = nn.ModuleList(
            nn.Sequential(_convolution(before, after, stride=2), _Residual(after))
            for before, after in itertools.pairwise(widths)
        )
        self.up = nn.ModuleList(
            _Join(below, skip) for skip, below in zip(widths[first:], widths[first + 1 :], strict=False)
        )
        self.head = nn.Sequential(
            _convolution(widths[first], 2 * widths[first]),
            nn.Conv2d(2 * widths[first], sum(self.parts), 1),
        )

    def forward(self, images: Tensor) -> HeatmapOutput:
        """Find keypoints.

        Parameters
        ----------
        images : (batch, 3, height, width) float
            Sides are multiples of two to the number of levels.

        Returns
        -------
        output : HeatmapOutput
            heatmaps and tags (batch, keypoints, height / stride, width / stride); offsets and pairwise
            (batch, keypoints or pairs, 2, ...), cells.
        """
        features = [self.stem(images)]  # (batch, widths[0], height / 2, width / 2)
        for level in self.down:
            features.append(level(features[-1]))  # (batch, widths[i], height / 2^(i+1), ...)
        result = features.pop()
        for join in reversed(self.up):
            result = join(result, features.pop())
        maps = self.head(result)  # (batch, sum of parts, height / stride, width / stride)
        heatmaps, offsets, tags, pairwise = maps.split(self.parts, dim=1)
        return HeatmapOutput(
            heatmaps=heatmaps,
            offsets=offsets.unflatten(1, (-1, 2)) if offsets.shape[1] else None,
            tags=tags if tags.shape[1] else None,
            pairwise=pairwise.unflatten(1, (-1, 2)) * (PAIRWISE_DEVIATION / self.stride)
            if pairwise.shape[1]
            else None,
        )


def _convolution(before: int, after: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(before, after, 3, stride=stride, padding=1, bias=False),
        nn.BatchNorm2d(after),
        nn.ReLU(inplace=True),
    )


class _Residual(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = _convolution(width, width)
        self.second = nn.Sequential(nn.Conv2d(width, width, 3, padding=1, bias=False), nn.BatchNorm2d(width))

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(x + self.second(self.first(x)))


class _Join(nn.Module):
    def __init__(self, below: int, skip: int) -> None:
        super().__init__()
        self.lateral = nn.Conv2d(below, skip, 1, bias=False)
        self.block = _Residual(skip)

    def forward(self, below: Tensor, skip: Tensor) -> Tensor:
        return self.block(skip + nn.functional.interpolate(self.lateral(below), scale_factor=2.0))
