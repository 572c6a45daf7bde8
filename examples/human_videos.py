# %% [markdown]
# People in the videos of several cameras, with nothing to train or to download: `load_model("human")`.
#
#     python examples/human_videos.py FOLDER CALIBRATION [--people 1] [--out OUT]
#
# FOLDER holds one video for each camera, CALIBRATION is a file of any known format. The recording with which
# it was tried is that of the `pose2sim` package (BSD-3), which has a trial of one person and one of two.

# %%
import argparse
import time
from pathlib import Path

import numpy as np

import calibration
import models2d
import triangulate

parser = argparse.ArgumentParser()
parser.add_argument("folder", type=Path)
parser.add_argument("calibration", type=Path, nargs="?", help="by default FOLDER/../Calib.qca.txt")
parser.add_argument("--people", type=int, default=1)
parser.add_argument("--out", type=Path, default=Path())
arguments = parser.parse_args()
out = arguments.out
out.mkdir(parents=True, exist_ok=True)

# %% The videos, and the cameras as they were calibrated.
recording = calibration.Recording.open(arguments.folder)
shipped = calibration.Rig.load(arguments.calibration or arguments.folder.parent / "Calib.qca.txt")
shipped = shipped.select(recording.names)
for camera, size in zip(shipped.cameras, recording.sizes.tolist(), strict=True):
    if camera.intrinsics.size != tuple(size):
        print(f"{camera.name}: {size} px are the top left part of the calibrated {camera.intrinsics.size}")
shipped = shipped.resized(recording.sizes, filled=True)

# %% Find the people in every view.
model = models2d.load_model("human").with_individuals(arguments.people)
began = time.process_time()
detections = models2d.detect(recording, model)
frames, views = detections.shape[:2]
each = (time.process_time() - began) / (frames * views)
print(f"{frames} frames of {views} views: {1000 * each:.0f} ms of one core for each image")

# %% Who is who in the views, and which is left: one view cannot always tell, several can.
if arguments.people == 1:
    tracks = detections.as_tracks()
else:
    tracks = triangulate.associate(detections, shipped, subjects=arguments.people)
tracks, swapped = triangulate.unswap(tracks, shipped)
for name, share in zip(tracks.views, swapped.any(axis=(2, 3)).mean(axis=0), strict=True):
    print(f"{name}: left and right exchanged in {100 * share:.0f}% of the frames")

# %% The keypoints show how well the calibration fits, and refine it.
points = np.moveaxis(tracks.xy, 1, -2).reshape(-1, views, 2)
rig, refined = calibration.refine_cameras(shipped, points)
for name, one in (("shipped", shipped), ("refined", rig)):
    error = np.nanmedian(triangulate.reconstruct(tracks, one).error)
    print(f"reprojection, {name}: {error:.1f} px")

# %% Triangulate robustly, then smooth all frames and views at once.
raw = triangulate.reconstruct(tracks, rig)
smooth, fit = triangulate.smooth(tracks, rig, raw)
print(fit)

# %% How steady are the bones?
length = np.linalg.norm(np.diff(smooth.xyz[:, :, smooth.skeleton.bones], axis=-2)[..., 0, :], axis=-1)
limbs = [
    number
    for number, bone in enumerate(smooth.skeleton.bone_names)
    if {joint.rpartition("_")[2] for joint in bone} & {"elbow", "knee"}
]
steady_mm = 1000 * np.nanstd(length, axis=0)[:, limbs].mean(axis=1)
print(f"lengths of arms and legs, standard deviation: {', '.join(f'{mm:.1f}' for mm in steady_mm)} mm")

# %% TRC for OpenSim, and a page to look at.
for suffix in ("parquet", "trc"):
    triangulate.write(smooth, out / f"people.{suffix}")
triangulate.write_report(
    out / "people.html", smooth, rig, tracks=tracks, raw=raw, solve=fit, title=arguments.folder.name
)
print(f"look at {out / 'people.html'}")
