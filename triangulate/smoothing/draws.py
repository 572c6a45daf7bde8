"""Trajectories drawn from the posterior of all frames and keypoints: intervals for what follows from them."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibration.rig import Rig
from models2d.detections import Tracks2D
from triangulate.points.calibration_scatter import FEWEST_DRAWS, displacements
from triangulate.smoothing.drawing import Drawing
from triangulate.smoothing.smoother import SolvedTracks, solve_tracks
from triangulate.smoothing.strength import Options
from triangulate.trajectories import Trajectories3D

Float = NDArray[np.float64]


def draw_trajectories(
    tracks: Tracks2D,
    rig: Rig,
    trajectories: Trajectories3D | None = None,
    *,
    draws: int = 100,
    seed: int = 0,
    rigs: Sequence[Rig] = (),
    **options: Any,
) -> Float:
    """Draw trajectories from the joint posterior of all frames and keypoints.

    Neighbouring frames and connected keypoints are correlated, so that standard deviations of single points
    do not tell how far a distance, an angle or a speed may be off; the spread of that quantity over draws
    does. Draws come from the factor of the smoother's own equations, scaled by what correlated errors add.

    Assumes that the posterior is normal near its maximum, and that errors of the detections are independent
    between views and keypoints.

    Source: Rue 2001, "Fast sampling of Gaussian Markov random fields".

    Parameters
    ----------
    tracks : Tracks2D
    rig : Rig
    trajectories : Trajectories3D, optional
        See `smooth`.
    draws : int
    seed : int
    rigs : sequence of Rig, optional
        Draws from the calibration's uncertainty: each draw of trajectories is as one of them sees it.
    **options
        Others of `smooth`.

    Returns
    -------
    xyz : (draws, frames, subjects, keypoints, 3) float, m, world
        NaN where `smooth` has no point.

    Raises
    ------
    ValueError
        If fewer than one draw is asked for, fewer than 10 rigs are given, or as `smooth` raises.
    TriangulationError
        As `smooth` raises.
    """
    if draws < 1:
        raise ValueError(f"draws: expected at least 1, got {draws}")
    if 0 < len(rigs) < FEWEST_DRAWS:
        raise ValueError(f"rigs: expected at least {FEWEST_DRAWS} draws of the calibration, got {len(rigs)}")
    limits = {name: options.pop(name, usual) for name, usual in (("max_gap", 0.25), ("min_confidence", 0.0))}
    motion = {name: options.pop(name, None) for name in ("jerk_sigma", "acceleration_sigma")}
    solved = solve_tracks(
        tracks,
        rig,
        trajectories,
        Options.given(**motion, **options),
        **limits,
        drawing=Drawing(draws, seed),
    )
    solution = solved.solution
    xyz = solution.xyz + solution.drawn
    if rigs:
        _add_rigs(xyz, solved, rigs)
    return np.asarray(xyz + solved.world.origin)


def _add_rigs(xyz: Float, solved: SolvedTracks, rigs: Sequence[Rig]) -> None:
    """Displace each draw as one of the rigs does."""
    problem = solved.problem
    found = solved.solution.trajectories(problem.tracks)
    nearby = [solved.world.rig(one) for one in rigs]
    for part, moved in displacements(found, problem.tracks, problem.rig, nearby):
        apart = moved - moved.mean(axis=1, keepdims=True)
        for number, draw in enumerate(xyz):
            draw[part] += apart[:, number % len(rigs)].reshape(draw[part].shape)
