"""What a calibration's numbers mean, in plain words: what is weak, and what to record to mend it."""

from collections.abc import Iterator

import numpy as np

from calibration.bundle.lateness import LATE_FRAMES, LATE_SIGMAS
from calibration.quality.coverage import area
from calibration.quality.facts import CalibrationFacts

FEW_FRAMES = 10
UNCERTAIN_FOCAL = 0.005
WEAK_PAIR = 3.0
LITTLE_COVERED = 0.5
EDGE = 0.15
NOISY = 0.5
UNEVEN = 3.0
MANY_REJECTED = 0.02


def alarms(facts: CalibrationFacts) -> Iterator[str]:
    """Say what makes a calibration wrong, not only weak.

    Parameters
    ----------
    facts : CalibrationFacts

    Yields
    ------
    alarm : str
    """
    if not facts.converged:
        yield (
            "the refinement stopped before it converged and its result is not to be trusted: record more "
            "board views, or give the lenses of weak cameras (intrinsics=)"
        )
    late = list(_out_of_step(facts))
    yield from late
    if facts.other_print and not late:  # corners of cameras out of step look displaced too
        yield facts.other_print


def calibration_verdicts(facts: CalibrationFacts) -> Iterator[str]:
    """Say what is weak about a calibration.

    Parameters
    ----------
    facts : CalibrationFacts

    Yields
    ------
    verdict : str
    """
    if facts.frames_used < facts.frames_total:
        yield (
            f"{facts.frames_total - facts.frames_used} of {facts.frames_total} frames show too little "
            "of the board in every view and were not used"
        )
    for view in range(len(facts.names)):
        yield from _view_verdicts(facts, view)
    yield from _millimetres(facts)


def _view_verdicts(facts: CalibrationFacts, view: int) -> Iterator[str]:
    name, lens = facts.names[view], facts.rig.cameras[view].intrinsics
    frames = int(facts.graph.pairs[view, view])
    if frames < FEW_FRAMES:
        yield f"camera {name}: only {frames} frames show it the board; record {2 * FEW_FRAMES} or more"
    if len(facts.names) > 1:
        shared = facts.graph.pairs[view].copy()
        shared[view] = 0
        if shared.max() < FEW_FRAMES:
            other = facts.names[int(shared.argmax())]
            yield (
                f"camera {name}: shares only {shared.max()} board views with its best partner {other}; "
                f"record {2 * FEW_FRAMES} or more with the board where both see it"
            )
    focal = facts.uncertainty.lenses[view, 0] / lens.K[0, 0]
    if focal > UNCERTAIN_FOCAL:
        yield (
            f"camera {name}: focal length uncertain by {focal:.1%}; record the board nearer to it and tilted "
            "by 30 to 45 degrees in several directions"
        )
    yield from _coverage(facts, view)
    if facts.sigma[view] > NOISY:
        yield (
            f"camera {name}: corners scatter by {facts.sigma[view]:.2f} px; look for blur, motion or frames "
            "out of step"
        )
    elif facts.sigma[view] > UNEVEN * np.median(facts.sigma):
        yield (
            f"camera {name}: corners scatter {facts.sigma[view] / np.median(facts.sigma):.1f} times as "
            "much as in other views; look for blur, or frames out of step (time_offsets=True estimates a "
            "steady delay)"
        )
    share = facts.rejected[view] / max(int(facts.corners[view]), 1)
    if share > MANY_REJECTED:
        yield (
            f"camera {name}: {share:.1%} of its corners contradict the fit and were given no weight; if it "
            "or the board's sheet moved while recording, or it is out of step, record again"
        )


def _coverage(facts: CalibrationFacts, view: int) -> Iterator[str]:
    name, lens = facts.names[view], facts.rig.cameras[view].intrinsics
    part = area(lens.covered) / (lens.size[0] * lens.size[1])
    bare = _bare_edges(facts, view)
    if not bare and part >= LITTLE_COVERED:
        return
    edges = f"{', '.join(bare[:-1])} and {bare[-1]} edges" if len(bare) > 1 else f"{''.join(bare)} edge"
    lack, where = (f", no board near its {edges}", f"at its {edges}") if bare else ("", "all over its image")
    yield (
        f"camera {name}: the board covered {part:.0%} of the image{lack}; record the board {where}, since "
        "outside the covered part its lens is a guess"
    )


def _bare_edges(facts: CalibrationFacts, view: int) -> list[str]:
    lens = facts.rig.cameras[view].intrinsics
    if lens.covered is None:
        return ["left", "right", "upper", "lower"]
    low = lens.covered.min(axis=0) / lens.size
    high = 1 - lens.covered.max(axis=0) / lens.size
    gaps = {"left": low[0], "right": high[0], "upper": low[1], "lower": high[1]}
    return [edge for edge, gap in gaps.items() if gap > EDGE]


def _out_of_step(facts: CalibrationFacts) -> Iterator[str]:
    known = facts.lateness
    clear = np.abs(known.late) > np.maximum(LATE_SIGMAS * known.sigma, LATE_FRAMES * known.interval)
    for view in np.flatnonzero(clear):
        yield (
            f"camera {facts.names[view]}: by the board's motion its images are {known.told(int(view))} later "
            f"than those of {facts.names[0]}, which was not taken into account; calibrate with time offsets "
            "(time_offsets=True, in project.toml time_offsets = true), or trim the recording to that"
        )


def _millimetres(facts: CalibrationFacts) -> Iterator[str]:
    expected = facts.volume.calibration[np.isfinite(facts.volume.calibration)]
    if expected.size:
        yield (
            f"where the board was, the calibration itself contributes {1e3 * np.median(expected):.3f} mm "
            f"(median) to the error of a point, {1e3 * np.percentile(expected, 95):.3f} mm at worst (95%)"
        )
    held_out = facts.held_out
    if held_out is None:
        return
    weak = ""
    if held_out.weakest_median > WEAK_PAIR * held_out.median:
        told = ", ".join(facts.names[view] for view in held_out.weakest)
        weak = f"; most, by {1e3 * held_out.weakest_median:.3f} mm, where only {told} see them"
    yield (
        f"on board views left out of the fit, distances between corners are off by "
        f"{1e3 * held_out.median:.3f} mm (median; {1e3 * held_out.all_pairs:.3f} mm rms) and repeat to "
        f"{1e3 * held_out.repeatability:.3f} mm{weak}"
    )
    worse = held_out.pixel_median / np.maximum(facts.median_per_view, 1e-9)
    for view in np.flatnonzero(worse > 1.5):
        yield (
            f"camera {facts.names[view]}: its error grows {worse[view]:.1f}-fold on board views left out of "
            "the fit; it needs more board views"
        )
