"""What the smoother is given: detections with their information, and raw points to start from."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from calibration.rig import Rig
from models2d.detections import Tracks2D
from triangulate.points.pixel_noise import pixel_information
from triangulate.points.solving import solve_information
from triangulate.trajectories import Trajectories3D

Float = NDArray[np.float64]
Int = NDArray[np.int64]
Bool = NDArray[np.bool_]


class Pixels(NamedTuple):
    """Detections of some frames and keypoints of one subject.

    Attributes
    ----------
    xy : (frames, keypoints, views, 2) float, px
        NaN where unseen.
    information : (frames, keypoints, views, 3) float, 1/px2
        Inverse covariance xx, xy, yy; zero where unseen.
    """

    xy: Float
    information: Float


class RawPoints(NamedTuple):
    """Points triangulated frame by frame.

    Attributes
    ----------
    xyz : (frames, keypoints, 3) float, m, world
    covariance : (frames, keypoints, 3, 3) float, m2
    inliers : (frames, keypoints, views) bool
    """

    xyz: Float
    covariance: Float
    inliers: Bool


def cut_pixels(tracks: Tracks2D, frames: slice, subject: int, noise: Float, keypoints: Int) -> Pixels:
    """Cut out a subject's detections, with the information that their noise leaves them.

    Parameters
    ----------
    tracks : Tracks2D
    frames : slice
    subject : int
    noise : (views, keypoints) float
        Standard deviation (px) of a detection of confidence 1, or the factor on the stated covariance's root.
    keypoints : (n,) int
        Which ones to cut out.

    Returns
    -------
    pixels : Pixels
    """

    def cut(values: Float) -> Float:
        return np.ascontiguousarray(np.moveaxis(values[frames, :, subject][:, :, keypoints], 1, 2))

    xy = cut(tracks.xy)
    count, _, views, _ = xy.shape
    confidence = cut(tracks.confidence).reshape(-1, views)
    covariance = None if tracks.covariance is None else cut(tracks.covariance).reshape(-1, views, 2, 2)
    information = pixel_information((count * len(keypoints), views), 1.0, confidence, covariance)
    information = information.reshape(*xy.shape[:-1], 3)
    information *= np.where(np.isnan(xy[..., 0]), 0.0, 1.0 / noise.T[keypoints] ** 2)[..., None]
    return Pixels(xy, information)


def raw_points(pixels: Pixels, rig: Rig) -> RawPoints:
    """Triangulate robustly, frame by frame.

    Parameters
    ----------
    pixels : Pixels
    rig : Rig

    Returns
    -------
    raw : RawPoints
    """
    count, keypoints, views, _ = pixels.xy.shape
    solved = solve_information(
        pixels.xy.reshape(count * keypoints, views, 2),
        pixels.information.reshape(count * keypoints, views, 3),
        rig,
    )
    return RawPoints(
        solved.xyz.reshape(count, keypoints, 3),
        solved.covariance.reshape(count, keypoints, 3, 3),
        solved.inliers.reshape(count, keypoints, views),
    )


def along_axes(raw: RawPoints) -> tuple[RawPoints, Float]:
    """Express points along the principal axes of their mean covariance: coordinates are independent there.

    Parameters
    ----------
    raw : RawPoints

    Returns
    -------
    turned : RawPoints
    axes : (3, 3) float
        Columns are the new axes in the world: xyz_world = axes xyz_turned.
    """
    known = raw.covariance[np.isfinite(raw.covariance).all(axis=(-2, -1))]
    if not len(known):
        return raw, np.eye(3)
    shape = (known / np.trace(known, axis1=-2, axis2=-1)[:, None, None]).mean(axis=0)
    axes = np.linalg.eigh(shape)[1]
    return RawPoints(raw.xyz @ axes, axes.T @ raw.covariance @ axes, raw.inliers), axes


def given_points(trajectories: Trajectories3D, frames: slice, subject: int) -> RawPoints:
    """Cut out raw points that are known already.

    Parameters
    ----------
    trajectories : Trajectories3D
    frames : slice
    subject : int

    Returns
    -------
    raw : RawPoints
    """
    return RawPoints(
        trajectories.xyz[frames, subject],
        trajectories.covariance[frames, subject],
        trajectories.inliers[frames, :, subject].transpose(0, 2, 1),
    )


def coordinates(raw: RawPoints) -> tuple[Float, Float]:
    """Lay points out as one series per coordinate, with the precision of each value.

    Parameters
    ----------
    raw : RawPoints

    Returns
    -------
    y, precision : (series, frames) float
        Three series per keypoint; precision zero, and value zero, where the point is missing.
    """
    frames, keypoints, _ = raw.xyz.shape
    variance = np.diagonal(raw.covariance, axis1=-2, axis2=-1)
    seen = np.isfinite(raw.xyz) & np.isfinite(variance) & (variance > 0)
    precision = np.where(seen, 1.0 / np.where(seen, variance, 1.0), 0.0)
    y = np.where(seen, raw.xyz, 0.0).transpose(1, 2, 0).reshape(3 * keypoints, frames)
    return y, np.ascontiguousarray(precision.transpose(1, 2, 0).reshape(3 * keypoints, frames))
