"""Our own file: one row per point, everything that is known about it, nothing lost.

Any Parquet reader opens it as a plain table; the metadata entry "triangulate" (JSON) holds what is not per
point.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from calibration.atomic import replacing
from models2d.skeleton import Skeleton
from triangulate.trajectories import Trajectories3D

VERSION = 1
AXES = ("x", "y", "z")
PAIRS = [(0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2)]


def write(trajectories: Trajectories3D, path: str | Path) -> None:
    """Write trajectories without loss.

    Parameters
    ----------
    trajectories : Trajectories3D
        The covariances are taken to be symmetric.
    path : path
    """
    frames, subjects, keypoints = trajectories.shape
    frame = np.repeat(np.arange(frames, dtype=np.int32), subjects * keypoints)
    subject = np.tile(np.repeat(np.arange(subjects, dtype=np.int32), keypoints), frames)
    keypoint = np.tile(np.arange(keypoints, dtype=np.int32), frames * subjects)
    columns: dict[str, Any] = {
        "frame": frame,
        "time": trajectories.times[frame] if frames else np.zeros(0),
        "subject": pa.DictionaryArray.from_arrays(subject, pa.array(trajectories.subjects, pa.string())),
        "keypoint": pa.DictionaryArray.from_arrays(keypoint, list(trajectories.skeleton.keypoints)),
    }
    for axis, name in enumerate(AXES):
        columns[name] = trajectories.xyz[..., axis].ravel()
    for a, b in PAIRS:
        columns[f"cov_{AXES[a]}{AXES[b]}"] = trajectories.covariance[..., a, b].ravel()
    columns["status"] = trajectories.status.astype(np.int8).ravel()
    columns["error"] = trajectories.error.ravel()
    for view, name in enumerate(trajectories.views):
        columns[f"inlier_{name}"] = trajectories.inliers[:, view].ravel()
    table = pa.table(columns).replace_schema_metadata({"triangulate": json.dumps(_facts(trajectories))})
    with replacing(path) as temporary:
        pq.write_table(table, temporary, compression="zstd")


def _facts(trajectories: Trajectories3D) -> dict[str, Any]:
    skeleton = trajectories.skeleton
    return {
        "version": VERSION,
        "unit": {"xyz": "m", "covariance": "m2", "time": "s", "error": "px"},
        "fps": trajectories.fps,
        "start": trajectories.start,
        "frames": trajectories.shape[0],
        "subjects": list(trajectories.subjects),
        "views": list(trajectories.views),
        "skeleton": {
            "name": skeleton.name,
            "keypoints": list(skeleton.keypoints),
            "bones": skeleton.bones.tolist(),
            "mirror": np.asarray(skeleton.mirror).tolist(),
        },
    }


def read(path: str | Path) -> Trajectories3D:
    """Read what `write` wrote.

    Parameters
    ----------
    path : path

    Returns
    -------
    trajectories : Trajectories3D

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is not a Parquet file of trajectories, or was written by a newer version.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file")
    try:
        table = pq.read_table(path)
    except (pa.ArrowInvalid, OSError) as error:
        raise ValueError(f"{path}: not a Parquet file: {error}") from error
    metadata = table.schema.metadata or {}
    if b"triangulate" not in metadata:
        raise ValueError(f"{path}: a Parquet file, but not of trajectories that triangulate wrote")
    facts = json.loads(metadata[b"triangulate"])
    if facts["version"] > VERSION:
        raise ValueError(f"{path}: written by a newer version of triangulate; update to read it")
    return _assemble(facts, table)


def _assemble(facts: dict[str, Any], table: pa.Table) -> Trajectories3D:
    skeleton = facts["skeleton"]
    points = (facts["frames"], len(facts["subjects"]), len(skeleton["keypoints"]))

    def column(name: str) -> np.ndarray:
        return table[name].to_numpy(zero_copy_only=False).reshape(points)

    covariance = np.empty((*points, 3, 3))
    for a, b in PAIRS:
        covariance[..., a, b] = covariance[..., b, a] = column(f"cov_{AXES[a]}{AXES[b]}")
    inliers = [column(f"inlier_{view}") for view in facts["views"]]
    return Trajectories3D(
        xyz=np.stack([column(axis) for axis in AXES], axis=-1),
        covariance=covariance,
        inliers=np.stack(inliers, axis=1) if inliers else np.zeros((points[0], 0, *points[1:]), dtype=bool),
        status=column("status"),
        error=column("error"),
        views=tuple(facts["views"]),
        skeleton=Skeleton(
            name=skeleton["name"],
            keypoints=tuple(skeleton["keypoints"]),
            bones=np.array(skeleton["bones"], dtype=np.int64).reshape(-1, 2),
            mirror=np.array(skeleton["mirror"]),
        ),
        subjects=tuple(facts["subjects"]),
        fps=facts["fps"],
        start=facts["start"],
    )
