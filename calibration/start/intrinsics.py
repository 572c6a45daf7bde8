"""A first lens for every view, found from nothing: no guess of the focal length is needed.

Each view by itself is a small joint refinement (focal length, radial distortion, board poses). It has wrong
local minima, so it is started from focal lengths over the whole range of real lenses and from both lens
families, and the start that explains the corners best is kept.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from calibration.arrays import ReadOnlyArrays
from calibration.boards.poses import BoardPoses, board_poses
from calibration.bundle.adjustment import adjust, residuals, view_noise
from calibration.bundle.lens_rules import LensRules
from calibration.bundle.parameters import Choice, free_unknowns
from calibration.bundle.problem import MODELS, Corners, lens_row, row_lens, start_unknowns
from calibration.camera import Intrinsics

Float = NDArray[np.float64]

FOCALS = (0.35, 0.55, 0.8, 1.1, 1.6, 2.6, 5.0, 12.0, 30.0, 80.0)
"""Focal lengths tried, in multiples of the longer side of the image."""

MOST_FRAMES = 16
"""As many board views settle a first lens; more would only take time."""


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class FirstLens(ReadOnlyArrays):
    """A first estimate of one lens.

    Attributes
    ----------
    row : (16,) float
        fx fy cx cy and 12 coefficients.
    model : int
        Index into `calibration.bundle.problem.MODELS`.
    size : (2,) int, px
    error : float, px
        Median reprojection error; infinite for a mere guess.
    """

    row: Float
    model: int
    size: tuple[int, int]
    error: float

    @property
    def intrinsics(self) -> Intrinsics:
        """The lens in a form that can be used."""
        return row_lens(self.row, self.model, self.size, 4 if MODELS[self.model] == "fisheye" else 8)


def first_lens(
    xy: Float, board: Float, size: tuple[int, int], *, model: int, focal: float | None = None
) -> FirstLens:
    """Estimate the focal length and the radial distortion of one view.

    Parameters
    ----------
    xy : (frames, corners, 2) float, px
        NaN where a corner was not found.
    board : (corners, 3) float, m, board
    size : (2,) int, px
    model : int
        Index into `calibration.bundle.problem.MODELS`.
    focal : float, px, or None
        A further start; the others are tried as well.

    Returns
    -------
    lens : FirstLens
        A plain guess (focal length = longer side) with an infinite error where no board view is usable.
    """
    xy = xy[_telling(xy)]
    best = FirstLens(row=_plain(size, float(max(size))), model=model, size=size, error=np.inf)
    trials = []
    for start in [scale * max(size) for scale in FOCALS] + ([] if focal is None else [focal]):
        guess = FirstLens(row=_plain(size, start), model=model, size=size, error=np.inf)
        poses = board_poses(xy, board, guess.intrinsics)
        usable = np.isfinite(poses.error[:, 0])
        if usable.any():
            trials.append((float(np.median(poses.error[usable, 0])), start, guess, poses))
    for _, _, guess, poses in sorted(trials, key=lambda trial: trial[:2])[:3]:
        lens = _fit(xy, board, guess, poses)
        if lens is not None and lens.error < best.error:
            best = lens
    return best


def _plain(size: tuple[int, int], focal: float) -> Float:
    return lens_row(Intrinsics.from_focal(size, focal))


def _telling(xy: Float) -> NDArray[np.int64]:
    """Choose frames that show most of the board, spread over the recording."""
    count = np.isfinite(xy[..., 0]).sum(axis=1)
    good = np.flatnonzero(count >= 0.6 * count.max(initial=1))
    picks = np.linspace(0, len(good) - 1, min(MOST_FRAMES, len(good))).round().astype(int)
    return good[picks]


def _fit(xy: Float, board: Float, guess: FirstLens, poses: BoardPoses) -> FirstLens | None:
    """Refine one start; None where it runs off to a focal length that no lens has."""
    usable = np.isfinite(poses.error[:, 0])
    corners = Corners.from_array(xy[usable][:, None])
    unknowns = start_unknowns(
        guess.row[None],
        np.array([guess.model]),
        Rc=np.eye(3)[None],
        tc=np.zeros((1, 3)),
        Rb=poses.R[usable, 0],
        tb=poses.t[usable, 0],
        board=board,
    )
    for stage in ("start", "radial"):
        choice = Choice(stages=(stage,), rules=LensRules.none(1))
        free = free_unknowns(choice, unknowns, np.array([guess.size]), board)
        for _ in range(2):
            sigma = view_noise(corners, residuals(corners, unknowns), 1)
            unknowns = adjust(corners, unknowns, free, sigma, iterations=6, tolerance=1e-3).unknowns
            if not 0.1 * max(guess.size) < unknowns.lens[0, 0] < 400 * max(guess.size):
                return None
    error = np.nanmedian(np.linalg.norm(residuals(corners, unknowns), axis=1))
    return replace(guess, row=unknowns.lens[0], error=float(error))
