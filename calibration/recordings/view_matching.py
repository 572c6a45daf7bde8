"""How the frames of several views are matched: by timestamps, by file numbers or by order."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibration.arrays import ReadOnlyArrays
from calibration.errors import CalibrationError
from calibration.recordings.frame_sources import ImageFiles, Source, VideoFile, trailing_number
from calibration.recordings.synchrony import match_numbers, match_times

Float = NDArray[np.float64]
Int = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Match(ReadOnlyArrays):
    """Which frames belong together.

    Attributes
    ----------
    frames : (frames, views) int
        -1 where a view lacks the instant.
    instants : (frames,) int
    times : (frames, views) float, s, or None
    fps : float, Hz
    notes : tuple of str
    """

    frames: Int
    instants: Int
    times: Float | None
    fps: float
    notes: tuple[str, ...]


def match_views(
    names: Sequence[str], sources: Sequence[Source], times: Sequence[Float] | None, *, truncate: bool = False
) -> Match:
    """Match the frames of several views.

    Parameters
    ----------
    names : sequence of str
    sources : sequence of VideoFile or ImageFiles
    times : sequence of (frames,) float, s, or None
        Of each frame of each view, where timestamps were given.
    truncate : bool
        Cut to the shortest view where the counts differ and nothing else says what belongs together.

    Returns
    -------
    match : Match

    Raises
    ------
    CalibrationError
        If the counts differ, with the counts.
    """
    if times is not None:
        return _by_times(names, sources, times)
    numbers = _numbers(sources)
    if numbers is not None:
        frames, instants = match_numbers(numbers)
        return Match(
            frames=frames, instants=instants, times=None, fps=float("nan"), notes=_lacking(names, frames)
        )
    return _by_order(names, sources, truncate=truncate)


def _by_times(names: Sequence[str], sources: Sequence[Source], times: Sequence[Float]) -> Match:
    wrong = [
        f"{name}: {source.count} frames, {len(stamps)} timestamps"
        for name, source, stamps in zip(names, sources, times, strict=True)
        if source.count != len(stamps)
    ]
    if wrong:
        raise CalibrationError(
            "every frame needs one timestamp, but " + "; ".join(wrong) + ": give the timestamps of exactly "
            "these recordings"
        )
    frames, matched = match_times(times)
    intervals = [float(np.median(np.diff(stamps))) for stamps in times if len(stamps) > 1]
    spread = np.nanmax(matched, axis=1) - np.nanmin(matched, axis=1)
    note = (
        f"matched by timestamps: inside an instant they differ by {1e3 * np.median(spread):.1f} ms (median)"
    )
    return Match(
        frames=frames,
        instants=np.arange(len(frames)),
        times=matched,
        fps=1 / max(intervals) if intervals else float("nan"),
        notes=(f"{note}, {1e3 * spread.max():.1f} ms at most", *_lacking(names, frames)),
    )


def _numbers(sources: Sequence[Source]) -> list[list[int]] | None:
    numbers: list[list[int]] = []
    for source in sources:
        found = [trailing_number(file) for file in source.files] if isinstance(source, ImageFiles) else [None]
        values = [number for number in found if number is not None]
        if len(values) < len(found) or len(set(values)) < len(values):
            return None
        numbers.append(values)
    shared = [number for values in numbers for number in values]
    # Numbers that no two views share (cam1.png, cam2.png) name the views, not the instants.
    return numbers if len(numbers) == 1 or len(set(shared)) < len(shared) else None


def _by_order(names: Sequence[str], sources: Sequence[Source], *, truncate: bool) -> Match:
    counts = [source.count for source in sources]
    rates = [source.fps for source in sources]
    listed = ", ".join(
        f"{name} {count}" + (f" ({rate:g} Hz)" if np.isfinite(rate) else "")
        for name, count, rate in zip(names, counts, rates, strict=True)
    )
    if len(set(counts)) > 1 and not truncate:
        raise CalibrationError(
            f"the cameras have different frame counts, counted by decoding: {listed}. Nothing is cut "
            "silently: give timestamps, bring the files to one length, or pass truncate=True if all start at "
            "the same instant"
        )
    known = [rate for rate in rates if np.isfinite(rate)]
    uneven = bool(known) and max(known) > 1.01 * min(known)
    if len(set(counts)) > 1 and uneven:
        raise CalibrationError(
            f"the cameras have different frame counts and frame rates: {listed}. Cutting to the shortest "
            "would pair frames of different instants: give timestamps"
        )
    frames = np.repeat(np.arange(min(counts))[:, None], len(names), axis=1)
    notes = []
    if len(set(counts)) > 1:
        notes.append(f"cut to the shortest camera, {min(counts)} frames, as asked: {listed}")
    if uneven:
        notes.append(
            f"headers give different frame rates with equal frame counts: {listed}; taken as synchronous. "
            "Give timestamps if they are not"
        )
    return Match(
        frames=frames,
        instants=np.arange(len(frames)),
        times=None,
        fps=float(np.median(known)) if known else float("nan"),
        notes=(*notes, *_header_notes(sources)),
    )


def _header_notes(sources: Sequence[Source]) -> list[str]:
    return [
        f"{source.path.name}: {source.count} frames decode, its header says {source.promised}"
        for source in sources
        if isinstance(source, VideoFile) and source.promised not in (0, source.count)
    ]


def _lacking(names: Sequence[str], frames: Int) -> tuple[str, ...]:
    lacking = {name: int(count) for name, count in zip(names, (frames < 0).sum(axis=0), strict=True) if count}
    if not lacking:
        return ()
    listed = ", ".join(f"{name} {count}" for name, count in lacking.items())
    return (f"of {len(frames)} instants some views lack some: {listed}",)
