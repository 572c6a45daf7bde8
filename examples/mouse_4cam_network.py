# %% [markdown]
# Train a network on a part of a real recording, detect the rest, and compare the two in 3D.
#
#     python examples/mouse_4cam_network.py .../data/mouse_4cam RUN_FOLDER [--steps 1000] [--mixed]
#
# Four cameras filmed a mouse for 120 frames. The first 80 of each, with the proofread tracks as labels, train
# one network for all views; it then finds the keypoints in the other 40, which are triangulated and compared
# with what the proofread tracks of the same frames give. Killed, the training goes on where it was.

# %%
import argparse
from pathlib import Path

import numpy as np
from tqdm import tqdm

from calibration import Board, Recording, calibrate, find_corners
from models2d import Augmentation, Recipe, TrainingOptions, detect, labels_from, read_tracks, train
from models2d.decoding.temperature import coverage
from triangulate import reconstruct

parser = argparse.ArgumentParser()
parser.add_argument("data", type=Path, help="the folder mouse_4cam")
parser.add_argument("run", type=Path, help="takes the trained network")
parser.add_argument("--steps", type=int, default=1000)
parser.add_argument("--mixed", action="store_true", help="bfloat16, fast on processors with matrix units")
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--locate-every", type=int, default=1, help="frames; between them the mouse is followed")
arguments = parser.parse_args()
views = ("back", "mid", "side", "top")
videos = {view: arguments.data / view / f"minimal_{view}.mp4" for view in views}

# %% Labels: the proofread tracks of the first 80 frames; every tenth judges which state of the network is
# best.
tracks = read_tracks(
    {view: arguments.data / view / f"minimal_{view}_proofread.analysis.h5" for view in views}, fps=30
)
labels = labels_from(tracks, videos)
number = np.array([frame.index for frame in labels.frames])
training = labels.select((number < 80) & (number % 10 != 5))
judge = labels.select((number < 80) & (number % 10 == 5))

# %% One network for all four views. A mirror image of a mouse is a mouse, so it may be mirrored.
options = TrainingOptions(
    recipe=Recipe(
        architecture="unet",
        options={"widths": (16, 32, 64, 96, 128), "stride": 4, "offsets": True},
        input_size=(192, 192),
        sigma=1.5,
        decoding="offsets",
        margin=0.15,
    ),
    augmentation=Augmentation(rotation_deg=40, scale=0.25, flip=0.5, colour=0.3, motion_blur=3),
    steps=arguments.steps,
    batch=12,
    mixed=arguments.mixed,
    evaluate_every=100,
    seed=arguments.seed,
)
model = train(training, arguments.run, options, validation=judge, progress=tqdm)

# %% The 40 frames it has never seen.
recording = Recording.open(videos).select(slice(80, None))
detections = detect(recording, model, fps=30, locate_every=arguments.locate_every, progress=tqdm)
truth = tracks.xy[80:, :, 0]
distance = np.linalg.norm(detections.xy[:, :, 0] - truth, axis=-1)
for view, errors in zip(views, distance.swapaxes(0, 1), strict=True):
    print(
        f"{view:5s} 2D: median {np.nanmedian(errors):.2f} px, 90% within {np.nanquantile(errors, 0.9):.2f} px"
    )
apart = truth - detections.xy[:, :, 0]
inside = [coverage(apart, detections.covariance[:, :, 0], level, model.tail) for level in (0.68, 0.95)]
print(
    f"covariance, fitted to frames among the 80: {inside[0]:.0%} in the 68% ellipse, {inside[1]:.0%} in 95%"
)

# %% Calibrate from the board images, and triangulate both.
board = Board.charuco(columns=8, rows=11, square=0.024, marker=0.01875, dictionary="4X4_1000")
images = Recording.open({view: arguments.data / view / "calibration_images" for view in views})
rig, report = calibrate(find_corners(images, board))
found = reconstruct(detections.as_tracks(), rig)
wanted = reconstruct(tracks, rig)
apart_mm = 1000 * np.linalg.norm(found.xyz[:, 0] - wanted.xyz[80:, 0], axis=-1)
for keypoint, errors in zip(found.skeleton.keypoints, apart_mm.T, strict=True):
    seen = np.isfinite(errors)
    if seen.any():
        print(f"{keypoint:15s} 3D: median {np.median(errors[seen]):6.2f} mm in {seen.sum()} of 40 frames")
face = [found.skeleton.index(keypoint) for keypoint in ("Nose", "Head", "Ear_L", "Ear_R")]
print(f"head and ears: median {np.nanmedian(apart_mm[:, face]):.2f} mm; all: {np.nanmedian(apart_mm):.2f} mm")
