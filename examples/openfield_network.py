# %% [markdown]
# Train from scratch on a DeepLabCut project's labels, and judge on frames that were set aside, as DeepLabCut
# does.
#
#     python examples/openfield_network.py .../data/openfield_dlc RUN_FOLDER [--fraction 0.95] [--seed 0]
# [--mixed]
#
# The test frames are looked at as in use: the network finds the animal in the whole frame itself, then looks
# closer.

# %%
import argparse
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from models2d import Augmentation, PoseModel, Recipe, TrainingOptions, read_labels, train

parser = argparse.ArgumentParser()
parser.add_argument("data", type=Path, help="the folder with config.yaml, or a CollectedData file")
parser.add_argument("run", type=Path)
parser.add_argument("--fraction", type=float, default=0.95)
parser.add_argument("--steps", type=int, default=1500)
parser.add_argument("--mixed", action="store_true", help="bfloat16, fast on processors with matrix units")
parser.add_argument("--seed", type=int, default=0)
arguments = parser.parse_args()

# %% Labels, split at random: the test frames have no part in anything before the last cell.
labels = read_labels(arguments.data)
training, test = labels.split(arguments.fraction, arguments.seed)
print(f"{len(training)} frames to train on, {len(test)} to test on; {', '.join(labels.skeleton.keypoints)}")

# %% The last state of the averaged weights is taken: with so few frames none is spared to choose one.
options = TrainingOptions(
    recipe=Recipe(
        architecture="unet",
        options={"widths": (16, 32, 64, 96, 128), "stride": 4, "offsets": True},
        input_size=(192, 192),
        sigma=1.5,
        decoding="offsets",
        margin=0.4,
    ),
    augmentation=Augmentation(rotation_deg=180, scale=0.3, shift=0.12, flip=0.5, colour=0.3),
    steps=arguments.steps,
    batch=12,
    mixed=arguments.mixed,
    evaluate_every=arguments.steps,
    seed=arguments.seed,
)
model = train(training, arguments.run, options, validation=training, progress=tqdm)


# %%
def judge(model: PoseModel, frames) -> np.ndarray:
    errors = []
    for frame, xy in zip(frames.frames, frames.xy, strict=True):
        image = cv2.imread(str(frame.path))
        boxes = model.locate([image])[0]
        found = model.find([image], [boxes[0]]).xy[0] if len(boxes) else np.full(xy.shape[1:], np.nan)
        errors.append(np.linalg.norm(found - xy[0], axis=-1))
    return np.array(errors)


for name, part in (("training", training), ("test", test)):
    for flip in (False, True):
        model.flip = flip
        errors = judge(model, part)
        labelled = np.isfinite(part.xy[:, 0, :, 0])
        missed = np.isnan(errors) & labelled
        rmse, median = np.sqrt(np.nanmean(errors**2)), np.nanmedian(errors)
        looked = "with mirror images" if flip else "plain"
        print(f"{name:8s} {looked:18s}: RMSE {rmse:.2f} px, median {median:.2f} px, {missed.sum()} not found")
