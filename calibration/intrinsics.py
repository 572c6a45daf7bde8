"""A first lens for every view, found from nothing: no guess of the focal length is needed.

Each view by itself is a small joint refinement (focal length, radial distortion, board poses). It has wrong
local minima, so it is started from focal lengths over the whole range of real lenses and from both lens
families, and the start that explains the corners best is kept.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibration.board_poses import board_poses
from calibration.bundle import noise, refine, residuals
from calibration.bundle_parameters import Choice, free_unknowns
from calibration.bundle_problem import Corners, start_unknowns
from calibration.camera import Intrinsics

Float = NDArray[np.float64]

FOCALS = (0.35, 0.55, 0.8, 1.1, 1.6, 2.6, 5.0, 12.0)
"""Focal lengths tried, in multiples of the longer side of the image."""

MOST_FRAMES = 24
"""As many board views settle a first lens; more would only take time."""


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class FirstLens:
    """A first estimate of one lens.

    Attributes
    ----------
    intrinsics : Intrinsics
    error : float, px
        Median reprojection error.
    """

    intrinsics: Intrinsics
    error: float


def first_lens(
    xy: Float,
    board: Float,
    size: tuple[int, int],
    *,
    focal: float | None = None,
    models: tuple[str, ...] = ("pinhole", "fisheye"),
) -> FirstLens:
    """Estimate the focal length and the radial distortion of one view.

    Parameters
    ----------
    xy : (frames, corners, 2) float, px
        NaN where a corner was not found.
    board : (corners, 3) float, m, board
    size : (2,) int, px
    focal : float, px, or None
        A further start; the others are tried as well.
    models : tuple of str
        Lens families to try.

    Returns
    -------
    lens : FirstLens
        A plain guess (focal length = longer side) with an infinite error where no board view is usable.
    """
    xy = xy[_telling(xy)]
    starts = [scale * max(size) for scale in FOCALS] + ([focal] if focal else [])
    best = FirstLens(intrinsics=Intrinsics.from_focal(size, float(max(size))), error=np.inf)
    trials = []
    for start in starts:
        guess = Intrinsics.from_focal(size, start)
        poses = board_poses(xy, board, guess)
        if np.isfinite(poses.error[:, 0]).any():
            trials.append((float(np.median(poses.error[np.isfinite(poses.error[:, 0]), 0])), start))
    for _, start in sorted(trials)[:4]:
        for model in models:
            lens = _fit(xy, board, size, start, model)
            if lens is not None and lens.error < best.error * (0.98 if model == "fisheye" else 1):
                best = lens
    return best


def _telling(xy: Float) -> NDArray[np.int64]:
    """Choose frames that show most of the board, spread over the recording."""
    count = np.isfinite(xy[..., 0]).sum(axis=1)
    good = np.flatnonzero(count >= 0.6 * count.max(initial=1))
    picks = np.linspace(0, len(good) - 1, min(MOST_FRAMES, len(good))).round().astype(int)
    return good[picks]


def _fit(xy: Float, board: Float, size: tuple[int, int], focal: float, model: str) -> FirstLens | None:
    guess = Intrinsics(
        size=size,
        K=Intrinsics.from_focal(size, focal).K,
        distortion=np.zeros(5 if model == "pinhole" else 4),
        model=model,
    )
    poses = board_poses(xy, board, guess)
    usable = np.isfinite(poses.error[:, 0])
    if not usable.any():
        return None
    corners = Corners.from_array(xy[usable][:, None])
    unknowns = start_unknowns(
        (guess,),
        Rc=np.eye(3)[None],
        tc=np.zeros((1, 3)),
        Rb=poses.R[usable, 0],
        tb=poses.t[usable, 0],
        board=board,
    )
    sizes = np.array([size])
    for stage in ("start", "radial") if model == "pinhole" else ("fisheye_start", "fisheye_start"):
        free = free_unknowns(Choice(stages=(stage,), lens_of=(0,)), unknowns, sizes, board)
        for _ in range(3):
            sigma = noise(corners, residuals(corners, unknowns), 1)
            unknowns = refine(corners, unknowns, free, sigma, iterations=6, tolerance=1e-4).unknowns
            if not 0.1 * max(size) < unknowns.lens[0, 0] < 100 * max(size):
                return None
    error = np.nanmedian(np.linalg.norm(residuals(corners, unknowns), axis=1))
    lens = Intrinsics(
        size=size,
        K=np.array(
            [[unknowns.lens[0, 0], 0, guess.K[0, 2]], [0, unknowns.lens[0, 0], guess.K[1, 2]], [0, 0, 1]]
        ),
        distortion=unknowns.lens[0, 4 : 4 + len(guess.distortion)],
        model=model,
    )
    return FirstLens(intrinsics=lens, error=float(error))
