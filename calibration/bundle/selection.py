"""Which lens the cameras have and how far the board may bend, chosen by the error on frames left out.

A lens is chosen for all cameras at once, since the errors of one lens spoil the others' too; only fisheye
is kept for the cameras that see far from their axis.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from calibration.bundle.held_out import fold_frames, leave_out
from calibration.bundle.parameters import Choice
from calibration.bundle.problem import Corners, Unknowns
from calibration.bundle.staging import LOSS, prepared, settle
from calibration.geometry.lens_conversion import widest_angle

Float = NDArray[np.float64]
Int = NDArray[np.int64]

MOST_FRAMES = 60
"""As many frames settle the choice; more would only take time."""

FOLDS = 3

SHAPES = ("rigid", "warp", "free")
LENSES = ("pinhole8", "pinhole5", "pinhole12")

SHAPE_WORTH = 0.01
"""A board that bends more must lower the held-out cost by this part of it."""

LENS_WORTH = 0.05
"""Another lens than "pinhole8" must lower the held-out cost by this part: noise should not choose."""

PRISM_WORTH = 0.15
"""So must "pinhole12": its prism terms fit what other errors leave and go astray beyond the covered part."""

FISHEYE_FROM = np.deg2rad(70)
"""Lenses that see farther from their axis are tried as fisheye too."""


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class Selection:
    """What was chosen and why.

    Attributes
    ----------
    choice : Choice
    lens_cost, shape_cost : mapping of candidate to float
        Held-out robust cost per corner, in units of the noise; empty where nothing was compared.
    """

    choice: Choice
    lens_cost: dict[str, float]
    shape_cost: dict[str, float]


def select(
    xy: Float, unknowns: Unknowns, choice: Choice, *, sizes: Int, nominal: Float, lens: bool, shape: bool
) -> Selection:
    """Choose the board's shape and each view's lens by cross-validation.

    Parameters
    ----------
    xy : (frames, views, corners, 2) float, px
    unknowns : Unknowns
        A fit of the choice with all that can be free.
    choice : Choice
        Views whose stage is not "auto" keep it.
    sizes : (views, 2) int, px
    nominal : (corners, 3) float, m, board
    lens, shape : bool
        What to choose.

    Returns
    -------
    selection : Selection
    """
    picks = np.unique(np.linspace(0, len(xy) - 1, min(MOST_FRAMES, len(xy))).round().astype(int))
    xy, unknowns = xy[picks], unknowns.at_frames(picks)
    start = with_lens(choice, LENSES[0])
    if len(xy) < 2 * FOLDS:
        return Selection(choice=start, lens_cost={}, shape_cost={})
    scale = settle(Corners.from_array(xy), unknowns, start, sizes, nominal, rounds=3).sigma

    def cost(candidate: Choice) -> float:
        return _held_out_cost(xy, unknowns, candidate, scale, sizes=sizes, nominal=nominal)

    shape_cost: dict[str, float] = {}
    if shape:
        shape_cost = {name: cost(replace(start, shape=name)) for name in SHAPES}
        start = replace(start, shape=_best(shape_cost, dict.fromkeys(shape_cost, SHAPE_WORTH)))
    lens_cost: dict[str, float] = {}
    if lens:
        choices = {name: replace(with_lens(choice, name), shape=start.shape) for name in LENSES}
        wide = [
            widest_angle(row, tuple(size)) > FISHEYE_FROM
            for row, size in zip(unknowns.lens, sizes, strict=True)
        ]
        if any(wide):
            owner = choice.rules.owner[:, 4]
            wide = [any(w for w, mine in zip(wide, owner, strict=True) if mine == o) for o in owner]
            mixed = ("fisheye" if w and s == "auto" else s for w, s in zip(wide, choice.stages, strict=True))
            choices["fisheye"] = with_lens(replace(start, stages=tuple(mixed)), LENSES[0])
        done = {LENSES[0]: shape_cost[start.shape]} if shape else {}
        lens_cost = done | {name: cost(choices[name]) for name in choices if name not in done}
        lens_worth = {name: PRISM_WORTH if name == "pinhole12" else LENS_WORTH for name in lens_cost}
        start = choices[_best(lens_cost, lens_worth)]
    return Selection(choice=start, lens_cost=lens_cost, shape_cost=shape_cost)


def with_lens(choice: Choice, lens: str) -> Choice:
    """Give every view that is to be chosen for the same lens."""
    return replace(choice, stages=tuple(lens if stage == "auto" else stage for stage in choice.stages))


def _best(cost: dict[str, float], worth: dict[str, float]) -> str:
    """Return the first candidate that no later one beats by what it must."""
    names = list(cost)
    best = names[0]
    for name in names[1:]:
        if not cost[name] >= cost[best] * (1 - worth[name]):
            best = name
    return best


def _held_out_cost(
    xy: Float, unknowns: Unknowns, choice: Choice, scale: Float, *, sizes: Int, nominal: Float
) -> float:
    """Held-out robust cost per corner, averaged over the views so that each counts."""
    views = len(choice.stages)
    total, count = np.zeros(views), np.zeros(views)
    start = prepared(unknowns, choice, sizes, nominal)
    for test in fold_frames(len(xy), FOLDS):
        fold = leave_out(xy, start, choice, test, sizes=sizes, nominal=nominal, rounds=1)
        if fold is None:
            continue
        view = fold.corners.view
        e2 = np.nan_to_num(np.sum(fold.residual**2, axis=1), nan=1e6) / scale[view] ** 2
        np.add.at(total, view, LOSS**2 * np.log1p(e2 / LOSS**2))
        np.add.at(count, view, 1)
    return float(np.mean(total[count > 0] / count[count > 0]))
