"""C3D, the file of biomechanics, written by ezc3d: millimetres, Z up, residuals that mark what is missing."""

from pathlib import Path

import ezc3d
import numpy as np

from calibration.atomic import replacing
from triangulate.export.extent import Extent
from triangulate.export.formats import marker_names, point_names
from triangulate.trajectories import Trajectories3D

MASKED_CAMERAS = 7
"""A C3D file has room for so many cameras per point."""

MOST_FRAMES = 65535
"""Where the frame counter of the format ends.

Longer files need what makers added (TRIAL:ACTUAL_END_FIELD, POINT:LONG_FRAMES, POINT:FRAMES as a float).
ezc3d reads none of these: of a file of its own with more frames it reads so many, without a word.
"""

LONGEST_NAME = 255
"""Bytes of a marker's name."""

NEARLY_ZERO = 1e-6
"""Millimetres in place of an exact (0, 0, 0), which C3D readers take for a missing point."""


def limit(extent: Extent) -> str | None:
    """Say what a C3D file cannot hold.

    Parameters
    ----------
    extent : Extent

    Returns
    -------
    reason : str or None
    """
    if not 1 <= extent.frames <= MOST_FRAMES:
        return (
            f"a C3D file holds 1 to {MOST_FRAMES} frames, got {extent.frames}; write TRC or Parquet, or a "
            "long recording in parts"
        )
    for name in point_names(extent.subjects, extent.keypoints, ":"):
        size = len(name.encode())
        if size > LONGEST_NAME:
            return f"names in a C3D file have at most {LONGEST_NAME} bytes, {name[:40]}... has {size}"
    return None


def write(trajectories: Trajectories3D, path: str | Path) -> None:
    """Write a C3D file.

    Each point's residual is its standard deviation in mm (the root mean square over the axes), -1 where the
    point is missing; the camera mask holds the views it rests on.

    Parameters
    ----------
    trajectories : Trajectories3D
    path : path
    """
    frames = trajectories.shape[0]
    markers = marker_names(trajectories, joint=":")
    xyz = 1000 * trajectories.xyz.reshape(frames, len(markers), 3)
    xyz = np.where((xyz == 0).all(axis=-1, keepdims=True), NEARLY_ZERO, xyz)
    variance = np.trace(trajectories.covariance, axis1=-2, axis2=-1).reshape(frames, len(markers)) / 3
    residual = np.nan_to_num(1000 * np.sqrt(variance), nan=0.0)
    missing = np.isnan(xyz).any(axis=-1)
    inliers = trajectories.inliers.reshape(frames, len(trajectories.views), len(markers))[:, :MASKED_CAMERAS]
    masks = np.zeros((MASKED_CAMERAS, len(markers), frames), dtype=bool)
    masks[: inliers.shape[1]] = inliers.transpose(1, 2, 0)

    file = ezc3d.c3d()
    point = file["parameters"]["POINT"]
    point["RATE"]["value"] = [trajectories.fps]
    point["UNITS"]["value"] = ["mm"]
    point["LABELS"]["value"] = markers
    point["DESCRIPTIONS"]["value"] = [""] * len(markers)
    file.add_parameter("POINT", "X_SCREEN", ["+Y"])
    file.add_parameter("POINT", "Y_SCREEN", ["+Z"])
    file["data"]["points"] = np.concatenate([xyz.transpose(2, 1, 0), np.ones((1, len(markers), frames))])
    file["data"]["meta_points"]["residuals"] = np.where(missing, -1.0, residual).T[None]
    file["data"]["meta_points"]["camera_masks"] = masks
    with replacing(path) as temporary:
        file.write(str(temporary))
