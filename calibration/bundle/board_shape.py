"""How far printed boards may differ from their nominal shape, and how likely that is."""

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

Float = NDArray[np.float64]

OFFSET_SIGMA = 3e-5
"""Standard deviation, m, of a printed corner's place in the plane of its board."""

OUT_OF_PLANE = 10.0
"""How many times farther a corner may stand out of the plane: paper bends, ink does not wander."""


def board_basis(nominal: Float, shape: str, boards: tuple[int, ...] = ()) -> Float:
    """Return the offsets boards may have, (3 corners, m): none, two bends, or every corner's own.

    Parameters
    ----------
    nominal : (corners, 3) float, m, board
    shape : "rigid", "warp" or "free"
    boards : tuple of int
        Corners of each of several boards; empty for one.
    """
    count = nominal.size
    if shape == "rigid":
        return np.zeros((count, 0))
    if shape == "free":
        return np.eye(count)
    return np.asarray(linalg.block_diag(*(_bends(flat) for flat in _each(nominal, boards))))


def board_prior(nominal: Float, shape: str, offset_sigma: float, boards: tuple[int, ...] = ()) -> Float:
    """Return the inverse covariance of the boards' offsets.

    Offsets that only move, turn or scale a board as a whole say nothing about its shape; they are held at
    zero, so the nominal board keeps giving the world its place and scale.
    """
    if shape == "rigid":
        return np.zeros((0, 0))
    blocks = [
        np.eye(2) / OUT_OF_PLANE**2 if shape == "warp" else _shape_only(flat)
        for flat in _each(nominal, boards)
    ]
    return np.asarray(linalg.block_diag(*blocks)) / offset_sigma**2


def _each(nominal: Float, boards: tuple[int, ...]) -> list[Float]:
    return np.split(nominal, np.cumsum(boards)[:-1]) if boards else [nominal]


def _bends(nominal: Float) -> Float:
    middle = (nominal.max(axis=0) + nominal.min(axis=0)) / 2
    half = np.maximum((nominal.max(axis=0) - nominal.min(axis=0)) / 2, 1e-9)
    x, y, _ = ((nominal - middle) / half).T
    bends = np.zeros((len(nominal), 3, 2))
    bends[:, 2, 0], bends[:, 2, 1] = 1 - x * x, 1 - y * y
    return bends.reshape(nominal.size, 2)


def _shape_only(nominal: Float) -> Float:
    X = nominal - nominal.mean(axis=0)
    moves = np.zeros((7, len(X), 3))
    for i in range(3):
        moves[i, :, i] = 1.0
        moves[3 + i] = np.cross(np.eye(3)[i], X)
    moves[6] = X
    basis = np.linalg.svd(moves.reshape(7, -1), full_matrices=False)[2]
    apart = np.tile([1.0, 1.0, 1 / OUT_OF_PLANE**2], len(X))
    return np.asarray(np.diag(apart) + 1e6 * basis.T @ basis)
