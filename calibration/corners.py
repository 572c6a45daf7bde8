"""Board corners in a whole recording: `Recording` + `Board` -> `BoardObservations`."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibration.board import Board
from calibration.corner_detectors import detect_corners
from calibration.observations import BoardObservations
from calibration.recording import Recording

Float = NDArray[np.float64]
Progress = Callable[..., Iterable[Any]]


def find_corners(
    recording: Recording,
    board: Board,
    *,
    stride: int = 1,
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
    workers : int, optional
        Threads; as many as there are cores by default.
    progress : callable, optional
        Wraps an iterable as tqdm does: `progress(iterable, desc=..., total=...)`.

    Returns
    -------
    observations : BoardObservations
        Of the instants at which any view sees a corner.

    Raises
    ------
    ValueError
        If the stride is not positive.
    """
    if stride < 1:
        raise ValueError(f"stride: expected 1 or more, got {stride}")
    chosen = recording.select(slice(None, None, stride))
    xy = np.full((len(chosen), len(chosen.names), len(board.corners), 2), np.nan)
    rows: Iterable[Float] = _detect_all(chosen, board, workers or cores())
    if progress is not None:
        rows = progress(rows, desc="corners", total=len(chosen))
    for index, row in enumerate(rows):
        xy[index] = row
    some = np.isfinite(xy).any(axis=(1, 2, 3))
    return BoardObservations(
        board=board,
        names=chosen.names,
        sizes=chosen.sizes,
        xy=xy[some],
        frame=chosen.instants[some],
        times=None if chosen.times is None else chosen.times[some],
    )


def cores() -> int:
    """Return how many cores this process may use.

    Returns
    -------
    cores : int
    """
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


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
