"""SLEAP's analysis files: HDF5 and csv.

Pixels: since its file format 1.1 SLEAP counts from the centre of the top-left pixel, as this package does,
and its analysis exports state those coordinates; nothing is shifted. (Older .slp project files count from the
corner; sleap-io, through which .slp files are read, takes half a pixel off them.)
"""

import csv
import json
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from models2d.readers.frame_numbers import length_of
from models2d.readers.view import ViewDetections, cleaned

Float = NDArray[np.float64]


def read_analysis(path: Path) -> ViewDetections:
    """Read an analysis HDF5 file.

    Parameters
    ----------
    path : path

    Returns
    -------
    view : ViewDetections
        A slot per track; confidence 1 where a person placed the point (SLEAP states no score there).

    Raises
    ------
    ValueError
        If an array is missing or has another shape than the names say.
    """
    try:
        with h5py.File(path) as file:
            xy = _ordered(file["tracks"], ("track", "xy", "node", "frame"), ("frame", "track", "node", "xy"))
            keypoints = [name.decode() for name in file["node_names"][()]]
            tracks = [name.decode() for name in file["track_names"][()] if isinstance(name, bytes)]
            edges = file["edge_inds"][()] if "edge_inds" in file else np.zeros((0, 2), dtype=np.int64)
            scores = None
            if "point_scores" in file:
                scores = _ordered(
                    file["point_scores"], ("track", "node", "frame"), ("frame", "track", "node")
                )
    except (OSError, KeyError, ValueError) as error:
        raise ValueError(f"{path}: damaged or not a SLEAP analysis file: {error}") from error
    if xy.shape[2] != len(keypoints) or xy.shape[3] != 2:
        raise ValueError(f"{path}: tracks have {xy.shape[2]} nodes, but {len(keypoints)} are named")
    confidence = _confidence(xy, scores)
    xy, confidence, notes = cleaned(xy, confidence)
    return ViewDetections(
        path=path,
        tool="SLEAP",
        xy=xy,
        confidence=confidence,
        keypoints=tuple(keypoints),
        individuals=tuple(tracks) if len(tracks) == xy.shape[1] else None,
        bones=[(keypoints[a], keypoints[b]) for a, b in edges],
        notes=notes,
    )


def _ordered(data: h5py.Dataset, order: tuple[str, ...], wanted: tuple[str, ...]) -> Float:
    """Put axes in order: as the array's `dims` or the file's `preset` say, else as SLEAP writes them."""
    named, preset = data.attrs.get("dims"), data.file.attrs.get("preset")
    if named is not None:
        order = tuple(json.loads(named))
    elif preset == "standard":
        order = wanted
    if sorted(order) != sorted(wanted) or data.ndim != len(order):
        raise ValueError(
            f"{data.name} has {data.ndim} axes, {', '.join(order)}; expected {', '.join(wanted)}"
        )
    return np.asarray(data[()], dtype=np.float64).transpose([order.index(name) for name in wanted])


def _confidence(xy: Float, scores: Float | None) -> Float:
    placed = np.isfinite(xy).all(axis=-1)
    if scores is None:
        return np.asarray(placed, dtype=np.float64)
    by_hand = placed & ~(scores > 0)
    return np.asarray(np.where(by_hand, 1.0, scores))


def read_csv(path: Path) -> ViewDetections:
    """Read an analysis csv file: `track, frame_idx, instance.score, <node>.x, <node>.y, <node>.score, ...`.

    Parameters
    ----------
    path : path

    Returns
    -------
    view : ViewDetections
        Sparse: frames without an instance are not in such a file.

    Raises
    ------
    ValueError
        If a line is malformed, with its number.
    """
    with path.open(newline="", encoding="utf-8-sig") as file:
        lines = list(csv.reader(file))
    header = lines[0]
    keypoints = [name[:-2] for name in header if name.endswith(".x")]
    column = {name: number for number, name in enumerate(header)}
    wanted = [column.get(f"{keypoint}.{part}", -1) for keypoint in keypoints for part in ("x", "y", "score")]
    if -1 in wanted or "frame_idx" not in column or "track" not in column:
        raise ValueError(f"{path}: not a SLEAP csv: every node needs the columns .x, .y and .score")
    instances: list[tuple[int, str, Float]] = []
    for number, line in enumerate(lines[1:], start=2):
        try:
            points = np.array([float(line[k]) if line[k] else np.nan for k in wanted]).reshape(-1, 3)
            instances.append((int(line[column["frame_idx"]]), line[column["track"]], points))
        except (ValueError, IndexError) as error:
            raise ValueError(f"{path}, line {number}: {error}") from error
    values, names = _slots(path, instances, len(keypoints))
    xy = values[..., :2]
    xy, confidence, notes = cleaned(xy, _confidence(xy, values[..., 2]))
    return ViewDetections(
        path=path,
        tool="SLEAP",
        xy=xy,
        confidence=confidence,
        keypoints=tuple(keypoints),
        individuals=names,
        sparse=True,
        notes=notes,
    )


def _slots(
    path: Path, instances: list[tuple[int, str, Float]], keypoints: int
) -> tuple[Float, tuple[str, ...] | None]:
    tracks = list(dict.fromkeys(track for _, track, _ in instances))
    tracked = bool(tracks) and all(tracks)
    counts: dict[int, int] = {}
    places = []
    for frame, track, _ in instances:
        places.append(tracks.index(track) if tracked else counts.get(frame, 0))
        counts[frame] = counts.get(frame, 0) + 1
    taken = {(frame, slot) for (frame, _, _), slot in zip(instances, places, strict=True)}
    if len(taken) != len(instances):
        raise ValueError(f"{path}: a track occurs twice in {len(instances) - len(taken)} frames")
    slots = max(places, default=0) + 1
    frames = length_of(path, [frame for frame, _, _ in instances], slots * keypoints)
    values = np.full((frames, slots, keypoints, 3), np.nan)
    for (frame, _, points), slot in zip(instances, places, strict=True):
        values[frame, slot] = points
    return values, tuple(tracks) if tracked else None
