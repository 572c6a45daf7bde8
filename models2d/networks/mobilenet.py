"""MobileNets as feature extractors; keys as in torchvision's checkpoints.

V2: Sandler et al., CVPR 2018. V3 large: Howard et al., ICCV 2019.
"""

import torch
from torch import Tensor, nn

# Expansion, channels, repeats, stride (table 2 of V2).
_v2 = [
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
]
# Kernel, expanded, channels, squeeze, hard swish, stride (table 1 of V3).
_v3 = [
    (3, 16, 16, False, False, 1),
    (3, 64, 24, False, False, 2),
    (3, 72, 24, False, False, 1),
    (5, 72, 40, True, False, 2),
    (5, 120, 40, True, False, 1),
    (5, 120, 40, True, False, 1),
    (3, 240, 80, False, True, 2),
    (3, 200, 80, False, True, 1),
    (3, 184, 80, False, True, 1),
    (3, 184, 80, False, True, 1),
    (3, 480, 112, True, True, 1),
    (3, 672, 112, True, True, 1),
    (5, 672, 160, True, True, 2),
    (5, 960, 160, True, True, 1),
    (5, 960, 160, True, True, 1),
]


class MobileNetV2(nn.Module):
    """Inverted residuals with linear bottlenecks."""

    stride = 32
    channels = 1280

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = [_unit(3, 32, 3, 2)]
        width = 32
        for expansion, channels, repeats, stride in _v2:
            for number in range(repeats):
                layers.append(_InvertedV2(width, channels, stride if number == 0 else 1, expansion))
                width = channels
        layers.append(_unit(width, 1280, 1))
        self.features = nn.Sequential(*layers)

    def forward(self, images: Tensor) -> Tensor:
        """(batch, 3, height, width) to features (batch, 1280, height / 32, width / 32)."""
        features: Tensor = self.features(images)
        return features


class MobileNetV3(nn.Module):
    """V3 large: some blocks with squeeze and excitation, and hard swish."""

    stride = 32
    channels = 960

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = [_unit(3, 16, 3, 2, act=nn.Hardswish, v3=True)]
        width = 16
        for kernel, expanded, channels, squeeze, swish, stride in _v3:
            act: type[nn.Module] = nn.Hardswish if swish else nn.ReLU
            layers.append(
                _InvertedV3(width, expanded, channels, kernel, stride=stride, squeeze=squeeze, act=act)
            )
            width = channels
        layers.append(_unit(width, 960, 1, act=nn.Hardswish, v3=True))
        self.features = nn.Sequential(*layers)

    def forward(self, images: Tensor) -> Tensor:
        """(batch, 3, height, width) to features (batch, 960, height / 32, width / 32)."""
        features: Tensor = self.features(images)
        return features


def _unit(
    before: int,
    after: int,
    kernel: int,
    stride: int = 1,
    *,
    groups: int = 1,
    act: type[nn.Module] | None = nn.ReLU6,
    v3: bool = False,
) -> nn.Sequential:
    layers: list[nn.Module] = [
        nn.Conv2d(before, after, kernel, stride, kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(after, eps=1e-3, momentum=0.01) if v3 else nn.BatchNorm2d(after),
    ]
    return nn.Sequential(*layers, *([act(inplace=True)] if act is not None else []))


class _InvertedV2(nn.Module):
    def __init__(self, before: int, after: int, stride: int, expansion: int) -> None:
        super().__init__()
        wide = before * expansion
        self.adds = stride == 1 and before == after
        self.conv = nn.Sequential(
            *([_unit(before, wide, 1)] if expansion != 1 else []),
            _unit(wide, wide, 3, stride, groups=wide),
            nn.Conv2d(wide, after, 1, bias=False),
            nn.BatchNorm2d(after),
        )

    def forward(self, x: Tensor) -> Tensor:
        out = self.conv(x)
        return x + out if self.adds else out


class _InvertedV3(nn.Module):
    def __init__(
        self,
        before: int,
        wide: int,
        after: int,
        kernel: int,
        *,
        stride: int,
        squeeze: bool,
        act: type[nn.Module],
    ) -> None:
        super().__init__()
        self.adds = stride == 1 and before == after
        self.block = nn.Sequential(
            *([_unit(before, wide, 1, act=act, v3=True)] if wide != before else []),
            _unit(wide, wide, kernel, stride, groups=wide, act=act, v3=True),
            *([_Squeeze(wide)] if squeeze else []),
            _unit(wide, after, 1, act=None, v3=True),
        )

    def forward(self, x: Tensor) -> Tensor:
        out = self.block(x)
        return x + out if self.adds else out


class _Squeeze(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        narrow = max(8, (width // 4 + 4) // 8 * 8)
        narrow += 8 if narrow < 0.9 * (width // 4) else 0  # never round away more than a tenth
        self.fc1 = nn.Conv2d(width, narrow, 1)
        self.fc2 = nn.Conv2d(narrow, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        scale = torch.relu(self.fc1(x.mean(dim=(2, 3), keepdim=True)))
        return x * nn.functional.hardsigmoid(self.fc2(scale))
