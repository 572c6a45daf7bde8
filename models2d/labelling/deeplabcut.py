"""DeepLabCut projects and their `CollectedData` tables, which Lightning Pose shares.

Pixels: labels count from the centre of the top-left pixel, as in this package.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from calibration.atomic import replacing
from calibration.documents import read_yaml
from models2d.labels import LabelledFrame, Labels, joined
from models2d.readers.dlc_table import DlcTable, read_dlc_table
from models2d.skeleton import Skeleton

single = "single"
"""The individual under which DeepLabCut keeps keypoints that occur once per image."""


def read_collected_data(path: Path, root: Path | None = None) -> Labels:
    """Read one `CollectedData` csv or HDF5 file.

    Parameters
    ----------
    path : path
    root : path, optional
        Folder that the images' paths start from; found from where the images lie unless given.

    Returns
    -------
    labels : Labels

    Raises
    ------
    ValueError
        If the table is malformed.
    """
    table = read_dlc_table(path)
    names = [row.replace("\\", "/") for row in table.rows]
    folder = root if root is not None else _root(path, names)
    individuals = [name or "individual1" for name in table.individuals]
    return Labels(
        frames=tuple(LabelledFrame(path=folder / name) for name in names),
        xy=_points(table),
        individuals=tuple(individuals),
        skeleton=Skeleton.from_names(path.stem, table.keypoints),
    )


def _points(table: DlcTable) -> np.ndarray:
    xy = np.stack([table.grid("x"), table.grid("y")], axis=-1)
    if "visible" in table.coordinates:
        xy[table.grid("visible") == 0] = np.nan
    xy[np.isnan(xy).any(axis=-1)] = np.nan
    return xy


def _root(path: Path, names: list[str]) -> Path:
    """Find the folder above the table that reaches the images, else the one that the layout implies."""
    above = [path.parent, *list(path.resolve().parents)[1:4]]
    for folder in above:
        if names and (folder / names[0]).is_file():
            return folder
    return path.resolve().parents[2] if path.resolve().parents[1].name == "labeled-data" else path.parent


def read_project(folder: Path) -> Labels:
    """Read all labels of a DeepLabCut project.

    Parameters
    ----------
    folder : path
        Folder of the project, or its `config.yaml`.

    Returns
    -------
    labels : Labels
        With the keypoints, individuals and bones of the configuration.

    Raises
    ------
    FileNotFoundError
        If there is no configuration or no table of labels.
    ValueError
        If a file is malformed, or a table has a bodypart that the configuration does not list.
    """
    config_path = folder if folder.is_file() else folder / "config.yaml"
    config = read_config(config_path)
    root = config_path.parent
    tables = sorted(root.glob("labeled-data/*/CollectedData_*.csv"))
    tables += [
        path
        for path in sorted(root.glob("labeled-data/*/CollectedData_*.h5"))
        if path.with_suffix(".csv") not in tables
    ]
    if not tables:
        raise FileNotFoundError(
            f"{root}: holds no labels; expected labeled-data/*/CollectedData_*.csv or .h5"
        )
    skeleton = skeleton_of(config, config_path)
    parts = []
    for path in tables:
        part = read_collected_data(path, root)
        unknown = [name for name in part.skeleton.keypoints if name not in skeleton.keypoints]
        if unknown:
            raise ValueError(
                f"{path}: unknown bodypart {', '.join(unknown)}; {config_path.name} lists "
                f"{', '.join(skeleton.keypoints)}"
            )
        parts.append(_completed(part, skeleton))
    return joined(parts)


def _completed(labels: Labels, skeleton: Skeleton) -> Labels:
    xy = np.full((*labels.xy.shape[:2], len(skeleton.keypoints), 2), np.nan)
    xy[:, :, [skeleton.index(name) for name in labels.skeleton.keypoints]] = labels.xy
    return Labels(frames=labels.frames, xy=xy, individuals=labels.individuals, skeleton=skeleton)


def read_config(path: Path) -> dict[str, Any]:
    """Read a project's `config.yaml`.

    Parameters
    ----------
    path : path

    Returns
    -------
    config : dict

    Raises
    ------
    FileNotFoundError
        If there is none.
    ValueError
        If it is malformed, with the line.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path}: there is no such file; a DeepLabCut project has a config.yaml")
    config = read_yaml(path)
    if not isinstance(config, dict):
        raise ValueError(f"{path}: expected keys and values, got {type(config).__name__}")
    return config


