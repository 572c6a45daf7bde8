# %% [markdown]
# Train the network of `triangulate demo`: the rendered figure, seen by random cameras.
#
#     python examples/train_demo_network.py FOLDER [--steps 5000] [--threads 1] [--mixed]
#
# FOLDER takes the rendered images and the run; killed, it goes on where it was. About 20 minutes on one core.

# %%
import argparse
from pathlib import Path

import cv2
import numpy as np
import torch
from tqdm import tqdm

from models2d.labels import LabelledFrame, Labels
from models2d.model_files.weights import save_model
from models2d.models.recipe import Recipe
from models2d.training.augmentation import Augmentation
from models2d.training.trainer import TrainingOptions, train
from triangulate.synthetic.body import figure_skeleton
from triangulate.synthetic.rendering import training_views

parser = argparse.ArgumentParser()
parser.add_argument("folder", type=Path)
parser.add_argument("--images", type=int, default=4000)
parser.add_argument("--steps", type=int, default=5000)
parser.add_argument("--size", type=int, default=256)
parser.add_argument("--threads", type=int, default=1)
parser.add_argument("--mixed", action="store_true", help="bfloat16, fast on processors with matrix units")
parser.add_argument("--seed", type=int, default=1)
arguments = parser.parse_args()
torch.set_num_threads(arguments.threads)

# %% Draw the training images: the truth is known to a fraction of a pixel.
images = arguments.folder / f"images_{arguments.images}"
if not (images / "xy.npy").is_file():
    images.mkdir(parents=True, exist_ok=True)
    points = []
    views = training_views(arguments.seed)
    for number, (image, xy) in zip(
        range(arguments.images), tqdm(views, total=arguments.images), strict=False
    ):
        cv2.imwrite(str(images / f"{number:05d}.jpg"), image, [cv2.IMWRITE_JPEG_QUALITY, 95])
        points.append(xy)
    np.save(images / "xy.npy", np.stack(points))
xy = np.load(images / "xy.npy")

# %% Labels outside the image do not exist for a network.
skeleton = figure_skeleton()
inside = ((xy > -0.5) & (xy < np.array([799.5, 599.5]))).all(axis=-1, keepdims=True)
labels = Labels(
    frames=tuple(LabelledFrame(path=images / f"{number:05d}.jpg") for number in range(len(xy))),
    xy=np.where(inside, xy, np.nan)[:, None],
    individuals=("figure",),
    skeleton=skeleton,
)

# %% Crops of the figure, and some whole frames, since the same network looks for it first.
recipe = Recipe(
    architecture="unet",
    options={"widths": (24, 48, 64, 96, 128), "stride": 4, "offsets": True},
    input_size=(arguments.size, arguments.size),
    stride=4,
    sigma=1.5,
    decoding="offsets",
    margin=0.15,
)
options = TrainingOptions(
    recipe=recipe,
    # The renderer varies light, blur and noise already; left and right differ in colour, so no mirror images.
    augmentation=Augmentation(
        rotation_deg=15, scale=0.15, colour=0.1, blur=0.5, motion_blur=0, noise=4, cutout=0.2
    ),
    steps=arguments.steps,
    batch=16,
    rate=2e-3,
    whole=0.2,
    mixed=arguments.mixed,
    evaluate_every=250,
    seed=arguments.seed,
)
held_out = np.arange(len(labels)) >= len(labels) - 200
model = train(
    labels.select(~held_out),
    arguments.folder / "run",
    options,
    validation=labels.select(held_out),
    progress=tqdm,
)

# %% What ships: 16-bit weights.
save_model(model, arguments.folder / "demo.safetensors", half=True)
print((arguments.folder / "run" / "metrics.json").read_text())
