"""The package's own file: one Parquet table for all views, which holds everything exactly."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from calibration.atomic import replacing
from models2d.detections import Detections2D, Tracks2D
from models2d.skeleton import Skeleton

Float = NDArray[np.float64]
key = b"triangulate"
version = 1


def write(points: Detections2D | Tracks2D, path: str | Path) -> None:
    """Write detections or tracks, atomically.

    Parameters
    ----------
    points : Detections2D or Tracks2D
    path : path

    Notes
    -----
    A row per frame, view, slot and keypoint in this order: `frame view slot keypoint x y confidence`, with
    `cov_xx cov_xy cov_yy` and `time` where they are known. Missing is NaN. Skeleton, fps, sizes and names are
    JSON in the schema's metadata.
    """
    subjects = points.subjects if isinstance(points, Tracks2D) else None
    frames, views, slots, keypoints = points.shape
    labels = list(subjects) if subjects is not None else [str(slot) for slot in range(slots)]
    columns: dict[str, Any] = {
        "frame": np.repeat(np.arange(frames, dtype=np.int32), views * slots * keypoints),
        "view": _words(points.views, frames, slots * keypoints),
        "subject" if subjects is not None else "slot": _words(labels, frames * views, keypoints),
        "keypoint": _words(points.skeleton.keypoints, frames * views * slots, 1),
        "x": points.xy[..., 0].ravel(),
        "y": points.xy[..., 1].ravel(),
        "confidence": points.confidence.ravel(),
    }
    if points.covariance is not None:
        for name, (row, column) in entries.items():
            columns[name] = points.covariance[..., row, column].ravel()
    if points.times is not None:
        columns["time"] = np.repeat(points.times.ravel(), slots * keypoints)
    table = pa.table(columns).replace_schema_metadata({key: json.dumps(_header(points)).encode()})
    with replacing(path) as temporary:
        pq.write_table(table, temporary, compression="zstd")


entries = {"cov_xx": (0, 0), "cov_xy": (0, 1), "cov_yy": (1, 1)}


def _words(words: Any, repeats: int, each: int) -> pa.DictionaryArray:
    codes = np.tile(np.repeat(np.arange(len(words), dtype=np.int32), each), repeats)
    return pa.DictionaryArray.from_arrays(codes, pa.array(list(words), type=pa.string()))


def _header(points: Detections2D | Tracks2D) -> dict[str, Any]:
    header = {
        "kind": type(points).__name__,
        "version": version,
        "shape": list(points.shape),
        "views": list(points.views),
        "fps": points.fps,
        "sizes": None if points.sizes is None else points.sizes.tolist(),
        "shared_error": None if points.shared_error is None else points.shared_error.tolist(),
        "skeleton": {
            "name": points.skeleton.name,
            "keypoints": list(points.skeleton.keypoints),
            "bones": points.skeleton.bones.tolist(),
            "mirror": np.asarray(points.skeleton.mirror).tolist(),
        },
    }
    if isinstance(points, Tracks2D):
        header["subjects"] = list(points.subjects)
    return header


def read(path: str | Path) -> Detections2D | Tracks2D:
    """Read what `write` wrote.

    Parameters
    ----------
    path : path

    Returns
    -------
    points : Detections2D or Tracks2D

    Raises
    ------
    ValueError
        If the file is damaged or not one of this package's.
    """
    path = Path(path)
    try:
        table = pq.read_table(path)
        header = json.loads((table.schema.metadata or {})[key])
        shape = tuple(int(length) for length in header["shape"])
        if header["version"] != version or table.num_rows != int(np.prod(shape)):
            raise ValueError(
                f"version {header['version']} and {table.num_rows} rows, expected version {version} and "
                f"{int(np.prod(shape))} rows"
            )
        return _points(table, header, shape)
    except (pa.ArrowException, OSError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path}: damaged, or not detections written by this package: {error}") from error


def _points(table: pa.Table, header: dict[str, Any], shape: tuple[int, ...]) -> Detections2D | Tracks2D:
    def column(name: str) -> Float:
        return table[name].to_numpy().reshape(shape)

    body = header["skeleton"]
    covariance = None
    if "cov_xx" in table.column_names:
        covariance = np.empty((*shape, 2, 2))
        for name, (row, place) in entries.items():
            covariance[..., row, place] = covariance[..., place, row] = column(name)
    fields = {
        "xy": np.stack([column("x"), column("y")], axis=-1),
        "confidence": column("confidence"),
        "covariance": covariance,
        "times": column("time")[:, :, 0, 0] if "time" in table.column_names else None,
        "views": tuple(header["views"]),
        "skeleton": Skeleton(
            name=body["name"],
            keypoints=tuple(body["keypoints"]),
            bones=np.array(body["bones"], dtype=np.int64).reshape(-1, 2),
            mirror=np.array(body["mirror"], dtype=np.int64),
        ),
        "fps": header["fps"],
        "sizes": header.get("sizes"),
        "shared_error": header.get("shared_error"),
    }
    if header["kind"] == "Tracks2D":
        return Tracks2D(subjects=tuple(header["subjects"]), **fields)
    return Detections2D(**fields)
