"""Signed distances from the epipolar lines of all pairs of views, and what a delay makes of them.

They know nothing of motion or of smoothing: a point that two views see is off their epipolar lines by the
noise alone, where rig, clock, labels and names are right.
"""

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from calibration.arrays import ReadOnlyArrays
from calibration.geometry.two_views import essential_of_pose, sampson_terms
from calibration.rig import Rig
from models2d.detections import Tracks2D
from triangulate.common_clock import synchronised
from triangulate.points.matched_rig import matched

Float = NDArray[np.float64]
Int = NDArray[np.int64]

MOST_FRAMES = 2000
"""Frames that are looked at, evenly picked."""

REACH = 2
"""Frames on either side from which the velocity in the image is taken."""

FEWEST_DISTANCES = 30
"""Points that a pair must share."""


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class PairDistances(ReadOnlyArrays):
    """Distances of points from the epipolar lines of pairs of views.

    Attributes
    ----------
    rig : Rig
        Of the views, in their order.
    frame : (frames,) int
        Frames looked at.
    fps : float, Hz
    uv : (frames, views, subjects, keypoints, 2) float, normalised
    pairs : tuple of (int, int)
        Of views that share enough points.
    off : (pairs, frames, subjects, keypoints) float, px
        Sampson's distance, signed.
    by_delay : (pairs, 2, frames, subjects, keypoints) float, px
        What it grows by where the first or the second view is one frame late.
    sigma : float, px
        Noise of a detection per coordinate, from the pairs that agree best.
    """

    rig: Rig
    frame: Int
    fps: float
    uv: Float
    pairs: tuple[tuple[int, int], ...]
    off: Float
    by_delay: Float
    sigma: float


def pair_distances(tracks: Tracks2D, rig: Rig) -> PairDistances:
    """Measure how far points are from the epipolar lines of every pair of views.

    Parameters
    ----------
    tracks : Tracks2D
        Where times are stated, detections are interpolated at common ones.
    rig : Rig
        Must have every view of the tracks, by name.

    Returns
    -------
    distances : PairDistances
    """
    rig = matched(rig, tracks.views, tracks.sizes)
    xy = synchronised(tracks).xy
    frame = np.unique(np.linspace(0, len(xy) - 1, min(MOST_FRAMES, len(xy))).round().astype(int))
    before, after = np.maximum(frame - REACH, 0), np.minimum(frame + REACH, len(xy) - 1)
    speed = (xy[after] - xy[before]) / np.maximum(after - before, 1)[:, None, None, None, None]
    uv, ahead, behind = (undistorted(rig, one) for one in (xy[frame], xy[frame] + speed, xy[frame] - speed))
    pairs, off, by_delay = [], [], []
    for a, b in combinations(range(len(rig)), 2):
        here = signed_distance(rig, a, b, uv[:, a], uv[:, b])
        if np.isfinite(here).sum() < FEWEST_DISTANCES:
            continue
        ends = [
            signed_distance(rig, a, b, one, other)
            for one, other in (
                (ahead[:, a], uv[:, b]),
                (behind[:, a], uv[:, b]),
                (uv[:, a], ahead[:, b]),
                (uv[:, a], behind[:, b]),
            )
        ]
        later = [ends[0] - ends[1], ends[2] - ends[3]]
        pairs.append((a, b))
        off.append(here)
        by_delay.append(np.stack(later) / 2)
    shape = (0, len(frame), *xy.shape[2:4])
    widths = sorted(float(np.nanmedian(np.abs(one))) / 0.6745 for one in off)
    return PairDistances(
        rig=rig,
        frame=frame,
        fps=tracks.fps,
        uv=uv,
        pairs=tuple(pairs),
        off=np.stack(off) if off else np.zeros(shape),
        by_delay=np.stack(by_delay) if off else np.zeros((0, 2, *shape[1:])),
        sigma=max(widths[(len(widths) - 1) // 3], 1e-6) if widths else float("nan"),
    )


def undistorted(rig: Rig, xy: Float) -> Float:
    """Undistort points of all views, (frames, views, subjects, keypoints, 2) px -> normalised."""
    return np.moveaxis(rig.undistort(np.moveaxis(xy, 1, -2)), -2, 1)


def signed_distance(rig: Rig, a: int, b: int, one: Float, other: Float) -> Float:
    """Return Sampson's distance with its sign, px, of what two views see, (..., 2) normalised each."""
    b_from_a = rig.cameras[b].cam_from_world * rig.cameras[a].cam_from_world.inv()
    E = essential_of_pose(b_from_a.rotation.as_matrix(), b_from_a.translation)
    focal = np.sqrt(rig.cameras[a].intrinsics.K[0, 0] * rig.cameras[b].intrinsics.K[0, 0])
    off, by_a, by_b = sampson_terms(E, one.reshape(-1, 2), other.reshape(-1, 2))
    return np.asarray(focal * (off / np.sqrt(np.maximum(by_a + by_b, 1e-300))).reshape(one.shape[:-1]))
