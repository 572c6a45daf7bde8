"""Corners kept in files that are named after everything they were computed from."""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np

from calibration.atomic import replacing
from calibration.boards.board import Board
from calibration.corners.observations import BoardObservations
from calibration.recordings.frame_sources import ImageFiles
from calibration.recordings.recording import Recording

VERSION = 1
"""Raised whenever the detection gives other corners."""


def load_corners(
    folder: Path, recording: Recording, board: Board, **options: Any
) -> BoardObservations | None:
    """Read corners that were saved for the same files, board and options.

    Parameters
    ----------
    folder : path
    recording : Recording
    board : Board
        As configured, before any correction.
    **options
        What else the corners depend on.

    Returns
    -------
    observations : BoardObservations or None
        None where there are none, or their file cannot be read.
    """
    path = _path(folder, recording, board, options)
    try:
        with np.load(path, allow_pickle=False) as file:
            said = json.loads(str(file["said"]))
            return BoardObservations(
                board=Board.from_table(said["board"]),
                names=tuple(said["names"]),
                sizes=file["sizes"],
                xy=file["xy"],
                frame=file["frame"],
                times=file.get("times"),
                mirrored=tuple(said["mirrored"]),
                crops=recording.crops,
                notes=tuple(said["notes"]),
            )
    except (OSError, ValueError, KeyError):
        # A cache that is missing or damaged is computed anew.
        return None


def save_corners(
    folder: Path, recording: Recording, board: Board, found: BoardObservations, **options: Any
) -> Path:
    """Save corners for `load_corners`.

    Parameters
    ----------
    folder : path
        Made where it is missing.
    recording : Recording
    board : Board
        As configured.
    found : BoardObservations
    **options
        What else the corners depend on.

    Returns
    -------
    path : path
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = _path(folder, recording, board, options)
    said = {
        "board": found.board.to_table(),
        "names": found.names,
        "mirrored": found.mirrored,
        "notes": found.notes,
    }
    arrays = {"xy": found.xy, "frame": found.frame, "sizes": found.sizes, "said": np.array(json.dumps(said))}
    if found.times is not None:
        arrays["times"] = found.times
    with replacing(path) as temporary:
        np.savez_compressed(temporary, **arrays)  # type: ignore[arg-type]
    return path


def _path(folder: Path, recording: Recording, board: Board, options: dict[str, Any]) -> Path:
    digest = hashlib.sha256()
    crops = [crop and (crop.x, crop.y, *crop.size) for crop in recording.crops]
    said = [VERSION, board.to_table(), recording.names, recording.mirrored, crops, sorted(options.items())]
    digest.update(json.dumps(said).encode())
    digest.update(recording.frames.tobytes())
    digest.update(b"" if recording.times is None else recording.times.tobytes())
    for source in recording.sources:
        for path in source.files if isinstance(source, ImageFiles) else [source.path]:
            digest.update(_content(path))
    return folder / f"corners-{digest.hexdigest()[:24]}.npz"


def _content(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()
