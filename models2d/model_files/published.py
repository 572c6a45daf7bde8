"""Published weights as models: with the input, normalisation and cells that they were trained with."""

from pathlib import Path

import numpy as np

from models2d.errors import ModelError
from models2d.model_files.pretrained import read_tensors, recognised
from models2d.models.bottom_up import BottomUp
from models2d.models.pose_model import FrameModel, Model, PoseModel
from models2d.models.recipe import Recipe
from models2d.networks.filling import fill
from models2d.networks.registry import build
from models2d.skeleton import Skeleton

# Input size, stride, where cells lie, decoding, what it looks at, and the sigma of its targets in cells.
_trained = {
    "simple_baseline": ((192, 256), 4, "corner", "quarter", "box", 2.0),
    "hrnet": ((192, 256), 4, "corner", "quarter", "box", 2.0),
    "higher_hrnet": ((512, 512), 2, "corner", "quarter", "frame", 2.0),
    "deeplabcut": ((640, 480), 8, "deeplabcut", "offsets", "frame", 1.0),
}


def load_published(
    path: Path,
    *,
    skeleton: Skeleton | None = None,
    input_size: tuple[int, int] | None = None,
    device: str | None = None,
    flip: bool = False,
) -> Model | FrameModel:
    """Load weights that others published.

    Parameters
    ----------
    path : Path
    skeleton : Skeleton, optional
        By default the 17 keypoints of COCO.
    input_size : (int, int), optional
        Width and height, px.
    device : str, optional
    flip : bool

    Returns
    -------
    model : Model or FrameModel

    Raises
    ------
    ModelError
        If the weights are of no known network, do not fit it, or have other keypoints than the skeleton.

    Notes
    -----
    HRNet and Simple Baseline look at boxes 1.25 times as large as the individual, in RGB with ImageNet's
    mean. DeepLabCut's stride follows from its backbone's and how many deconvolutions it has.
    """
    architecture, options, keypoints, tensors = recognised(read_tensors(path))
    skeleton = skeleton or Skeleton.load("coco17")
    if len(skeleton.keypoints) != keypoints:
        raise ModelError(
            f"{path} finds {keypoints} keypoints, skeleton {skeleton.name} has {len(skeleton.keypoints)}: "
            "give load_model(..., skeleton=...) with the names it was trained on, in their order"
        )
    size, stride, convention, decoding, region, sigma = _trained[architecture]
    if architecture == "deeplabcut":
        stride = int(options["output_stride"] // 2 ** (len(options["hidden"]) + 1))
    network = build(architecture, keypoints, **options)
    fill(network, tensors, str(path))
    recipe = Recipe(
        architecture=architecture,
        options=options,
        input_size=input_size or size,
        stride=stride,
        convention=convention,
        decoding=decoding,
        region=region,
        sigma=sigma,
        temperature=tuple(np.ones(keypoints)),
    )
    model = PoseModel(network, recipe, skeleton, device=device, flip=flip)
    return BottomUp(model) if architecture == "higher_hrnet" else model
