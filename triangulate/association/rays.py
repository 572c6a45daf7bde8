"""Detections as rays in the world: how well two views, or a 3D pose and a view, agree."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from calibration.arrays import ReadOnlyArrays
from calibration.geometry.nearest_points import between_two_rays, nearest_in_images, ray_directions
from calibration.geometry.two_views import essential_of_pose, sampson_terms
from calibration.rig import Rig
from models2d.detections import Detections2D

Float = NDArray[np.float64]
Int = NDArray[np.int64]


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class Rays(ReadOnlyArrays):
    """Detections without lens and with a standard deviation each, and the cameras that saw them.

    Attributes
    ----------
    xy : (frames, views, slots, keypoints, 2) float, normalised, cam
    sigma : (frames, views, slots, keypoints) float, normalised
    weight : (frames, views, slots, keypoints) float
        The confidence; 0 where nothing was found.
    size : (frames, views, slots) float, normalised
        Diagonal of the box around the pose.
    R : (views, 3, 3) float
    t : (views, 3) float, m
    """

    xy: Float
    sigma: Float
    weight: Float
    size: Float
    R: Float
    t: Float

    @property
    def centers(self) -> Float:
        """Centres of projection, (views, 3) m, world."""
        return -np.einsum("vji,vj->vi", self.R, self.t)


def rays_of(detections: Detections2D, rig: Rig, pixel_sigma: ArrayLike | None) -> Rays:
    """Undistort detections and give each a standard deviation.

    Parameters
    ----------
    detections : Detections2D
    rig : Rig
        Its cameras in the order of the detections' views.
    pixel_sigma : float or (keypoints,) float, px, or None
        None: 3% of the diagonal of the pose's box, and at least 5 px, for the error of a detector grows with
        the person's size in the image.

    Returns
    -------
    rays : Rays
    """
    xy = np.moveaxis(rig.undistort(np.moveaxis(detections.xy, 1, 3)), 3, 1)
    found = np.isfinite(xy[..., 0])
    focal = np.array(
        [np.sqrt(camera.intrinsics.K[0, 0] * camera.intrinsics.K[1, 1]) for camera in rig.cameras]
    )
    size = _diagonal(xy, found)
    if pixel_sigma is None:
        typical = np.array([_median(size[:, view]) for view in range(len(rig))])
        scale = 0.03 * np.maximum(size, 0.5 * typical[:, None])
        sigma = np.maximum(scale, 5.0 / focal[:, None])[..., None] * np.ones(found.shape)
    else:
        sigma = np.asarray(pixel_sigma, dtype=np.float64) / focal[:, None, None] * np.ones(found.shape)
    if detections.covariance is not None:
        stated = np.sqrt(np.trace(detections.covariance, axis1=-2, axis2=-1) / 2) / focal[:, None, None]
        sigma = np.fmax(sigma, stated)
    return Rays(
        xy=np.where(found[..., None], xy, 0.0),
        sigma=sigma,
        weight=np.where(found, np.nan_to_num(detections.confidence), 0.0),
        size=size,
        R=np.array([camera.R for camera in rig.cameras]),
        t=np.array([camera.t for camera in rig.cameras]),
    )


def _diagonal(xy: Float, found: NDArray[np.bool_]) -> Float:
    low = np.where(found[..., None], xy, np.inf).min(axis=-2)
    high = np.where(found[..., None], xy, -np.inf).max(axis=-2)
    some = np.asarray(found.any(axis=-1))
    return np.asarray(
        np.where(some, np.linalg.norm(np.where(some[..., None], high - low, 0.0), axis=-1), 0.0)
    )


def _median(values: Float) -> float:
    positive = values[values > 0]
    return float(np.median(positive)) if len(positive) else 0.0


def essential(R: Float, t: Float) -> Float:
    """Compute the essential matrices between all views.

    Parameters
    ----------
    R : (views, 3, 3) float
    t : (views, 3) float, m

    Returns
    -------
    E : (views, views, 3, 3) float
        x_b' E[a, b] x_a = 0 (Hartley and Zisserman, Multiple View Geometry, eq. 9.12).
    """
    R_ab = np.einsum("bij,akj->abik", R, R)
    t_ab = t[None, :] - np.einsum("abij,aj->abi", R_ab, t)
    return essential_of_pose(R_ab, t_ab)


def epipolar(rays: Rays, frames: Int, first: tuple[Int, Int], second: tuple[Int, Int], cap: float) -> Float:
    """Measure how far pairs of poses in two views are from lying on each other's epipolar lines.

    Parameters
    ----------
    rays : Rays
    frames : (n,) int
    first, second : (pairs,) int, (pairs,) int
        View and slot of each.
    cap : float
        Squared distances are cut here, in variances.

    Returns
    -------
    cost : (n, pairs) float
        Weighted mean over the common keypoints of the squared Sampson distance over its variance (Hartley and
        Zisserman, eq. 11.9); infinite where fewer than three keypoints (or all, if there are fewer) are
        common.
    """
    a, b = (rays.xy[frames[:, None], view, slot] for view, slot in (first, second))
    sa, sb = (rays.sigma[frames[:, None], view, slot] for view, slot in (first, second))
    weight = np.sqrt(
        rays.weight[frames[:, None], first[0], first[1]] * rays.weight[frames[:, None], second[0], second[1]]
    )
    E = essential(rays.R, rays.t)[first[0], second[0]]
    off, by_a, by_b = sampson_terms(E, a, b)
    variance = sa**2 * by_a + sb**2 * by_b
    squared = np.minimum(off**2 / np.maximum(variance, 1e-300), cap)
    total = weight.sum(axis=-1)
    enough = (weight > 0).sum(axis=-1) >= min(3, weight.shape[-1])
    cost = (weight * squared).sum(axis=-1) / np.maximum(total, 1e-12)
    return np.asarray(np.where(enough, cost, np.inf))


def midpoints(rays: Rays, frames: Int, first: tuple[Int, Int], second: tuple[Int, Int]) -> Float:
    """Triangulate pairs of detections: the middle of the shortest line between their rays.

    Parameters
    ----------
    rays : Rays
    frames : (pairs,) int
    first, second : (pairs,) int, (pairs,) int
        View and slot of each.

    Returns
    -------
    xyz : (pairs, keypoints, 3) float, m, world
        NaN where a detection lacks the keypoint, or behind a camera.
    """
    centers, (one, two) = (
        rays.centers,
        (
            np.einsum("pji,pkj->pki", rays.R[view][:, :2], rays.xy[frames, view, slot])
            + rays.R[view][:, None, 2]
            for view, slot in (first, second)
        ),
    )
    xyz = between_two_rays(centers[first[0]][:, None], one, centers[second[0]][:, None], two)
    seen = (rays.weight[frames, first[0], first[1]] > 0) & (rays.weight[frames, second[0], second[1]] > 0)
    return np.where(seen[..., None], xyz, np.nan)


def closest(rays: Rays, frames: Int, members: Int) -> Float:
    """Find the points closest to the rays of groups of detections, see `nearest_in_images`.

    Parameters
    ----------
    rays : Rays
    frames : (groups,) int
    members : (groups, views) int
        Slot of each view; -1 where the group has none.

    Returns
    -------
    xyz : (groups, keypoints, 3) float, m, world
        NaN with fewer than two rays, with parallel ones, or behind a camera that sees it.
    """
    views = np.arange(members.shape[1])
    slots = np.maximum(members, 0)
    xy = rays.xy[frames[:, None], views, slots]
    weight = rays.weight[frames[:, None], views, slots] * (members >= 0)[..., None]
    toward = np.stack([ray_directions(xy[:, view], rays.R[view]) for view in views], axis=2)
    return nearest_in_images(rays.centers, toward, np.moveaxis(weight, 1, 2))


def ray_distances(rays: Rays, frames: Int, xyz: Float, members: Int) -> Float:
    """Measure how far the detections of groups lie from their 3D poses.

    Parameters
    ----------
    rays : Rays
    frames : (groups,) int
    xyz : (groups, keypoints, 3) float, m, world
    members : (groups, views) int
        Slot of each view; -1 where the group has none.

    Returns
    -------
    distances : (groups, views, keypoints) float
        In standard deviations; NaN where there is no detection.
    """
    cam = np.einsum("vij,gkj->gvki", rays.R, xyz) + rays.t[:, None]
    flat = cam[..., :2] / cam[..., 2:]
    at = (frames[:, None], np.arange(members.shape[1]), np.maximum(members, 0))
    away = np.linalg.norm(rays.xy[at] - flat, axis=-1) / rays.sigma[at]
    return np.asarray(np.where((members >= 0)[..., None] & (rays.weight[at] > 0), away, np.nan))


def support(rays: Rays, frames: Int, xyz: Float, reach: float) -> Float:
    """Count the keypoints of every detection that a 3D pose explains.

    Parameters
    ----------
    rays : Rays
    frames : (poses,) int
    xyz : (poses, keypoints, 3) float, m, world
    reach : float
        Distance at which a keypoint stops counting, in standard deviations.

    Returns
    -------
    support : (poses, views, slots) float
        Sum over keypoints of confidence times 1 - (distance / reach)^2 or 0; 0 for a detection of which the
        pose explains less than half.
    """
    cam = np.einsum("vij,pkj->pvki", rays.R, np.nan_to_num(xyz)) + rays.t[:, None]
    seen = (cam[..., 2] > 0) & np.isfinite(xyz[:, None, :, 0])
    flat = cam[..., :2] / np.where(seen, cam[..., 2], 1.0)[..., None]
    away = ((rays.xy[frames] - flat[:, :, None]) ** 2).sum(axis=-1)
    near = np.maximum(1.0 - away / (reach * rays.sigma[frames]) ** 2, 0.0)
    weight = rays.weight[frames] * seen[:, :, None]
    explained = (weight * near).sum(axis=-1)
    return np.asarray(np.where(explained > weight.sum(axis=-1) / 2, explained, 0.0))
