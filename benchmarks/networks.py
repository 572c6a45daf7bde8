"""Frames per second of the networks by image size, batch and precision, and of reading heatmaps."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.measurement import Contender, Timing, race, save, show
from models2d.decoding.heatmaps import decode, gaussian_targets
from models2d.inference.block_search import Block, Frames, find_individuals
from models2d.model_files.weights import load_model
from models2d.models.pose_model import PoseModel
from models2d.models.recipe import Recipe
from models2d.networks.output import HeatmapOutput
from models2d.networks.registry import build
from models2d.skeleton import Skeleton
from triangulate.synthetic.rendering import training_views

# Architecture, options, keypoints, width and height of the input, batch. 278 x 278 is the size at which
# DeepLabCut published 225 frames/s (GTX 1080 Ti; Mathis & Warren, 2018); sides are multiples of 32.
CASES = [
    ("unet", {}, 15, (192, 192), 16),
    ("unet", {}, 15, (256, 256), 1),
    ("unet", {}, 15, (256, 256), 16),
    ("deeplabcut", {"backbone": "mobilenet_v2"}, 4, (288, 288), 8),
    ("deeplabcut", {"backbone": "resnet18"}, 4, (288, 288), 8),
    ("deeplabcut", {"backbone": "resnet50"}, 4, (288, 288), 8),
    ("deeplabcut", {"backbone": "resnet50"}, 4, (64, 64), 16),
    ("simple_baseline", {"depth": 50}, 17, (192, 256), 8),
    ("hrnet", {"width": 32}, 17, (192, 256), 8),
    ("higher_hrnet", {"width": 32}, 17, (512, 512), 1),
    ("deep_pose", {"backbone": "resnet50"}, 17, (192, 256), 8),
]

# The same network as it is, in half precision and compiled (which takes a minute).
WAYS: dict[str, dict[str, Any]] = {
    "float32": {"precision": "float32"},
    "float32 compiled": {"precision": "float32", "compiled": True},
    "bfloat16": {"precision": "bfloat16"},
    "bfloat16 compiled": {"precision": "bfloat16", "compiled": True},
}


def main() -> None:
    """Time the networks on the device at hand, all cores, images already decoded."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    print(f"networks on {device}, {torch.get_num_threads()} threads; frames/s, image to heatmap")
    random = np.random.default_rng(0)
    contenders = []
    for architecture, options, keypoints, size, batch in CASES:
        model = _model(architecture, options, keypoints, size, device)
        patches = random.integers(0, 255, (batch, size[1], size[0], 3), dtype=np.uint8)
        detail = next(iter(options.values()), "")
        name = f"{architecture} {detail} {size[0]}x{size[1]} batch {batch}"
        contenders.append(
            Contender(name=name, call=lambda model=model, patches=patches: model.answer(patches), count=batch)
        )
    tables: dict[str, Sequence[dict[str, Any]]] = {
        "images to heatmaps, per second": _rows(race(contenders, rounds=3)),
        "U-net 256 x 256 batch 16, images to heatmaps, per second": _ways("unet", {}, (256, 256), random),
        "HRNet-W32 192 x 256 batch 16": _ways("hrnet", {"width": 32}, (192, 256), random),
        "heatmaps of 64 x 64 to keypoints, per second": _rows(race(_decoding(random))),
        "demo network, images of 800 x 600 to keypoints, per second": _rows(race(_following())),
    }
    for title, table in tables.items():
        show(title, table)
    save("networks", tables)


def _rows(timings: Sequence[Timing]) -> list[dict[str, Any]]:
    return [timing.columns() for timing in timings]


def _model(
    architecture: str, options: dict[str, Any], keypoints: int, size: tuple[int, int], device: str
) -> PoseModel:
    skeleton = Skeleton.from_names("points", [f"p{number}" for number in range(keypoints)])
    recipe = Recipe(architecture=architecture, options=options, input_size=size)
    return PoseModel(build(architecture, keypoints, **options), recipe, skeleton, device=device)


def _ways(
    architecture: str, options: dict[str, Any], size: tuple[int, int], random: np.random.Generator
) -> list[dict[str, Any]]:
    """Time one network in every way, with the largest difference from the first in units of its answer."""
    plain = _model(architecture, options, 17, size, "cuda" if torch.cuda.is_available() else "cpu")
    patches = random.integers(0, 255, (16, size[1], size[0], 3), dtype=np.uint8)
    contenders = []
    for name, way in WAYS.items():
        model = plain.faster(**way)
        contenders.append(Contender(name=name, call=partial(_heatmaps, model, patches), count=16))
    timings = race(contenders, rounds=3)
    first = timings[0].result
    return [
        timing.columns() | {"differs": float(np.abs(timing.result - first).max() / np.abs(first).max())}
        for timing in timings
    ]


def _heatmaps(model: PoseModel, patches: NDArray[np.uint8]) -> NDArray[np.float32]:
    output = model.answer(patches)
    if not isinstance(output, HeatmapOutput):
        raise TypeError("a network that answers with heatmaps is timed here")
    return output.heatmaps.float().cpu().numpy()


def _decoding(random: np.random.Generator) -> list[Contender]:
    xy = random.uniform(6, 57, (4000, 2))
    heatmaps = gaussian_targets(xy, (64, 64), 2.0)
    return [
        Contender(
            name=f"decode {method}", call=lambda method=method: decode(heatmaps, method=method), count=4000
        )
        for method in ("argmax", "quarter", "dark", "udp", "soft")
    ]


def _following() -> list[Contender]:
    """Let the demo's network locate the figure in each of 8 frames of 4 views, or follow it from the first.

    The figure stands still, so that it is never lost.
    """
    views = training_views(0)
    frames = [tuple(next(views)[0] for _ in range(4))] * 8
    contenders = []
    for precision in ("float32", "bfloat16"):
        model = load_model("demo", precision=precision)
        if not isinstance(model, PoseModel):
            raise TypeError("the demo's model is not one of this project")
        for every, name in ((1, "located in every frame"), (8, "in every eighth, followed between")):
            contenders.append(
                Contender(name=f"{name}, {precision}", call=partial(_found, model, frames, every), count=32)
            )
    return contenders


def _found(model: PoseModel, frames: Frames, every: int) -> NDArray[np.float64]:
    block = Block.empty(len(frames), len(frames[0]), 1, len(model.skeleton.keypoints))
    find_individuals(model, frames, every, block)
    return block.xy


if __name__ == "__main__":
    main()
