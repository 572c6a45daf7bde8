"""Feature extractors by name."""

from typing import Protocol, cast

from torch import Tensor, nn

from models2d.networks.mobilenet import MobileNetV2, MobileNetV3
from models2d.networks.resnet import ResNet


class Backbone(Protocol):
    """A module that turns images into features."""

    channels: int
    stride: int

    def __call__(self, images: Tensor) -> Tensor:
        """(batch, 3, height, width) to (batch, channels, height / stride, width / stride)."""
        ...


def channels(module: nn.Module) -> int:
    """Return the number of channels that a feature extractor answers with."""
    return cast(Backbone, module).channels


def stride(module: nn.Module) -> int:
    """Return how many input pixels a feature of a feature extractor spans."""
    return cast(Backbone, module).stride


def backbone(name: str, output_stride: int = 32) -> nn.Module:
    """Build a feature extractor.

    Parameters
    ----------
    name : str
        "resnet18", "resnet34", "resnet50", "resnet101", "resnet152", "resnet50_gn", "mobilenet_v2" or
        "mobilenet_v3".
    output_stride : int
        Of residual networks: 32, 16 or 8.

    Returns
    -------
    backbone : torch Module

    Raises
    ------
    TypeError
        If there is no such extractor.
    """
    if name == "mobilenet_v2":
        return MobileNetV2()
    if name == "mobilenet_v3":
        return MobileNetV3()
    depth, _, norm = name.removeprefix("resnet").partition("_")
    if not name.startswith("resnet") or not depth.isdigit() or norm not in {"", "gn"}:
        raise TypeError(
            "backbone: expected resnet18, resnet34, resnet50, resnet101, resnet152, resnet50_gn, "
            f"mobilenet_v2 or mobilenet_v3, got {name!r}"
        )
    return ResNet(int(depth), output_stride, groups=norm == "gn")
