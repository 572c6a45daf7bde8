"""Which views see the board together: the table to look at before anything else."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse import csgraph

from calibration.arrays import ReadOnlyArrays
from calibration.boards.poses import LEAST_CORNERS
from calibration.corners.observations import BoardObservations
from calibration.corners.sightings import Sightings
from calibration.errors import CalibrationError


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class ViewGraph(ReadOnlyArrays):
    """Shared board views.

    Attributes
    ----------
    names : tuple of str
        Of the views.
    pairs : (views, views) int
        Frames in which both views see the board; on the diagonal, frames in which the view sees it.
    corners : (views,) int
        Corners found in each view.
    groups : tuple of tuple of int
        Views that are linked by shared board views; one group where the rig hangs together.
    """

    names: tuple[str, ...]
    pairs: NDArray[np.int64]
    corners: NDArray[np.int64]
    groups: tuple[tuple[int, ...], ...]

    def table(self) -> str:
        """Return the shared board views as text, one line per view.

        Returns
        -------
        table : str
        """
        width = max(6, *(len(name) for name in self.names)) + 2
        head = "".join(f"{name:>{width}}" for name in self.names)
        rows = [
            f"{name:>{width}}" + "".join(f"{count:>{width}}" for count in row) + f"{corners:>{width + 2}}"
            for name, row, corners in zip(self.names, self.pairs, self.corners, strict=True)
        ]
        return "\n".join([" " * width + head + f"{'corners':>{width + 2}}", *rows])


def view_graph(observations: BoardObservations | Sightings) -> ViewGraph:
    """Count the frames that views share.

    Parameters
    ----------
    observations : BoardObservations or Sightings
        Where a row holds several boards, it counts a view that sees any one of them well.

    Returns
    -------
    graph : ViewGraph
    """
    seen = np.isfinite(observations.xy[..., 0])
    of = observations.board_of if isinstance(observations, Sightings) else np.zeros(seen.shape[2])
    usable = np.any([seen[..., of == i].sum(axis=2) >= LEAST_CORNERS for i in np.unique(of)], axis=0)
    pairs = usable.T.astype(np.int64) @ usable.astype(np.int64)
    count, label = csgraph.connected_components(sparse.csr_matrix(pairs), directed=False)
    return ViewGraph(
        names=observations.names,
        pairs=pairs,
        corners=seen.sum(axis=(0, 2)),
        groups=tuple(tuple(np.flatnonzero(label == group).tolist()) for group in range(count)),
    )


def check_connected(graph: ViewGraph) -> None:
    """Refuse a rig that falls apart.

    Parameters
    ----------
    graph : ViewGraph

    Raises
    ------
    CalibrationError
        If a view never sees the board, or groups of views never share it; names what to record.
    """
    blind = [name for name, frames in zip(graph.names, np.diag(graph.pairs), strict=True) if not frames]
    if blind:
        raise CalibrationError(
            f"no usable board view (at least {LEAST_CORNERS} corners) in {_listed(blind)}: show the board to "
            f"{'this camera' if len(blind) == 1 else 'these cameras'}, or leave "
            f"{'it' if len(blind) == 1 else 'them'} out.\nFrames that views share:\n{graph.table()}"
        )
    if len(graph.groups) > 1:
        groups = [_listed([graph.names[view] for view in group]) for group in graph.groups]
        links = [
            f"{graph.names[one[0]]} and {graph.names[other[0]]}"
            for one, other in zip(graph.groups, graph.groups[1:], strict=False)
        ]
        raise CalibrationError(
            f"the views fall into {len(groups)} groups that never see the board together: "
            f"{'; '.join(groups)}. Record the board where cameras of two groups see it at the same time, for "
            f"example {_listed(links)}.\nFrames that views share:\n{graph.table()}"
        )


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
