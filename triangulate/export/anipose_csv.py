"""Anipose's flat 3D table, which movement and aniposelib's tools read.

Columns per keypoint `_x _y _z _error _ncams _score`, then the rotation M_00 to M_22 and center_0 to
center_2 (here identity and zero: nothing was turned) and `fnum`.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from calibration.atomic import replacing
from triangulate.export.formats import marker_names
from triangulate.trajectories import Trajectories3D


def write(trajectories: Trajectories3D, path: str | Path) -> None:
    """Write anipose's table, in metres; the score is the share of views that a point rests on.

    Parameters
    ----------
    trajectories : Trajectories3D
    path : path
    """
    frames = trajectories.shape[0]
    markers = marker_names(trajectories)
    xyz = trajectories.xyz.reshape(frames, len(markers), 3)
    error = trajectories.error.reshape(frames, len(markers))
    seen = trajectories.inliers.sum(axis=1).reshape(frames, len(markers))
    columns: dict[str, np.ndarray | float] = {}
    for number, marker in enumerate(markers):
        columns |= {f"{marker}_{axis}": xyz[:, number, i] for i, axis in enumerate("xyz")}
        columns[f"{marker}_error"] = error[:, number]
        columns[f"{marker}_ncams"] = np.where(seen[:, number] > 0, seen[:, number].astype(float), np.nan)
        columns[f"{marker}_score"] = seen[:, number] / max(len(trajectories.views), 1)
    columns |= {f"M_{i}{j}": float(i == j) for i in range(3) for j in range(3)}
    columns |= {f"center_{i}": 0.0 for i in range(3)}
    columns["fnum"] = np.arange(frames)
    with replacing(path) as temporary:
        pd.DataFrame(columns, index=range(frames)).to_csv(
            temporary, index=False, float_format="%.9g", lineterminator="\n"
        )
