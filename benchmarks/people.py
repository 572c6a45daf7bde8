"""People in real videos: the shipped model beside OpenPose's keypoints of the same trial, in 2D and in 3D.

Looked for in $TRIANGULATE_RECORDINGS or ../shared/data, as `human_4cam_videos` and `human_4cam`. OpenPose
is no truth. Its files are one frame late; cameras are those of the package, refined on its keypoints. Models
other than the shipped one: their files, separated by spaces, in $TRIANGULATE_MODELS.
"""

import os
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.measurement import save, show
from benchmarks.real_recordings import FOLDER
from benchmarks.scenes import Float
from calibration import Recording, Rig, refine_cameras
from models2d import Tracks2D, detect, load_model, read_detections
from models2d.models.pose_model import SequenceModel
from triangulate import associate, reconstruct, smooth, unswap

PARTS = ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
LIMBS = [f"{side}_{part}" for part in PARTS for side in ("left", "right")]
HALF = 2 * np.log(2)
"""Median of the squared Mahalanobis distance of two coordinates."""


def main() -> None:
    videos = FOLDER / "human_4cam_videos"
    if not videos.is_dir():
        print(f"{videos} is not there (set TRIANGULATE_RECORDINGS)")
        return
    recording = Recording.open(videos / "single")
    rig = Rig.load(videos / "Calib.qca.txt").select(recording.names)
    openpose = openpose_tracks(rig)
    rig, _ = refine_cameras(rig, np.moveaxis(openpose.xy, 1, -2).reshape(-1, len(rig), 2))
    reference = smooth(openpose, rig, reconstruct(openpose, rig))[0]
    rows = [{"model": "OpenPose itself", "bone_sd_mm": bone_deviation(reference.xyz, reference.skeleton)}]
    for name in ("human", *os.environ.get("TRIANGULATE_MODELS", "").split()):
        rows.append({"model": Path(name).stem} | measured(name, recording, rig, openpose, reference))
    show("one person in four views, 100 frames, beside OpenPose", rows)
    save("people", {"single": rows})


def openpose_tracks(rig: Rig) -> Tracks2D:
    """Read the person that OpenPose saw."""
    trial = FOLDER / "human_4cam" / "S00_P00_SingleParticipant" / "S00_P00_T01_BalancingTrial" / "pose"
    files = {name: trial / f"{name}_json" for name in rig.names}
    return associate(read_detections(files, skeleton="body25b", fps=60.0), rig, subjects=1)


def measured(name: str, recording: Recording, rig: Rig, openpose: Tracks2D, reference: Any) -> dict[str, Any]:
    """Run one model, and hold it against OpenPose."""
    model = load_model(name)
    if not isinstance(model, SequenceModel):
        raise SystemExit(f"{name} is no model of people as `human` is")
    began = time.process_time()
    raw = detect(recording, model).as_tracks()
    each = (time.process_time() - began) / (len(recording) * len(recording.names))
    fitting = rig.resized(recording.sizes, filled=True)
    tracks, swapped = unswap(raw, fitting)
    found, _ = smooth(tracks, fitting, reconstruct(tracks, fitting))
    apart = np.linalg.norm(limbs(found.xyz, found)[1:, 0] - limbs(reference.xyz, reference)[:-1, 0], axis=-1)
    residual = tracks.xy - np.moveaxis(fitting.project(found.xyz), -2, 1)
    seen = np.isfinite(residual[..., 0])
    assert tracks.covariance is not None
    squared = np.einsum(
        "ni,nij,nj->n", residual[seen], np.linalg.inv(tracks.covariance[seen]), residual[seen]
    )
    return {
        "ms_per_image": 1000 * each,
        "pck_0.1_%": 100 * correct(raw, openpose, 0.1),
        "pck_0.2_%": 100 * correct(raw, openpose, 0.2),
        "unswapped_pck_0.2_%": 100 * correct(tracks, openpose, 0.2),
        "swapped_%": 100 * swapped.any(axis=(2, 3)).mean(),
        "apart_3d_mm": 1000 * np.nanmedian(apart),
        "bone_sd_mm": bone_deviation(found.xyz, found.skeleton),
        "variance_factor": np.median(squared) / HALF,
    }


def limbs(points: Float, of: Any) -> Float:
    """Take the limbs' keypoints, on the last axis but one."""
    return points[..., [of.skeleton.index(name) for name in LIMBS], :]


def correct(tracks: Tracks2D, openpose: Tracks2D, part: float) -> float:
    """Share of the limbs' keypoints within a part of the torso of OpenPose's, left shoulder to right hip."""
    ours, theirs = limbs(tracks.xy, tracks)[1:], limbs(openpose.xy, openpose)[:-1]
    torso = np.linalg.norm(
        theirs[..., LIMBS.index("left_shoulder"), :] - theirs[..., LIMBS.index("right_hip"), :], axis=-1
    )
    apart = np.linalg.norm(ours - theirs, axis=-1)
    both = np.isfinite(apart)
    return float((apart < part * torso[..., None])[both].mean())


def bone_deviation(xyz: Float, skeleton: Any) -> float:
    """Mean standard deviation of the lengths of upper and lower arms and legs, mm."""
    pairs = [
        (skeleton.index(f"{side}_{a}"), skeleton.index(f"{side}_{b}"))
        for side in ("left", "right")
        for a, b in (("shoulder", "elbow"), ("elbow", "wrist"), ("hip", "knee"), ("knee", "ankle"))
    ]
    ends = xyz[:, 0, np.array(pairs)]
    return float(1000 * np.nanstd(np.linalg.norm(ends[:, :, 0] - ends[:, :, 1], axis=-1), axis=0).mean())
