"""Board corners in a whole recording: `Recording` + `Board` -> `BoardObservations`."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibration.boards.board import Board
from calibration.corners.cache import load_corners, save_corners
from calibration.corners.detectors import detect_corners
from calibration.corners.doctor import Diagnosis, diagnose
from calibration.corners.early_stop import coverage_suffices
from calibration.corners.observations import BoardObservations
from calibration.errors import CalibrationError
from calibration.recordings.recording import Recording
from calibration.threads import cores

Float = NDArray[np.float64]
Int = NDArray[np.int64]
Progress = Callable[..., Iterable[Any]]

SAMPLE = 6
"""Images of a view that the board doctor looks at."""


def find_corners(
    recording: Recording,
    board: Board,
    *,
    stride: int = 1,
    enough: int | None = None,
    doctor: bool = True,
    beside: Sequence[Board] = (),
    cache: str | Path | None = None,
    workers: int | None = None,
    progress: Progress | None = None,
) -> BoardObservations:
    """Find the corners of a board in every view of a recording.

    Parameters
    ----------
    recording : Recording
    board : Board
    stride : int
        Look at every n-th instant only.
    enough : int, optional
        For long videos: look at widely spaced instants first, then between them, and stop when every view has
        so many images of the board, spread over most of the image, and shares as many with another view.
    doctor : bool
        Where a view hardly shows the board, find out why. A legacy layout, an inverted print and mirrored
        images are put right, which `notes` says; the rest is said only.
    beside : sequence of Board
        All boards that the recording shows, or the other ones. A view need not see each of several: the
        doctor comes only where no view sees this one, and does not take the others for it.
    cache : path, optional
        Folder for results, used again while neither the files nor the options have changed.
    workers : int, optional
        Threads; as many as there are cores by default.
    progress : callable, optional
        Wraps an iterable as tqdm does: `progress(iterable, desc=..., total=...)`.

    Returns
    -------
    observations : BoardObservations
        Of the instants at which any view sees a corner. Its `board` is the corrected one.

    Raises
    ------
    ValueError
        If the stride or the number of workers is not positive.
    CalibrationError
        If no view sees the board: with the cause, as far as the doctor finds it.
    """
    if stride < 1:
        raise ValueError(f"stride: expected 1 or more, got {stride}")
    if workers is not None and workers < 1:
        raise ValueError(f"workers: expected 1 or more, got {workers}")
    chosen = recording.select(slice(None, None, stride))
    beside = [other for other in beside if other is not board]
    options: dict[str, Any] = {"enough": enough, "doctor": doctor}
    options |= {"beside": [other.to_table() for other in beside]} if beside else {}
    if cache is not None:
        known = load_corners(Path(cache), chosen, board, **options)
        if known is not None:
            return known
    workers = cores() if workers is None else workers
    search = partial(_search, enough=enough, workers=workers, progress=progress)
    found = search(chosen, board)
    if doctor:
        found = _with_doctor(chosen, found, beside, search)
    if not found.seen.any():
        raise CalibrationError(
            f"the board ({board}) is seen in none of {len(chosen)} frames of {', '.join(chosen.names)}. "
            + " ".join(found.notes)
        )
    if cache is not None:
        save_corners(Path(cache), chosen, board, found, **options)
    return found


def _search(
    recording: Recording, board: Board, enough: int | None, workers: int, progress: Progress | None
) -> BoardObservations:
    """Look at all instants, or at ever closer ones until they suffice."""
    xy = np.full((len(recording), len(recording.names), len(board.corners), 2), np.nan)
    looked = np.zeros(len(recording), dtype=bool)
    for indices in _passes(len(recording), enough):
        rows: Iterable[Float] = _detect_all(recording.select(indices), board, workers)
        if progress is not None:
            rows = progress(rows, desc="corners", total=len(indices))
        for index, row in zip(indices, rows, strict=True):
            xy[index] = row
        looked[indices] = True
        if enough is not None and coverage_suffices(xy, recording.sizes, enough):
            break
    some = np.isfinite(xy).any(axis=(1, 2, 3))
    notes = recording.notes
    if not looked.all():
        notes += (
            f"looked for the board in {looked.sum()} of {len(recording)} frames: these cover the views",
        )
    return BoardObservations(
        board=board,
        names=recording.names,
        sizes=recording.sizes,
        xy=xy[some],
        frame=recording.instants[some],
        times=None if recording.times is None else recording.times[some],
        mirrored=recording.mirrored,
        crops=recording.crops,
        notes=notes,
    )


def _passes(count: int, enough: int | None) -> Iterator[Int]:
    """Give the frames of each pass: a coarse one, then those half way between."""
    if enough is None:
        yield np.arange(count)
        return
    spacing = 1 << max(0, int(np.log2(max(1, count / (2 * enough)))))
    yield np.arange(0, count, spacing)
    while spacing > 1:
        spacing //= 2
        yield np.arange(spacing, count, 2 * spacing)


def _detect_all(recording: Recording, board: Board, workers: int) -> Iterator[Float]:
    nothing = np.full((len(board.corners), 2), np.nan)
    pending: deque[list[Future[Float] | None]] = deque()
    with ThreadPoolExecutor(max_workers=workers) as pool:
        for images in recording:
            pending.append(
                [None if image is None else pool.submit(detect_corners, image, board) for image in images]
            )
            # Bounds the images in memory while every thread has work.
            while sum(len(row) for row in pending) > 2 * workers + len(images):
                yield _row(pending.popleft(), nothing)
        while pending:
            yield _row(pending.popleft(), nothing)


def _row(futures: list[Future[Float] | None], nothing: Float) -> Float:
    return np.stack([nothing if future is None else future.result() for future in futures])


def _with_doctor(
    recording: Recording,
    found: BoardObservations,
    beside: Sequence[Board],
    search: Callable[[Recording, Board], BoardObservations],
) -> BoardObservations:
    """Diagnose views that hardly see the board, and look again where the remedy is safe."""
    weak = _weak_views(recording, found)
    if not weak or (beside and len(weak) < len(recording.names)):
        return found
    diagnoses = {
        name: diagnose(_sample(recording.views([name])), found.board, beside=beside) for name in weak
    }
    notes = tuple(
        f"{name}: {diagnosis.message}" for name, diagnosis in diagnoses.items() if diagnosis.cause != "none"
    )
    board, mirrored = _remedy(diagnoses, found.board, all_weak=len(weak) == len(recording.names))
    if board is found.board and not mirrored:
        return replace(found, notes=found.notes + notes)
    again = replace(
        recording, mirrored=tuple(set(recording.mirrored) ^ mirrored), notes=recording.notes + notes
    )
    return search(again, board)


def _weak_views(recording: Recording, found: BoardObservations) -> list[str]:
    """Name views with a quarter of the board in less than 2% of the images, or fewer than three."""
    shown = (found.seen.sum(axis=2) >= max(4, len(found.board.corners) // 4)).sum(axis=0)
    images = (recording.frames >= 0).sum(axis=0)
    least = np.minimum(images, np.maximum(3, 0.02 * images))
    return [name for name, weak in zip(recording.names, shown < least, strict=True) if weak]


def _sample(recording: Recording) -> list[NDArray[np.uint8]]:
    present = np.flatnonzero(recording.frames[:, 0] >= 0)
    spread = np.unique(np.linspace(0, len(present) - 1, min(SAMPLE, len(present))).round().astype(int))
    return [image for (image,) in recording.select(present[spread]) if image is not None]


def _remedy(diagnoses: dict[str, Diagnosis], board: Board, *, all_weak: bool) -> tuple[Board, set[str]]:
    """Choose the board and the views to flip: a board is changed only where no view sees it."""
    safe = {name: diagnosis for name, diagnosis in diagnoses.items() if diagnosis.safe}
    if safe and all_weak:
        board = max(safe.values(), key=lambda diagnosis: diagnosis.after).board
    same = {(board.legacy, board.inverted)}
    flipped = {
        name
        for name, diagnosis in safe.items()
        if diagnosis.mirrored and (diagnosis.board.legacy, diagnosis.board.inverted) in same
    }
    return board, flipped
