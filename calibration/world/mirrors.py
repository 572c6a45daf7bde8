"""The mirror between a camera and its mirror image: a check of a rig that has them as two cameras."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibration.arrays import ReadOnlyArrays
from calibration.camera import Camera

Float = NDArray[np.float64]

FLIP = np.diag([-1.0, 1.0, 1.0])


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class MirrorPlane(ReadOnlyArrays):
    """A plane mirror, and how far two views are from being each other's reflection in it.

    Attributes
    ----------
    normal : (3,) float, world
        Unit length, towards the camera.
    distance : float, m
        Of the world's origin from the plane, against the normal: normal @ x = distance on the mirror.
    turn : float, rad
        Rotation left between the mirrored camera and the reflection of the direct one.
    shift : float, m
        Distance left between their centres.
    """

    normal: Float
    distance: float
    turn: float
    shift: float


def mirror_plane(direct: Camera, mirrored: Camera) -> MirrorPlane:
    """Find the mirror in which one view is the other's reflection.

    Parameters
    ----------
    direct : Camera
    mirrored : Camera
        The same camera, as it sees the world in a mirror; its images were flipped left to right.

    Returns
    -------
    plane : MirrorPlane
        The calibration placed the mirrored view freely, with six numbers, of which a plane explains three:
        `turn` and `shift` say how well it does.

    Examples
    --------
    >>> from calibration import Intrinsics
    >>> lens = Intrinsics.from_focal((640, 480), 800.0)
    >>> direct = Camera.from_rotvec("direct", lens, [0, 0, 0], [0, 0, 1.0])
    >>> mirrored = Camera.from_rotvec("mirrored", lens, [0, np.pi, 0], [0, 0, 3.0])
    >>> plane = mirror_plane(direct, mirrored)
    >>> (direct.R @ plane.normal)[2].round(6), round(plane.distance, 6), round(plane.shift, 6)
    (np.float64(-1.0), -1.0, 0.0)

    Notes
    -----
    A camera sees x in the mirror where it would see its reflection S x, so flip (R S x + t) = R' x + t' for
    all x, and R^T flip R' is the matrix I - 2 n n^T of the reflection.
    """
    reflection = direct.R.T @ FLIP @ mirrored.R
    normal = np.linalg.eigh(reflection + reflection.T)[1][:, 0]
    distance = 0.5 * float(normal @ (direct.R.T @ (FLIP @ mirrored.t - direct.t)))
    if normal @ direct.center < distance:
        normal, distance = -normal, -distance
    left = reflection @ (np.eye(3) - 2 * np.outer(normal, normal))
    sine = 0.5 * np.linalg.norm(left - left.T) / np.sqrt(2)
    behind = direct.center - 2 * (normal @ direct.center - distance) * normal
    return MirrorPlane(
        normal=normal,
        distance=distance,
        turn=float(np.arctan2(sine, 0.5 * (np.trace(left) - 1))),
        shift=float(np.linalg.norm(behind - mirrored.center)),
    )
