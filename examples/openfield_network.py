# %% [markdown]
# Train from scratch on a DeepLabCut project's labels, and judge on frames that were set aside, as DeepLabCut
# does.
#
#     python examples/openfield_network.py .../data/openfield_dlc RUN_FOLDER [--split 0.95] [--seeds 0 1 2]
# [--mixed]
#
# The test frames are looked at as in use: the network finds the animal in the whole frame itself, then looks
# closer. Killed, the training goes on where it was.

# %%
import argparse
from pathlib import Path

import numpy as np
from tqdm import tqdm

from models2d import Augmentation, Labels, PoseModel, Recipe, TrainingOptions, evaluate, read_labels, train
from models2d.decoding.temperature import coverage, fit_tail, fit_temperature

parser = argparse.ArgumentParser()
parser.add_argument("data", type=Path, help="the folder with config.yaml, or a CollectedData file")
parser.add_argument("run", type=Path)
parser.add_argument("--split", type=float, default=0.95, help="part of the frames to train on")
parser.add_argument("--steps", type=int, default=2000)
parser.add_argument("--mixed", action="store_true", help="bfloat16, fast on processors with matrix units")
parser.add_argument("--seeds", type=int, nargs="+", default=[0], help="a split and a training for each")
arguments = parser.parse_args()
labels = read_labels(arguments.data)
print(f"{len(labels)} frames; {', '.join(labels.skeleton.keypoints)}")


# %% The last state of the averaged weights is taken: with so few frames none is spared to choose one.
def trained(part: Labels, seed: int) -> PoseModel:
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
        seed=seed,
    )
    return train(part, arguments.run / f"seed_{seed}", options, validation=part, progress=tqdm)


# %% The covariance's factors and tail are fitted to one half of the frames and judged on the other, both
# ways.
def held_out(apart: np.ndarray, covariance: np.ndarray) -> np.ndarray:
    rows, second = [], np.arange(len(apart)) >= len(apart) // 2
    for judged in (second, ~second):
        factors = fit_temperature(apart[~judged], covariance[~judged])[:, None, None]
        tail = fit_tail(apart[~judged], covariance[~judged] * factors)
        rows.append(held(apart[judged], covariance[judged] * factors, tail))
    return np.mean(rows, axis=0)


def held(apart: np.ndarray, covariance: np.ndarray, tail: float | None) -> list[float]:
    """Part of the labels inside the 68% and 95% ellipses, and inside a Gaussian's 95% ellipses."""
    levels = ((0.68, tail), (0.95, tail), (0.95, None))
    return [coverage(apart, covariance, level, heavy) for level, heavy in levels]


# %% The test frames have no part in anything before this cell.
tests, inside = [], []
for seed in arguments.seeds:
    training, test = labels.split(arguments.split, seed)
    model = trained(training, seed)
    for flip in (True, False):
        model.flip = flip
        found = [evaluate(part, model) for part in (training, test)]
        rows = [one.rows()[-1] for one in found]
        for name, part, row in zip(("train", "test"), (training, test), rows, strict=True):
            print(
                f"seed {seed} {'mirrored too' if flip else 'plain':12s} {name:5s} {len(part):3d} frames: "
                f"RMSE {row['RMSE px']:.2f}, mean {row['mean px']:.2f}, median {row['median px']:.2f} px; "
                f"{row['labels'] - row['found']} of {row['labels']} not found"
            )
        tests.append((flip, rows[1]["RMSE px"], rows[1]["mean px"]))
    worst, _ = found[1].worst(1)[0]
    errors = zip(labels.skeleton.keypoints, found[1].distance[worst, 0], strict=True)
    print(
        f"   worst, {test.frames[worst].path.name}: {', '.join(f'{name} {px:.1f} px' for name, px in errors)}"
    )
    apart, covariance = test.xy[:, 0] - found[1].xy[:, 0], found[1].covariance[:, 0]
    inside.append((held(apart, covariance, model.tail), held_out(apart, covariance)))

# %%
for flip in (False, True):
    rmse, mean = np.array([errors for looked, *errors in tests if looked == flip]).T
    print(
        f"test, {'mirrored too' if flip else 'plain'}: RMSE {rmse.mean():.2f} px "
        f"({rmse.min():.2f} to {rmse.max():.2f}), mean distance {mean.mean():.2f} px"
    )
for number, fitted in enumerate(("the training frames", "the other half of the test frames")):
    inside_68, inside_95, normal = np.mean([part[number] for part in inside], axis=0)
    print(
        f"covariance fitted to {fitted}: {inside_68:.0%} in the 68% ellipse, {inside_95:.0%} in the 95% one, "
        f"{normal:.0%} in that of a Gaussian"
    )
