# %% [markdown]
# Train from scratch on Lightning Pose labels of a mouse that is seen twice, from the side and in a mirror
# from below, and judge on frames that were set aside.
#
#     python examples/mirror_mouse_network.py .../data/mirror_mouse_lp RUN_FOLDER [--split 0.8]
# [--seeds 0 1 2] [--mixed]
#
# The animal fills the frame, so the network looks at the whole frame once. Killed, the training goes on where
# it was.

# %%
import argparse
from pathlib import Path

import numpy as np
from tqdm import tqdm

from models2d import Augmentation, Labels, PoseModel, Recipe, TrainingOptions, evaluate, read_labels, train

parser = argparse.ArgumentParser()
parser.add_argument("data", type=Path, help="the folder with CollectedData.csv")
parser.add_argument("run", type=Path)
parser.add_argument("--split", type=float, default=0.8, help="part of the frames to train on")
parser.add_argument("--steps", type=int, default=1000)
parser.add_argument("--mixed", action="store_true", help="bfloat16, fast on processors with matrix units")
parser.add_argument("--seeds", type=int, nargs="+", default=[0], help="a split and a training for each")
arguments = parser.parse_args()
labels = read_labels(arguments.data / "CollectedData.csv")
print(f"{len(labels)} frames; {', '.join(labels.skeleton.keypoints)}")


# %% The mouse always faces right and its paws are told apart by their side, so nothing is mirrored, and
# hardly turned. The last state of the averaged weights is taken: none of the frames is spared to choose one.
def trained(part: Labels, seed: int) -> PoseModel:
    options = TrainingOptions(
        recipe=Recipe(
            architecture="unet",
            options={"widths": (16, 32, 64, 96, 128), "stride": 4, "offsets": True},
            input_size=(224, 224),
            sigma=1.5,
            decoding="offsets",
            region="frame",
        ),
        augmentation=Augmentation(rotation_deg=8, scale=0.1, shift=0.05, colour=0.3),
        steps=arguments.steps,
        batch=8,
        mixed=arguments.mixed,
        evaluate_every=arguments.steps,
        seed=seed,
    )
    return train(part, arguments.run / f"seed_{seed}", options, validation=part, progress=tqdm)


# %% The test frames have no part in anything before this cell.
tests = []
for seed in arguments.seeds:
    training, test = labels.split(arguments.split, seed)
    model = trained(training, seed)
    for name, part in (("train", training), ("test", test)):
        found = evaluate(part, model)
        row, away = found.rows()[-1], found.distance
        near = [np.mean(away[np.isfinite(part.xy[..., 0])] <= px) for px in (5, 10)]
        print(
            f"seed {seed} {name:5s} {len(part):2d} frames: RMSE {row['RMSE px']:.2f}, mean "
            f"{row['mean px']:.2f}, median {row['median px']:.2f} px; within 5 px {near[0]:.1%}, 10 px "
            f"{near[1]:.1%}; PCK@0.05 of the box's diagonal {row['PCK@0.05']:.1%}"
        )
    tests.append((row["RMSE px"], row["mean px"], *near))
    worst = sorted(found.rows()[:-1], key=lambda row: -row["RMSE px"])[:4]
    print("   worst: " + ", ".join(f"{row['keypoint']} {row['RMSE px']:.1f} px" for row in worst))

# %%
rmse, mean, near_5, near_10 = np.mean(tests, axis=0)
print(
    f"test, {len(tests)} splits: RMSE {rmse:.2f} px, mean distance {mean:.2f} px; "
    f"within 5 px {near_5:.1%}, within 10 px {near_10:.1%}"
)
