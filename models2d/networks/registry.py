"""Networks by name."""

from importlib import import_module
from typing import Any

from torch import nn

from models2d.errors import ModelError

_home: dict[str, tuple[str, str, dict[str, Any]]] = {
    "deep_pose": ("models2d.networks.deep_pose", "DeepPose", {}),
    "deeper_cut": ("models2d.networks.deeper_cut", "DeeperCut", {}),
    "deeplabcut": ("models2d.networks.deeplabcut", "DeepLabCut", {}),
    "deeplabcut_tags": ("models2d.networks.deeplabcut", "DeepLabCut", {"tags": True}),
    "higher_hrnet": ("models2d.networks.higher_hrnet", "HigherHRNet", {}),
    "hrnet": ("models2d.networks.hrnet", "HRNet", {}),
    "simple_baseline": ("models2d.networks.simple_baseline", "SimpleBaseline", {}),
    "unet": ("models2d.networks.unet", "UNet", {}),
    "unet_pairwise": ("models2d.networks.unet", "UNet", {"pairwise": True}),
    "unet_tags": ("models2d.networks.unet", "UNet", {"tags": True}),
}
grouping = ("unet_tags", "unet_pairwise", "deeplabcut_tags", "higher_hrnet", "deeper_cut")
"""Networks that tell which keypoints are one individual's, the smallest first."""


def build(architecture: str, keypoints: int, **options: Any) -> nn.Module:
    """Build a network with random weights.

    Parameters
    ----------
    architecture : str
    keypoints : int
    **options
        Keyword arguments of the network's class.

    Returns
    -------
    network : torch Module

    Raises
    ------
    ModelError
        If there is no such network or it has no such option.
    """
    if architecture not in _home:
        raise ModelError(f"no network called {architecture!r}; there are {', '.join(sorted(_home))}")
    module, name, asked = _home[architecture]
    try:
        network: nn.Module = getattr(import_module(module), name)(keypoints, **asked | options)
    except TypeError as error:
        raise ModelError(f"network {architecture}: {error}") from error
    return network
