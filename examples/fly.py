# %% [markdown]
# A fly in three cameras with very long lenses: a network's predictions and an anipose calibration become
# smooth 3D.
#
#     python examples/fly.py FOLDER [--out OUT]
#
# FOLDER has one csv per camera (Cam-A, Cam-B, Cam-C) and network (rng=0, 1, 2), as DeepLabCut writes them,
# and `calibration.toml` as anipose writes it.

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

# %% Anipose does not say its unit; the board of this rig was measured in millimetres.
rig = calibration.Rig.load(folder / "calibration.toml", unit="mm")
print(
    f"cameras: {', '.join(rig.names)}; focal lengths {[round(c.intrinsics.K[0, 0]) for c in rig.cameras]} px"
)

# %% One network's predictions of each view, then robust triangulation and smoothing.
csv = {name: next(folder.glob(f"*{name}*rng=0.csv")) for name in rig.names}
tracks = models2d.read_detections(csv, fps=300.0).as_tracks()
raw = triangulate.reconstruct(tracks, rig)
smooth, fit = triangulate.smooth(tracks, rig, raw)
print(f"{tracks.shape[0]} frames, {len(tracks.skeleton.keypoints)} keypoints")
print(f"reprojection: {np.nanmedian(raw.error):.2f} px median raw")
print(fit)


# %% A judge that has not seen what it judges: predict each camera from the two others.
def left_out(tracks: models2d.Tracks2D, smoothed: bool) -> float:
    """Mean distance of a camera's detections from where the other cameras expect them, in pixels."""
    errors = []
    for view, name in enumerate(tracks.views):
        others = [other for other in tracks.views if other != name]
        index = [tracks.views.index(other) for other in others]
        part = models2d.Tracks2D(
            xy=tracks.xy[:, index],
            confidence=tracks.confidence[:, index],
            views=tuple(others),
            skeleton=tracks.skeleton,
            subjects=tracks.subjects,
            fps=tracks.fps,
        )
        points = triangulate.reconstruct(part, rig)
        if smoothed:
            points, _ = triangulate.smooth(part, rig, points)
        expected = rig.select([name]).project(points.xyz)[..., 0, :]
        errors.append(np.linalg.norm(tracks.xy[:, view] - expected, axis=-1))
    return float(np.nanmedian(errors))


print(
    f"left-out camera, median: {left_out(tracks, False):.2f} px raw, {left_out(tracks, True):.2f} px smoothed"
)

# %% Files to hand on, and a page to look at.
for suffix in ("parquet", "csv", "anipose.csv"):
    triangulate.write(smooth, out / f"fly.{suffix}")
triangulate.write_report(out / "fly.html", smooth, rig, tracks=tracks, raw=raw, solve=fit, title="Fly")
print(f"look at {out / 'fly.html'}")
