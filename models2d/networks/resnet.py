"""Residual networks (He et al., CVPR 2016) as feature extractors; keys as torchvision's and timm's."""

from torch import Tensor, nn

_blocks = {
    18: (2, 2, 2, 2),
    34: (3, 4, 6, 3),
    50: (3, 4, 6, 3),
    101: (3, 4, 23, 3),
    152: (3, 8, 36, 3),
}


class ResNet(nn.Module):
    """A residual network without its classifier.

    Parameters
    ----------
    depth : int
        18, 34, 50, 101 or 152.
    output_stride : int
        Input pixels per feature: 32, or 16 or 8 with dilated convolutions in the last stages.
    groups : bool
        Group instead of batch normalisation (timm's `resnet50_gn`).
    """

    def __init__(self, depth: int = 50, output_stride: int = 32, groups: bool = False) -> None:
        super().__init__()
        if depth not in _blocks:
            raise TypeError(f"depth: expected one of {', '.join(map(str, _blocks))}, got {depth}")
        if output_stride not in {8, 16, 32}:
            raise TypeError(f"output_stride: expected 8, 16 or 32, got {output_stride}")
        self.conv1 = nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False)
        self.bn1 = normalisation(64, groups)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        block = Basic if depth < 50 else Bottleneck
        width, stride, dilation = 64, 4, 1
        for level, count in enumerate(_blocks[depth]):
            step = 1 if level == 0 else 2
            before = dilation
            if stride * step > output_stride:
                step, dilation = 1, dilation * 2
            stride *= step
            planes = 64 * 2**level
            layers = [block(width, planes, step, before, groups)]
            width = planes * block.expansion
            layers += [block(width, planes, 1, dilation, groups) for _ in range(count - 1)]
            setattr(self, f"layer{level + 1}", nn.Sequential(*layers))
        self.channels = width
        self.stride = output_stride

    def forward(self, images: Tensor) -> Tensor:
        """Extract features.

        Parameters
        ----------
        images : (batch, 3, height, width) float

        Returns
        -------
        features : (batch, channels, height / stride, width / stride) float
        """
        x: Tensor = self.maxpool(
            self.relu(self.bn1(self.conv1(images)))
        )  # (batch, 64, height / 4, width / 4)
        for level in range(1, 5):
            x = self.get_submodule(f"layer{level}")(x)
        return x


def normalisation(width: int, groups: bool = False) -> nn.Module:
    """Return batch normalisation, or group normalisation in 32 groups."""
    return nn.GroupNorm(32, width) if groups else nn.BatchNorm2d(width)


def _shortcut(before: int, after: int, stride: int, groups: bool) -> nn.Module | None:
    if before == after and stride == 1:
        return None
    return nn.Sequential(nn.Conv2d(before, after, 1, stride=stride, bias=False), normalisation(after, groups))


class Basic(nn.Module):
    """Two 3x3 convolutions and a shortcut."""

    expansion = 1

    def __init__(
        self, before: int, planes: int, stride: int = 1, dilation: int = 1, groups: bool = False
    ) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(before, planes, 3, stride, dilation, dilation, bias=False)
        self.bn1 = normalisation(planes, groups)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(planes, planes, 3, 1, dilation, dilation, bias=False)
        self.bn2 = normalisation(planes, groups)
        self.downsample = _shortcut(before, planes, stride, groups)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, before, height, width) to (batch, planes, height / stride, width / stride)."""
        out = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        return self.relu(out + (x if self.downsample is None else self.downsample(x)))


class Bottleneck(nn.Module):
    """Convolutions of 1x1, 3x3 and 1x1, and a shortcut."""

    expansion = 4

    def __init__(
        self, before: int, planes: int, stride: int = 1, dilation: int = 1, groups: bool = False
    ) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(before, planes, 1, bias=False)
        self.bn1 = normalisation(planes, groups)
        self.conv2 = nn.Conv2d(planes, planes, 3, stride, dilation, dilation, bias=False)
        self.bn2 = normalisation(planes, groups)
        self.conv3 = nn.Conv2d(planes, planes * 4, 1, bias=False)
        self.bn3 = normalisation(planes * 4, groups)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = _shortcut(before, planes * 4, stride, groups)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, before, height, width) to (batch, 4 * planes, height / stride, width / stride)."""
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.bn3(self.conv3(self.relu(self.bn2(self.conv2(out)))))
        return self.relu(out + (x if self.downsample is None else self.downsample(x)))
