"""Files that say when each camera took each of its frames."""

import csv
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from calibration.errors import CalibrationError

Float = NDArray[np.float64]


def read_times(
    source: str | Path | Mapping[str, str | Path | ArrayLike], names: Sequence[str]
) -> tuple[Float, ...]:
    """Read the time of every frame of every view.

    Parameters
    ----------
    source : path or mapping
        A `timestamps.csv` with the columns cam_id and frame_time (and frame_index, if it has one), or a
        mapping from view names to arrays, .npy files or text files with one time per line.
    names : sequence of str
        The views. A cam_id of a csv matches the view of the same name, or the one whose name ends with it.

    Returns
    -------
    times : tuple of (frames,) float, s
        In the order of the views; views may have different numbers of frames.

    Raises
    ------
    FileNotFoundError
        If a file is missing.
    CalibrationError
        If a view has no times, or they do not increase, or a value is malformed (file and line are named).

    Examples
    --------
    >>> read_times({"a": [0.0, 0.1], "b": [0.02, 0.12]}, ["a", "b"])[1].tolist()
    [0.02, 0.12]
    """
    if isinstance(source, Mapping):
        _check_names(set(map(str, source)), names, "timestamps")
        columns = [_one_view(source[name], name) for name in names]
    else:
        columns = _read_csv(Path(source), names)
    for name, times in zip(names, columns, strict=True):
        _check_times(times, name)
    return tuple(columns)


def _check_names(have: set[str], names: Sequence[str], what: str) -> None:
    missing = [name for name in names if name not in have]
    if missing:
        listed = ", ".join(sorted(have)) or "no view"
        raise CalibrationError(f"{what}: nothing for {', '.join(missing)}; there are times for {listed}")


def _one_view(source: str | Path | ArrayLike, name: str) -> Float:
    if not isinstance(source, str | Path):
        return np.array(source, dtype=np.float64)
    path = Path(source)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file (timestamps of {name})")
    try:
        values = np.load(path, allow_pickle=False) if path.suffix == ".npy" else np.loadtxt(path, ndmin=1)
        return np.array(values, dtype=np.float64)
    except (ValueError, TypeError) as error:
        raise CalibrationError(
            f"{path}: expected one time in seconds per frame of {name}: {error}"
        ) from error


def _read_csv(path: Path, names: Sequence[str]) -> list[Float]:
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file")
    rows: dict[str, list[tuple[float, float]]] = defaultdict(list)
    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file)
        camera = next(
            (c for c in ("cam_id", "port", "camera", "view") if c in (reader.fieldnames or [])), None
        )
        if camera is None or "frame_time" not in (reader.fieldnames or []):
            listed = ", ".join(reader.fieldnames or [])
            raise CalibrationError(f"{path}: expected the columns cam_id and frame_time, got {listed}")
        for row in reader:
            try:
                time = float(row["frame_time"])
                rows[row[camera]].append((float(row.get("frame_index") or time), time))
            except (TypeError, ValueError) as error:
                raise CalibrationError(f"{path}: line {reader.line_num}: {error}") from error
    labels = {name: _matching(name, list(rows)) for name in names}
    _check_names(
        {name for name, label in labels.items() if label}, names, f"{path} (cam_id {', '.join(rows)})"
    )
    return [np.array([time for _, time in sorted(rows[str(labels[name])])]) for name in names]


def _matching(name: str, labels: list[str]) -> str | None:
    if name in labels:
        return name
    number = re.search(r"(\d+)$", name)
    return next(
        (label for label in labels if number and label.isdigit() and int(label) == int(number[1])), None
    )


def _check_times(times: Float, name: str) -> None:
    if times.ndim != 1 or not np.isfinite(times).all():
        raise CalibrationError(
            f"timestamps of {name}: expected one finite number per frame, got {times.shape}"
        )
    steps = np.diff(times)
    if (steps <= 0).any():
        first = int(np.argmax(steps <= 0))
        raise CalibrationError(
            f"timestamps of {name} must increase: frame {first} is at {times[first]:g} s, "
            f"frame {first + 1} at {times[first + 1]:g} s"
        )
