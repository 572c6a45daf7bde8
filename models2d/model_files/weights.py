"""Weights files: safetensors with the recipe and skeleton in the header, and the one door `load_model`."""

import json
import os
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file

from models2d.errors import ModelError
from models2d.model_files.blazepose_file import load_blazepose
from models2d.model_files.hub import load_vitpose
from models2d.model_files.onnx import OnnxTopDown
from models2d.model_files.places import is_hub_name, is_shipped, shipped_weights
from models2d.model_files.published import load_published
from models2d.models.bottom_up import BottomUp
from models2d.models.pose_model import FrameModel, Model, PoseModel, SequenceModel
from models2d.models.recipe import Recipe
from models2d.networks.filling import fill
from models2d.networks.registry import build
from models2d.skeleton import Skeleton


def save_model(model: PoseModel | BottomUp, path: str | Path, *, half: bool = False) -> None:
    """Write a model to one safetensors file, atomically.

    Parameters
    ----------
    model : PoseModel or BottomUp
    path : path
    half : bool
        Store 16-bit numbers: half the size, and no measurable loss.
    """
    path, pose = Path(path), model.model if isinstance(model, BottomUp) else model
    header = {
        "format": "models2d 1",
        "recipe": json.dumps(pose.recipe.to_table()),
        "skeleton": json.dumps(skeleton_table(model.skeleton)),
    }
    tensors = {
        key: (value.half() if half and value.is_floating_point() else value).cpu().contiguous()
        for key, value in pose.network.state_dict().items()
    }
    temporary = path.with_name(path.name + ".part")
    save_file(tensors, temporary, metadata=header)
    os.replace(temporary, path)


def load_model(
    source: str | Path,
    *,
    device: str | None = None,
    flip: bool = False,
    skeleton: Skeleton | None = None,
    input_size: tuple[int, int] | None = None,
    precision: str | None = None,
    compiled: bool = False,
) -> Model | FrameModel | SequenceModel:
    """Load a model by path or name.

    Parameters
    ----------
    source : path or str
        The name of a shipped model, "demo" or "human" (33 keypoints of people); a .safetensors file of this
        project; published weights of Simple Baseline, HRNet, HigherHRNet or DeepLabCut 3 (.pth, .pt, .tar,
        .safetensors); an .onnx file of a top-down model; a folder of or hub name ("owner/name") of ViTPose.
    device : str, optional
        "cpu" or "cuda"; by default the graphics card where there is one.
    flip : bool
        Also look at mirror images, and average.
    skeleton : Skeleton, optional
        Of models that others published; by default the 17 keypoints of COCO.
    input_size : (int, int), optional
        Width and height of the input of published weights, multiples of 32; by default that of the
        publication.
    precision : str, optional
        "float32", "float16" or "bfloat16"; see `PoseModel`.
    compiled : bool
        Make the network faster with `torch.compile`.

    Returns
    -------
    model : Model, FrameModel or SequenceModel
        What `detect` takes.

    Raises
    ------
    FileNotFoundError
        If there is neither such a file nor such a shipped model.
    ModelError
        If the file is not a model, or its tensors do not fit the network it names; a model of a hub that is
        not on this machine says what to download and where to put it.
    ValueError
        If a precision, compilation or mirror images are asked for that the model does not have.
    """
    path = shipped_weights / f"{source}.safetensors" if is_shipped(source) else Path(source)
    if path.is_file() and path.suffix == ".safetensors" and "parts" in (header := _header(path)):
        if compiled or flip:
            raise ValueError(f"{source}: this model can neither be compiled nor look at mirror images")
        return load_blazepose(path, header, device=device, precision=precision)
    model = _loaded(source, device, flip, skeleton, input_size)
    if precision is None and not compiled:
        return model
    if isinstance(model, BottomUp):
        return model.with_model(model.model.faster(precision=precision, compiled=compiled))
    if not isinstance(model, PoseModel):
        raise ValueError(f"{source}: precision and compiled are for networks of this project's own kinds")
    return model.faster(precision=precision, compiled=compiled)


def _loaded(
    source: str | Path,
    device: str | None,
    flip: bool,
    skeleton: Skeleton | None,
    input_size: tuple[int, int] | None,
) -> Model | FrameModel:
    path = Path(source)
    if is_shipped(source):
        path = shipped_weights / f"{source}.safetensors"
    if path.is_dir() or (not path.is_file() and is_hub_name(str(source))):
        return load_vitpose(source, skeleton=skeleton, device=device)
    if not path.is_file():
        known = ", ".join(sorted(file.stem for file in shipped_weights.glob("*.safetensors"))) or "none"
        raise FileNotFoundError(
            f"no model {str(source)!r}; shipped are {known}; or give a file of weights, or a hub name "
            "OWNER/NAME"
        )
    if path.suffix == ".onnx":
        return OnnxTopDown(path, skeleton or Skeleton.load("coco17"))
    if path.suffix == ".safetensors" and "recipe" in _header(path):
        return _load_own(path, device, flip)
    return load_published(path, skeleton=skeleton, input_size=input_size, device=device, flip=flip)


def _header(path: Path) -> dict[str, str]:
    try:
        with safe_open(path, framework="pt") as file:
            return file.metadata() or {}
    except (SafetensorError, OSError) as error:
        raise ModelError(f"{path} is not a safetensors file, or a damaged one: {error}") from error


def _load_own(path: Path, device: str | None, flip: bool) -> PoseModel | BottomUp:
    header, tensors = _header(path), load_file(path)
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
    model = PoseModel(network, recipe, skeleton, device=device, flip=flip)
    return BottomUp(model, recipe.individuals) if recipe.individuals > 1 else model


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
