"""Which unknowns of the joint refinement are free, which are tied together, and what is known beforehand."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from calibration.bundle.board_shape import OFFSET_SIGMA, board_basis, board_prior
from calibration.bundle.kernels import VIEW_UNKNOWNS
from calibration.bundle.lens_rules import LensRules, lens_names
from calibration.bundle.links import BoardLinks, corner_derivative, link_values
from calibration.bundle.problem import MODELS, Unknowns, odd_columns
from calibration.geometry.lens import LENS_NAMES

Float = NDArray[np.float64]

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
"""Number of the model in `calibration.bundle.problem.MODELS` that each lens is fitted as."""

STAGE_COEFFICIENTS = {"pinhole4": 4, "pinhole5": 5, "pinhole8": 8, "pinhole12": 12, "fisheye": 4}

PRIOR_SIGMA = {
    "pinhole": (0.5, 0.5, 0.01, 0.01, 0.5, 0.5, 0.5, 0.5, 0.01, 0.01, 0.01, 0.01),
    "fisheye": (0.3, 0.1, 0.03, 0.01, 1, 1, 1, 1, 1, 1, 1, 1),
    "angle": (0.3, 0.1, 0.01, 0.01, 0.03, 0.01, 1, 1, 0.01, 0.01, 0.01, 0.01),
}
"""Prior standard deviation of each coefficient about zero, from the range of real lenses."""

CENTER_SIGMA = 0.05
"""Standard deviation of the principal point around the middle of the image, of the longer side."""

ASPECT_SIGMA = 0.01
"""Standard deviation of fx / fy around one."""


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class Free:
    """The free unknowns x: what they do to the full list of unknowns, and their Gaussian prior.

    Attributes
    ----------
    names : tuple of str
    spread : (full, free) sparse
        d(full)/dx; full is 23 numbers per view, 3 per corner and 6 per board that is fixed to the first.
    prior : (free, free) float
        Inverse covariance.
    mean : (free,) float
    source : (free,) int
        Where in the full list the value of a free unknown is read; -1 for a pose, whose value is 0.
    moves_board : bool
        Whether the boards' shape is free.
    links : int
        Boards whose place on the first is free.
    nominal : (corners, 3) float, m, board
    offsets : (corners * 3, shape) float
        What the shape's unknowns do to the corners.
    """

    names: tuple[str, ...]
    spread: sparse.csr_matrix
    prior: Float
    mean: Float
    source: NDArray[np.int64]
    moves_board: bool
    links: int
    nominal: Float
    offsets: Float

    @property
    def moves_corners(self) -> bool:
        """Whether corners move in the coordinates of the object."""
        return self.moves_board or self.links > 0

    def derivative(self, unknowns: Unknowns) -> sparse.csr_matrix:
        """d(views, corners in the object)/dx, (23 views + 3 corners, free), at an estimate."""
        if not (len(unknowns.Ro) and self.moves_corners):
            return self.spread
        views = VIEW_UNKNOWNS * len(unknowns.lens)
        steps = self.spread[views:]
        on_corners = corner_derivative(unknowns)[:, : steps.shape[0]] @ steps
        return sparse.vstack([self.spread[:views], on_corners], format="csr")

    def read(self, unknowns: Unknowns) -> Float:
        """Values of the free unknowns, (free,)."""
        views = len(unknowns.lens)
        full = np.zeros((views, VIEW_UNKNOWNS))
        full[:, :16] = unknowns.lens
        full[:, 22] = unknowns.clock_offset
        values = np.append(full.ravel(), 0.0)[self.source]
        if self.links:
            first = len(values) - self.offsets.shape[1] - 6 * self.links
            values[first : first + 6 * self.links] = link_values(unknowns).ravel()
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
    rules : LensRules
        Numbers of the lenses that are given or common.
    place : bool
        Whether the cameras' places are free (the first one never is: it is the world).
    shape : "rigid", "warp" or "free"
        How far the board may differ from its nominal shape.
    offset_sigma : float, m
        Standard deviation of a corner's offset in the plane of the board.
    boards : tuple of int
        Corners of each of several boards; empty for one.
    link : BoardLinks or None
        How they are fixed to each other; None where each moves on its own.
    time : bool
        Whether each view but the first has a time offset.
    clock_sigma : float, s
        Standard deviation of the time offsets.
    """

    stages: tuple[str, ...]
    rules: LensRules
    place: bool = True
    shape: str = "rigid"
    offset_sigma: float = OFFSET_SIGMA
    boards: tuple[int, ...] = ()
    link: BoardLinks | None = None
    time: bool = False
    clock_sigma: float = 0.1


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
    for view, stage in enumerate(choice.stages):
        _add_lens(columns, view, stage, choice.rules, unknowns=unknowns, size=sizes[view])
        if choice.place and view > 0:
            for i, name in enumerate(POSE_NAMES):
                columns.add(view, 16 + i, f"{view}:{name}")
        if choice.time and view > 0:
            columns.add(view, 22, f"{view}:clock_offset", source=True)
            columns.prior(f"{view}:clock_offset", 0.0, choice.clock_sigma)
    links = len(choice.boards) - 1 if choice.link is not None and choice.place else 0
    offsets = board_basis(nominal, choice.shape, choice.boards)
    board = board_prior(nominal, choice.shape, choice.offset_sigma, choice.boards)
    return columns.build(len(choice.stages), nominal, offsets, board, links=links, link=choice.link)


