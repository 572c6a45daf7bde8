# %% [markdown]
# A person in four portrait cameras: OpenPose's JSON files and a calibration made elsewhere become files for
# biomechanics. Bystanders are told apart across the views.
#
#     python examples/human_4cam.py FOLDER [--out OUT]
#
# FOLDER is laid out as Pose2Sim does it, with `S00_Calibration` and one folder per trial.

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
trial = folder / "S00_P00_SingleParticipant" / "S00_P00_T01_BalancingTrial"

# %% The calibration that came with the recording: Qualisys, in mm, z up.
shipped = calibration.Rig.load(folder / "S00_Calibration" / "Calib.qca.txt")
print(f"cameras: {', '.join(shipped.names)}")

# %% Read what OpenPose saw. Up to three people are in view, in any order: who is who is found out in 3D.
json_folders = {name: trial / "pose" / f"{name.replace('_', '')}_json" for name in shipped.names}
detections = models2d.read_detections(json_folders, skeleton="body25b", fps=60.0)
tracks = triangulate.associate(detections, shipped, subjects=1)
print(f"{detections.shape[2]} people in view at most, {detections.shape[0]} frames")


# %% Do the cameras agree? Not well: the keypoints themselves show that the calibration can be improved on.
def agreement(rig: calibration.Rig) -> float:
    """Median reprojection error over all points, in pixels."""
    return float(np.nanmedian(triangulate.reconstruct(tracks, rig).error))


rig, refined = calibration.refine_cameras(shipped, np.moveaxis(tracks.xy, 1, -2).reshape(-1, len(shipped), 2))
moved_mm = 1000 * np.linalg.norm(rig.centers - shipped.centers, axis=1)
print(f"reprojection: {agreement(shipped):.1f} px as shipped, {agreement(rig):.1f} px refined")
print(f"cameras moved by {', '.join(f'{moved:.0f}' for moved in moved_mm)} mm")
rig.save(out / "calibration.toml")

# %% Triangulate robustly, then smooth all frames and views at once.
raw = triangulate.reconstruct(tracks, rig)
smooth, fit = triangulate.smooth(tracks, rig, raw)
print(fit)

# %% TRC for OpenSim (60 Hz, Y up), C3D for everything else (mm, z up), and a page to look at.
for suffix in ("parquet", "trc", "c3d"):
    triangulate.write(smooth, out / f"human.{suffix}")
triangulate.write_report(
    out / "human.html", smooth, rig, tracks=tracks, raw=raw, solve=fit, title="Balancing"
)
print(f"look at {out / 'human.html'}")
