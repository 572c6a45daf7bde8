"""Weights files: safetensors with the recipe and skeleton in the header, and the one door `load_model`."""

import json
import os
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from models2d.errors import ModelError
from models2d.networks.registry import build
from models2d.pose_model import Model, PoseModel, Recipe
from models2d.skeleton import Skeleton

shipped = Path(__file__).parent / "shipped"


def save_model(model: PoseModel, path: str | Path, *, half: bool = False) -> None:
    """Write a model to one safetensors file, atomically.

    Parameters
    ----------
    model : PoseModel
    path : path
    half : bool
        Store 16-bit numbers: half the size, and no measurable loss.
    """
    path = Path(path)
    header = {
        "format": "models2d 1",
        "recipe": json.dumps(model.recipe.to_table()),
        "skeleton": json.dumps(skeleton_table(model.skeleton)),
    }
    tensors = {
        key: (value.half() if half and value.is_floating_point() else value).cpu().contiguous()
        for key, value in model.network.state_dict().items()
    }
    temporary = path.with_name(path.name + ".part")
    save_file(tensors, temporary, metadata=header)
    os.replace(temporary, path)


def load_model(source: str | Path, *, device: str | None = None, flip: bool = False) -> Model:
    """Load a model by path or name.

    Parameters
    ----------
    source : path or str
        A .safetensors file of this project, or the name of a shipped model.
    device : str, optional
        "cpu" or "cuda"; by default the graphics card where there is one.
    flip : bool
        Also look at mirror images, and average.

    Returns
    -------
    model : Model

    Raises
    ------
    FileNotFoundError
        If there is neither such a file nor such a shipped model.
    ModelError
        If the file is not a model, or its tensors do not fit the network it names.
    """
    path = Path(source)
    if not path.suffix and not path.exists():
        path = shipped / f"{source}.safetensors"
    if not path.is_file():
        known = ", ".join(sorted(file.stem for file in shipped.glob("*.safetensors"))) or "none"
        raise FileNotFoundError(f"no model {str(source)!r}; shipped are {known}; or give a .safetensors file")
    return _load_own(path, device, flip)


def _load_own(path: Path, device: str | None, flip: bool) -> PoseModel:
    try:
        with safe_open(path, framework="pt") as file:
            header = file.metadata() or {}
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise ModelError(f"{path} is not a safetensors file, or a damaged one: {error}") from error
    if "recipe" not in header or "skeleton" not in header:
        raise ModelError(f"{path} has tensors but no recipe in its header: it was not written by save_model")
    recipe = Recipe.from_table(json.loads(header["recipe"]))
    table = json.loads(header["skeleton"])
    skeleton = Skeleton.from_names(
        table["name"],
        table["keypoints"],
        [(a, b) for a, b in table["bones"]],
        [(a, b) for a, b in table["mirror"]],
    )
    network = build(recipe.architecture, len(skeleton.keypoints), **recipe.options)
    fill(network, tensors, str(path))
    return PoseModel(network, recipe, skeleton, device=device, flip=flip)


def fill(network: torch.nn.Module, tensors: dict[str, torch.Tensor], name: str) -> None:
    """Put tensors into a network, all of them, or say which do not fit.

    Parameters
    ----------
    network : torch Module
    tensors : dict of str to Tensor
    name : str
        Of their file, for the message.

    Raises
    ------
    ModelError
        With the first keys that are missing, unknown or of another shape.
    """
    own = network.state_dict()
    missing = sorted(set(own) - set(tensors))
    unknown = sorted(set(tensors) - set(own))
    shapes = [
        f"{key} is {tuple(tensors[key].shape)} where {tuple(own[key].shape)} is needed"
        for key in sorted(set(own) & set(tensors))
        if own[key].shape != tensors[key].shape
    ]
    wrong = [f"{key} is missing" for key in missing] + [f"{key} is unknown" for key in unknown] + shapes
    if wrong:
        raise ModelError(
            f"{name} does not fit the network: {'; '.join(wrong[:4])}"
            f"{f' and {len(wrong) - 4} more' if len(wrong) > 4 else ''}"
        )
    network.load_state_dict({key: value.to(own[key].dtype) for key, value in tensors.items()})


def skeleton_table(skeleton: Skeleton) -> dict[str, Any]:
    """Return a skeleton as JSON-ready values that `Skeleton.from_names` takes.

    Parameters
    ----------
    skeleton : Skeleton

    Returns
    -------
    table : dict
    """
    mirror = skeleton.mirror if skeleton.mirror is not None else range(len(skeleton.keypoints))
    pairs = [[skeleton.keypoints[a], skeleton.keypoints[int(b)]] for a, b in enumerate(mirror) if a < int(b)]
    return {
        "name": skeleton.name,
        "keypoints": list(skeleton.keypoints),
        "bones": [list(bone) for bone in skeleton.bone_names],
        "mirror": pairs,
    }
