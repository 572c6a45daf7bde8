"""Time offsets of cameras that are not synchronous, from the epipolar geometry of one moving point.

For every pair of cameras the offset is sought at which their tracks agree best with some essential matrix;
the best pairs that connect all cameras give the offsets (compare Albl et al. 2017, "On the two-view geometry
of unsynchronized cameras").
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse.csgraph import minimum_spanning_tree

from calibration.errors import CalibrationError
from calibration.geometry.two_views import epipolar_error, essential_matrix
from calibration.points.moving_point import Track, interpolated

Float = NDArray[np.float64]

SAMPLES = 100
"""Points of a pair that are compared at one offset."""

FEWEST_MET = 60
"""Points that a pair must share at an offset to be believed."""

WORTH = 0.5
"""Overlap, as a part of the pair's largest, below which an offset is less believed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PairOffset:
    """Offset of one pair: t_b = t_a + offset, both nominal and from their own first frame.

    Attributes
    ----------
    a, b : int
    offset : float, s
    error : float, px
        Median distance from the epipolar lines.
    doubt : float
        Its ratio to that of the best rival; small is good.
    """

    a: int
    b: int
    offset: float
    error: float
    doubt: float


def pair_offset(
    a: Track, b: Track, views: tuple[int, int], *, longest: float, step: float
) -> PairOffset | None:
    """Search the offset of one pair on a grid, then ever finer around the best."""
    focal = float(np.sqrt(a.intrinsics.K[0, 0] * b.intrinsics.K[0, 0]))
    uv_a, uv_b = (track.intrinsics.undistort(track.xy) for track in (a, b))
    frames = a.seen

    def errors(offsets: Float) -> Float:
        found = np.full((len(offsets), 2), np.inf)
        for number, offset in enumerate(offsets):
            other = interpolated(b, uv_b, (frames / a.fps + offset) * b.fps)
            both = np.flatnonzero(np.isfinite(other[:, 0]) & np.isfinite(uv_a[frames, 0]))
            if len(both) < FEWEST_MET:
                continue
            chosen = both[np.linspace(0, len(both) - 1, min(SAMPLES, len(both))).astype(int)]
            pair = uv_a[frames[chosen]], other[chosen]
            E = essential_matrix(*pair, threshold=None)
            if E is not None:
                found[number] = focal * np.median(epipolar_error(E, *pair)), 1 / len(both)
        # A short overlap is easy to explain by any geometry: it counts for as much less as it is shorter.
        usable = np.isfinite(found[:, 0])
        short = WORTH * found[usable, 1] / found[usable, 1].min(initial=1.0)
        found[usable, 0] *= np.maximum(short, 1)
        return found[:, 0]

    offsets = np.arange(-longest, longest + step / 2, step)
    error = errors(offsets)
    if not np.isfinite(error).any():
        return None
    best = offsets[np.argmin(error)]
    rivals = error[np.abs(offsets - best) > 3 * step]
    rival = float(rivals.min(initial=np.inf))
    lowest = float(error.min())
    while step > 0.02:
        step /= 4
        near = best + step * np.arange(-4, 5)
        error = errors(near)
        best, lowest = near[np.argmin(error)], float(error.min())
    return PairOffset(a=views[0], b=views[1], offset=float(best), error=lowest, doubt=lowest / rival)


def chained_offsets(tracks: Sequence[Track], names: Sequence[str], *, longest: float, step: float) -> Float:
    """Find the offset of every camera's clock: world time of its first frame, (views,) s; 0 for the first.

    Parameters
    ----------
    tracks : sequence of Track
    names : sequence of str
    longest : float, s
        Largest offset of a pair that is looked for.
    step : float, s
        Of the first search; a few pixels of motion.

    Returns
    -------
    offset : (views,) float, s

    Raises
    ------
    CalibrationError
        If cameras cannot be tied to the others.
    """
    weight = np.zeros((len(tracks), len(tracks)))
    pairs = {}
    for a, b in combinations(range(len(tracks)), 2):
        pair = pair_offset(tracks[a], tracks[b], (a, b), longest=longest, step=step)
        if pair is not None:
            pairs[a, b] = pair
            weight[a, b] = max(pair.doubt, 1e-9)
    tree = minimum_spanning_tree(weight).toarray()
    offset, open_views = {0: 0.0}, [0]
    while open_views:
        view = open_views.pop()
        for (a, b), pair in pairs.items():
            if not tree[a, b] or view not in (a, b):
                continue
            other = b if view == a else a
            if other not in offset:
                # t_b = t_a + offset at one instant, so b's first frame is at offset_a - offset.
                offset[other] = offset[view] + (-pair.offset if view == a else pair.offset)
                open_views.append(other)
    lost = [names[view] for view in range(len(tracks)) if view not in offset]
    if lost:
        raise CalibrationError(
            f"{', '.join(lost)}: no time offset up to {longest:g} s at which {FEWEST_MET} points or more are "
            "seen together with another camera; give the offsets, or record the same motion in all cameras"
        )
    return np.array([offset[view] for view in range(len(tracks))])
