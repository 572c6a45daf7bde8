"""Checkpoints that others published: which network they are, and their keys under our names.

No file is unpickled beyond tensors and plain containers.
"""

from collections.abc import Callable
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from models2d.errors import ModelError

Tensors = dict[str, Tensor]


def read_tensors(path: str | Path) -> Tensors:
    """Read the tensors of a checkpoint, whatever they are wrapped in.

    Parameters
    ----------
    path : path
        .safetensors, or a file of torch.save holding tensors under "model", "state_dict" or by themselves.

    Returns
    -------
    tensors : dict of str to Tensor
        Without the prefix "module." of parallel training.

    Raises
    ------
    ModelError
        If it is damaged, holds something else than tensors, or would run code when read.
    """
    path = Path(path)
    try:
        if path.suffix == ".safetensors":
            content: Any = load_file(path)
        else:
            content = torch.load(path, map_location="cpu", weights_only=True)
    except (SafetensorError, RuntimeError, OSError, EOFError, ValueError) as error:
        raise ModelError(f"{path} cannot be read as weights: {str(error).splitlines()[0]}") from error
    except UnpicklingError as error:
        raise ModelError(
            f"{path} holds more than weights, and reading it could run code: {str(error).splitlines()[0]}"
        ) from error
    for wrapper in ("model", "state_dict"):
        if isinstance(content, dict) and isinstance(content.get(wrapper), dict):
            content = content[wrapper]
    if not isinstance(content, dict) or not any(isinstance(value, Tensor) for value in content.values()):
        raise ModelError(f"{path} holds no tensors by name")
    return {key.removeprefix("module."): value for key, value in content.items() if isinstance(value, Tensor)}


def recognised(tensors: Tensors) -> tuple[str, dict[str, Any], int, Tensors]:
    """Tell which published network tensors belong to.

    Parameters
    ----------
    tensors : dict of str to Tensor

    Returns
    -------
    architecture : str
    options : dict
        For `networks.registry.build`.
    keypoints : int
    renamed : dict of str to Tensor
        Under the keys of our network.

    Raises
    ------
    ModelError
        If it is none of those known.
    """
    for known in (_deeplabcut, _higher_hrnet, _hrnet, _simple_baseline):
        found = known(tensors)
        if found is not None:
            return found
    some = ", ".join(list(tensors)[:3])
    raise ModelError(
        "the weights are of none of the known networks (Simple Baseline, HRNet, HigherHRNet, DeepLabCut 3); "
        f"their keys begin with {some}"
    )


Recognised = tuple[str, dict[str, Any], int, Tensors]


def _hrnet(tensors: Tensors) -> Recognised | None:
    if "stage4.0.branches.0.0.conv1.weight" not in tensors or "final_layer.weight" not in tensors:
        return None
    keypoints, width = tensors["final_layer.weight"].shape[:2]
    if keypoints > 500:  # an ImageNet classifier
        return None
    return "hrnet", {"width": int(width)}, int(keypoints), tensors


def _higher_hrnet(tensors: Tensors) -> Recognised | None:
    if "final_layers.1.weight" not in tensors:
        return None
    keypoints, width = tensors["final_layers.1.weight"].shape[:2]
    return "higher_hrnet", {"width": int(width)}, int(keypoints), tensors


def _simple_baseline(tensors: Tensors) -> Recognised | None:
    if "deconv_layers.0.weight" not in tensors or "final_layer.weight" not in tensors:
        return None
    options = {"depth": _depth(tensors, ""), "width": int(tensors["deconv_layers.0.weight"].shape[1])}
    return "simple_baseline", options, int(tensors["final_layer.weight"].shape[0]), tensors


def _deeplabcut(tensors: Tensors) -> Recognised | None:
    head = "heads.bodypart.heatmap_head.deconv_layers."
    layers = sorted(key for key in tensors if key.startswith(head) and key.endswith(".weight"))
    if not layers or "backbone.model.layer4.0.conv1.weight" not in tensors:
        return None
    hidden = tuple(int(tensors[key].shape[1]) for key in layers[:-1])
    keypoints = int(tensors[layers[-1]].shape[1])
    groups = "backbone.model.bn1.running_mean" not in tensors
    name = f"resnet{_depth(tensors, 'backbone.model.')}{'_gn' if groups else ''}"
    renamed = {
        key.replace("backbone.model.", "backbone.").replace("heads.bodypart.", ""): value
        for key, value in tensors.items()
        if not key.startswith("backbone.model.fc")
    }
    stride = 16 if not hidden else 32
    return "deeplabcut", {"backbone": name, "output_stride": stride, "hidden": hidden}, keypoints, renamed


def _depth(tensors: Tensors, prefix: str) -> int:
    """Depth of a residual network from how many blocks its third stage has, and of which kind."""
    numbers = {key[len(prefix) :].split(".")[1] for key in tensors if key.startswith(f"{prefix}layer3.")}
    bottleneck = f"{prefix}layer3.0.conv3.weight" in tensors
    depths = {(2, False): 18, (6, False): 34, (6, True): 50, (23, True): 101, (36, True): 152}
    depth = depths.get((len(numbers), bottleneck))
    if depth is None:
        raise ModelError(f"the weights have {len(numbers)} blocks in stage 3: no known depth")
    return depth


def load_backbone(network: nn.Module, path: str | Path) -> int:
    """Start a network's feature extractor from ImageNet or pose weights; the heads stay as they are.

    Parameters
    ----------
    network : torch Module
    path : path
        Of torchvision's or timm's ResNets and MobileNets, or of the authors' HRNets.

    Returns
    -------
    tensors : int
        How many were taken over.

    Raises
    ------
    ModelError
        If fewer than nine tenths of the feature extractor's tensors are found.
    """
    given = read_tensors(path)
    own = network.state_dict()
    extractor = [key for key in own if not _is_head(key)]
    prefixes: tuple[Callable[[str], str], ...] = (
        lambda key: key,
        lambda key: key.removeprefix("backbone."),
        lambda key: "backbone." + key.removeprefix("backbone."),
        lambda key: "backbone.model." + key.removeprefix("backbone."),
    )
    fits: Tensors = {}
    for renamed in prefixes:
        found = {
            key: given[renamed(key)]
            for key in extractor
            if renamed(key) in given and given[renamed(key)].shape == own[key].shape
        }
        fits = found if len(found) > len(fits) else fits
    if len(fits) < 0.9 * len(extractor):
        missing = next((key for key in extractor if key not in fits), "")
        raise ModelError(
            f"{path} is not of this feature extractor: {len(fits)} of {len(extractor)} tensors fit, "
            f"{missing} does not"
        )
    network.load_state_dict(own | {key: value.to(own[key].dtype) for key, value in fits.items()})
    return len(fits)


def _is_head(key: str) -> bool:
    return key.startswith(
        (
            "final_layer",
            "deconv_layers",
            "offset_layer",
            "heatmap_head",
            "locref_head",
            "pairwise_head",
            "regressors",
            "spread",
            "flow",
            "head",
        )
    )
