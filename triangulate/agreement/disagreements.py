"""What is wrong with which view of a trial, in words: a late one, a moved one, odd labels, exchanged names.

The limits are those of `python -m benchmarks verdicts`, which writes their power to docs/verdicts.md: at most
1% of healthy trials are called wrong.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from calibration.rig import Rig
from models2d.detections import Tracks2D
from triangulate.agreement.changed_views import Change, largest_change
from triangulate.agreement.late_views import delays
from triangulate.agreement.odd_labels import odd_labels, swapped_names
from triangulate.agreement.pair_distances import PairDistances, pair_distances
from triangulate.camera_fit.whole_frames import whole_frames
from triangulate.common_clock import synchronised
from triangulate.points.matched_rig import matched

LATE = 5.0
"""Standard deviations by which a delay must differ from the median view's."""

EXPLAINED = 0.4
"""Part of what exceeds the noise that a delay below a frame must explain."""

LATE_EFFECT = 0.1
"""Noise widths, RMS, by which the delay must move what the view sees."""

CHANGED = 7.5
"""Standard errors by which a view's disagreement must change at one moment."""

CHANGED_GROWTH = 0.2
"""Mean square distance, in noise widths, by which it must."""

AGREED = 2.0
"""Mean square distance, in noise widths, up to which a view agreed on one side of the moment."""

ODD = 2.0
"""Times the noise from which a keypoint's labels are odd in a view."""

MOST_ODD = 0.5
"""Share of the keypoints up to which it is the labels, and not the camera, that is wrong."""

RENAMED = 0.02
"""Share of the frames in which names must be exchanged."""

WORST = 0.005
"""Median distance from the epipolar lines, of the image's width, above which they contradict each other."""

LONGEST = 0.5
"""Delays, s, that are looked for where a view is a frame late or more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Disagreement:
    """One thing that is wrong with a view.

    Attributes
    ----------
    kind : "late", "changed", "labels", "names" or "contradiction"
    view : str
        Name of the view; empty where it cannot be told which.
    text : str
        What is wrong, by how much, and what to do.
    """

    kind: str
    view: str
    text: str


def disagreements(tracks: Tracks2D, rig: Rig) -> tuple[Disagreement, ...]:
    """Say what is wrong with the views of a trial, as far as pairs of rays tell.

    Parameters
    ----------
    tracks : Tracks2D
    rig : Rig
        Must have every view of the tracks, by name.

    Returns
    -------
    found : tuple of Disagreement
        Empty where all views agree. A fault shows in other ways too: of one view being late nothing else is
        said that follows from it.
    """
    distances = pair_distances(tracks, rig)
    if not distances.pairs:
        return ()
    renamed = tuple(_names(distances, tracks))
    if renamed:
        return renamed
    late = tuple(_late(distances, tracks, rig))
    if late:
        return late
    return (*_changed(distances, tracks), *_labels(distances, tracks), *_contradiction(distances))


def _late(distances: PairDistances, tracks: Tracks2D, rig: Rig) -> Iterator[Disagreement]:
    late, sigma, effect, explained = delays(distances)
    if not np.isfinite(late).all():
        return
    if len(late) == 2:  # either may be the one
        late = late - late[0]
    wrong = (np.abs(late) > LATE * sigma) & (effect > LATE_EFFECT * distances.sigma)
    far = wrong & (np.abs(late) > 1)  # beyond a frame, distances no longer grow in proportion
    wrong &= far | (explained > EXPLAINED)
    if not wrong.any():
        return
    if far.any():
        xy = synchronised(tracks).xy
        reach = int(min(LONGEST * tracks.fps, len(xy) // 3))
        lag, evidence = whole_frames(xy, matched(rig, tracks.views, tracks.sizes), reach)
        if all(one.determined for one in evidence):
            lag = lag - (lag[0] if len(lag) == 2 else int(np.median(lag)))
            late = np.where(np.abs(lag) > 1, lag, late)
            wrong &= np.abs(late) > 0.5 if (np.abs(lag) > 1).any() else wrong
    for view in np.flatnonzero(wrong):
        name, seconds = tracks.views[view], late[view] / tracks.fps
        yield Disagreement(
            kind="late",
            view=name,
            text=f"camera {name} is out of step: its frames were taken {late[view]:+.2f} frames "
            f"({1e3 * seconds:+.1f} ms) from those of the others; trim its recording, give the times of its "
            "frames, or let `find_offsets` or refine_cameras = { late_ms = ... } take that into account",
        )


def _changed(distances: PairDistances, tracks: Tracks2D) -> Iterator[Disagreement]:
    found = largest_change(distances)
    if found is None or not clear_change(found):
        return
    name = tracks.views[found.view] if len(tracks.views) > 2 else ""
    which = f"camera {name}" if name else f"camera {' or '.join(tracks.views)}"
    when = "from" if found.after > found.before else "up to"
    good, bad = sorted((found.before, found.after))
    yield Disagreement(
        kind="changed",
        view=name,
        text=f"{which} disagrees with the others {when} frame {found.frame} "
        f"({found.frame / tracks.fps:.2f} s) on: {bad:.1f} px rms from the epipolar lines for {good:.1f} px; "
        "if it was moved then, reconstruct the two parts apart and refine or calibrate for the second",
    )


def clear_change(found: Change | None) -> bool:
    """Tell whether a change is larger than those of healthy trials.

    Parameters
    ----------
    found : Change or None

    Returns
    -------
    clear : bool
    """
    return (
        found is not None
        and abs(found.score) > CHANGED
        and abs(found.growth) > CHANGED_GROWTH
        and found.least < AGREED
    )


def _labels(distances: PairDistances, tracks: Tracks2D) -> Iterator[Disagreement]:
    found = odd_labels(distances, ODD)
    for view, name in enumerate(tracks.views):
        mine = [one for one in found if one.view == view]
        if not mine or len(mine) > MOST_ODD * distances.off.shape[-1]:
            continue
        told = ", ".join(tracks.skeleton.keypoints[one.keypoint] for one in mine)
        worst = max(mine, key=lambda one: one.off)
        yield Disagreement(
            kind="labels",
            view=name,
            text=f"camera {name} has {told} elsewhere than the other cameras: {worst.off:.1f} px median from "
            f"the epipolar lines, {worst.usual:.1f} px among the others; its other keypoints agree, so look "
            "at the labels or the network in this view, not at the camera",
        )


def _names(distances: PairDistances, tracks: Tracks2D) -> Iterator[Disagreement]:
    for one in swapped_names(distances):
        if one.share <= RENAMED:
            continue
        a, b = (tracks.subjects[subject] for subject in one.subjects)
        name = tracks.views[one.view]
        yield Disagreement(
            kind="names",
            view=name,
            text=f"camera {name} calls {a} and {b} by each other's name in {one.share:.0%} of the frames, "
            f"first in frame {one.first}: give detections without names, which are then associated, or mend "
            "the file",
        )


def _contradiction(distances: PairDistances) -> Iterator[Disagreement]:
    width = float(np.mean([camera.intrinsics.size[0] for camera in distances.rig.cameras]))
    middle = 0.6745 * distances.sigma
    if middle > WORST * width:
        yield Disagreement(
            kind="contradiction",
            view="",
            text=f"the cameras contradict each other: even the pairs that agree best are {middle:.1f} px off "
            f"the epipolar lines, {middle / width:.1%} of the image's width; check that rig, recording and "
            "the cameras' names belong together",
        )
