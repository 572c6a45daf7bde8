"""Do the files of two cameras carry each other's names? Their points fit once the two are exchanged."""

from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from calibration.geometry.two_views import epipolar_error, essential_of_pose
from calibration.points.refining import FEWEST
from calibration.rig import Rig

Float = NDArray[np.float64]

FAR_BETTER = 0.25
"""Part of their error to which an exchange must bring the pairs of two cameras with all others."""

ALIKE = 1.5
"""Ratio to the best up to which another exchange explains the points as well, as in a ring of cameras."""

LEAST_PX = 2.0
"""Error of those pairs below which nothing is asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """Two cameras that look exchanged.

    Attributes
    ----------
    names : (str, str)
    others : tuple of (str, str)
        Pairs whose exchange explains the points as well: opposite cameras of a ring of four, say.
    before_px, after_px : float, px
        Median distance from the epipolar lines of their pairs with all cameras, as they are and exchanged.
    """

    names: tuple[str, str]
    others: tuple[tuple[str, str], ...] = ()
    before_px: float
    after_px: float

    def __str__(self) -> str:
        """Say what is wrong, and what to do."""
        pairs = ", or of ".join(f"{one} and {two}" for one, two in (self.names, *self.others))
        return (
            f"the files of {pairs} look exchanged: their points are {self.before_px:.1f} px off the "
            f"epipolar lines, and {self.after_px:.1f} px with the two the other way round; give each file, "
            "of the calibration and of the trial, to the camera that filmed it"
        )


def exchange(rig: Rig, xy: ArrayLike) -> Exchange | None:
    """Try all pairs of cameras for one whose exchange explains the points far better.

    A camera that moved, or has another lens, leaves its pairs off the epipolar lines in every order; only the
    right order brings all pairs of two cameras onto them at once. Three that went round are not found.

    Parameters
    ----------
    rig : Rig
    xy : (points, views, 2) float, px

    Returns
    -------
    exchange : Exchange or None
        The best one; None where none is far better.
    """
    xy = np.asarray(xy, dtype=np.float64)
    before = pair_errors(rig, xy)
    found = []
    for pair in combinations(range(len(rig)), 2):
        old = _of_two(before, pair)
        if not old > LEAST_PX:
            continue
        order = np.arange(len(rig))
        order[list(pair)] = pair[::-1]
        new = _of_two(pair_errors(rig, xy[:, order], of=pair), pair)
        if new < FAR_BETTER * old:
            a, b = pair
            found.append(Exchange(names=(rig.names[a], rig.names[b]), before_px=old, after_px=new))
    if not found:
        return None
    best = min(found, key=lambda one: one.after_px)
    others = [one.names for one in found if one is not best and one.after_px < ALIKE * best.after_px]
    return replace(best, others=tuple(others))


def _of_two(error: Float, pair: tuple[int, int]) -> float:
    """Median over all pairs with one of two cameras; NaN where none is known."""
    known = error[list(pair)]
    known = known[np.isfinite(known)]
    return float(np.median(known)) if known.size else float("nan")


def pair_errors(rig: Rig, xy: ArrayLike, *, of: tuple[int, ...] | None = None) -> Float:
    """How far points are from the epipolar lines of every pair of cameras, without triangulating anything.

    Parameters
    ----------
    rig : Rig
    xy : (points, views, 2) float, px
    of : tuple of int, optional
        Views of which one must be in a pair for it to be looked at; all unless given.

    Returns
    -------
    error : (views, views) float, px
        Medians of Sampson's distance; NaN on the diagonal and for pairs that share fewer than 20 points.
    """
    uv = rig.undistort(xy)
    error = np.full((len(rig), len(rig)), np.nan)
    for a, b in combinations(range(len(rig)), 2):
        both = np.isfinite(uv[:, [a, b], 0]).all(axis=1)
        if both.sum() < FEWEST or (of is not None and not {a, b} & set(of)):
            continue
        one, two = rig.cameras[a], rig.cameras[b]
        b_from_a = two.cam_from_world * one.cam_from_world.inv()
        E = essential_of_pose(b_from_a.rotation.as_matrix(), b_from_a.translation)
        focal = np.sqrt(one.intrinsics.K[0, 0] * two.intrinsics.K[0, 0])
        error[a, b] = error[b, a] = focal * np.median(epipolar_error(E, uv[both, a], uv[both, b]))
    return error
