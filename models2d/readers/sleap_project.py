"""Instances of a SLEAP project (.slp), read through sleap-io (the extra "sleap")."""

from pathlib import Path
from typing import Any

import numpy as np

from models2d.errors import ModelError
from models2d.readers.frame_numbers import length_of
from models2d.readers.view import ViewDetections, cleaned


def load(path: Path) -> Any:
    """Load a project with sleap-io.

    Parameters
    ----------
    path : path

    Returns
    -------
    labels : sleap_io.Labels

    Raises
    ------
    ModelError
        If sleap-io is not installed.
    ValueError
        If the file is malformed.
    """
    try:
        import sleap_io
    except ImportError as error:
        raise ModelError(
            f"{path}: SLEAP projects are read through sleap-io, which is not installed; install it with "
            f"pip install "
            "'triangulate[sleap]', or export an analysis HDF5 file from SLEAP"
        ) from error
    try:
        return sleap_io.load_slp(str(path), open_videos=False)
    except (OSError, KeyError, ValueError, TypeError, IndexError) as error:
        raise ValueError(f"{path}: damaged SLEAP project: {error}") from error


def read(path: Path) -> ViewDetections:
    """Read the instances of the only video of a project.

    Parameters
    ----------
    path : path

    Returns
    -------
    view : ViewDetections
        Sparse; what a person placed has confidence 1 and replaces the prediction in the same frame and track.

    Raises
    ------
    ModelError
        If sleap-io is not installed.
    ValueError
        If the project has several videos or skeletons, or no instance.
    """
    labels = load(path)
    if len(labels.videos) != 1 or len(labels.skeletons) != 1:
        raise ValueError(
            f"{path}: has {len(labels.videos)} videos and {len(labels.skeletons)} skeletons; export the "
            f"analysis "
            "HDF5 of each video instead"
        )
    skeleton = labels.skeletons[0]
    tracks = [track.name for track in labels.tracks]
    rows: dict[tuple[int, int], np.ndarray] = {}
    for frame in labels.labeled_frames:
        people = [*frame.predicted_instances, *frame.user_instances]
        for place, instance in enumerate(people):
            track = tracks.index(instance.track.name) if instance.track is not None else None
            slot = (
                track
                if track is not None
                else place - (len(frame.predicted_instances) if frame.user_instances else 0)
            )
            if slot >= 0:
                rows[frame.frame_idx, slot] = _points(instance)
    if not rows:
        raise ValueError(f"{path}: holds no instance")
    slots = max(slot for _, slot in rows) + 1
    frames = length_of(path, [frame for frame, _ in rows], slots * len(skeleton.nodes))
    shape = (frames, slots, len(skeleton.nodes), 3)
    values = np.full(shape, np.nan)
    for place_, points in rows.items():
        values[place_] = points
    xy, confidence, notes = cleaned(values[..., :2], values[..., 2])
    names = [node.name for node in skeleton.nodes]
    return ViewDetections(
        path=path,
        tool="SLEAP",
        xy=xy,
        confidence=confidence,
        keypoints=tuple(names),
        individuals=tuple(tracks) if len(tracks) == shape[1] else None,
        bones=[(names[a], names[b]) for a, b in skeleton.edge_inds],
        sparse=True,
        notes=notes,
    )


def _points(instance: Any) -> np.ndarray:
    if hasattr(instance, "score"):
        return np.asarray(instance.numpy(scores=True), dtype=np.float64)
    xy = np.asarray(instance.numpy(), dtype=np.float64)
    return np.column_stack([xy, np.ones(len(xy))])
