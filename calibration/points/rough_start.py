"""Calibrate cameras from points alone, without a rough rig: a waved light, a ball, a wand, a subject."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial.transform import RigidTransform

from calibration.arrays import frozen
from calibration.camera import Camera, Intrinsics
from calibration.errors import CalibrationError
from calibration.geometry.two_views import epipolar_error, essential_matrix, parallax, relative_pose
from calibration.known_length import scaled_to_length
from calibration.points.depth_reversal import is_shallow, reversed_rig
from calibration.points.problem import Observations
from calibration.points.refining import FEWEST, PointsReport, refine_cameras
from calibration.rig import Rig
from calibration.start.resection import resected

Float = NDArray[np.float64]

START_PX = 3.0
"""Distance from the epipolar line up to which a point supports a first pose."""

GROWING_PER_PAIR = 150
"""Points of every pair of cameras with which the rig is grown; the last adjustment has them all."""

MOST = 3000
"""Points that are looked at to place a camera."""

WIDE = np.radians(20)
"""Angle between the rays of two cameras beyond which a pair gets no better."""

TRIES = 3
"""Pairs of cameras to start from; the best outcome counts."""

CLEARLY = 3.0
"""Standard deviations by which one rig must explain the points better than its reversal in depth."""

GOOD_PX = 1.0
"""Noise at which no further pair is tried."""


def calibrate_points(
    xy: ArrayLike, intrinsics: Mapping[str, Intrinsics], *, lens: str = "fixed", shared_lens: bool = False
) -> tuple[Rig, PointsReport]:
    """Place synchronised cameras from points that several of them see, given their lenses.

    The relative pose of two cameras, then camera by camera by resection, each followed by an adjustment. The
    world is the first camera, and one unit is an arbitrary length: see `scaled_to_length`.

    Parameters
    ----------
    xy : (..., views, 2) float, px
        Points in the order of the cameras; NaN where not seen.
    intrinsics : mapping of name to Intrinsics
    lens : "fixed", "focal", "radial" or "full"
        What the last adjustment frees beside the places.
    shared_lens : bool

    Returns
    -------
    rig : Rig
    report : PointsReport

    Raises
    ------
    CalibrationError
        If no two cameras see enough points from different directions, a camera cannot be placed, or the
        rays are so nearly parallel that near and far are not told apart.
    ValueError
        If there are fewer than two cameras.
    """
    names, lenses = tuple(intrinsics), tuple(intrinsics.values())
    if len(names) < 2:
        raise ValueError(f"intrinsics: two cameras are needed at least, got {', '.join(names) or 'none'}")
    everything = frozen(xy, ("...", len(names), 2), "xy").reshape(-1, len(names), 2)
    unplaced = Rig(cameras=tuple(Camera(name=name, intrinsics=one) for name, one in intrinsics.items()))
    points = everything[Observations.of(everything, unplaced).spread_out(GROWING_PER_PAIR)]
    uv = np.stack([one.undistort(points[:, view]) for view, one in enumerate(lenses)], axis=1)
    pairs = _pairs(uv, lenses)
    if not pairs:
        raise CalibrationError(_no_pair(everything, names, lenses))
    found: tuple[Rig, PointsReport] | None = None
    failures = []
    for a, b, b_from_a in pairs[:TRIES]:
        try:
            rig, report = _grown(points, uv, names, lenses, (a, b, b_from_a))
        except CalibrationError as failure:
            failures.append(failure)
            continue
        if found is None or report.sigma < found[1].sigma:
            found = rig, report
        if found[1].sigma < GOOD_PX:
            break
    if found is None:
        raise failures[0]
    rig, report = refine_cameras(found[0], everything, lens=lens, shared_lens=shared_lens)
    if is_shallow(rig, report.xyz):
        other = refine_cameras(reversed_rig(rig, report.xyz), everything, lens=lens, shared_lens=shared_lens)
        rig, report = _clearer((rig, report), other)
    to_first = rig.cameras[0].cam_from_world
    return rig.moved(to_first), replace(report, xyz=to_first.apply(report.xyz))


def _no_pair(xy: Float, names: tuple[str, ...], lenses: Sequence[Intrinsics]) -> str:
    """Say why no two cameras tell where they are: what they see together is too little, or tells nothing."""
    seen = np.stack([np.isfinite(one.undistort(xy[:, view])).all(axis=1) for view, one in enumerate(lenses)])
    together = {
        pair: int((seen[pair[0]] & seen[pair[1]]).sum()) for pair in combinations(range(len(names)), 2)
    }
    (a, b), most = max(together.items(), key=lambda one: one[1])
    who = f"{names[a]} and {names[b]}"
    if most < FEWEST:
        outside = int((np.isfinite(xy).all(axis=2).T & ~seen).sum())
        beyond = f"; {outside} observations lie where no ray of the lens leads" if outside else ""
        return (
            f"no two of {', '.join(names)} see {FEWEST} points together: {who} share most, {most}{beyond}. "
            "Move the point through what neighbours see"
        )
    distinct = min(len(np.unique(xy[seen[a] & seen[b], view], axis=0)) for view in (a, b))
    if distinct < FEWEST:
        return (
            f"no two of {', '.join(names)} see {FEWEST} different points together: {who} share {most}, which "
            f"are at {distinct} different pixels. Check that these are pixels of a point that moves"
        )
    return (
        f"no two of {', '.join(names)} see {FEWEST} points together from different directions: {who} share "
        f"{most}, but no relative place of the two explains {FEWEST} of them within {START_PX:g} px. Check "
        "that these are pixels, synchronous and of one point, and the lenses; move the point through a "
        "volume, or place the cameras further apart"
    )


def _clearer(one: tuple[Rig, PointsReport], other: tuple[Rig, PointsReport]) -> tuple[Rig, PointsReport]:
    """Return the rig that explains the points better than the one that sees them reversed in depth."""
    better, worse = sorted((one, other), key=lambda found: found[1].median_after)
    least = CLEARLY / np.sqrt(better[1].observations.sum())
    if not worse[1].median_after > (1 + least) * better[1].median_after:
        raise CalibrationError(
            "the cameras see the points in nearly parallel projection: a rig and its reversal in depth "
            f"explain them alike ({better[1].median_after:.3f} and {worse[1].median_after:.3f} px). Move the "
            "point nearer to the cameras and farther away, or start from a rough rig with refine_cameras"
        )
    return better


def calibrate_wand(
    xy: ArrayLike, intrinsics: Mapping[str, Intrinsics], length: float, **options: object
) -> tuple[Rig, PointsReport, float]:
    """Calibrate from a wand that is waved: its first and last marker are a known length apart.

    Parameters
    ----------
    xy : (frames, markers, views, 2) float, px
    intrinsics : mapping of name to Intrinsics
    length : float, m
        Between the first and the last marker.
    **options : object
        As for `calibrate_points`.

    Returns
    -------
    rig : Rig
        In metres.
    report : PointsReport
    spread : float, m
        Standard deviation of the wand's length over the frames, from the middle of its errors.

    Raises
    ------
    CalibrationError
        As `calibrate_points`, or if the two ends are never seen together.
    """
    xy = frozen(xy, ("frames", "markers", len(intrinsics), 2), "xy")
    rig, report = calibrate_points(xy, intrinsics, **options)  # type: ignore[arg-type]
    xyz = report.xyz.reshape(*xy.shape[:2], 3)
    scaled = scaled_to_length(rig, xyz[:, 0], xyz[:, -1], length)
    factor = _size(scaled) / _size(rig)
    measured = factor * np.linalg.norm(xyz[:, 0] - xyz[:, -1], axis=1)
    spread = 1.4826 * float(np.nanmedian(np.abs(measured - length)))
    report = replace(
        report,
        xyz=factor * report.xyz,
        center_sigma=factor * report.center_sigma,
        moved=factor * report.moved,
    )
    return scaled, report, spread


def _size(rig: Rig) -> float:
    return float(np.linalg.norm(rig.centers - rig.centers[0], axis=1).max())


def _pairs(uv: Float, lenses: Sequence[Intrinsics]) -> list[tuple[int, int, RigidTransform]]:
    """Pairs of cameras with their relative pose, those that share most points and differ most first."""
    scored = []
    for a, b in combinations(range(len(lenses)), 2):
        both = np.flatnonzero(np.isfinite(uv[:, [a, b], 0]).all(axis=1))
        if len(both) < FEWEST:
            continue
        both = both[np.linspace(0, len(both) - 1, min(MOST, len(both))).astype(int)]
        pair = uv[both, a], uv[both, b]
        threshold = START_PX / float(np.sqrt(lenses[a].K[0, 0] * lenses[b].K[0, 0]))
        E = essential_matrix(*pair, threshold)
        if E is None:
            continue
        b_from_a, xyz = relative_pose(E, *pair)
        good = (epipolar_error(E, *pair) < threshold) & np.isfinite(xyz[:, 0])
        if good.sum() < FEWEST:
            continue
        angle = float(np.median(parallax(b_from_a, pair[0][good], pair[1][good])))
        scored.append((good.sum() * min(angle, WIDE), a, b, b_from_a))
    scored.sort(key=lambda one: -one[0])
    return [(a, b, b_from_a) for _, a, b, b_from_a in scored]


def _grown(
    points: Float,
    uv: Float,
    names: tuple[str, ...],
    lenses: tuple[Intrinsics, ...],
    first: tuple[int, int, RigidTransform],
) -> tuple[Rig, PointsReport]:
    """Start from one pair and add the other cameras one by one."""
    a, b, b_from_a = first
    placed = [a, b]
    rig = Rig(
        cameras=(
            Camera(name=names[a], intrinsics=lenses[a]),
            Camera(name=names[b], intrinsics=lenses[b], cam_from_world=b_from_a),
        )
    )
    rig, report = refine_cameras(rig, points[:, placed])
    while len(placed) < len(names):
        xyz = report.xyz
        waiting = [view for view in range(len(names)) if view not in placed]
        shared = {view: np.isfinite(uv[:, view, 0]) & np.isfinite(xyz[:, 0]) for view in waiting}
        view = max(shared, key=lambda view: shared[view].sum())
        known = np.flatnonzero(shared[view])
        known = (
            known[np.linspace(0, len(known) - 1, min(MOST, len(known))).astype(int)] if len(known) else known
        )
        place = resected(xyz[known], uv[known, view], 3 * START_PX / lenses[view].K[0, 0])
        if place is None:
            raise CalibrationError(
                f"{names[view]} sees {shared[view].sum()} points that {', '.join(rig.names)} have placed, "
                "which do not agree on where it is: move the point through what it and two others see"
            )
        placed.append(view)
        camera = Camera(name=names[view], intrinsics=lenses[view], cam_from_world=place)
        rig, report = refine_cameras(Rig(cameras=(*rig.cameras, camera)), points[:, placed])
    return rig.select(names), report
