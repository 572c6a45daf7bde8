# %% [markdown]
# A mouse in four cameras: from pictures of a board and proofread 2D tracks to smooth 3D.
#
#     python examples/mouse_4cam.py FOLDER [--out OUT]
#
# FOLDER has one folder per camera (back, mid, side, top), each with `calibration_images`, a video and a SLEAP
# analysis file.

# %%
import argparse
from pathlib import Path

import numpy as np

import calibration
import models2d
import triangulate

parser = argparse.ArgumentParser()
parser.add_argument("folder", type=Path)
parser.add_argument("--out", type=Path, default=Path())
arguments = parser.parse_args()
folder, out = arguments.folder, arguments.out
out.mkdir(parents=True, exist_ok=True)
names = ["back", "mid", "side", "top"]

# %% Calibrate: fifteen pictures of the board in each camera, matched by the number at the end of their names.
board = calibration.Board.charuco(columns=8, rows=11, square=0.024, marker=0.01875, dictionary="4X4_1000")
pictures = calibration.Recording.open({name: folder / name / "calibration_images" for name in names})
observations = calibration.find_corners(pictures, board)
rig, report = calibration.calibrate(observations)
rig = calibration.levelled(rig)  # z up, as far as the cameras stand upright
rig.save(out / "calibration.toml")
report.write_html(out / "calibration.html")
print(f"reprojection: {report.median:.3f} px median over {len(pictures)} instants")

# %% How long is a square, measured by the cameras?
corners = triangulate.triangulate_points(np.moveaxis(observations.xy, 1, -2), rig, method="refined")
grid = corners.reshape(-1, board.rows - 1, board.columns - 1, 3)
neighbours = [np.linalg.norm(np.diff(grid, axis=axis), axis=-1) for axis in (1, 2)]
sides_mm = 1000 * np.concatenate([lengths[np.isfinite(lengths)] for lengths in neighbours])
print(f"neighbouring corners: {sides_mm.mean():.3f} mm, standard deviation {sides_mm.std():.3f} mm")

# %% Read the tracks of the four views; the frame rate comes from the videos.
videos = calibration.Recording.open({name: folder / name / f"minimal_{name}.mp4" for name in names})
tracks = models2d.read_detections(
    {name: folder / name / f"minimal_{name}_proofread.analysis.h5" for name in names}, fps=videos.fps
).as_tracks()
print(f"{tracks.shape[0]} frames at {tracks.fps:g} Hz, {len(tracks.skeleton.keypoints)} keypoints")

# %% Triangulate robustly, then smooth all frames and views at once.
raw = triangulate.reconstruct(tracks, rig)
smooth, fit = triangulate.smooth(tracks, rig, raw)
print(fit)

# %% The ears are fixed in the skull: their distance tells how good the 3D is.
ears = [smooth.skeleton.index(name) for name in ("Ear_R", "Ear_L")]
for name, points in (("raw", raw), ("smoothed", smooth)):
    apart_mm = 1000 * np.linalg.norm(np.diff(points.xyz[:, 0, ears], axis=1)[:, 0], axis=-1)
    low, middle, high = np.nanpercentile(apart_mm, [25, 50, 75])
    print(f"ear to ear, {name}: {middle:.2f} mm, interquartile range {high - low:.2f} mm")

# %% Files to hand on, and a page to look at.
for suffix in ("parquet", "csv", "c3d"):
    triangulate.write(smooth, out / f"mouse.{suffix}")
triangulate.write_report(out / "mouse.html", smooth, rig, tracks=tracks, raw=raw, solve=fit, title="Mouse")
print(f"look at {out / 'mouse.html'}")
