"""From tracks to trajectories: robust triangulation of every keypoint of every frame."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from calibration.rig import Rig
from models2d.detections import Tracks2D
from triangulate.common_clock import synchronised
from triangulate.points.flattening import observations
from triangulate.points.given_noise import check_noise, contradicted
from triangulate.points.matched_rig import matched
from triangulate.points.noise_level import noise_scale
from triangulate.points.solving import INLIER_SIGMAS, NARROW_DEG, SolvedPoints, solve_information
from triangulate.trajectories import Status, Trajectories3D

Float = NDArray[np.float64]

CHUNK = 100_000
"""Points solved at a time, which bounds the memory beyond input and output."""

LOOKED_AT = 40_000
"""Points, from frames spread over the recording, that the noise is found from."""


def reconstruct(
    tracks: Tracks2D,
    rig: Rig,
    *,
    method: str = "ransac",
    pixel_sigma: float | None = None,
    min_confidence: float = 0.0,
    inlier_sigmas: float = INLIER_SIGMAS,
    narrow_deg: float = NARROW_DEG,
    rigs: Sequence[Rig] = (),
) -> Trajectories3D:
    """Triangulate tracks, each keypoint of each frame by itself.

    A detection of confidence c has the standard deviation pixel_sigma / max(c, 0.1); where the tracks state a
    covariance, that is used instead. Pixels outside the part of the image on which a lens was fitted are
    used, and their points flagged OUTSIDE. Where the views' times differ, their detections are interpolated
    at the common times n / fps first; `smooth` takes each at its own.

    Parameters
    ----------
    tracks : Tracks2D
    rig : Rig
        Has a camera for every view of the tracks; they are matched by name.
    method : "ransac", "refined" or "linear"
        As `triangulate_points`.
    pixel_sigma : float, px, optional
        Standard deviation of a detection of confidence 1. By default found from how well the views agree;
        then stated covariances are scaled by the same means.
    min_confidence : float
        Detections below are treated as not seen.
    inlier_sigmas : float
        Distance in standard deviations of its own up to which a detection agrees with a point.
    narrow_deg : float, deg
        Largest angle between two rays below which the status is NARROW_BASELINE.
    rigs : sequence of Rig, optional
        Draws from the calibration's own uncertainty, in the same world: the scatter of the points that they
        give is added to the covariance.

    Returns
    -------
    trajectories : Trajectories3D

    Raises
    ------
    ValueError
        If a view of the tracks is not in the rig, or an option is out of range.
    TriangulationError
        If nearly all observations on which the views agree contradict the pixel_sigma given.
    """
    rig = matched(rig, tracks.views, tracks.sizes)
    tracks = synchronised(tracks.confident(min_confidence))
    scale = found_scale(tracks, rig) if pixel_sigma is None else 1.0
    sigma = 1.0 if pixel_sigma is None else pixel_sigma
    frames, views, subjects, keypoints = tracks.shape
    shape = (frames, subjects, keypoints)
    xyz, covariance = np.empty((*shape, 3)), np.empty((*shape, 3, 3))
    inliers, error = np.empty((frames, views, subjects, keypoints), dtype=np.bool_), np.empty(shape)
    status = np.empty(shape, dtype=np.int64)
    step = max(1, CHUNK // max(1, subjects * keypoints))
    for first in range(0, frames, step):
        part = slice(first, first + step)
        xy, information = observations(tracks, part, pixel_sigma=sigma, scale=scale)
        points = solve_information(
            xy, information, rig, method=method, inlier_sigmas=inlier_sigmas, narrow_deg=narrow_deg
        )
        here = xyz[part].shape[:-1]
        xyz[part] = points.xyz.reshape(*here, 3)
        covariance[part] = points.covariance.reshape(*here, 3, 3)
        inliers[part] = np.moveaxis(points.inliers.reshape(*here, views), -1, 1)
        error[part] = points.error.reshape(here)
        status[part] = flagged_outside(points, xy, rig).reshape(here)
    if pixel_sigma is not None and tracks.covariance is None:
        lost = contradicted(np.isfinite(tracks.xy[..., 0]), inliers)
        if lost is not None:
            sample = _looked_at(tracks)
            scale = noise_scale(*observations(tracks, sample), rig)
            check_noise(pixel_sigma, lost, observations(tracks, sample, scale=scale), scale, rig)
    trajectories = Trajectories3D(
        xyz=xyz,
        covariance=covariance,
        inliers=inliers,
        status=status,
        error=error,
        views=tracks.views,
        skeleton=tracks.skeleton,
        subjects=tracks.subjects,
        fps=tracks.fps,
    )
    if tracks.shared_error is not None:
        trajectories = with_shared_error(trajectories, tracks.shared_error)
    if not len(rigs):
        return trajectories
    from triangulate.points.calibration_scatter import with_calibration

    return with_calibration(trajectories, tracks, rig, rigs)


def with_shared_error(trajectories: Trajectories3D, share: Float) -> Trajectories3D:
    """Add the part of the error that all views share, which no residual shows, to the covariances.

    Parameters
    ----------
    trajectories : Trajectories3D
    share : (keypoints,) float
        Its variance over that of a point as residuals show it, see `Detections2D`.

    Returns
    -------
    trajectories : Trajectories3D
    """
    return replace(trajectories, covariance=trajectories.covariance * (1.0 + share)[:, None, None])


def found_scale(tracks: Tracks2D, rig: Rig) -> float:
    """Find how noisy the detections are, see `triangulate.points.noise_level`.

    Parameters
    ----------
    tracks : Tracks2D
    rig : Rig
        Its cameras in the order of the tracks' views.

    Returns
    -------
    scale : float
        Factor on the standard deviations that a pixel_sigma of 1 px, or the stated covariances, imply.
    """
    return noise_scale(*observations(tracks, _looked_at(tracks)), rig)


def _looked_at(tracks: Tracks2D) -> slice:
    frames, _, subjects, keypoints = tracks.shape
    return slice(None, None, max(1, frames * subjects * keypoints // LOOKED_AT))


def flagged_outside(points: SolvedPoints, xy: Float, rig: Rig) -> NDArray[np.int64]:
    """Mark points that rest on a pixel outside its image or outside the part on which its lens was fitted.

    Parameters
    ----------
    points : SolvedPoints
    xy : (points, views, 2) float, px
    rig : Rig

    Returns
    -------
    status : (points,) int
    """
    from calibration.geometry.image_coverage import covered

    outside = (points.inliers & ~covered(xy, [camera.intrinsics for camera in rig.cameras])).any(axis=1)
    return np.where(outside & (points.status < Status.OUTSIDE), Status.OUTSIDE, points.status)


def status_counts(trajectories: Trajectories3D) -> dict[str, int]:
    """Count the points of every status.

    Parameters
    ----------
    trajectories : Trajectories3D

    Returns
    -------
    counts : dict of str to int
        Every status by name, in order, those that do not occur included.
    """
    counts = np.bincount(trajectories.status.ravel(), minlength=len(Status))
    return {status.name: int(counts[status]) for status in Status}
