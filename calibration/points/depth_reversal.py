"""The other scene that cameras with long lenses show: turned inside out in depth.

Parallel projection does not tell a scene from its reflection in a plane across the line of sight (Necker's
cube); only the little perspective that is left does. An adjustment stays on the side on which it started.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import RigidTransform, Rotation

from calibration.rig import Rig

Float = NDArray[np.float64]

FLIP = np.diag([1.0, 1.0, -1.0])

SHALLOW = 0.1
"""Scatter of the depths, as a part of the depth, below which a camera hardly tells near from far."""


def is_shallow(rig: Rig, xyz: Float) -> bool:
    """Whether all cameras see the points in nearly parallel projection.

    Parameters
    ----------
    rig : Rig
    xyz : (points, 3) float, m, world

    Returns
    -------
    shallow : bool
    """
    known = xyz[np.isfinite(xyz[:, 0])]
    depth = np.stack([camera.cam_from_world.apply(known)[:, 2] for camera in rig.cameras], axis=1)
    middle = np.median(depth, axis=0)
    scatter = np.median(np.abs(depth - middle), axis=0)
    return bool((scatter < SHALLOW * np.abs(middle)).all())


def reversed_rig(rig: Rig, xyz: Float) -> Rig:
    """Return the cameras that see the points' reflection in depth as these see the points.

    Parameters
    ----------
    rig : Rig
    xyz : (points, 3) float, m, world

    Returns
    -------
    rig : Rig
        Exactly so in parallel projection: with X = c + FLIP x for the points c + x, a camera that has its own
        reflected, R' = FLIP R FLIP, and c at the same depth has the same pixels.
    """
    middle = np.median(xyz[np.isfinite(xyz[:, 0])], axis=0)
    cameras = []
    for camera in rig.cameras:
        R = FLIP @ camera.R @ FLIP
        place = camera.cam_from_world.apply(middle)
        turned = RigidTransform.from_components(place - R @ middle, Rotation.from_matrix(R))
        cameras.append(replace(camera, cam_from_world=turned))
    return replace(rig, cameras=tuple(cameras))
