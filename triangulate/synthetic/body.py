"""The articulated figure of the demo: rigid bones, joint angles, a walk, random poses.

In its own frame the figure faces +x, its left is +y and up is +z. Joint angles turn limbs in the frame of the
limb they hang on, so bone lengths are the same in every pose.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial.transform import Rotation

from calibration.arrays import ReadOnlyArrays
from models2d.skeleton import Skeleton

Float = NDArray[np.float64]

ANGLES = (
    *("spine_pitch", "spine_roll", "spine_yaw", "neck_pitch", "neck_roll"),
    *("left_arm_pitch", "left_arm_roll", "left_arm_yaw", "left_elbow"),
    *("right_arm_pitch", "right_arm_roll", "right_arm_yaw", "right_elbow"),
    *("left_leg_pitch", "left_leg_roll", "left_knee"),
    *("right_leg_pitch", "right_leg_roll", "right_knee"),
)
"""Names of the joint angles: pitch swings a limb forward, roll lifts it sideways, elbows and knees bend."""

LIMITS_DEG = np.array(
    [
        *[(-10, 35), (-15, 15), (-30, 30), (-25, 35), (-20, 20)],
        *[(-50, 150), (-5, 120), (-40, 40), (0, 130)],
        *[(-50, 150), (-5, 120), (-40, 40), (0, 130)],
        *[(-35, 75), (-5, 40), (0, 100)],
        *[(-35, 75), (-5, 40), (0, 100)],
    ],
    dtype=np.float64,
)
"""(angles, 2) deg: the range of each joint angle in `random_poses`."""

HIP_HEIGHT = 0.66
"""Of the pelvis above the floor when the figure stands, m."""

REST = {
    "neck": (0.0, 0.0, 0.36),
    "head": (0.01, 0.0, 0.17),
    "shoulder": (0.0, 0.15, -0.02),
    "elbow": (0.0, 0.0, -0.23),
    "wrist": (0.0, 0.0, -0.21),
    "hip": (0.0, 0.09, -0.03),
    "knee": (0.0, 0.0, -0.30),
    "ankle": (0.0, 0.0, -0.29),
}
"""Offset of each joint from the one it hangs on, left side, m."""


def figure_skeleton() -> Skeleton:
    """Return the figure's fifteen keypoints and fourteen rigid bones.

    Returns
    -------
    skeleton : Skeleton

    Examples
    --------
    >>> len(figure_skeleton().keypoints)
    15
    """
    return Skeleton.load("figure")


def pose_figure(angles: ArrayLike, root: ArrayLike, heading: ArrayLike) -> Float:
    """Place the figure's keypoints by forward kinematics.

    Parameters
    ----------
    angles : (..., 19) float, rad
        In the order of `ANGLES`.
    root : (..., 3) float, m, world
        Of the pelvis.
    heading : (...) float, rad
        Turn about the vertical axis.

    Returns
    -------
    xyz : (..., 15, 3) float, m, world

    Examples
    --------
    >>> xyz = pose_figure(np.zeros(19), [0.0, 0.0, 0.66], 0.0)
    >>> float(round(xyz[0, 2], 2))
    1.19
    """
    angles, root = np.asarray(angles, dtype=np.float64), np.asarray(root, dtype=np.float64)
    batch = np.broadcast_shapes(angles.shape[:-1], root.shape[:-1], np.shape(heading))
    turn = dict(
        zip(ANGLES, np.broadcast_to(angles, (*batch, len(ANGLES))).reshape(-1, len(ANGLES)).T, strict=True)
    )
    place = {"pelvis": np.broadcast_to(root, (*batch, 3)).reshape(-1, 3)}
    hips = _rotation_about("z", np.broadcast_to(heading, batch).ravel())
    trunk = hips * _rotation(turn["spine_pitch"], turn["spine_roll"], turn["spine_yaw"])
    place["neck"] = place["pelvis"] + trunk.apply(REST["neck"])
    skull = trunk * _rotation(turn["neck_pitch"], turn["neck_roll"], 0 * turn["neck_roll"])
    place["head"] = place["neck"] + skull.apply(REST["head"])
    for side, sign in (("left", 1.0), ("right", -1.0)):
        mirror = np.array([1.0, sign, 1.0])
        arm, leg = f"{side}_arm", f"{side}_leg"
        upper = trunk * _rotation(
            -turn[f"{arm}_pitch"], sign * turn[f"{arm}_roll"], sign * turn[f"{arm}_yaw"]
        )
        lower = upper * _rotation_about("y", -turn[f"{side}_elbow"])
        place[f"{side}_shoulder"] = place["neck"] + trunk.apply(mirror * REST["shoulder"])
        place[f"{side}_elbow"] = place[f"{side}_shoulder"] + upper.apply(REST["elbow"])
        place[f"{side}_wrist"] = place[f"{side}_elbow"] + lower.apply(REST["wrist"])
        thigh = hips * _rotation(-turn[f"{leg}_pitch"], sign * turn[f"{leg}_roll"], 0 * turn[f"{leg}_roll"])
        shank = thigh * _rotation_about("y", turn[f"{side}_knee"])
        place[f"{side}_hip"] = place["pelvis"] + hips.apply(mirror * REST["hip"])
        place[f"{side}_knee"] = place[f"{side}_hip"] + thigh.apply(REST["knee"])
        place[f"{side}_ankle"] = place[f"{side}_knee"] + shank.apply(REST["ankle"])
    xyz = np.stack([place[keypoint] for keypoint in figure_skeleton().keypoints], axis=1)
    return xyz.reshape(*batch, -1, 3)


def _rotation(pitch: Float, roll: Float, yaw: Float) -> Rotation:
    return Rotation.from_euler("YXZ", np.stack([pitch, roll, yaw], axis=-1))


def _rotation_about(axis: str, angle: Float) -> Rotation:
    return Rotation.from_euler(axis, angle[:, None])


def random_poses(count: int, rng: np.random.Generator) -> Float:
    """Draw poses at random within the joint limits, in the middle of the floor, heading anywhere.

    Parameters
    ----------
    count : int
    rng : Generator

    Returns
    -------
    xyz : (count, 15, 3) float, m, world
    """
    low, high = np.radians(LIMITS_DEG).T
    # The middle of each range is twice as likely as its ends, as in motion.
    angles = low + (high - low) * rng.beta(1.5, 1.5, size=(count, len(ANGLES)))
    root = np.array([0, 0, HIP_HEIGHT]) + rng.uniform([-0.5, -0.5, -0.25], [0.5, 0.5, 0.05], size=(count, 3))
    return pose_figure(angles, root, rng.uniform(-np.pi, np.pi, size=count))


def walk(times: ArrayLike) -> Float:
    """Let the figure walk in a circle, waving one arm and then the other.

    Parameters
    ----------
    times : (frames) float, s

    Returns
    -------
    xyz : (frames, 15, 3) float, m, world

    Examples
    --------
    >>> walk([0.0, 0.5]).shape
    (2, 15, 3)
    """
    times = np.asarray(times, dtype=np.float64)
    step = 2 * np.pi * 0.9 * times  # strides per second
    wave = 2 * np.pi * 0.7 * times
    lift = 0.5 - 0.5 * np.cos(2 * np.pi * times / 3.0)  # each arm is up for three of six seconds
    left = lift * (np.sin(np.pi * times / 3.0) >= 0)
    right = lift - left
    zero = np.zeros_like(times)
    swing = np.sin(step)
    angles = {
        "spine_pitch": 0.10 + 0.03 * np.cos(2 * step),
        "spine_roll": 0.06 * np.sin(step),
        "spine_yaw": 0.15 * swing,
        "neck_pitch": 0.05 * np.sin(wave / 2),
        "neck_roll": 0.08 * np.sin(wave),
        "left_arm_pitch": -0.5 * swing * (1 - left) + 0.4 * left,
        "left_arm_roll": 0.40 + left * (1.4 + 0.35 * np.sin(2 * wave)),
        "left_arm_yaw": zero,
        "left_elbow": 0.9 + left * (0.3 + 0.4 * np.sin(2 * wave + 1)) - 0.2 * swing,
        "right_arm_pitch": 0.5 * swing * (1 - right) + 0.4 * right,
        "right_arm_roll": 0.40 + right * (1.4 + 0.35 * np.sin(2 * wave)),
        "right_arm_yaw": zero,
        "right_elbow": 0.9 + right * (0.3 + 0.4 * np.sin(2 * wave + 1)) + 0.2 * swing,
        "left_leg_pitch": 0.1 + 0.5 * swing,
        "left_leg_roll": 0.04 + zero,
        "left_knee": 0.45 - 0.40 * np.sin(step + 1.2),
        "right_leg_pitch": 0.1 - 0.5 * swing,
        "right_leg_roll": 0.04 + zero,
        "right_knee": 0.45 + 0.40 * np.sin(step + 1.2),
    }
    turn = 2 * np.pi * times / 7.0
    root = np.stack(
        [0.32 * np.sin(turn), -0.32 * np.cos(turn), HIP_HEIGHT - 0.03 + 0.015 * np.cos(2 * step)], axis=-1
    )
    return pose_figure(np.stack([angles[name] for name in ANGLES], axis=-1), root, turn)


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class Limbs(ReadOnlyArrays):
    """What is drawn: tapered capsules between joints, each in a colour of its own.

    Attributes
    ----------
    ends : (limbs, 2) int
        Keypoints.
    radius : (limbs, 2) float, m
        At the two ends.
    colour : (limbs, 3) float
        Blue, green, red, 0 to 255.
    """

    ends: NDArray[np.int64]
    radius: Float
    colour: Float


def figure_limbs() -> Limbs:
    """Return the figure's limbs: left in warm colours, right in cold ones, the trunk grey and green.

    Returns
    -------
    limbs : Limbs
    """
    table = [
        ("neck", "pelvis", 0.085, 0.095, (70, 150, 80)),
        ("left_shoulder", "right_shoulder", 0.05, 0.05, (120, 190, 190)),
        ("left_hip", "right_hip", 0.07, 0.07, (90, 90, 110)),
        ("neck", "head", 0.045, 0.055, (150, 180, 225)),
        ("head", "head", 0.095, 0.095, (140, 170, 235)),
        ("left_shoulder", "left_elbow", 0.045, 0.036, (40, 60, 225)),
        ("left_elbow", "left_wrist", 0.036, 0.028, (30, 150, 250)),
        ("right_shoulder", "right_elbow", 0.045, 0.036, (210, 80, 40)),
        ("right_elbow", "right_wrist", 0.036, 0.028, (225, 190, 60)),
        ("left_hip", "left_knee", 0.065, 0.048, (50, 30, 150)),
        ("left_knee", "left_ankle", 0.048, 0.034, (150, 70, 230)),
        ("right_hip", "right_knee", 0.065, 0.048, (130, 40, 90)),
        ("right_knee", "right_ankle", 0.048, 0.034, (170, 150, 30)),
    ]
    skeleton = figure_skeleton()
    return Limbs(
        ends=np.array([[skeleton.index(a), skeleton.index(b)] for a, b, *_ in table]),
        radius=np.array([[near, far] for _, _, near, far, _ in table]),
        colour=np.array([colour for *_, colour in table], dtype=np.float64),
    )