def skeleton_of(config: Mapping[str, Any], path: Path) -> Skeleton:
    """Take keypoints and bones from a project's configuration.

    Parameters
    ----------
    config : mapping
    path : path
        For messages.

    Returns
    -------
    skeleton : Skeleton

    Raises
    ------
    ValueError
        If it lists no bodyparts, or a bone joins one that it does not list.
    """
    if config.get("multianimalproject"):
        keypoints = [*(config.get("multianimalbodyparts") or []), *(config.get("uniquebodyparts") or [])]
    else:
        keypoints = config.get("bodyparts") or []
    if not isinstance(keypoints, list) or not keypoints:
        raise ValueError(f"{path}: lists no bodyparts")
    bones = [tuple(bone) for bone in config.get("skeleton") or [] if len(bone) == 2]
    try:
        return Skeleton.from_names(str(config.get("Task", path.parent.name)), keypoints, bones)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def write_table(labels: Labels, path: Path, root: Path, scorer: str) -> None:
    """Write labels as a `CollectedData` csv or HDF5 file, atomically.

    Parameters
    ----------
    labels : Labels
        Of image files inside `root`.
    path : path
        .csv or .h5
    root : path
        Folder that the images' paths start from.
    scorer : str

    Raises
    ------
    ValueError
        If a frame is still inside a video or lies outside `root`.
    """
    import pandas as pd

    rows = [relative_parts(frame, root) for frame in labels.frames]
    several = len(labels.individuals) > 1 or labels.individuals[0] == single
    keys = _columns(labels)
    names = ["scorer", "individuals", "bodyparts", "coords"] if several else ["scorer", "bodyparts", "coords"]
    header = [
        (scorer, labels.individuals[i], labels.skeleton.keypoints[k], part)
        if several
        else (scorer, labels.skeleton.keypoints[k], part)
        for i, k in keys
        for part in "xy"
    ]
    values = np.stack([labels.xy[:, i, k] for i, k in keys], axis=1).reshape(len(rows), -1)
    index = (
        pd.MultiIndex.from_tuples(rows)
        if len({len(row) for row in rows}) == 1
        else ["/".join(r) for r in rows]
    )
    table = pd.DataFrame(values, index=index, columns=pd.MultiIndex.from_tuples(header, names=names))
    with replacing(path) as temporary:
        if path.suffix == ".h5":
            table.to_hdf(temporary, key="df_with_missing", mode="w")
        else:
            table.to_csv(temporary)


def _columns(labels: Labels) -> list[tuple[int, int]]:
    """(individual, keypoint) of each column; what only "single" has is not repeated for the others."""
    unique: set[int] = set()
    if single in labels.individuals:
        marked = np.isfinite(labels.xy[:, labels.individuals.index(single), :, 0]).any(axis=0)
        unique = set(np.flatnonzero(marked).tolist())
    return [
        (i, k)
        for i, individual in enumerate(labels.individuals)
        for k in range(len(labels.skeleton.keypoints))
        if (k in unique) == (individual == single)
    ]


def relative_parts(frame: LabelledFrame, root: Path) -> tuple[str, ...]:
    """Name an image by its path from a folder.

    Parameters
    ----------
    frame : LabelledFrame
    root : path

    Returns
    -------
    parts : tuple of str

    Raises
    ------
    ValueError
        If the frame is still inside a video or the image lies elsewhere.
    """
    if frame.index is not None:
        raise ValueError(f"{frame}: label files name images; extract the frames of the video first")
    path = frame.path if not frame.path.is_absolute() else frame.path.resolve()
    try:
        return path.relative_to(root.resolve() if path.is_absolute() else root).parts
    except ValueError as error:
        raise ValueError(f"{frame.path}: the image lies outside the folder {root}") from error


def write_deeplabcut_project(labels: Labels, folder: Path, scorer: str) -> None:
    """Write labels into a DeepLabCut project, which is made where there is none.

    Parameters
    ----------
    labels : Labels
        Of image files in `labeled-data/<video>/` inside the folder.
    folder : path
    scorer : str

    Raises
    ------
    ValueError
        If an image lies elsewhere.
    """
    folder.mkdir(parents=True, exist_ok=True)
    groups: dict[str, list[int]] = {}
    for number, frame in enumerate(labels.frames):
        parts = relative_parts(frame, folder)
        if len(parts) != 3 or parts[0] != "labeled-data":
            raise ValueError(f"{frame.path}: expected the image in {folder / 'labeled-data'}/<video>/")
        groups.setdefault(parts[1], []).append(number)
    for video, numbers in groups.items():
        for suffix in (".csv", ".h5"):
            target = folder / "labeled-data" / video / f"CollectedData_{scorer}{suffix}"
            write_table(labels.select(numbers), target, folder, scorer)
    path = folder / "config.yaml"
    if not path.exists():
        with replacing(path) as temporary:
            text = yaml.safe_dump(_config(labels, folder, scorer, list(groups)), sort_keys=False)
            temporary.write_text(text, encoding="utf-8")


def _config(labels: Labels, folder: Path, scorer: str, videos: list[str]) -> dict[str, Any]:
    keys = _columns(labels)
    names = labels.skeleton.keypoints
    several = len(labels.individuals) > 1
    shared = [names[k] for k in sorted({k for i, k in keys if labels.individuals[i] != single})]
    unique = [names[k] for k in sorted({k for i, k in keys if labels.individuals[i] == single})]
    body: dict[str, Any] = {"bodyparts": list(names)}
    if several:
        body = {
            "individuals": [name for name in labels.individuals if name != single],
            "uniquebodyparts": unique,
            "multianimalbodyparts": shared,
            "bodyparts": "MULTI!",
        }
    return {
        "Task": labels.skeleton.name,
        "scorer": scorer,
        "date": "",
        "multianimalproject": several,
        "identity": False,
        "project_path": str(folder),
        "video_sets": {f"{video}.mp4": {"crop": ""} for video in videos},
        **body,
        "skeleton": [list(bone) for bone in labels.skeleton.bone_names],
        "start": 0,
        "stop": 1,
        "numframes2pick": 20,
        "pcutoff": 0.6,
        "dotsize": 8,
        "TrainingFraction": [0.95],
        "iteration": 0,
        "default_net_type": "resnet_50",
        "default_augmenter": "default",
        "snapshotindex": -1,
        "batch_size": 8,
    }
