"""The stages of a joint refinement: each frees more unknowns and starts from the one before."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from calibration.bundle import Solution, noise, refine, residuals
from calibration.bundle_parameters import FAMILY, Choice, board_basis, free_unknowns
from calibration.bundle_problem import MODELS, Corners, Unknowns
from calibration.lens_conversion import to_family

Float = NDArray[np.float64]
Int = NDArray[np.int64]

LOSS = 3.0
"""Scale of Cauchy's loss in multiples of the noise: 97% of least squares' efficiency on clean data."""

REJECTED_BEYOND = 8.0
"""A corner this many noise widths off has lost nearly all its weight and counts as rejected."""

ANGLE = MODELS.index("angle")


def staged(corners: Corners, unknowns: Unknowns, choice: Choice, sizes: Int, nominal: Float) -> Solution:
    """Free the places, then the focal lengths and radial terms, then all that the choice frees.

    Parameters
    ----------
    corners : Corners
    unknowns : Unknowns
        Lenses as angle polynomials, unless they are known.
    choice : Choice
    sizes : (views, 2) int, px
    nominal : (corners, 3) float, m, board

    Returns
    -------
    solution : Solution
    """
    for stage in ("none", "radial"):
        stages = tuple("none" if final == "none" else stage for final in choice.stages)
        now = replace(choice, stages=stages, shape="rigid", time=False)
        unknowns = settle(corners, unknowns, now, sizes, nominal, rounds=3, tolerance=1e-3).unknowns
    return settle(corners, prepared(unknowns, choice, sizes, nominal), choice, sizes, nominal)


def prepared(unknowns: Unknowns, choice: Choice, sizes: Int, nominal: Float) -> Unknowns:
    """Write every lens in the family of its final stage and the board in the shape it may have."""
    lens, model = unknowns.lens.copy(), unknowns.model.copy()
    for view, stage in enumerate(choice.stages):
        if stage != "none" and model[view] != FAMILY[stage]:
            size = (int(sizes[view][0]), int(sizes[view][1]))
            lens[view] = to_family(lens[view], size, int(model[view]), FAMILY[stage])
            model[view] = FAMILY[stage]
    offset = (unknowns.board - nominal).ravel()
    basis = board_basis(nominal, choice.shape)
    if basis.shape[1] < len(offset):
        offset = basis @ np.linalg.lstsq(basis, offset, rcond=None)[0]
    return replace(unknowns, lens=lens, model=model, board=nominal + offset.reshape(-1, 3))


def settle(
    corners: Corners,
    unknowns: Unknowns,
    choice: Choice,
    sizes: Int,
    nominal: Float,
    *,
    rounds: int = 12,
    tolerance: float = 1e-6,
) -> Solution:
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
    solution : Solution
    """
    views = len(unknowns.lens)
    sigma = noise(corners, residuals(corners, unknowns), views)
    before, iterations = 0.0, 0
    for count in range(rounds):
        free = free_unknowns(choice, unknowns, sizes, nominal)
        solution = refine(corners, unknowns, free, sigma, loss=LOSS, tolerance=tolerance)
        before = before if count else solution.cost_before
        iterations += solution.iterations
        unknowns = solution.unknowns
        found = noise(corners, residuals(corners, unknowns), views)
        if np.abs(found / sigma - 1).max() < 0.01:
            break
        sigma = found
    return replace(solution, cost_before=before, iterations=iterations)
