"""How the board moves between frames, for cameras that do not take their images at the same time.

A view that is late by a few milliseconds sees the board where its motion has carried it. The motion at a
frame is the constant twist between its neighbours in time; it is found again after every refinement.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import RigidTransform, Rotation

from calibration.bundle.problem import Unknowns
from calibration.corners.sightings import usual_interval

Float = NDArray[np.float64]
Int = NDArray[np.int64]

WIDEST_GAP = 3.0
"""Neighbours farther apart than this many usual intervals say nothing about the motion in between."""


def with_motion(unknowns: Unknowns, instant: Float, stamp: Float) -> Unknowns:
    """Find how the board moves at every frame.

    Parameters
    ----------
    unknowns : Unknowns
    instant : (frames,) float, s
    stamp : (frames, views) float, s

    Returns
    -------
    unknowns : Unknowns
        With twists; zero where the neighbours in time are too far.
    """
    order = np.argsort(instant, kind="stable")
    poses = RigidTransform.from_components(unknowns.tb[order], Rotation.from_matrix(unknowns.Rb[order]))
    time = instant[order]
    limit = WIDEST_GAP * usual_interval(instant)
    place = np.arange(len(time))
    before = np.maximum(place - 1, 0)
    before[time - time[before] > limit] = place[time - time[before] > limit]
    after = np.minimum(place + 1, len(place) - 1)
    after[time[after] - time > limit] = place[time[after] - time > limit]
    span = time[after] - time[before]
    steps = (poses[after] * poses[before].inv()).as_exp_coords()
    twist = np.zeros((len(time), 6))
    moving = span > 0
    twist[order[moving]] = steps[moving] / span[moving, None]
    return replace(unknowns, twist=twist, stamp=stamp)
