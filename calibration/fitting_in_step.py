"""Fits with the cameras' delays: whole frames are removed first, which leaves less than half a frame.

The motion of the board between two frames is taken as uniform, which several frames away is wrong; and a fit
that starts with cameras out of step bends its lenses to them.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from calibration.bundle.fit import Fit
from calibration.bundle.lateness import LATE_FRAMES, LATE_SIGMAS, Lateness, lateness
from calibration.camera import Intrinsics
from calibration.corners.sightings import Sightings, usual_interval
from calibration.start.contradictions import misread_boards, two_fronts, whole_steps
from calibration.start.first_estimate import single_views

ROUNDS = 2
"""Times that whole frames which a fit still finds are removed."""


def in_step(
    sightings: Sightings,
    known: Mapping[str, Intrinsics],
    focal: float | None,
    fit: Callable[[Sightings], Fit],
) -> tuple[Sightings, Fit]:
    """Fit with time offsets after moving each view's images to the rows at whose instants they were taken.

    Parameters
    ----------
    sightings : Sightings
    known : mapping of view to Intrinsics
    focal : float, px, or None
    fit : callable
        Fits sightings with time offsets.

    Returns
    -------
    sightings : Sightings
        As moved.
    fit : Fit
    """
    views = single_views(sightings, known, focal)
    steps = whole_steps(views.apart, views.poses)
    moved = sightings.shifted(steps) if steps.any() else sightings
    found = fit(moved)
    for _ in range(ROUNDS):
        interval = usual_interval(moved.instant)
        left = interval * np.rint(found.solution.unknowns.clock_offset / interval)
        if not left.any():
            break
        moved = moved.shifted(left)
        found = fit(moved)
    return moved, found


def delays_left(
    sightings: Sightings, fit: Fit, known: Mapping[str, Intrinsics], focal: float | None
) -> Lateness:
    """Say how late cameras are that a fit took to be in step; whole frames are looked for where it is much.

    Parameters
    ----------
    sightings : Sightings
    fit : Fit
        Without time offsets.
    known : mapping of view to Intrinsics
    focal : float, px, or None

    Returns
    -------
    lateness : Lateness
    """
    told = lateness(fit, sightings)
    if not (np.abs(told.late) > 0.5 * told.interval).any():
        return told
    views = single_views(sightings, known, focal)
    steps = whole_steps(views.apart, views.poses)
    # Beyond a frame the step is a sign only.
    far = np.abs(steps) > told.interval
    return replace(
        told,
        late=np.where(far, steps, told.late),
        sigma=np.where(far, np.minimum(0.1 * told.interval, told.sigma), told.sigma),
    )


def why_rejected(sightings: Sightings, known: Mapping[str, Intrinsics], focal: float | None, fit: Fit) -> str:
    """Say what would bring views that contradict each other into agreement; empty if nothing would.

    Parameters
    ----------
    sightings : Sightings
    known : mapping of view to Intrinsics
    focal : float, px, or None
    fit : Fit

    Returns
    -------
    reasons : str
    """
    views = single_views(sightings, known, focal)
    names, unit = sightings.names, "s" if sightings.stamped else "frames"
    reasons = [
        f"{names[one.view]} seems to have seen the board {one.turn} (in single frames it contradicts the "
        f"other cameras by {np.degrees(one.before):.1f} degrees, by {np.degrees(one.after):.1f} once that is "
        "undone): check the order of its corners, or the print"
        for one in misread_boards(views.apart, views.poses)
    ]
    both = None if reasons else two_fronts(views.apart, views.poses)
    if both is not None:
        reasons.append(
            f"in some frames some cameras seem to have seen the board {both[0]} (frames contradict each "
            f"other by {np.degrees(both[1]):.1f} degrees, by {np.degrees(both[2]):.1f} once that is undone): "
            "print another board on the back and name both, or cover it"
        )
    steps = whole_steps(views.apart, views.poses)
    reasons += [
        f"the images of {names[view]} seem to be {late:+.4g} {unit} later than those of {names[0]}: "
        "calibrate with time offsets (time_offsets=True, in project.toml time_offsets = true), or trim its "
        "recording"
        for view, late in enumerate(steps)
        if late
    ]
    told = lateness(fit, sightings)
    clear = np.abs(told.late) > np.maximum(LATE_SIGMAS * told.sigma, LATE_FRAMES * told.interval)
    if not reasons and clear.any():
        reasons = [
            f"by the board's motion the images of {names[view]} are {told.told(view)} later than those of "
            f"{names[0]}: calibrate with time offsets (time_offsets=True, in project.toml time_offsets = "
            "true)"
            for view in np.flatnonzero(clear).tolist()
        ]
    return "; ".join(reasons)
