"""Who is who across views and over time: `associate`."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from calibration.rig import Rig
from models2d.detections import Detections2D, Tracks2D
from triangulate.association.groups import grouped, sharpened
from triangulate.association.links import Chain, body_size, linked
from triangulate.association.rays import rays_of
from triangulate.errors import TriangulationError
from triangulate.points.matched_rig import matched

Float = NDArray[np.float64]


def associate(
    detections: Detections2D,
    rig: Rig,
    *,
    subjects: int | None = None,
    pixel_sigma: ArrayLike | None = None,
    least_seconds: float = 0.2,
    patience_seconds: float = 1.0,
) -> Tracks2D:
    """Find out which detections of all views and frames are the same subject.

    Parameters
    ----------
    detections : Detections2D
    rig : Rig
        With a camera for every view, matched by name.
    subjects : int, optional
        How many to keep: those that are seen most. Without it, all that are seen for `least_seconds`.
    pixel_sigma : float or (keypoints,) float, px, optional
        Standard deviation of the detections; unless given, in proportion to the size of each pose, by a
        factor that the detections themselves show.
    least_seconds : float, s
        A subject grouped from two views for less time is left out (but always kept in a recording that
        short).
    patience_seconds : float, s
        Time unseen after which a subject that comes back is a new one.

    Returns
    -------
    tracks : Tracks2D
        Subjects by how much was seen of them, most first. Detections that belong to none are left out.

    Raises
    ------
    ValueError
        If a view has no camera in the rig, there are fewer than two views, or an option makes no sense.
    TriangulationError
        If no two views show the same subject, with the numbers.

    Notes
    -----
    In each frame the 3D poses that explain most keypoints of most views take their detections (see
    `groups.grouped`); the groups are linked in time by the Hungarian method on predicted 3D
    positions, as in Chen et al., Cross-View Tracking for Multi-Human 3D Pose Estimation at over 100 FPS,
    CVPR 2020. A subject that only one view shows keeps that view's detection where its predicted pose lies.
    Nothing is learned and nothing is random.
    """
    if subjects is not None and subjects < 1:
        raise ValueError(f"subjects: expected at least 1, got {subjects}")
    if pixel_sigma is not None and not (np.asarray(pixel_sigma, dtype=np.float64) > 0).all():
        raise ValueError(f"pixel_sigma: expected positive numbers, got {pixel_sigma}")
    for option, value in (("least_seconds", least_seconds), ("patience_seconds", patience_seconds)):
        if not value >= 0:
            raise ValueError(f"{option}: expected a time of 0 s or more, got {value}")
    if len(detections.views) < 2:
        raise ValueError(f"detections: at least two views are needed, got {', '.join(detections.views)}")
    rays = rays_of(detections, matched(rig, detections.views, detections.sizes), pixel_sigma)
    groups = grouped(sharpened(rays) if pixel_sigma is None else rays)
    if not len(groups.frame):
        raise TriangulationError(_nothing(detections))
    patience = max(1, _frames(patience_seconds, detections))
    chains = linked(groups, rays, 0.5 * body_size(groups, rays), patience)
    return _tracks(detections, _chosen(chains, detections, subjects, least_seconds))


def _frames(seconds: float, detections: Detections2D) -> int:
    """Return how many frames a time is, at most those that there are; it may be infinite."""
    return round(min(seconds * detections.fps, float(detections.shape[0])))


def _nothing(detections: Detections2D) -> str:
    found = np.asarray(np.isfinite(detections.xy[..., 0]).any(axis=(2, 3)))
    counts = ", ".join(f"{view} {n}" for view, n in zip(detections.views, found.sum(axis=0), strict=True))
    both = int((found.sum(axis=1) >= 2).sum())
    return (
        f"no subject is seen by two views at once: of {len(found)} frames, detections are in {counts} and "
        f"{both} have "
        "two views, but none of them lie on each other's epipolar lines. Check that the views are named "
        "like the "
        "cameras, that the calibration belongs to this recording and that the videos are synchronised"
    )


def _chosen(
    chains: list[Chain], detections: Detections2D, subjects: int | None, least_seconds: float
) -> list[Chain]:
    ranked = sorted(chains, key=lambda chain: -chain.support)
    if subjects is not None:
        return ranked[:subjects]
    least = _frames(least_seconds, detections)
    return [chain for chain in ranked if len(chain.slots) >= least] or ranked[:1]


def _tracks(detections: Detections2D, chains: list[Chain]) -> Tracks2D:
    frames, views, _, keypoints = detections.shape
    slot = np.full((frames, views, len(chains)), -1)
    for number, chain in enumerate(chains):
        for frame, slots in chain.slots.items():
            slot[frame, :, number] = slots
    at = (np.arange(frames)[:, None, None], np.arange(views)[:, None], np.maximum(slot, 0))
    absent = slot < 0
    xy, confidence = detections.xy[at], detections.confidence[at]
    xy[absent], confidence[absent] = np.nan, np.nan
    covariance = None
    if detections.covariance is not None:
        covariance = detections.covariance[at]
        covariance[absent] = np.nan
    return Tracks2D(
        xy=xy.reshape(frames, views, len(chains), keypoints, 2),
        confidence=confidence,
        covariance=covariance,
        views=detections.views,
        skeleton=detections.skeleton,
        subjects=tuple(f"subject{number + 1}" for number in range(len(chains))),
        fps=detections.fps,
        times=detections.times,
        sizes=detections.sizes,
        shared_error=detections.shared_error,
    )
