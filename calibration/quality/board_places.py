"""Where boards that are fixed to each other were found to be, and how certain that is."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import RigidTransform, Rotation

from calibration.arrays import ReadOnlyArrays
from calibration.boards.board import Board
from calibration.bundle.covariance import Uncertainty
from calibration.bundle.parameters import POSE_NAMES
from calibration.bundle.problem import Unknowns
from calibration.corners.sightings import middle_of

Float = NDArray[np.float64]


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class BoardPlace(ReadOnlyArrays):
    """Place of a board on an object made of several.

    Attributes
    ----------
    board : Board
    first_from_board : RigidTransform, m
        To the coordinates of the first board.
    depth : float, m
        How far the middle of the board's corners lies behind the plane of the first one: the thickness of a
        plate with a board on either side.
    deviation : (6,) float
        Standard deviations of its turn (rad) about that middle and of the place of the middle (m); the last
        is that of `depth`.
    """

    board: Board
    first_from_board: RigidTransform
    depth: float
    deviation: Float

    def __str__(self) -> str:
        """Say the depth in one line."""
        return (
            f"{self.board}: {1e3 * self.depth:.3f} +- {1e3 * self.deviation[5]:.3f} mm behind the first board"
        )


def board_places(
    boards: tuple[Board, ...], unknowns: Unknowns, uncertainty: Uncertainty
) -> tuple[BoardPlace, ...]:
    """Return the places of all boards but the first; none where each board moves on its own.

    Parameters
    ----------
    boards : tuple of Board
    unknowns : Unknowns
    uncertainty : Uncertainty

    Returns
    -------
    places : tuple of BoardPlace
    """
    places = []
    for i in range(1, len(unknowns.Ro)):
        R = unknowns.Ro[i]
        t = unknowns.to[i] + middle_of(boards[0].corners) - R @ middle_of(boards[i].corners)
        places.append(
            BoardPlace(
                board=boards[i],
                first_from_board=RigidTransform.from_components(t, Rotation.from_matrix(R)),
                depth=float(unknowns.to[i, 2]),
                deviation=np.array([uncertainty.deviation(f"board{i}:{name}") for name in POSE_NAMES]),
            )
        )
    return tuple(places)
