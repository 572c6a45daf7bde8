"""Predictions of DeepLabCut, Lightning Pose and the ensemble Kalman smoother (EKS), which share a table.

Pixels: these tools count from the centre of the top-left pixel, as this package does (labels are placed with
integer coordinates on pixel centres, and DeepLabCut adds half a stride when it decodes), so nothing is
shifted.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models2d.readers.dlc_table import DlcTable, read_dlc_table
from models2d.readers.view import ViewDetections, cleaned

Float = NDArray[np.float64]


def read(path: Path) -> ViewDetections:
    """Read the predictions of one view.

    Parameters
    ----------
    path : path
        csv or HDF5.

    Returns
    -------
    view : ViewDetections
        With covariance where the file has EKS variances: of the posterior, else of the ensemble.

    Raises
    ------
    ValueError
        If the table is malformed or three-dimensional.
    """
    table = read_dlc_table(path)
    if "z" in table.coordinates:
        raise ValueError(f"{path}: holds 3D points (x, y, z); a view's detections have x and y")
    lacking = {"x", "y"} - table.coordinates
    if lacking:
        raise ValueError(f"{path}: has no column {' or '.join(sorted(lacking))}")
    xy = np.stack([table.grid("x"), table.grid("y")], axis=-1)
    confidence = table.grid("likelihood") if "likelihood" in table.coordinates else np.ones(xy.shape[:-1])
    xy, confidence = cleaned(xy, confidence)
    order, frames = _frames(table)
    named = table.individuals != [""]
    covariance = _covariance(table)
    return ViewDetections(
        path=path,
        tool="EKS" if covariance is not None else "DeepLabCut",
        xy=_placed(xy, order, frames),
        confidence=_placed(confidence, order, frames),
        covariance=None if covariance is None else _placed(covariance, order, frames),
        keypoints=tuple(table.keypoints),
        individuals=tuple(table.individuals) if named else None,
    )


def _covariance(table: DlcTable) -> Float | None:
    for kind in ("posterior", "ens"):
        if {f"x_{kind}_var", f"y_{kind}_var"} <= table.coordinates:
            covariance = np.zeros((*table.grid("x").shape, 2, 2))
            covariance[..., 0, 0] = table.grid(f"x_{kind}_var")
            covariance[..., 1, 1] = table.grid(f"y_{kind}_var")
            if (np.diagonal(covariance, axis1=-2, axis2=-1) < 0).any():
                raise ValueError(f"{table.path}: a variance is negative")
            return covariance
    return None


def _frames(table: DlcTable) -> tuple[NDArray[np.int64], int]:
    """Frame of each row: its number where the index counts frames, its order where it names images."""
    try:
        numbers = np.array([float(row) for row in table.rows]).astype(np.int64)
    except ValueError:
        return np.arange(len(table.rows)), len(table.rows)
    if len(np.unique(numbers)) != len(numbers):
        raise ValueError(f"{table.path}: {len(numbers) - len(np.unique(numbers))} frame numbers occur twice")
    if len(numbers) and numbers.min() < 0:
        raise ValueError(f"{table.path}: frame numbers start at 0, got {numbers.min()}")
    return numbers, int(numbers.max()) + 1 if len(numbers) else 0


def _placed(values: Float, frames: NDArray[np.int64], count: int) -> Float:
    placed = np.full((count, *values.shape[1:]), np.nan)
    placed[frames] = values
    return placed
