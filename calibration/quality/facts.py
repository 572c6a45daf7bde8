"""How good a calibration is, in numbers: what verdicts, figures and the page are made from."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from calibration.arrays import ReadOnlyArrays
from calibration.bundle.board_print import board_print
from calibration.bundle.covariance import PointError, Uncertainty, point_error
from calibration.bundle.draws import RigDistribution, moved_like
from calibration.bundle.fit import Fit
from calibration.bundle.held_out import HeldOut
from calibration.bundle.lateness import Lateness, lateness
from calibration.bundle.parameters import free_unknowns
from calibration.bundle.problem import Corners, Unknowns
from calibration.corners.sightings import Sightings
from calibration.quality.board_places import BoardPlace, board_places
from calibration.quality.error_map import ErrorMap, error_map
from calibration.rig import Rig
from calibration.start.view_graph import ViewGraph

Float = NDArray[np.float64]

MOST_POINTS = 800
"""Points of the working volume at which the expected error is worked out."""


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class FittedCorners(ReadOnlyArrays):
    """Corners that the fit used, with their residuals.

    Attributes
    ----------
    view : (observations,) int
    xy : (observations, 2) float, px
    residual : (observations, 2) float, px
        Observed minus predicted.
    rejected : (observations,) bool
    """

    view: NDArray[np.int64]
    xy: Float
    residual: Float
    rejected: NDArray[np.bool_]


def working_volume(unknowns: Unknowns, corners: Corners) -> Float:
    """Return points where the board was, evenly picked, (points, 3) m, in the first camera's coordinates."""
    xyz = np.einsum("fij,kj->fki", unknowns.Rb, unknowns.points) + unknowns.tb[:, None]
    shown = np.zeros((len(unknowns.Rb), unknowns.board_of.max() + 1), dtype=bool)
    shown[corners.frame, unknowns.board_of[corners.corner]] = True  # a row may be of one of several boards
    xyz = xyz[shown[:, unknowns.board_of]]
    picks = np.linspace(0, len(xyz) - 1, min(MOST_POINTS, len(xyz))).round().astype(int)
    return xyz[picks] @ unknowns.Rc[0].T + unknowns.tc[0]


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class CalibrationFacts(ReadOnlyArrays):
    """What is known of a calibration, in numbers.

    Attributes
    ----------
    names : tuple of str
    graph : ViewGraph
        Shared board views.
    rig : Rig
    frames_used, frames_total : int
    lenses : (views,) tuple of str
        Lens model of each view; "none" where it was given.
    board_shape : str
    corners : (views,) int
        Corners used.
    rejected : (views,) int
        Corners that contradict the fit and lost their weight.
    rms, median : float, px
        Reprojection error of the accepted corners of all views.
    rms_per_view, median_per_view : (views,) float, px
    sigma : (views,) float, px
        Corner noise per coordinate.
    clock_offset : (views,) float, s
        Estimated delay of each view against the first (in frames where there are no time stamps).
    lateness : Lateness
        What the delays would be, as far as the board's motion tells, where they were not estimated.
    other_print : str
        How the board that was filmed differs from the one described; empty where it does not clearly.
    cost_before, cost_after : float
    iterations : int
    converged : bool
    board : (corners, 3) float, m, board
        The board as estimated; of several, one after the other, each with its origin in its middle.
    nominal : (corners, 3) float, m, board
        The board as ordered.
    boards : tuple of BoardPlace
        Where boards that are fixed to the first one are.
    uncertainty : Uncertainty
    distribution : RigDistribution
        What `draw_rigs` draws from.
    held_out : HeldOut or None
        Errors in metres on board views left out of the fit; None where that was not asked for.
    volume : PointError
        Expected error of points where the board was.
    error_map : ErrorMap
        Expected error on a regular grid of the working volume.
    observed : FittedCorners
        Every corner with its residual, for the maps.
    """

    names: tuple[str, ...]
    graph: ViewGraph
    rig: Rig
    frames_used: int
    frames_total: int
    lenses: tuple[str, ...]
    board_shape: str
    corners: NDArray[np.int64]
    rejected: NDArray[np.int64]
    rms: float
    median: float
    rms_per_view: Float
    median_per_view: Float
    sigma: Float
    clock_offset: Float
    lateness: Lateness
    other_print: str
    cost_before: float
    cost_after: float
    iterations: int
    converged: bool
    board: Float
    nominal: Float
    boards: tuple[BoardPlace, ...]
    uncertainty: Uncertainty
    distribution: RigDistribution
    held_out: HeldOut | None
    volume: PointError
    error_map: ErrorMap
    observed: FittedCorners

    @classmethod
    def of_fit(
        cls,
        sightings: Sightings,
        fit: Fit,
        *,
        graph: ViewGraph,
        rig: Rig,
        held_out: HeldOut | None,
        late: Lateness | None = None,
    ) -> Self:
        """Sum up a fit; `late` is what is known of delays that were not estimated."""
        view, length, rejected = fit.corners.view, np.hypot(*fit.residual.T), fit.rejected
        parts = [length[(view == v) & ~rejected] for v in range(len(rig))]
        choice, unknowns = fit.selection.choice, fit.solution.unknowns
        free = free_unknowns(choice, unknowns, sightings.sizes, sightings.nominal)
        printed = board_print(fit, sightings)
        xyz = working_volume(unknowns, fit.corners)
        seen = np.stack(
            [c.intrinsics.covers(rig.project(xyz)[:, v]) for v, c in enumerate(rig.cameras)], axis=1
        )
        return cls(
            names=rig.names,
            graph=graph,
            rig=rig,
            frames_used=len(fit.frames),
            frames_total=len(sightings.xy),
            lenses=choice.stages,
            board_shape=choice.shape,
            corners=np.array([(view == v).sum() for v in range(len(rig))]),
            rejected=np.array([(rejected & (view == v)).sum() for v in range(len(rig))]),
            rms=float(np.sqrt(np.mean(length[~rejected] ** 2))),
            median=float(np.median(length[~rejected])),
            rms_per_view=np.array([np.sqrt(np.mean(part**2)) if part.size else np.nan for part in parts]),
            median_per_view=np.array([np.median(part) if part.size else np.nan for part in parts]),
            sigma=fit.solution.sigma,
            clock_offset=unknowns.clock_offset + sightings.removed,
            lateness=lateness(fit, sightings) if late is None else late,
            other_print="" if printed is None else printed.other_than(sightings.boards[0]),
            cost_before=fit.solution.cost_before,
            cost_after=fit.solution.cost_after,
            iterations=fit.solution.iterations,
            converged=fit.solution.converged,
            board=unknowns.board,
            nominal=sightings.nominal,
            boards=board_places(sightings.boards, unknowns, fit.uncertainty),
            uncertainty=fit.uncertainty,
            distribution=RigDistribution(
                rig=rig,
                sizes=sightings.sizes,
                offsets=sightings.offsets,
                unknowns=unknowns,
                free=free,
                covariance=fit.uncertainty.covariance,
            ),
            held_out=held_out,
            volume=point_error(xyz, seen, unknowns, free, fit.uncertainty.covariance),
            error_map=error_map(
                rig,
                xyz,
                lambda points, visible: point_error(
                    points, visible, unknowns, free, fit.uncertainty.covariance
                ),
            ),
            observed=FittedCorners(
                view=view,
                xy=fit.corners.xy - sightings.offsets[view],
                residual=fit.residual,
                rejected=rejected,
            ),
        )

    def draw_rigs(self, count: int = 100, *, placed: Rig | None = None, seed: int = 0) -> tuple[Rig, ...]:
        """Draw rigs from the calibration's own uncertainty, for `triangulate.reconstruct(rigs=)`.

        The first camera is where it is in every draw: covariances that rest on them are those of places
        relative to it.

        Parameters
        ----------
        count : int
        placed : Rig, optional
            The rig in the world that is used, where it was moved or scaled after the calibration.
        seed : int

        Returns
        -------
        rigs : tuple of Rig

        Raises
        ------
        ValueError
            If `placed` is another rig.
        """
        drawn = self.distribution.draw(count, seed=seed)
        return drawn if placed is None else tuple(moved_like(rig, self.rig, placed) for rig in drawn)

    def mapped(self, placed: Rig) -> ErrorMap:
        """Return the expected error on a grid along the axes of the world that is used.

        Parameters
        ----------
        placed : Rig
            The rig in that world, moved after the calibration.

        Returns
        -------
        error_map : ErrorMap
        """
        own = self.distribution
        return error_map(
            own.rig,
            self.volume.xyz,
            lambda points, seen: point_error(points, seen, own.unknowns, own.free, own.covariance),
            placed=placed,
        )
