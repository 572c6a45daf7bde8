"""Which unknowns of the joint refinement are free, which are tied together, and what is known beforehand."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from calibration.bundle.kernels import PER_VIEW
from calibration.bundle.problem import MODELS, Unknowns, odd_columns

Float = NDArray[np.float64]

LENS_NAMES = ("fx", "fy", "cx", "cy", "k1", "k2", "p1", "p2", "k3", "k4", "k5", "k6", "s1", "s2", "s3", "s4")
POSE_NAMES = ("rx", "ry", "rz", "tx", "ty", "tz")

STAGES = {
    "none": (),
    "focal": (0, 1),
    "start": (0, 1, 4),
    "radial": (0, 1, 4, 5),
    "pinhole4": (0, 1, 2, 3, 4, 5, 6, 7),
    "pinhole5": (0, 1, 2, 3, 4, 5, 6, 7, 8),
    "pinhole8": (0, 1, 2, 3, 4, 5, 6, 7, 8, 9),
    "pinhole12": (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 13, 14, 15),
    "fisheye": (0, 1, 2, 3, 4, 5, 6, 7),
}
"""Columns of a lens that are free in each stage; from "pinhole4" on they are the lens models one can ask for.

"pinhole8" and "pinhole12" are fitted as angle polynomials (see `lens_conversion`)."""

ONE_FOCAL = ("focal", "start", "radial")
"""Stages with square pixels: fx and fy are one unknown."""

FAMILY = {"pinhole4": 0, "pinhole5": 0, "pinhole8": 2, "pinhole12": 2, "fisheye": 1}
"""Number of the model in `bundle_problem.MODELS` that each lens is fitted as."""

COEFFICIENTS = {"pinhole4": 4, "pinhole5": 5, "pinhole8": 8, "pinhole12": 12, "fisheye": 4}

PRIOR_SIGMA = {
    "pinhole": (0.5, 0.5, 0.01, 0.01, 0.5, 0.5, 0.5, 0.5, 0.01, 0.01, 0.01, 0.01),
    "fisheye": (0.3, 0.1, 0.03, 0.01, 1, 1, 1, 1, 1, 1, 1, 1),
    "angle": (0.3, 0.1, 0.01, 0.01, 0.03, 0.01, 1, 1, 0.01, 0.01, 0.01, 0.01),
}
"""Standard deviation of each lens coefficient over the lenses of the world, around zero."""

CENTER_SIGMA = 0.05
"""Standard deviation of the principal point around the middle of the image, of the longer side."""

ASPECT_SIGMA = 0.01
"""Standard deviation of fx / fy around one."""


OFFSET_SIGMA = 3e-5
"""Standard deviation, m, of a printed corner's place in the plane of its board."""

OUT_OF_PLANE = 10.0
"""How many times farther a corner may stand out of the plane: paper bends, ink does not wander."""


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class Free:
    """The free unknowns x: what they do to the full list of unknowns, and their Gaussian prior.

    Attributes
    ----------
    names : tuple of str
    spread : (full, free) sparse
        d(full)/dx; full is 23 numbers per view and 3 per corner.
    prior : (free, free) float
        Inverse covariance.
    mean : (free,) float
    source : (free,) int
        Where in the full list the value of a free unknown is read; -1 for a pose, whose value is 0.
    moves_board : bool
    nominal : (corners, 3) float, m, board
    """

    names: tuple[str, ...]
    spread: sparse.csr_matrix
    prior: Float
    mean: Float
    source: NDArray[np.int64]
    moves_board: bool
    nominal: Float
    offsets: Float

    def read(self, unknowns: Unknowns) -> Float:
        """Values of the free unknowns, (free,)."""
        views = len(unknowns.lens)
        full = np.zeros((views, PER_VIEW))
        full[:, :16] = unknowns.lens
        full[:, 22] = unknowns.late
        values = np.append(full.ravel(), 0.0)[self.source]
        if self.moves_board:
            count = self.offsets.shape[1]
            shift = (unknowns.board - self.nominal).ravel()
            values[len(values) - count :] = (
                np.linalg.lstsq(self.offsets, shift, rcond=None)[0] if count < len(shift) else shift
            )
        return values


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class Choice:
    """What a refinement leaves free.

    Attributes
    ----------
    stages : (views,) tuple of str
        Key of `STAGES` per view.
    lens_of : (views,) tuple of int
        Views with the same number share one lens.
    flipped : tuple of int
        Views whose images are flipped left to right: where they share a lens, it is the mirrored one.
    place : bool
        Whether the cameras' places are free (the first one never is: it is the world).
    shape : "rigid", "warp" or "free"
        How far the board may differ from its nominal shape.
    offset_sigma : float, m
        Standard deviation of a corner's offset in the plane of the board.
    time : bool
        Whether each view but the first has a time offset.
    late_sigma : float, s
        Standard deviation of the time offsets.
    """

    stages: tuple[str, ...]
    lens_of: tuple[int, ...]
    flipped: tuple[int, ...] = ()
    place: bool = True
    shape: str = "rigid"
    offset_sigma: float = OFFSET_SIGMA
    time: bool = False
    late_sigma: float = 0.1


