"""Where the world's origin and axes are: from a board on the ground, known points, the floor.

Every function returns the same rig in a new world: rotations are proper, and but for
`placed_on_points(..., scale=True)` distances stay as they are.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial.transform import RigidTransform, Rotation

from calibration.arrays import frozen
from calibration.corners.observations import BoardObservations
from calibration.errors import CalibrationError
from calibration.geometry.rotations import upright
from calibration.geometry.similarity import fit_similarity
from calibration.points.solver import triangulated_points
from calibration.rig import Rig

Float = NDArray[np.float64]

OFF_BOARD = 0.02
"""Error of a board's triangulated corners, as a part of its size, above which it was not seen well enough."""


WORST_MISFIT = 0.1
"""Root mean square distance of points from where they are known to be, as a part of the points' spread, above
which they are not the same points."""

NOTABLE = 0.01
"""The same where a mirror image fits clearly better, as it does for points that are nearly flat."""

CLEARLY = 0.25
"""Part of that distance to which a mirror image must bring it to be what is wrong."""

FLAT = 1e-9
"""Height over the floor, as a part of its extent, that says which side is up."""

ALONG = 1e-3
"""Sine of the angle to the floor's normal below which `forward` says no direction on the floor."""

SMALLEST = 1e-9
"""Least factor, and inverse of the largest, by which a rig is scaled to points: beyond, they are not in m."""

EXACT = 1e-12
"""Least distance from a plane, as a part of the points' extent, that counts as an error: less is rounding."""


def placed_on_points(rig: Rig, xyz: ArrayLike, known: ArrayLike, *, scale: bool = False) -> Rig:
    """Move the world such that points come to lie where they are known to be, as nearly as they can.

    Measured points are off by some millimetres, which least squares share out. Distances of which the root
    mean square is above a tenth of the points' spread are refused, and smaller ones (above a hundredth) where
    a mirror image fits clearly better; what is below is not told.

    Parameters
    ----------
    rig : Rig
    xyz : (points, 3) float, m, world
        Three or more points as the rig has them now, not on one line.
    known : (points, 3) float, m, world
        Where they are in the new world.
    scale : bool
        Whether the rig's scale is taken from them, too.

    Returns
    -------
    rig : Rig

    Raises
    ------
    CalibrationError
        If fewer than three points are known, they lie on one line, or they do not lie to each other as the
        known ones do, with the distance that stays and whether a mirror image would fit.
    """
    xyz, known = frozen(xyz, ("points", 3), "xyz"), frozen(known, ("points", 3), "known")
    factor, new_from_old = fit_similarity(xyz, known, scale=scale)
    if not (SMALLEST < factor < 1 / SMALLEST):
        raise CalibrationError(
            f"the known points are {factor:.3g} times as large as the points of the rig: give both in metres"
        )
    off, spread = _misfit(xyz, known, factor, new_from_old)
    mirrored = xyz * [1.0, 1.0, -1.0]
    flipped = _misfit(mirrored, known, *fit_similarity(mirrored, known, scale=scale))[0]
    if not off <= WORST_MISFIT * spread or (off > NOTABLE * spread and flipped < CLEARLY * off):
        raise CalibrationError(
            f"the points stay {1e3 * off:.4g} mm (rms) off where they are known to be, "
            f"{100 * off / spread:.3g}% of their spread of {1e3 * spread:.4g} mm: "
            + _why(flipped, off, spread, scale)
        )
    return rig.scaled(factor).moved(new_from_old)


def _misfit(xyz: Float, known: Float, factor: float, new_from_old: RigidTransform) -> tuple[float, float]:
    """Root mean square distance that stays, and of the known points from their middle, m."""
    both = np.isfinite(xyz).all(axis=1) & np.isfinite(known).all(axis=1)
    off = new_from_old.apply(factor * xyz[both]) - known[both]
    return _rms(off), _rms(known[both] - known[both].mean(axis=0))


def _rms(vectors: Float) -> float:
    size = max(
        float(np.abs(vectors).max()), np.finfo(float).tiny
    )  # whatever the unit, squares do not overflow
    return size * float(np.sqrt(((vectors / size) ** 2).sum(axis=1).mean()))


def _why(flipped: float, off: float, spread: float, scale: bool) -> str:
    if flipped <= WORST_MISFIT * spread and flipped < CLEARLY * off:
        return (
            f"their mirror image fits ({1e3 * flipped:.4g} mm): an axis of the known points has the wrong "
            "sign, or two axes are exchanged"
        )
    size = "" if scale else ", and that both are in metres (scale=True takes the rig's scale from the points)"
    return (
        f"their mirror image does not fit either ({1e3 * flipped:.4g} mm): check that the points come in the "
        f"same order{size}"
    )


