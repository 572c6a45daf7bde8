"""Frames worth labelling because the views contradict each other: what no single view can tell."""

import numpy as np
from numpy.typing import NDArray

from calibration.rig import Rig
from models2d.detections import Tracks2D
from triangulate.points.solving import triangulate_points

Float = NDArray[np.float64]


def contradiction(tracks: Tracks2D, rig: Rig, *, cap: float = 50.0) -> Float:
    """Score every image by how far its detections lie from the robust 3D solution of all views.

    Parameters
    ----------
    tracks : Tracks2D
    rig : Rig
        With a camera for every view, matched by name.
    cap : float, px
        Residuals count no more than this, so that one blunder does not outweigh ten errors.

    Returns
    -------
    score : (frames, views) float, px
        Mean residual over keypoints and subjects; NaN where nothing was triangulated. Pick frames with
        `models2d.labelling.selection.pick_highest(score.max(axis=1), count)`, or for one view with its
        column.

    Raises
    ------
    ValueError
        If a view has no camera in the rig.
    """
    cameras = rig.select(tracks.views)
    seen = np.moveaxis(tracks.xy, 1, 3)
    xyz = triangulate_points(seen, cameras, method="ransac", confidence=np.moveaxis(tracks.confidence, 1, 3))
    residual = np.minimum(np.linalg.norm(seen - cameras.project(xyz), axis=-1), cap)
    known = np.isfinite(residual)
    count = known.sum(axis=(1, 2))
    total = np.where(known, residual, 0.0).sum(axis=(1, 2))
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)
