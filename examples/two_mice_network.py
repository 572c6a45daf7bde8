# %% [markdown]
# Two mice in a picture, from recordings of one: the darker of the pixels of two frames shows both mice on one
# floor, with labels that are known. Two networks learn to find and tell apart both, by tags (associative
# embedding) and by vectors between keypoints (DeeperCut's pairwise terms), and are judged on pairs of frames
# that neither has seen.
#
#     python examples/two_mice_network.py .../data/openfield_dlc RUN_FOLDER [--steps 800] [--mixed]
#
# Mice that lie on each other are one dark shape with two tails and four ears: which belong together must be
# read from the picture. Killed, the training goes on where it was.

# %%
import argparse
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from models2d import (
    Augmentation,
    BottomUp,
    LabelledFrame,
    Labels,
    PoseModel,
    Recipe,
    TrainingOptions,
    read_labels,
    train,
)
from models2d.evaluation.average_precision import People, oks
from models2d.training.judging import paired_individuals

parser = argparse.ArgumentParser()
parser.add_argument("data", type=Path, help="the folder with config.yaml, or a CollectedData file")
parser.add_argument("run", type=Path)
parser.add_argument("--steps", type=int, default=800)
parser.add_argument("--pairs", type=int, nargs=2, default=[300, 80], help="pictures to learn from, to test")
parser.add_argument("--mixed", action="store_true", help="bfloat16, fast on processors with matrix units")
parser.add_argument("--seed", type=int, default=0)
arguments = parser.parse_args()
single = read_labels(arguments.data)
width = 300  # px; the mouse of this recording stays on the left
close = 40.0  # px, between keypoints of two mice: a mouse is 120 px long without its tail
apart = 15.0  # px; nearer ones of the same keypoint could not be told apart by anybody


# %%
def overlaid(labels: Labels, count: int, folder: Path, random: np.random.Generator) -> Labels:
    """Lay pairs of frames over each other at random; in half of them, where there are so many, close ones."""
    folder.mkdir(parents=True, exist_ok=True)
    images = [cv2.imread(str(frame.path))[:, :width] for frame in labels.frames]
    pairs = random.permutation(np.column_stack(np.triu_indices(len(images), 1)))
    xy = labels.xy[pairs, 0]  # (pairs, 2, keypoints, 2)
    clear = np.linalg.norm(xy[:, 0] - xy[:, 1], axis=-1).min(axis=1) > apart
    near, far = np.flatnonzero(clear & (gap(xy) < close)), np.flatnonzero(clear & (gap(xy) >= close))
    chosen = np.concatenate([near[: count // 2], far])[:count]
    frames = tuple(LabelledFrame(path=folder / f"pair{number:03d}.png") for number in range(len(chosen)))
    for frame, (one, other) in zip(frames, pairs[chosen], strict=True):
        cv2.imwrite(str(frame.path), np.minimum(images[one], images[other]))
    return Labels(frames=frames, xy=xy[chosen], individuals=("one", "other"), skeleton=labels.skeleton)


def gap(xy: np.ndarray) -> np.ndarray:
    """Least distance between keypoints of both mice, (pictures,) px."""
    return np.linalg.norm(xy[:, 0, :, None] - xy[:, 1, None], axis=-1).min(axis=(1, 2))


def trained(architecture: str, pictures: Labels) -> PoseModel | BottomUp:
    options = TrainingOptions(
        recipe=Recipe(
            architecture=architecture,
            options={"widths": (16, 32, 64, 96), "stride": 4},
            input_size=(160, 256),
            sigma=1.5,
            decoding="offsets",
        ),
        augmentation=Augmentation(rotation_deg=180, scale=0.2, shift=0.05, flip=0.5, colour=0.3),
        steps=arguments.steps,
        batch=12,
        mixed=arguments.mixed,
        evaluate_every=arguments.steps,
        seed=arguments.seed,
    )
    few = pictures.select(np.arange(min(20, len(pictures))))  # the last state is taken, so none is spared
    return train(pictures, arguments.run / architecture, options, validation=few, progress=tqdm)


# %% A keypoint is given to the right animal if it is nearer to that keypoint of the animal whose it is said
# to be than to that of the other one.
def judged(model: BottomUp, pictures: Labels) -> dict[str, np.ndarray]:
    shape = pictures.xy.shape[:-1]
    away, right, similar = np.full(shape, np.inf), np.zeros(shape, bool), np.zeros(shape[:2])
    for number, (frame, truth) in enumerate(zip(pictures.frames, pictures.xy, strict=True)):
        found = model.find_all([cv2.imread(str(frame.path))])[0]
        size = (truth.max(axis=1) - truth.min(axis=1)) ** 2
        labelled = People(xy=truth, area=size.sum(axis=1) / 4)
        for one, mine in paired_individuals(found, truth):
            to_both = np.linalg.norm(found.xy[one] - truth, axis=-1)
            away[number, mine] = np.nan_to_num(to_both[mine], nan=np.inf)
            right[number, mine] = to_both[mine] < to_both[1 - mine]
            similar[number, mine] = oks(found.xy[[one]], labelled, np.full(truth.shape[1], 0.05))[0, mine]
    return {"away": away, "right": right, "oks": similar}


def said(name: str, result: dict[str, np.ndarray], chosen: np.ndarray) -> None:
    away, right, similar = (result[key][chosen] for key in ("away", "right", "oks"))
    found = np.isfinite(away)
    print(
        f"  {name:6s} {chosen.sum():3d} pictures: {found.mean():6.1%} of the keypoints found, of these "
        f"{right[found].mean():6.1%} with the right animal; within 12 px {np.mean(away < 12):6.1%} of all, "
        f"OKS {similar.mean():.3f}, whole animals {np.mean((away < 12).all(axis=-1)):6.1%}"
    )


# %% Frames that are tested on are in no picture that is learnt from.
learn, test = single.split(0.8, arguments.seed)
parts = [
    overlaid(part, count, arguments.run / name, np.random.default_rng(arguments.seed + number))
    for number, (part, count, name) in enumerate(
        zip((learn, test), arguments.pairs, ("learn", "test"), strict=True)
    )
]
touching = gap(parts[1].xy) < close
print(
    f"{len(parts[0])} pictures of pairs of {len(learn)} frames to learn from, {len(parts[1])} of pairs of "
    f"{len(test)} others to test; close is where keypoints of both mice are within {close:g} px"
)
for architecture in ("unet_tags", "unet_pairwise"):
    model = trained(architecture, parts[0])
    assert isinstance(model, BottomUp)
    result = judged(model, parts[1])
    print(architecture)
    said("all", result, np.ones(len(touching), dtype=bool))
    said("close", result, touching)
    said("others", result, ~touching)