def placed_on_board(
    rig: Rig, observations: BoardObservations, frame: int = 0, *, filmed_from: str = "above"
) -> Rig:
    """Put the origin on a board that lies on the ground: x along its columns, z up.

    Parameters
    ----------
    rig : Rig
    observations : BoardObservations
    frame : int
        Index into `observations` of the image with the board on the ground.
    filmed_from : "above" or "below"
        Whether z points towards most cameras, or away from them, as with a glass floor over the cameras.

    Returns
    -------
    rig : Rig

    Raises
    ------
    CalibrationError
        If two views do not see three corners in common, or what they see is not the board.
    ValueError
        If a view is not in the rig, there is no such frame, or `filmed_from` is another word.
    """
    if filmed_from not in ("above", "below"):
        raise ValueError(f'filmed_from: expected "above" or "below", got {filmed_from!r}')
    if not -len(observations.xy) <= frame < len(observations.xy):
        raise ValueError(f"frame: expected an index below {len(observations.xy)}, got {frame}")
    seen_by = rig.select(observations.names)
    xyz = triangulated_points(seen_by, observations.xy[frame].swapaxes(0, 1))
    corners = observations.board.corners
    found = np.isfinite(xyz[:, 0])
    if found.sum() < 3:
        raise CalibrationError(
            f"frame {observations.frame[frame]}: {found.sum()} corners of the board are seen by two "
            "cameras or more; choose a frame in which at least two cameras see the board on the ground"
        )
    _, board_from_world = fit_similarity(xyz, corners, scale=False)
    miss = np.linalg.norm(board_from_world.apply(xyz[found]) - corners[found], axis=1)
    size = np.linalg.norm(np.ptp(corners, axis=0))
    if np.median(miss) > OFF_BOARD * size:
        raise CalibrationError(
            f"frame {observations.frame[frame]}: the triangulated corners are {1e3 * np.median(miss):.1f} mm "
            f"off a board of {1e3 * size:.0f} mm: the rig's unit or the board's size is wrong, or the views "
            "do not match"
        )
    up = np.sign(np.median(board_from_world.apply(seen_by.centers)[:, 2]))
    up *= 1 if filmed_from == "above" else -1
    new_from_board = Rotation.from_matrix(np.diag([1.0, up, up]))
    return rig.moved(RigidTransform.from_rotation(new_from_board) * board_from_world)


def placed_on_floor(
    rig: Rig, floor: ArrayLike, *, above: ArrayLike | None = None, forward: ArrayLike | None = None
) -> Rig:
    """Make the plane through points on the floor z = 0, z up, and their middle the origin.

    The points may be the places where a subject's feet stood; a few that are off the floor do no harm.

    Parameters
    ----------
    rig : Rig
    floor : (points, 3) float, m, world
    above : (n, 3) float, m, world, optional
        Points known to be above the floor, as heads; the cameras where not given.
    forward : (3,) float, world, optional
        Direction that becomes x as nearly as the floor allows; the present x axis where not given.

    Returns
    -------
    rig : Rig

    Raises
    ------
    CalibrationError
        If the points do not span a plane, or nothing says which side is up.
    ValueError
        If `forward` is no direction, or upright on the floor.
    """
    points = frozen(floor, ("points", 3), "floor")
    middle, up = _plane(points[np.isfinite(points).all(axis=1)])
    side = np.nanmedian((np.asarray(rig.centers if above is None else above, dtype=np.float64) - middle) @ up)
    if not abs(side) > FLAT * np.linalg.norm(points[np.isfinite(points).all(axis=1)] - middle, axis=1).max():
        raise CalibrationError("above: the points lie in the floor, so they do not say which side is up")
    up = up * np.sign(side)
    ahead = np.array([1.0, 0, 0]) if forward is None else frozen(forward, (3,), "forward")
    if not (np.isfinite(ahead).all() and ahead.any()):
        raise ValueError(f"forward: expected a direction, got {ahead.tolist()}")
    ahead = ahead / np.abs(ahead).max()
    ahead = ahead / np.linalg.norm(ahead)
    ahead = ahead - (ahead @ up) * up
    if np.linalg.norm(ahead) < ALONG:
        if forward is not None:
            raise ValueError(
                f"forward: expected a direction along the floor, got {np.asarray(forward).tolist()}, "
                "which is upright on it"
            )
        ahead = np.cross(up, [0.0, 0, 1.0])
    ahead /= np.linalg.norm(ahead)
    new_from_old = upright(up, ahead)
    return rig.moved(RigidTransform.from_components(-new_from_old.apply(middle), new_from_old))


def _plane(points: Float) -> tuple[Float, Float]:
    """Middle and normal of the plane that most of the points lie in (reweighted total least squares)."""
    if len(points) < 3:
        raise CalibrationError(f"{len(points)} points on the floor are known; three or more are needed")
    weights = np.ones(len(points))
    for _ in range(50):
        middle = weights @ points / weights.sum()
        _, spread, axes = np.linalg.svd(np.sqrt(weights)[:, None] * (points - middle), full_matrices=False)
        distance = np.abs((points - middle) @ axes[-1])
        size = max(float(np.median(distance)), EXACT * float(spread[0]))
        weights = 1 / (1 + (distance / size) ** 2) ** 2
    if not spread[1] > 1e-3 * spread[0]:
        raise CalibrationError("the points on the floor lie on one line: walk across the floor, too")
    return middle, axes[-1]
