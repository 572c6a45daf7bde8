"""The same motion with the keypoints of another skeleton, or under the names of a marker set."""

from dataclasses import replace

import numpy as np

from models2d.keypoint_maps import keypoint_sources
from models2d.skeleton import Skeleton
from triangulate.trajectories import Trajectories3D


def in_skeleton(trajectories: Trajectories3D, skeleton: Skeleton) -> Trajectories3D:
    """Take trajectories to the keypoints of another skeleton that are known.

    Parameters
    ----------
    trajectories : Trajectories3D
    skeleton : Skeleton
        Such as `Skeleton.load("coco17")`, or "opensim" for the names of markers.

    Returns
    -------
    trajectories : Trajectories3D
        Keypoints that are no point of the body in common, and no middle of two, are left out. Middles have
        the covariance of the mean of two points whose errors are independent.

    Raises
    ------
    ValueError
        If there is no keypoint in common.
    """
    sources = keypoint_sources(trajectories.skeleton, skeleton)
    known = [number for number, found in enumerate(sources) if found]
    if not known:
        raise ValueError(
            f"skeleton {skeleton.name}: none of its keypoints is one of {trajectories.skeleton.name}, "
            f"which has {', '.join(trajectories.skeleton.keypoints[:4])}, ..."
        )
    ends = np.array([[sources[number][0], sources[number][-1]] for number in known])
    first, last = ends.T
    single = first == last
    share = np.where(single, 1.0, 0.5)[:, None, None]
    covariance = (
        share * (trajectories.covariance[..., first, :, :] + trajectories.covariance[..., last, :, :]) / 2
    )
    status = trajectories.status
    return replace(
        trajectories,
        xyz=(trajectories.xyz[..., first, :] + trajectories.xyz[..., last, :]) / 2,
        covariance=covariance,
        inliers=trajectories.inliers[..., first] | trajectories.inliers[..., last],
        status=np.maximum(status[..., first], status[..., last]),
        error=np.sqrt((trajectories.error[..., first] ** 2 + trajectories.error[..., last] ** 2) / 2),
        skeleton=_part(skeleton, known),
    )


def _part(skeleton: Skeleton, known: list[int]) -> Skeleton:
    names = [skeleton.keypoints[number] for number in known]
    mirror = np.asarray(skeleton.mirror)
    return Skeleton.from_names(
        skeleton.name,
        names,
        [(a, b) for a, b in skeleton.bone_names if a in names and b in names],
        [
            (skeleton.keypoints[number], skeleton.keypoints[int(mirror[number])])
            for number in known
            if mirror[number] > number and int(mirror[number]) in known
        ],
    )
