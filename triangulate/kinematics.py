"""What moves how: joint angles, bone lengths, speeds and accelerations of trajectories."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from triangulate.trajectories import Trajectories3D

Float = NDArray[np.float64]


def bone_lengths(trajectories: Trajectories3D) -> Float:
    """Measure every bone of the skeleton in every frame.

    Parameters
    ----------
    trajectories : Trajectories3D

    Returns
    -------
    lengths : (frames, subjects, bones) float, m
        Distance of the two ends; NaN where one is unknown.

    Examples
    --------
    >>> from triangulate.kinematics import angle_between
    >>> float(angle_between(np.array([1.0, 0, 0]), np.array([0, 2.0, 0])).round(3))
    90.0
    """
    tail, head = trajectories.skeleton.bones.T
    return np.linalg.norm(trajectories.xyz[:, :, head] - trajectories.xyz[:, :, tail], axis=-1)


def joint_angles(trajectories: Trajectories3D, joints: Sequence[tuple[str, str, str]]) -> Float:
    """Measure the angle at the middle of three keypoints.

    The angle lies between the directions from the joint to its two neighbours, so that a straight knee (hip,
    knee, ankle) has 180 degrees and a fully bent one 0. It is the angle in space, not in an anatomical plane.

    Parameters
    ----------
    trajectories : Trajectories3D
    joints : sequence of (str, str, str)
        Keypoint names; the joint is the middle one.

    Returns
    -------
    angles : (frames, subjects, joints) float, deg
        Between 0 and 180; NaN where a keypoint is unknown or two coincide.

    Raises
    ------
    ValueError
        If a keypoint is not in the skeleton.
    """
    index = trajectories.skeleton.index
    ends = np.array([[index(name) for name in joint] for joint in joints], dtype=np.int64).reshape(-1, 3)
    first, middle, last = (trajectories.xyz[:, :, column] for column in ends.T)
    return angle_between(first - middle, last - middle)


def segment_angles(
    trajectories: Trajectories3D, segments: Sequence[tuple[str, str]], axis: Sequence[float] = (0.0, 0.0, 1.0)
) -> Float:
    """Measure the angle between a segment and a direction of the world, the vertical by default.

    Parameters
    ----------
    trajectories : Trajectories3D
    segments : sequence of (str, str)
        From the first keypoint to the second.
    axis : (3,) float, world

    Returns
    -------
    angles : (frames, subjects, segments) float, deg
        0 where the segment points along the axis, 180 against it.

    Raises
    ------
    ValueError
        If a keypoint is not in the skeleton.
    """
    index = trajectories.skeleton.index
    ends = np.array([[index(name) for name in pair] for pair in segments], dtype=np.int64).reshape(-1, 2)
    along = trajectories.xyz[:, :, ends[:, 1]] - trajectories.xyz[:, :, ends[:, 0]]
    return angle_between(along, np.broadcast_to(np.asarray(axis, dtype=np.float64), along.shape))


def angle_between(a: Float, b: Float) -> Float:
    """Measure the angle between vectors, exactly near 0 and 180 degrees too.

    Source: Kahan 2006, "How futile are mindless assessments of roundoff", section 12:
    2 atan2(| a/|a| - b/|b| |, | a/|a| + b/|b| |).

    Parameters
    ----------
    a, b : (..., 3) float

    Returns
    -------
    angle : (...) float, deg
        NaN where a vector is zero or unknown.

    Examples
    --------
    >>> float(angle_between(np.array([1.0, 0, 0]), np.array([1.0, 1e-9, 0])).round(10))
    5.73e-08
    """
    lengths = [np.linalg.norm(vector, axis=-1, keepdims=True) for vector in (a, b)]
    a, b = (v / np.where(n > 0, n, np.nan) for v, n in zip((a, b), lengths, strict=True))
    difference, total = np.linalg.norm(a - b, axis=-1), np.linalg.norm(a + b, axis=-1)
    return np.degrees(2 * np.arctan2(difference, total))


def velocities(trajectories: Trajectories3D) -> Float:
    """Differentiate positions by central differences.

    Parameters
    ----------
    trajectories : Trajectories3D
        Best smoothed: differences amplify noise by fps / sqrt(2).

    Returns
    -------
    velocity : (frames, subjects, keypoints, 3) float, m/s, world
        v[t] = (x[t + 1] - x[t - 1]) fps / 2; one-sided at the first and last frame; NaN beside a gap and for
        a single frame.
    """
    if len(trajectories.xyz) < 2:
        return np.full(trajectories.xyz.shape, np.nan)
    return np.gradient(trajectories.xyz, 1 / trajectories.fps, axis=0)


def speeds(trajectories: Trajectories3D) -> Float:
    """Return the length of the velocity.

    Parameters
    ----------
    trajectories : Trajectories3D

    Returns
    -------
    speed : (frames, subjects, keypoints) float, m/s
    """
    return np.linalg.norm(velocities(trajectories), axis=-1)


def accelerations(trajectories: Trajectories3D) -> Float:
    """Differentiate positions twice by central differences.

    Parameters
    ----------
    trajectories : Trajectories3D

    Returns
    -------
    acceleration : (frames, subjects, keypoints, 3) float, m/s2, world
        a[t] = (x[t + 1] - 2 x[t] + x[t - 1]) fps2; NaN at the ends and beside a gap.
    """
    out = np.full(trajectories.xyz.shape, np.nan)
    out[1:-1] = np.diff(trajectories.xyz, 2, axis=0) * trajectories.fps**2
    return out
