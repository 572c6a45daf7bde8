"""Has a camera moved since the calibration? Points of any kind tell, and which one it was."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from calibration.arrays import ReadOnlyArrays, frozen
from calibration.errors import ShapeError
from calibration.points.exchanged_views import exchange, pair_errors
from calibration.points.move_evidence import objections
from calibration.points.problem import Observations
from calibration.points.refining import PointsReport, refine_cameras
from calibration.rig import Rig

Float = NDArray[np.float64]

TOLERANCE = 1 / 1280
"""Of the image's width: a calibration that is off by less did not see a camera move."""

SCATTER = 1.2
"""Largest ratio of a pair's median distance to that of all, with a few hundred points and equal noise."""

PER_PAIR = 300
"""Points of every pair of cameras that are looked at."""


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class DriftReport(ReadOnlyArrays):
    """Which cameras no longer fit the others, and what would mend it.

    Attributes
    ----------
    names : tuple of str
    moved : tuple of str
        Cameras that contradict the largest group of cameras which agree; empty where all agree.
    certain : bool
        False where another group would explain the points as well, as with two cameras.
    pair_px : (views, views) float, px
        Median distance from the epipolar lines of the old calibration; NaN for pairs that share too few
        points.
    limit_px : float, px
        Distance up to which a pair agrees: what the noise explains, and the tolerance.
    shift : (views,) float, m
        How far the moved cameras' centres are from where they were; 0 for the others.
    turn : (views,) float, deg
        How far they have turned.
    mended : Rig
        The rig with the moved cameras refined, the others as they were.
    points : PointsReport or None
        Of that refinement; None where all agree.
    objections : tuple of str
        What speaks against these moves: a wrong lens, say, or keypoints that do not agree on them.
    exchanged : tuple of str
        Two cameras whose files look exchanged; then these are the ones that `moved`, and nothing is refined.
    """

    names: tuple[str, ...]
    moved: tuple[str, ...]
    certain: bool
    pair_px: Float
    limit_px: float
    shift: Float
    turn: Float
    mended: Rig
    points: PointsReport | None
    objections: tuple[str, ...] = ()
    exchanged: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Verdict in words."""
        if not self.moved:
            return f"all cameras agree: epipolar distances are below {self.limit_px:.2f} px in every pair"
        if self.objections:
            if self.exchanged:
                return "; ".join(self.objections)
            told = ", ".join(self.moved)
            return f"{told} no longer fits the other cameras, which is no move: " + "; ".join(self.objections)
        rows = [] if self.certain else ["something has moved, but another camera may be the one:"]
        for name in self.moved:
            view = self.names.index(name)
            rows.append(
                f"{name} has moved by {1e3 * self.shift[view]:.1f} mm and {self.turn[view]:.2f} degrees: its "
                f"points are {np.nanmax(self.pair_px[view]):.1f} px off the other cameras' epipolar lines."
            )
        what = "the one that moved" if not self.certain else "it" if len(self.moved) == 1 else "them"
        rows.append(f"Agreement ends at {self.limit_px:.2f} px; refine {what}, or calibrate again.")
        return "\n".join(rows)


def check_drift(
    rig: Rig,
    xy: ArrayLike,
    *,
    tolerance_px: float | None = None,
    keypoint: Sequence[str] | None = None,
    draws: Sequence[Rig] = (),
) -> DriftReport:
    """Check an old calibration against new points, and refine the cameras that moved.

    Parameters
    ----------
    rig : Rig
        The old calibration.
    xy : (..., views, 2) float, px
        Points seen now, as the subject's keypoints, in the order of the rig's cameras; NaN where not seen.
    tolerance_px : float, px, optional
        What the old calibration may be off without anything having moved; by default `TOLERANCE` of the
        images' width.
    keypoint : sequence of str, optional
        Which keypoint each of the points is, in the order of their flattened leading axes: those of a camera
        that moved agree on where it is.
    draws : sequence of Rig
        From the calibration's own uncertainty, which a move must exceed clearly.

    Returns
    -------
    report : DriftReport

    Raises
    ------
    ShapeError
        If `keypoint` does not have one name for each point.
    CalibrationError
        If the cameras share too few points, with the counts.
    """
    points = frozen(xy, ("...", len(rig), 2), "xy").reshape(-1, len(rig), 2)
    if keypoint is not None and len(keypoint) != len(points):
        raise ShapeError(f"keypoint: expected {len(points)} names, one of each point, got {len(keypoint)}")
    chosen = Observations.of(points, rig).spread_out(PER_PAIR)
    points = points[chosen]
    keypoint = None if keypoint is None else [keypoint[point] for point in chosen]
    if tolerance_px is None:
        tolerance_px = TOLERANCE * float(np.mean([camera.intrinsics.size[0] for camera in rig.cameras]))
    swapped = exchange(rig, points)
    if swapped is not None:
        return DriftReport(
            names=rig.names,
            moved=swapped.names,
            certain=True,
            pair_px=pair_errors(rig, points),
            limit_px=swapped.after_px + tolerance_px,
            shift=np.zeros(len(rig)),
            turn=np.zeros(len(rig)),
            mended=rig,
            points=None,
            objections=(str(swapped),),
            exchanged=swapped.names,
        )
    _, free = refine_cameras(rig, points)
    # Of a point's 2 n numbers 3 went into its place; then the median of a normal error, and its scatter.
    seen = np.isfinite(points[..., 0]).sum(axis=1)
    spare = 1 - 3 / (2 * max(float(seen[seen >= 2].mean()), 2.0))
    limit = SCATTER * 0.6745 * free.sigma / np.sqrt(spare) + tolerance_px
    pair_px = pair_errors(rig, points)
    bad = np.nan_to_num(pair_px) > limit
    moved = _outsiders(bad, pair_px)
    certain = len(rig) - len(moved) > max(len(moved), 1)
    names = tuple(rig.names[view] for view in moved)
    mended: Rig = rig
    report: PointsReport | None = None
    against: tuple[str, ...] = ()
    if names:
        mended, report = refine_cameras(rig, points, cameras=names)
        against = objections(rig, mended, report, points, keypoint=keypoint, draws=draws)
    turn = [
        np.degrees((new.cam_from_world.rotation * old.cam_from_world.rotation.inv()).magnitude())
        for new, old in zip(mended.cameras, rig.cameras, strict=True)
    ]
    return DriftReport(
        names=rig.names,
        moved=names,
        certain=certain or not names,
        pair_px=pair_px,
        limit_px=float(limit),
        shift=np.linalg.norm(mended.centers - rig.centers, axis=1),
        turn=np.where(np.isin(rig.names, names), turn, 0.0),
        mended=mended,
        points=report,
        objections=against,
    )


def _outsiders(bad: NDArray[np.bool_], pair_px: Float) -> list[int]:
    """Take out the camera that contradicts most others, again and again, until each agrees with most others.

    One pair alone may be wrong because most of its points are; then none of the two has moved.
    """
    left = list(range(len(bad)))
    while True:
        among = bad[np.ix_(left, left)].sum(axis=1)
        ties = np.isfinite(pair_px[np.ix_(left, left)]).sum(axis=1)
        suspect = (among > 0) & (2 * among >= ties)
        if not suspect.any():
            return [view for view in range(len(bad)) if view not in left]
        size = np.nan_to_num(pair_px[np.ix_(left, left)]).sum(axis=1)
        del left[int(np.lexsort((size, among, suspect))[-1])]
