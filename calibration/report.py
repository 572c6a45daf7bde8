"""How good a calibration is: numbers, verdicts in words, and a page to look at."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from calibration.observations import BoardObservations
from calibration.rig import Rig
from calibration.view_graph import ViewGraph

if TYPE_CHECKING:
    from calibration.calibrator import Fit

Float = NDArray[np.float64]


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class CalibrationReport:
    """Quality of a calibration.

    Attributes
    ----------
    names : tuple of str
    graph : ViewGraph
        Shared board views.
    frames_used, frames_total : int
    corners : (views,) int
        Corners used.
    rejected : (views,) int
        Corners that contradict the fit and lost their weight.
    rms, median : float, px
        Reprojection error of the accepted corners of all views.
    rms_per_view, median_per_view : (views,) float, px
    sigma : (views,) float, px
        Corner noise per coordinate.
    cost_before, cost_after : float
    iterations : int
    converged : bool
    board : (corners, 3) float, m, board
        The board as estimated.
    """

    names: tuple[str, ...]
    graph: ViewGraph
    frames_used: int
    frames_total: int
    corners: NDArray[np.int64]
    rejected: NDArray[np.int64]
    rms: float
    median: float
    rms_per_view: Float
    median_per_view: Float
    sigma: Float
    cost_before: float
    cost_after: float
    iterations: int
    converged: bool
    board: Float

    @classmethod
    def from_fit(
        cls,
        observations: BoardObservations,
        fit: "Fit",
        *,
        graph: ViewGraph,
        rig: Rig,
        residual: Float,
        rejected: NDArray[np.bool_],
    ) -> "CalibrationReport":
        """Sum up a fit."""
        view, length = fit.corners.view, np.hypot(*residual.T)
        views = range(len(rig))
        parts = [length[(view == v) & ~rejected] for v in views]
        return cls(
            names=rig.names,
            graph=graph,
            frames_used=len(fit.frames),
            frames_total=len(observations.xy),
            corners=np.array([(view == v).sum() for v in views]),
            rejected=np.array([(rejected & (view == v)).sum() for v in views]),
            rms=float(np.sqrt(np.mean(length[~rejected] ** 2))),
            median=float(np.median(length[~rejected])),
            rms_per_view=np.array([np.sqrt(np.mean(part**2)) for part in parts]),
            median_per_view=np.array([np.median(part) for part in parts]),
            sigma=fit.solution.sigma,
            cost_before=fit.solution.cost_before,
            cost_after=fit.solution.cost_after,
            iterations=fit.solution.iterations,
            converged=fit.solution.converged,
            board=fit.solution.unknowns.board,
        )

    def summary(self) -> str:
        """Return the report as a few lines of text.

        Returns
        -------
        text : str
        """
        lines = [
            f"{self.frames_used} of {self.frames_total} frames used: {self.median:.3f} px median, "
            f"{self.rms:.3f} px rms",
            self.graph.table(),
        ]
        for name, count, bad, rms in zip(
            self.names, self.corners, self.rejected, self.rms_per_view, strict=True
        ):
            lines.append(f"{name}: {count} corners, {bad} rejected, {rms:.3f} px rms")
        return "\n".join(lines)

    def write_html(self, path: str | Path) -> None:
        """Write the report as one self-contained page.

        Parameters
        ----------
        path : path
        """
        path = Path(path)
        part = path.with_name(path.name + ".part")
        part.write_text(
            f"<!doctype html><meta charset='utf-8'><title>Calibration</title><pre>{self.summary()}</pre>",
            encoding="utf-8",
        )
        part.replace(path)
