"""Is the board that was filmed the one that was described? Its corners, freed, tell.

The prior of a fit holds printed corners to hundredths of a millimetre, as a printer does. A board of another
kind, pitch or aspect differs by far more; a fit that may not follow bends its lenses and places instead and
gets a wrong scale. Freed from the prior, corners go where they were printed, but for the place, turn and size
of the board as a whole, which the description sets.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from calibration.boards.board import Board
from calibration.bundle.adjustment import adjust, normal_equations, reduced
from calibration.bundle.fit import Fit
from calibration.bundle.parameters import free_unknowns
from calibration.bundle.staging import LOSS
from calibration.corners.sightings import Sightings

Float = NDArray[np.float64]

OTHER = 0.0025
"""Difference, relative to the board's size, that no printer makes; theirs are a third of that at most."""

STRETCHED = 1.0
"""Difference of width from height, in differences of the corners, above which a stretch explains them."""

CLEAR = 4.0
"""What the noise makes of it is exceeded so many times."""

FREED = 0.02
"""Standard deviation that corners are given, of the board's size."""

ITERATIONS = 6

MOST_FRAMES = 60
"""Frames that are looked at, evenly picked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardPrint:
    """How far printed corners are from where the description puts them, apart from place, turn and size.

    Attributes
    ----------
    difference : float
        Root mean square in the plane of the board, relative to that of the corners' distance from the middle.
    difference_m : float, m
        The same in metres.
    sigma : float
        What the noise of the corners would make of `difference`.
    stretch : float
        Ratio of width to height, of that described; 1 for the right print.
    gap : float
        Distance of neighbouring markers of a grid from each other, in sides of a marker; NaN without markers.
    """

    difference: float
    difference_m: float
    sigma: float
    stretch: float
    gap: float

    def other_than(self, board: Board) -> str:
        """Say how the print differs from a description; empty where it does not clearly.

        Parameters
        ----------
        board : Board

        Returns
        -------
        text : str
        """
        if not self.difference > max(OTHER, CLEAR * self.sigma):
            return ""
        text = (
            f"the board that was filmed is not the one described ({board}): its corners lie "
            f"{1e3 * self.difference_m:.2f} mm rms, {self.difference:.1%} of its size, from where they should"
        )
        if abs(self.stretch - 1) > STRETCHED * self.difference:
            text += f", and it is {abs(self.stretch - 1):.1%} {'wider' if self.stretch > 1 else 'higher'}"
        elif np.isfinite(self.gap):
            text += (
                f", with gaps of {self.gap:.3f} of a marker's side between markers for "
                f"{board.square / board.marker - 1:.3f}"
            )
        return (
            f"{text}; sizes in the world are wrong by as much: measure the print and describe it as it is "
            "(kind, squares, markers, spacing), printed at 100% in both directions"
        )


def board_print(fit: Fit, sightings: Sightings) -> BoardPrint | None:
    """Free the corners of a fit's only board and see how far they go.

    Parameters
    ----------
    fit : Fit
    sightings : Sightings
        That it is of.

    Returns
    -------
    found : BoardPrint or None
        None for several boards, or with fewer than four frames.
    """
    if len(sightings.boards) > 1 or len(fit.frames) < 4:
        return None
    nominal = sightings.nominal
    count = len(fit.frames)
    frames = np.unique(np.linspace(0, count - 1, min(MOST_FRAMES, count)).round().astype(int))
    size = float(np.sqrt(np.mean(np.sum((nominal - nominal.mean(axis=0)) ** 2, axis=1))))
    choice = replace(fit.selection.choice, shape="free", offset_sigma=FREED * size)
    unknowns = fit.solution.unknowns.at_frames(frames)
    corners = fit.corners.at_frames(frames)
    free = free_unknowns(choice, unknowns, sightings.sizes, nominal)
    sigma = fit.solution.sigma
    solution = adjust(
        corners, unknowns, free, sigma, loss=LOSS, iterations=ITERATIONS, tolerance=1e-3
    ).unknowns
    board, freed = solution.board, normal_equations(corners, solution, free, sigma, 0.0)
    seen = np.bincount(corners.corner, minlength=len(nominal)) >= 4
    if seen.sum() < 4:
        return None
    P, Q = nominal[seen, :2], board[seen, :2]
    P, Q = P - P.mean(axis=0), Q - Q.mean(axis=0)
    A = np.linalg.lstsq(P, Q, rcond=None)[0]
    off = Q - P @ _nearest_similarity(P, Q)
    rms = float(np.sqrt(np.mean(np.sum(off**2, axis=1))))
    spread = float(np.sqrt(np.mean(np.sum(P**2, axis=1))))
    variance = np.diag(np.linalg.pinv(reduced(freed, 0.0)[0]))[-nominal.size :].reshape(-1, 3)[seen, :2]
    return BoardPrint(
        difference=rms / spread,
        difference_m=rms,
        sigma=float(np.sqrt(np.mean(np.sum(variance, axis=1)))) / spread,
        gap=marker_gap(board, sightings.boards[0]),
        stretch=float(np.linalg.norm(A[0]) / np.linalg.norm(A[1])),
    )


def marker_gap(corners: Float, board: Board) -> float:
    """Return the distance of neighbouring markers from each other in sides of a marker; NaN without markers.

    Parameters
    ----------
    corners : (corners, 3) float, m, board
        As estimated.
    board : Board

    Returns
    -------
    gap : float
    """
    if not board.is_grid or board.columns < 2:
        return float("nan")
    marker = corners.reshape(board.rows, board.columns, 4, 3)
    side = np.linalg.norm(np.roll(marker, 1, axis=2) - marker, axis=-1).mean()
    pitch = np.linalg.norm(np.diff(marker.mean(axis=2), axis=1), axis=-1).mean()
    return float(pitch / side - 1)


def _nearest_similarity(P: Float, Q: Float) -> Float:
    """Rotation and scale, (2, 2), that brings centred points P nearest to Q (Procrustes)."""
    U, S, Vt = np.linalg.svd(P.T @ Q)
    flip = np.diag([1.0, float(np.sign(np.linalg.det(U @ Vt)))])
    return np.asarray(U @ flip @ Vt * (S @ np.diag(flip)) / np.sum(P**2))
