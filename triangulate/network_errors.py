"""The part of detection errors that all views share: measured where the truth is known, invisible elsewhere.

A network that takes the elbow for a place a little further up does so in every view. The views then agree on
a point that is off, so residuals do not show the error, and no covariance made from them can.
"""

import numpy as np
from numpy.typing import NDArray

from calibration.rig import Rig
from models2d.detections import Tracks2D
from triangulate.points.reconstruction import reconstruct

Float = NDArray[np.float64]

LEVEL = 0.9
"""Quantile at which errors are compared with their covariance: far enough out to count their tails."""

LIMIT = 6.2514
"""That quantile of chi squared with three degrees of freedom."""

DRAWN = 100.0
"""Prior weight, in points, that shrinks a keypoint's share towards that of all keypoints."""


def shared_error(tracks: Tracks2D, rig: Rig, truth: Float) -> Float:
    """Measure the variance of the error that all views share, over that which residuals show.

    Assumes that errors at the points measured are like those elsewhere: labels of other recordings than the
    network was trained on.

    Parameters
    ----------
    tracks : Tracks2D
        Detections of a network.
    rig : Rig
    truth : (frames, subjects, keypoints, 3) float, m, world
        Where the keypoints are, such as triangulated labels of several views; NaN where unknown.

    Returns
    -------
    share : (keypoints,) float
        For `PoseModel.with_shared_error`; 0 where the covariances already hold.

    Raises
    ------
    ValueError
        If no keypoint has both a detection and a truth.
    """
    found = reconstruct(tracks, rig)
    error = found.xyz - truth
    known = np.asarray(np.isfinite(error).all(axis=-1) & np.isfinite(found.covariance).all(axis=(-2, -1)))
    if not known.any():
        raise ValueError("truth: no point is known there that the detections give too")
    squared = np.full(known.shape, np.nan)
    solved = np.linalg.solve(found.covariance[known], error[known][:, :, None])[:, :, 0]
    squared[known] = (error[known] * solved).sum(axis=-1)
    all_of_them = np.log(np.nanquantile(squared, LEVEL) / LIMIT)
    share = np.empty(known.shape[-1])
    for keypoint in range(len(share)):
        number = float(known[..., keypoint].sum())
        one = np.log(np.nanquantile(squared[..., keypoint], LEVEL) / LIMIT) if number else all_of_them
        share[keypoint] = np.exp((number * one + DRAWN * all_of_them) / (number + DRAWN)) - 1.0
    return share.clip(min=0.0)
