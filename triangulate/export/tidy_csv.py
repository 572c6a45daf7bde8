"""A tidy table for spreadsheets, R and pandas: one row per point, metres, seconds, words for the status."""

from pathlib import Path

import numpy as np
import pandas as pd

from calibration.atomic import replacing
from triangulate.trajectories import Status, Trajectories3D


def to_table(trajectories: Trajectories3D) -> pd.DataFrame:
    """Lay trajectories out as a table.

    Parameters
    ----------
    trajectories : Trajectories3D

    Returns
    -------
    table : DataFrame
        Columns frame, time (s), subject, keypoint, x y z (m, Z up), sd_x sd_y sd_z (m), error (px), views
        (number of inliers) and status.
    """
    frames, subjects, keypoints = trajectories.shape
    index = pd.MultiIndex.from_product(
        [range(frames), trajectories.subjects, trajectories.skeleton.keypoints],
        names=["frame", "subject", "keypoint"],
    )
    sd = np.sqrt(np.diagonal(trajectories.covariance, axis1=-2, axis2=-1))
    words = np.array([status.name.lower() for status in Status])
    table = pd.DataFrame(index=index).reset_index()
    table.insert(1, "time", np.repeat(trajectories.times, subjects * keypoints))
    for axis, name in enumerate("xyz"):
        table[name] = trajectories.xyz[..., axis].ravel()
    for axis, name in enumerate("xyz"):
        table[f"sd_{name}"] = sd[..., axis].ravel()
    table["error"] = trajectories.error.ravel()
    table["views"] = trajectories.inliers.sum(axis=1).ravel()
    table["status"] = words[trajectories.status.ravel()]
    return table


def write(trajectories: Trajectories3D, path: str | Path) -> None:
    """Write the table of `to_table`; an empty cell is a missing value.

    Parameters
    ----------
    trajectories : Trajectories3D
    path : path
    """
    with replacing(path) as temporary:
        to_table(trajectories).to_csv(temporary, index=False, float_format="%.9g", lineterminator="\n")
