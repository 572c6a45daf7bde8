"""The stages of a joint refinement: each frees more unknowns and starts from the one before."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from calibration.bundle.adjustment import BoardSolution, adjust, residuals, view_noise
from calibration.bundle.board_motion import with_motion
from calibration.bundle.board_shape import board_basis
from calibration.bundle.parameters import FAMILY, Choice, free_unknowns
from calibration.bundle.problem import Corners, Unknowns, flipped_row
from calibration.corners.sightings import usual_interval
from calibration.geometry.lens_conversion import to_family

Float = NDArray[np.float64]
Int = NDArray[np.int64]

LOSS = 3.0
"""Scale of Cauchy's loss in multiples of the noise: 97% of least squares' efficiency on clean data."""

REJECTED_BEYOND = 8.0
"""A corner this many noise widths off has lost nearly all its weight and counts as rejected."""

MOST_NOISE = 1.5e-3
"""Noise of a corner, of the longer side of the image, above which it is no noise but a contradiction."""

MOTION_ROUNDS = 6


def rejected_beyond(sigma: Float, sizes: Int) -> Float:
    """Return the residual above which a corner of each view contradicts a fit.

    Parameters
    ----------
    sigma : (views,) float, px
        Noise as the fit found it, which a wrong fit makes large.
    sizes : (views, 2) int, px

    Returns
    -------
    limit : (views,) float, px
    """
    return np.asarray(REJECTED_BEYOND * np.minimum(sigma, MOST_NOISE * np.max(sizes, axis=1)))


def staged(
    corners: Corners,
    unknowns: Unknowns,
    choice: Choice,
    sizes: Int,
    nominal: Float,
    *,
    instant: Float | None = None,
    stamp: Float | None = None,
) -> BoardSolution:
    """Free the places, then the focal lengths and radial terms, then all that the choice frees.

    Parameters
    ----------
    corners : Corners
    unknowns : Unknowns
        Lenses as angle polynomials, unless they are known.
    choice : Choice
    sizes : (views, 2) int, px
    nominal : (corners, 3) float, m, board
    instant, stamp : (frames,), (frames, views) float, s
        Of `Sightings`; needed for time offsets.

    Returns
    -------
    solution : BoardSolution
    """
    unknowns = _ruled(unknowns, choice, sizes, coefficients=False)
    for stage in ("none", "radial"):
        stages = tuple("none" if final == "none" else stage for final in choice.stages)
        now = replace(choice, stages=stages, shape="rigid", time=False)
        unknowns = settle(corners, unknowns, now, sizes, nominal, rounds=3, tolerance=1e-3).unknowns
    unknowns = prepared(unknowns, choice, sizes, nominal)
    if not choice.time:
        return settle(corners, unknowns, choice, sizes, nominal)
    if instant is None or stamp is None:
        raise ValueError("time offsets need the instants of the frames")
    return settle_moving(corners, unknowns, choice, sizes, nominal, instant=instant, stamp=stamp)


def _ruled(unknowns: Unknowns, choice: Choice, sizes: Int, *, coefficients: bool) -> Unknowns:
    """Give the lenses the numbers that are given or common.

    What views share is taken from the one of middle focal length, flipped where they are. Coefficients that
    are given mean something only in the final family of each lens.
    """
    rules, given = choice.rules, unknowns.lens
    estimated = np.array([stage != "none" for stage in choice.stages])
    lens = given.copy()
    for i in range(lens.shape[1]):
        for owner in np.unique(rules.owner[estimated, i]):
            group = np.flatnonzero(estimated & (rules.owner[:, i] == owner))
            middle = group[np.argsort(given[group, 0], kind="stable")[len(group) // 2]]
            turned = flipped_row(given[middle], int(unknowns.model[middle]), int(sizes[middle, 0]))
            odd = rules.flipped[group] != rules.flipped[middle]
            lens[group, i] = np.where(odd, turned[i], given[middle, i])
    held = np.isfinite(rules.value) & estimated[:, None]
    held[:, 4:] &= coefficients
    lens[held] = rules.value[held]
    tied = np.isfinite(rules.aspect) & estimated & ~held[:, 1]
    lens[tied, 1] = lens[tied, 0] / rules.aspect[tied]
    return replace(unknowns, lens=lens)


def settle_moving(
    corners: Corners,
    unknowns: Unknowns,
    choice: Choice,
    sizes: Int,
    nominal: Float,
    *,
    instant: Float,
    stamp: Float,
) -> BoardSolution:
    """Settle with time offsets: the board's motion follows from its poses, and they from its motion."""
    for _ in range(MOTION_ROUNDS):
        unknowns = with_motion(unknowns, instant, stamp)
        solution = settle(corners, unknowns, choice, sizes, nominal)
        moved = np.abs(solution.unknowns.clock_offset - unknowns.clock_offset).max()
        unknowns = solution.unknowns
        if moved < 1e-3 * usual_interval(instant):
            break
    return solution


def prepared(unknowns: Unknowns, choice: Choice, sizes: Int, nominal: Float) -> Unknowns:
    """Write every lens in the family of its final stage and the board in the shape it may have."""
    lens, model = unknowns.lens.copy(), unknowns.model.copy()
    for view, stage in enumerate(choice.stages):
        if stage != "none" and model[view] != FAMILY[stage]:
            size = (int(sizes[view][0]), int(sizes[view][1]))
            lens[view] = to_family(lens[view], size, int(model[view]), FAMILY[stage])
            model[view] = FAMILY[stage]
    offset = (unknowns.board - nominal).ravel()
    basis = board_basis(nominal, choice.shape, choice.boards)
    if basis.shape[1] < len(offset):
        offset = basis @ np.linalg.lstsq(basis, offset, rcond=None)[0]
    moved = replace(unknowns, lens=lens, model=model, board=nominal + offset.reshape(-1, 3))
    return _ruled(moved, choice, sizes, coefficients=True)


def settle(
    corners: Corners,
    unknowns: Unknowns,
    choice: Choice,
    sizes: Int,
    nominal: Float,
    *,
    rounds: int = 12,
    tolerance: float = 1e-6,
) -> BoardSolution:
    """Alternate refinement and noise estimate until the noise stands still.

    Parameters
    ----------
    corners : Corners
    unknowns : Unknowns
    choice : Choice
    sizes : (views, 2) int, px
    nominal : (corners, 3) float, m, board
    rounds : int
    tolerance : float
        Of each refinement.

    Returns
    -------
    solution : BoardSolution
    """
    views = len(unknowns.lens)
    sigma = view_noise(corners, residuals(corners, unknowns), views)
    before, iterations = 0.0, 0
    for count in range(rounds):
        free = free_unknowns(choice, unknowns, sizes, nominal)
        solution = adjust(corners, unknowns, free, sigma, loss=LOSS, tolerance=tolerance)
        before = before if count else solution.cost_before
        iterations += solution.iterations
        unknowns = solution.unknowns
        found = view_noise(corners, residuals(corners, unknowns), views)
        if np.abs(found / sigma - 1).max() < 0.01:
            break
        sigma = found
    return replace(solution, cost_before=before, iterations=iterations)
