"""Cameras refined in the same problem as the trajectories: where they stand, and by how much they are late.

The normal equations of the smoother are banded in time, and the cameras add a dense border, seven numbers per
view. The trajectories are eliminated with the factor of their band, one solution per column of the border;
the Schur complement is solved for the cameras, and the trajectories follow (Triggs et al. 2000, "Bundle
adjustment: a modern synthesis", section 6). What the data cannot tell, such as the place of the rig as a
whole, priors keep where the given rig has it.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import block_diag
from scipy.spatial.transform import Rotation

from calibration.geometry.camera_arrays import CameraArrays
from calibration.threads import cores
from triangulate.camera_fit.priors import PER_VIEW, CameraPriors
from triangulate.camera_fit.terms import add_border
from triangulate.smoothing import bands
from triangulate.smoothing.kernels import Observed, Priors, assemble
from triangulate.smoothing.solver import raise_diagonal
from triangulate.smoothing.splines import Knots, basis, basis_rate

Float = NDArray[np.float64]

ITERATIONS = 40
CLOSE = 1e-4
"""Mean squared step, in standard deviations, at which cameras and trajectories are where they belong."""

HELD = 1e-6
"""Relative standard deviation of a scale that is held."""

LEAST_PART = 1e-3
"""Part of a step below which a cost that still rises is rounding."""


class Cameras(NamedTuple):
    """Cameras while they are refined; `late` is in seconds, (views,)."""

    views: CameraArrays
    late: Float

    def moved(self, step: Float) -> "Cameras":
        """Apply a step, (views, 7)."""
        turn = Rotation.from_rotvec(step[:, :3]).as_matrix()
        R = turn @ self.views.R
        t = np.einsum("vij,vj->vi", turn, self.views.t) + step[:, 3:6]
        return Cameras(self.views._replace(R=R, t=t), self.late + step[:, 6])

    def away(self, given: "Cameras") -> tuple[Float, Float]:
        """Return the step that leads here from others, (views, 7), and its derivative by a further one."""
        turn = self.views.R @ given.views.R.transpose(0, 2, 1)
        step = np.empty((len(turn), PER_VIEW))
        step[:, :3] = Rotation.from_matrix(turn).as_rotvec()
        step[:, 3:6] = self.views.t - np.einsum("vij,vj->vi", turn, given.views.t)
        step[:, 6] = self.late - given.late
        slope = np.tile(np.eye(PER_VIEW), (len(turn), 1, 1))
        slope[:, :3, :3] = inverse_jacobians(step[:, :3])
        slope[:, 3:6, :3] = -crosses(step[:, 3:6])
        return step, slope


class Piece(NamedTuple):
    """A stretch of some keypoints' trajectories: what `solver.solve` takes, and when the views looked.

    Attributes
    ----------
    at : (frames, views) float
        In frames.
    fps : float, Hz
    knots : Knots
    start : (knots, keypoints, 3) float, m
    observed : Observed
        Its basis is replaced by that of the times.
    priors : Priors
    """

    at: Float
    fps: float
    knots: Knots
    start: Float
    observed: Observed
    priors: Priors


class Linear(NamedTuple):
    """A piece's equations with the trajectories eliminated."""

    cost: float
    step: Float
    lever: Float
    decrement: float
    S: Float
    s: Float


class Refined(NamedTuple):
    """Cameras and trajectories at the optimum.

    Attributes
    ----------
    cameras : Cameras
    controls : list of (knots, keypoints, 3) float, m
    schur : (n, n) float
        Seven numbers per view: information of the data about the cameras.
    before, after : float
        Cost.
    iterations : int
    converged : bool
    """

    cameras: Cameras
    controls: list[Float]
    schur: Float
    before: float
    after: float
    iterations: int
    converged: bool


def refine(pieces: Sequence[Piece], given: Cameras, start: Cameras, priors: CameraPriors) -> Refined:
    """Minimise the smoother's cost over cameras and trajectories, by Gauss-Newton steps.

    Parameters
    ----------
    pieces : sequence of Piece
    given : Cameras
        Middle of the priors.
    start : Cameras
    priors : CameraPriors

    Returns
    -------
    refined : Refined
    """
    count = len(given.late)
    information = prior_information(priors, given)
    free = np.flatnonzero(priors.per_view(count))
    cameras, controls = start, [piece.start for piece in pieces]
    best, part = None, 1.0
    before = after = np.inf
    step, moves = np.zeros((count, PER_VIEW)), [np.zeros_like(control) for control in controls]
    schur, converged, iteration = np.zeros_like(information), False, 0
    with ThreadPoolExecutor(cores()) as pool:
        for iteration in range(1, ITERATIONS + 1):  # noqa: B007
            made = list(pool.map(linearise, pieces, controls, [cameras] * len(pieces)))
            pull, push, own = prior_terms(cameras, given, information)
            cost = sum(one.cost for one in made) + own
            before = cost if best is None else before
            if best is not None and cost > after + 1e-9 * abs(after) and part > LEAST_PART:
                part *= 0.5
                cameras = best[0].moved(part * step)
                controls = [c + part * move for c, move in zip(best[1], moves, strict=True)]
                continue
            best, after, part = (cameras, controls), cost, 1.0
            schur = sum((one.S for one in made), np.zeros_like(schur))
            right = sum((one.s for one in made), np.zeros(len(information))) + push
            change = np.zeros(len(information))
            change[free] = np.linalg.solve((schur + pull)[np.ix_(free, free)], right[free])
            step = change.reshape(count, PER_VIEW)
            moves = [one.step - (one.lever @ change).reshape(one.step.shape) for one in made]
            sizes = sum(move.size for move in moves)
            camera_step = float(change @ right) / max(len(free), 1)
            if max(camera_step, sum(one.decrement for one in made) / max(sizes, 1)) < CLOSE:
                converged = True
                break
            cameras = cameras.moved(step)
            controls = [c + move for c, move in zip(controls, moves, strict=True)]
    return Refined(*(best or (cameras, controls)), schur, before, after, iteration, converged)


