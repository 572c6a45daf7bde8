"""Boards that are fixed to each other: one object, of which the places of the boards on it are estimated.

The place of a board on the object is object_from_board, with the board's origin in the middle of its
corners. A step turns it about that middle (from the left) and shifts it, so that the last number is the
distance of the middle from the plane of the first board: the thickness of a plate with a board on each side.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from calibration.bundle.problem import Unknowns

Float = NDArray[np.float64]

PARALLEL_SIGMA = 3e-3
"""Standard deviation, rad, of the tilt between the two faces of a plate."""

THICKNESS_SIGMA = 1e-4
"""Standard deviation, m, of a thickness that was measured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardLinks:
    """What is known about how boards are fixed to each other.

    Attributes
    ----------
    two_sided : bool
        The second is on the back of the first, parallel to it.
    thickness : float, m, or None
        Distance between the two, where it was measured.
    """

    two_sided: bool = False
    thickness: float | None = None

    def prior(self) -> Iterator[tuple[str, float, float]]:
        """Yield names, means and standard deviations of what is known about the second board's place."""
        if self.two_sided:
            yield "rx", 0.0, PARALLEL_SIGMA
            yield "ry", 0.0, PARALLEL_SIGMA
        if self.thickness is not None:
            yield "tz", self.thickness, THICKNESS_SIGMA


def link_values(unknowns: Unknowns) -> Float:
    """Return tilt from back to back, 0, and place of every board but the first, (boards - 1, 6) rad, m."""
    R, t = unknowns.Ro[1:], unknowns.to[1:]
    # The axis of a board on the back points along -z; a small turn w of it adds (-wy, wx).
    return np.column_stack([R[:, 1, 2], -R[:, 0, 2], np.zeros(len(R)), t])


def corner_derivative(unknowns: Unknowns) -> sparse.csr_matrix:
    """d(corners in the object)/d(offsets of corners on their boards, steps of the boards but the first).

    Returns
    -------
    derivative : sparse
        Three rows per corner; three columns per corner, then six per board but the first.
    """
    corners, boards = len(unknowns.board), len(unknowns.Ro)
    arm = unknowns.points - unknowns.to[unknowns.board_of]
    steps = np.zeros((corners, 3, boards, 6))
    each = np.arange(corners)
    cross = np.cross(np.eye(3)[None], arm[:, None])  # row i: e_i x arm
    steps[each, :, unknowns.board_of, :3] = cross.transpose(0, 2, 1)
    steps[each, :, unknowns.board_of, 3:] = np.eye(3)
    return sparse.hstack(
        [
            sparse.block_diag(list(unknowns.Ro[unknowns.board_of])),
            sparse.csr_matrix(steps[:, :, 1:].reshape(3 * corners, 6 * (boards - 1))),
        ],
        format="csr",
    )