def free_unknowns(choice: Choice, unknowns: Unknowns, sizes: NDArray[np.int64], nominal: Float) -> Free:
    """List the free unknowns of a choice with their priors.

    Parameters
    ----------
    choice : Choice
    unknowns : Unknowns
        For the lens models and focal lengths.
    sizes : (views, 2) int, px
    nominal : (corners, 3) float, m, board

    Returns
    -------
    free : Free
    """
    columns = _Columns()
    owner: dict[int, int] = {}
    for view, stage in enumerate(choice.stages):
        first = owner.setdefault(choice.lens_of[view], view)
        odd = (view in choice.flipped) != (first in choice.flipped)
        _add_lens(columns, view, first, stage, unknowns=unknowns, size=sizes[view], odd=odd)
        if choice.place and view > 0:
            for i, name in enumerate(POSE_NAMES):
                columns.add(view, 16 + i, f"{view}:{name}")
        if choice.time and view > 0:
            columns.add(view, 22, f"{view}:late", source=True)
            columns.prior(f"{view}:late", 0.0, choice.late_sigma)
    offsets = board_basis(nominal, choice.shape)
    return columns.build(len(choice.stages), nominal, offsets, board_prior(nominal, choice))


def _add_lens(
    columns: "_Columns",
    view: int,
    first: int,
    stage: str,
    *,
    unknowns: Unknowns,
    size: NDArray[np.int64],
    odd: bool,
) -> None:
    turned = odd_columns(int(unknowns.model[view])) if odd else []
    for i in STAGES[stage]:
        if stage in ONE_FOCAL and i == 1:
            columns.add(view, 1, f"{first}:fx")
        else:
            sign = -1.0 if i in turned else 1.0
            columns.add(view, i, f"{first}:{LENS_NAMES[i]}", source=True, sign=sign)
    if first != view or stage == "none":
        return
    model = MODELS[unknowns.model[view]]
    for i in STAGES[stage]:
        if i >= 4:
            columns.prior(f"{first}:{LENS_NAMES[i]}", 0.0, PRIOR_SIGMA[model][i - 4])
        elif i >= 2:
            columns.prior(f"{first}:{LENS_NAMES[i]}", (size[i - 2] - 1) / 2, CENTER_SIGMA * max(size))
    if stage not in ONE_FOCAL:
        columns.ties.append((f"{first}:fx", f"{first}:fy", ASPECT_SIGMA * unknowns.lens[view, 0]))


class _Columns:
    """Collects free unknowns by name; a name that comes again is tied to the first of it."""

    def __init__(self) -> None:
        self.index: dict[str, int] = {}
        self.entries: list[tuple[int, int]] = []
        self.signs: list[float] = []
        self.source: list[int] = []
        self.known: list[tuple[str, float, float]] = []
        self.ties: list[tuple[str, str, float]] = []

    def add(self, view: int, i: int, name: str, *, source: bool = False, sign: float = 1.0) -> None:
        row = PER_VIEW * view + i
        if name not in self.index:
            self.index[name] = len(self.index)
            self.source.append(row if source or i < 16 else -1)
        self.entries.append((row, self.index[name]))
        self.signs.append(sign)

    def prior(self, name: str, mean: float, sigma: float) -> None:
        self.known.append((name, mean, sigma))

    def build(self, views: int, nominal: Float, offsets: Float, board: Float) -> Free:
        lens, shape = len(self.index), offsets.shape[1]
        rows, columns = np.array(self.entries, dtype=np.int64).reshape(-1, 2).T
        spread = sparse.csr_matrix((self.signs, (rows, columns)), shape=(PER_VIEW * views, lens))
        prior, mean = np.zeros((lens + shape, lens + shape)), np.zeros(lens + shape)
        for name, value, sigma in self.known:
            i = self.index[name]
            prior[i, i] += sigma**-2
            mean[i] = value
        for one, other, sigma in self.ties:
            i, j = self.index[one], self.index[other]
            prior[np.ix_([i, j], [i, j])] += np.array([[1, -1], [-1, 1]]) / sigma**2
        prior[lens:, lens:] = board
        names = (*self.index, *(f"board:{i}" for i in range(shape)))
        return Free(
            names=names,
            spread=sparse.block_diag([spread, sparse.csr_matrix(offsets)], format="csr"),
            prior=prior,
            mean=mean,
            source=np.array([*self.source, *([-1] * shape)], dtype=np.int64),
            moves_board=shape > 0,
            nominal=nominal,
            offsets=offsets,
        )


def board_basis(nominal: Float, shape: str) -> Float:
    """Return the offsets a board may have, (3 corners, m): none, two bends, or every corner's own."""
    count = nominal.size
    if shape == "rigid":
        return np.zeros((count, 0))
    if shape == "free":
        return np.eye(count)
    middle = (nominal.max(axis=0) + nominal.min(axis=0)) / 2
    half = np.maximum((nominal.max(axis=0) - nominal.min(axis=0)) / 2, 1e-9)
    x, y, _ = ((nominal - middle) / half).T
    bends = np.zeros((len(nominal), 3, 2))
    bends[:, 2, 0], bends[:, 2, 1] = 1 - x * x, 1 - y * y
    return bends.reshape(count, 2)


def board_prior(nominal: Float, choice: Choice) -> Float:
    """Return the inverse covariance of the board's offsets.

    Offsets that only move, turn or scale the board as a whole say nothing about its shape; they are held at
    zero, so the nominal board keeps giving the world its place and scale.
    """
    if choice.shape == "rigid":
        return np.zeros((0, 0))
    if choice.shape == "warp":
        return np.eye(2) / (OUT_OF_PLANE * choice.offset_sigma) ** 2
    X = nominal - nominal.mean(axis=0)
    moves = np.zeros((7, len(X), 3))
    for i in range(3):
        moves[i, :, i] = 1.0
        moves[3 + i] = np.cross(np.eye(3)[i], X)
    moves[6] = X
    basis = np.linalg.svd(moves.reshape(7, -1), full_matrices=False)[2]
    apart = np.tile([1.0, 1.0, 1 / OUT_OF_PLANE**2], len(X))
    return (np.diag(apart) + 1e6 * basis.T @ basis) / choice.offset_sigma**2
