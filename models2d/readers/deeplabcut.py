"""Predictions of DeepLabCut, Lightning Pose and the ensemble Kalman smoother (EKS), which share a table.

Pixels: these tools count from the centre of the top-left pixel, as this package does (labels are placed with
integer coordinates on pixel centres, and DeepLabCut adds half a stride when it decodes), so nothing is
shifted.
"""

from collections import Counter
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models2d.readers.dlc_table import DlcTable, read_dlc_table
from models2d.readers.frame_numbers import length_of, numbers_of_images
from models2d.readers.view import ViewDetections, cleaned

Float = NDArray[np.float64]

PERCENT = 2.0
"""Likelihoods above are none: networks without a last sigmoid overshoot 1 by less."""


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
    confidence = _confidence(table, xy)
    xy, confidence, notes = cleaned(xy, confidence)
    order, frames, images, counted = _frames(table)
    named = table.individuals != [""]
    late = int(order.min()) if len(order) and not images else 0
    if late:
        notes += (f"its first frame is {late}; there is nothing in frame 0{f' to {late - 1}' * (late > 1)}",)
    covariance = _covariance(table)
    return ViewDetections(
        path=path,
        tool="EKS" if covariance is not None else "DeepLabCut",
        xy=_by_frame(xy, order, frames),
        confidence=_by_frame(confidence, order, frames),
        covariance=None if covariance is None else _by_frame(covariance, order, frames),
        keypoints=tuple(table.keypoints),
        individuals=tuple(table.individuals) if named else None,
        sparse=bool(images) and not counted,
        images=images if counted else None,
        notes=(*table.notes, *notes),
    )


def _confidence(table: DlcTable, xy: Float) -> Float:
    if "likelihood" in table.coordinates:
        confidence = table.grid("likelihood")
        largest = np.nanmax(confidence, initial=0.0)
        if largest > PERCENT:
            row, _, keypoint = (int(part[0]) for part in np.nonzero(confidence == largest))
            raise ValueError(
                f"{table.path}: likelihood {largest:g} of {table.keypoints[keypoint]} in row "
                f"{table.rows[row]}: a likelihood lies between 0 and 1; divide percentages by 100"
            )
        return confidence
    if "visible" in table.coordinates:  # labels: 2 visible, 1 hidden but placed, 0 not in the image
        return np.where(table.grid("visible") == 0, 0.0, 1.0)
    return np.ones(xy.shape[:-1])


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


def _frames(table: DlcTable) -> tuple[NDArray[np.int64], int, tuple[str, ...], bool]:
    """Return frame of each row, number of frames, images that the rows name, and whether they are counted.

    A row's frame is its index, or the number in the name of its image; images that no number tells apart are
    counted.
    """
    values = len(table.individuals) * len(table.keypoints)
    try:
        stated = [float(row) for row in table.rows]
    except ValueError:
        images = tuple(table.rows)
        numbers = numbers_of_images(images)
        try:
            length = length_of(table.path, numbers or [], values)
        except ValueError:
            numbers = None  # a time in the names
        if numbers is None:
            return np.arange(len(images)), len(images), images, True
        return np.array(numbers, dtype=np.int64), length, images, False
    for row, number in zip(table.rows, stated, strict=True):
        if not number.is_integer():
            raise ValueError(f"{table.path}: row {row}: a frame's number is whole, got {number:g}")
    numbers = [int(number) for number in stated]
    twice = next((number for number, count in Counter(numbers).items() if count > 1), None)
    if twice is not None:
        raise ValueError(f"{table.path}: frame {twice} occurs {numbers.count(twice)} times")
    return np.array(numbers, dtype=np.int64), length_of(table.path, numbers, values), (), False


def _by_frame(values: Float, frames: NDArray[np.int64], count: int) -> Float:
    placed = np.full((count, *values.shape[1:]), np.nan)
    placed[frames] = values
    return placed
