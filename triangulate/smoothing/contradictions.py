"""Given strengths that nearly all of the data contradict: said, where every point would be lost."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from calibration.geometry.camera_arrays import CameraArrays
from calibration.rig import Rig
from models2d.detections import Tracks2D
from triangulate.errors import TriangulationError
from triangulate.points.given_noise import AGREE, NEAR, OFF, contradicted
from triangulate.smoothing.inputs import cut_pixels, raw_points
from triangulate.smoothing.strength import Options, Strength, choose_strength, pieces

Bool = NDArray[np.bool_]


def check_given(options: Options, tracks: Tracks2D, rig: Rig, views: CameraArrays, inliers: Bool) -> None:
    """Raise where given strengths are why nearly nothing is left.

    Parameters
    ----------
    options : Options
    tracks : Tracks2D
        At common times.
    rig : Rig
        Its cameras in the order of the tracks' views.
    views : CameraArrays
        The same cameras.
    inliers : (frames, views, subjects, keypoints) bool
        What was kept.

    Raises
    ------
    TriangulationError
        With the options, their values and what the data show.
    """
    told = {
        name: getattr(options, name) for name in ("pixel_sigma", "motion_sigma", "bone_sigma", "bone_lengths")
    }
    told = {name: value for name, value in told.items() if value is not None}
    seen = np.isfinite(tracks.xy[..., 0])
    part = contradicted(seen, inliers)
    if not told or part is None:
        return
    alone = options._replace(pixel_sigma=None, motion_sigma=None, bone_sigma=None, bone_lengths=None)
    free = choose_strength(tracks, rig, views, alone)
    side = max(max(camera.intrinsics.size) for camera in rig.cameras)
    near = tracks.covariance is not None or np.median(free.pixel_sigma) < NEAR * side
    if not near or not _agreement(tracks, rig, free) > AGREE:
        return
    lost = f"{part:.0%} of the observations contradict it"
    shown = {
        "pixel_sigma": float(np.median(free.pixel_sigma)),
        "motion_sigma": float(np.nanmedian(free.motion_sigma)),
    }
    blamed = [name for name in told if name in shown and _typical(told[name]) < OFF * shown[name]]
    called = {name: _name(name, options) for name in told}
    if "pixel_sigma" in told and tracks.covariance is not None:
        called["pixel_sigma"] = ("pixel_sigma", "times the root of the covariances stated")
    what = [
        f"{option}: {_typical(told[name]):g} {unit}: {lost}; the data show {shown[name]:.2g} {unit}"
        for name, (option, unit) in called.items()
        if name in blamed
    ] or [f"{option}, as given: {lost}, on which the views agree" for option, _ in called.values()]
    raise TriangulationError("; ".join(what) + ". Leave it out to have it chosen from the data")


def _agreement(tracks: Tracks2D, rig: Rig, strength: Strength) -> float:
    """Part of the observations on which the views agree frame by frame, whatever moves how."""
    every, agree, total = np.arange(tracks.shape[3]), 0, 0
    for part in pieces(np.isfinite(tracks.xy[..., 0]).sum(axis=(1, 2, 3))):
        for subject in range(tracks.shape[2]):
            raw = raw_points(cut_pixels(tracks, part, subject, strength.pixel_sigma, every), rig)
            seen = np.isfinite(tracks.xy[part, :, subject, :, 0]).transpose(0, 2, 1)
            several = seen & (seen.sum(axis=-1, keepdims=True) >= 2)
            agree, total = agree + int(raw.inliers[several].sum()), total + int(several.sum())
    return agree / max(total, 1)


def _typical(value: ArrayLike) -> float:
    return float(np.median(np.asarray(value, dtype=np.float64)))


def _name(field: str, options: Options) -> tuple[str, str]:
    """Return what the caller calls an option, and its unit."""
    if field == "motion_sigma":
        return ("jerk_sigma", "m/s3") if options.order == 3 else ("acceleration_sigma", "m/s2")
    return field, "m" if field.startswith("bone") else "px"