def _add_lens(
    columns: "_Columns",
    view: int,
    stage: str,
    rules: LensRules,
    *,
    unknowns: Unknowns,
    size: NDArray[np.int64],
) -> None:
    final = stage in FAMILY
    # Before, coefficients are those of another family, which no value was given for.
    held = np.isfinite(rules.value[view]) & (final | (np.arange(len(LENS_NAMES)) < 4))
    model = MODELS[unknowns.model[view]]
    words = lens_names(model)
    names = {i: f"{rules.owner[view, i]}:{words[i]}" for i in STAGES[stage] if not held[i]}
    turned = odd_columns(int(unknowns.model[view]))
    aspect = rules.aspect[view]
    if stage in ONE_FOCAL and np.isnan(aspect):
        aspect = 1.0
    for i, name in names.items():
        if i == 1 and 0 in names and np.isfinite(aspect):
            columns.add(view, 1, names[0], scale=1 / aspect)
            continue
        odd = rules.flipped[view] != rules.flipped[rules.owner[view, i]]
        columns.add(view, i, name, source=True, scale=-1.0 if odd and i in turned else 1.0)
        if i >= 4:
            columns.prior(name, 0.0, PRIOR_SIGMA[model][i - 4])
        elif i >= 2:
            columns.prior(name, (size[i - 2] - 1) / 2, CENTER_SIGMA * max(size))
    if stage not in ONE_FOCAL and np.isnan(aspect):
        lens, sigma = unknowns.lens[view], ASPECT_SIGMA * unknowns.lens[view, 0]
        if 0 in names and 1 in names:
            columns.tie(names[0], names[1], sigma)
        elif 0 in names or 1 in names:  # the other one is given
            columns.prior(names.get(0) or names[1], lens[1] if 0 in names else lens[0], sigma)


class _Columns:
    """Collects free unknowns by name; a name that comes again is tied to the first of it."""

    def __init__(self) -> None:
        self.index: dict[str, int] = {}
        self.entries: list[tuple[int, int, float]] = []
        self.source: list[int] = []
        self.known: dict[str, tuple[float, float]] = {}
        self.ties: dict[tuple[str, str], float] = {}

    def add(self, view: int, i: int, name: str, *, source: bool = False, scale: float = 1.0) -> None:
        row = VIEW_UNKNOWNS * view + i
        if name not in self.index:
            self.index[name] = len(self.index)
            self.source.append(row if source or i < 16 else -1)
        self.entries.append((row, self.index[name], scale))

    def prior(self, name: str, mean: float, sigma: float) -> None:
        self.known.setdefault(name, (mean, sigma))

    def tie(self, one: str, other: str, sigma: float) -> None:
        self.ties.setdefault((one, other), sigma)

    def build(
        self, views: int, nominal: Float, offsets: Float, board: Float, *, links: int, link: BoardLinks | None
    ) -> Free:
        for i in range(1, links + 1):
            for name in POSE_NAMES:
                self.index[f"board{i}:{name}"] = len(self.index)
                self.source.append(-1)
            if link is not None:
                for name, value, sigma in link.prior():
                    self.prior(f"board{i}:{name}", value, sigma)
        lens, shape = len(self.index), offsets.shape[1]
        rows, columns, scales = np.array(self.entries).reshape(-1, 3).T
        where = rows.astype(np.int64), columns.astype(np.int64)
        spread = sparse.csr_matrix((scales, where), shape=(VIEW_UNKNOWNS * views, lens - 6 * links))
        prior, mean = np.zeros((lens + shape, lens + shape)), np.zeros(lens + shape)
        for name, (value, sigma) in self.known.items():
            i = self.index[name]
            prior[i, i] += sigma**-2
            mean[i] = value
        for (one, other), sigma in self.ties.items():
            i, j = self.index[one], self.index[other]
            prior[np.ix_([i, j], [i, j])] += np.array([[1, -1], [-1, 1]]) / sigma**2
        prior[lens:, lens:] = board
        names = (*self.index, *(f"board:{i}" for i in range(shape)))
        on_links = sparse.hstack(
            [sparse.csr_matrix((len(offsets), 6 * links)), sparse.csr_matrix(offsets)], format="csr"
        )
        on_links = sparse.vstack([on_links, sparse.eye(6 * links, 6 * links + shape)], format="csr")
        return Free(
            names=names,
            spread=sparse.block_diag([spread, on_links], format="csr"),
            prior=prior,
            mean=mean,
            source=np.array([*self.source, *([-1] * shape)], dtype=np.int64),
            moves_board=shape > 0,
            links=links,
            nominal=nominal,
            offsets=offsets,
        )
