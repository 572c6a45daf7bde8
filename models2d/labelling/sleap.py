"""SLEAP projects (.slp), through sleap-io, which also converts their older pixel convention."""

from pathlib import Path
from typing import Any

import numpy as np

from calibration.atomic import replacing
from models2d.labels import LabelledFrame, Labels
from models2d.readers.sleap_project import load
from models2d.skeleton import Skeleton


def read(path: Path) -> Labels:
    """Read the instances that people placed.

    Parameters
    ----------
    path : path

    Returns
    -------
    labels : Labels
        Frames of the videos that the project names.

    Raises
    ------
    ModelError
        If sleap-io is not installed.
    ValueError
        If the file is malformed, has several skeletons, or no instance placed by hand.
    """
    project = load(path)
    if len(project.skeletons) != 1:
        raise ValueError(f"{path}: has {len(project.skeletons)} skeletons, expected one")
    frames = [frame for frame in project.labeled_frames if frame.user_instances]
    if not frames:
        raise ValueError(
            f"{path}: holds no instance placed by hand, only predictions; read it with read_detections"
        )
    nodes = [node.name for node in project.skeletons[0].nodes]
    tracks = [track.name for track in project.tracks]
    people: list[list[tuple[str, Any]]] = []
    for frame in frames:
        named = [one.track.name if one.track is not None else "" for one in frame.user_instances]
        if "" in named or len(set(named)) != len(named):
            named = [f"individual{n + 1}" for n in range(len(named))]
        people.append(list(zip(named, frame.user_instances, strict=True)))
    used = {name for one in people for name, _ in one}
    individuals = [name for name in tracks if name in used]
    individuals += sorted(used - set(individuals))
    xy = np.full((len(frames), len(individuals), len(nodes), 2), np.nan)
    for row, one in enumerate(people):
        for name, instance in one:
            xy[row, individuals.index(name)] = instance.numpy()
    bones = [(nodes[a], nodes[b]) for a, b in project.skeletons[0].edge_inds]
    return Labels(
        frames=tuple(_frame(path, frame) for frame in frames),
        xy=xy,
        individuals=tuple(individuals),
        skeleton=Skeleton.from_names(project.skeletons[0].name or path.stem, nodes, bones),
    )


def _frame(path: Path, frame: Any) -> LabelledFrame:
    """Prefer the video beside the project to the path on the machine where it was labelled."""
    name = frame.video.filename
    if isinstance(name, list):
        return LabelledFrame(path=_beside(path, Path(name[frame.frame_idx])))
    return LabelledFrame(path=_beside(path, Path(name)), index=int(frame.frame_idx))


def _beside(path: Path, named: Path) -> Path:
    near = path.parent / Path(str(named).replace("\\", "/")).name
    return near if near.is_file() else named


def write(labels: Labels, path: Path) -> None:
    """Write a project, atomically.

    Parameters
    ----------
    labels : Labels
    path : path

    Raises
    ------
    ModelError
        If sleap-io is not installed.
    """
    from models2d.errors import ModelError

    try:
        import sleap_io as sio
    except ImportError as error:
        raise ModelError(
            f"{path}: SLEAP projects are written through sleap-io; install it with pip install "
            f"'triangulate[sleap]'"
        ) from error
    nodes = list(labels.skeleton.keypoints)
    skeleton = sio.Skeleton(nodes=nodes, edges=[list(bone) for bone in labels.skeleton.bone_names])
    tracks = [sio.Track(name) for name in labels.individuals]
    images = [frame for frame in labels.frames if frame.index is None]
    # Only with its images at hand does sleap-io write a list of images that it can read again.
    stills = sio.Video.from_filename([str(frame.path) for frame in images]) if images else None
    videos = {
        frame.path: sio.Video(filename=str(frame.path), open_backend=False)
        for frame in labels.frames
        if frame.index is not None
    }
    marked = []
    for frame, points in zip(labels.frames, labels.xy, strict=True):
        instances = [
            sio.Instance.from_numpy(points_data=one, skeleton=skeleton, track=track)
            for one, track in zip(points, tracks, strict=True)
            if np.isfinite(one).any()
        ]
        video = stills if frame.index is None else videos[frame.path]
        index = images.index(frame) if frame.index is None else frame.index
        marked.append(sio.LabeledFrame(video=video, frame_idx=index, instances=instances))
    with replacing(path) as temporary:
        sio.save_slp(sio.Labels(marked), str(temporary), embed=False)