def linearise(piece: Piece, control: Float, cameras: Cameras) -> Linear:
    """Build the equations of a piece at an estimate, and eliminate its trajectories."""
    knots, keypoints, _ = control.shape
    n, count = 3 * keypoints, len(cameras.late)
    at = piece.at + piece.fps * cameras.late
    first, weights = basis(at, piece.knots)
    observed = piece.observed._replace(first=first, weights=weights)
    band, right = np.empty((knots, 4, n, n)), np.empty((knots, n))
    system = (control, piece.start, cameras.views, observed, piece.priors, band, right)
    cost = assemble(*system, True)
    border = np.zeros((knots, n, PER_VIEW * count))
    corner, force = np.zeros((count, PER_VIEW, PER_VIEW)), np.zeros((count, PER_VIEW))
    rates = piece.fps * basis_rate(at, piece.knots)
    cost += add_border(control, cameras.views, observed, rates, border, corner, force)
    downhill = right.copy()
    if np.isnan(bands.factor(band)):
        raise_diagonal(*system)
    bands.solve(band, right)
    lever = border.copy()
    bands.solve(band, lever)
    border, lever = border.reshape(knots * n, -1), lever.reshape(knots * n, -1)
    S = -border.T @ lever
    for view in range(count):
        own = slice(PER_VIEW * view, PER_VIEW * (view + 1))
        S[own, own] += corner[view]
    return Linear(
        cost=cost,
        step=right.reshape(control.shape),
        lever=lever,
        decrement=float((downhill * right).sum()),
        S=0.5 * (S + S.T),
        s=force.ravel() - border.T @ right.ravel(),
    )


def prior_terms(cameras: Cameras, given: Cameras, information: Float) -> tuple[Float, Float, float]:
    """Return Hessian, minus gradient and cost of the priors on the cameras."""
    away, slopes = cameras.away(given)
    slope = block_diag(*slopes)
    pull = information @ away.ravel()
    return slope.T @ information @ slope, -slope.T @ pull, 0.5 * float(away.ravel() @ pull)


def prior_information(priors: CameraPriors, given: Cameras) -> Float:
    """Return the inverse covariance of the steps away from given cameras, (7 views, 7 views)."""
    sigma = priors.per_view(len(given.late)).ravel()
    known = np.diag(np.where(sigma > 0, 1.0 / np.where(sigma > 0, sigma, 1.0) ** 2, 0.0))
    centers = -np.einsum("vji,vj->vi", given.views.R, given.views.t)
    growth = np.zeros((len(centers), PER_VIEW))
    growth[:, 3:6] = -np.einsum("vij,vj->vi", given.views.R, centers - centers.mean(axis=0))
    square = float((growth**2).sum())
    if priors.position_sigma > 0 and square > 0:
        by_scale = growth.ravel() / square
        known += np.outer(by_scale, by_scale) / max(priors.scale_sigma, HELD) ** 2
    return known


def crosses(v: Float) -> Float:
    """Return the matrices of the cross products with vectors, (n, 3, 3)."""
    out = np.zeros((len(v), 3, 3))
    out[:, 0, 1], out[:, 0, 2], out[:, 1, 2] = -v[:, 2], v[:, 1], -v[:, 0]
    return out - out.transpose(0, 2, 1)


def inverse_jacobians(w: Float) -> Float:
    """Return how rotation vectors change with a small rotation from the left, (n, 3, 3).

    Source: Sola, Deray & Atchuthan 2018, "A micro Lie theory for state estimation in robotics", eq. 146.
    """
    angle = np.linalg.norm(w, axis=1)
    small = angle < 1e-4
    a = np.where(small, 1.0, angle)
    second = np.where(small, 1.0 / 12.0, 1.0 / a**2 - (1.0 + np.cos(a)) / (2.0 * a * np.sin(a)))
    W = crosses(w)
    return np.eye(3) - 0.5 * W + second[:, None, None] * (W @ W)
