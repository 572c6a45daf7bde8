"""`read_labels` by content and `write_labels` by suffix."""

from pathlib import Path

from models2d.labelling import coco, deeplabcut, sleap
from models2d.labels import Labels
from models2d.skeleton import Skeleton

known_tools = (
    "DeepLabCut projects and CollectedData csv or h5, Lightning Pose csv, COCO keypoint JSON, SLEAP .slp"
)


def read_labels(
    path: str | Path, *, skeleton: Skeleton | str | Path | None = None, root: str | Path | None = None
) -> Labels:
    """Read labelled frames of any known tool, recognised by content.

    Parameters
    ----------
    path : path
        A DeepLabCut project (folder or `config.yaml`), its `CollectedData` csv or h5, a Lightning Pose csv,
        a COCO keypoint JSON or a SLEAP .slp.
    skeleton : Skeleton, path or str, optional
        Keypoints to take, in this order; without it those of the file.
    root : path, optional
        Folder that the paths of the images start from, where it is not the file's own project.

    Returns
    -------
    labels : Labels

    Raises
    ------
    FileNotFoundError
        If there is no such file or no labels in the project.
    ValueError
        If the file is empty, malformed or of no known tool, or lacks a keypoint of the skeleton.
    """
    path, folder = Path(path), None if root is None else Path(root)
    labels = _read(path, folder)
    if skeleton is None:
        return labels
    body = skeleton if isinstance(skeleton, Skeleton) else Skeleton.load(skeleton)
    missing = [name for name in body.keypoints if name not in labels.skeleton.keypoints]
    if missing:
        raise ValueError(
            f"{path}: no keypoint called {', '.join(missing)}; it has {', '.join(labels.skeleton.keypoints)}"
        )
    columns = [labels.skeleton.index(name) for name in body.keypoints]
    return Labels(
        frames=labels.frames, xy=labels.xy[:, :, columns], individuals=labels.individuals, skeleton=body
    )


def _read(path: Path, root: Path | None) -> Labels:
    if path.is_dir() or path.suffix in {".yaml", ".yml"}:
        return deeplabcut.read_project(path)
    if not path.exists():
        raise FileNotFoundError(f"{path}: there is no such file or folder")
    with path.open("rb") as file:
        start = file.read(4096)
    if not start.strip():
        raise ValueError(f"{path}: the file is empty")
    if start.startswith(b"\x89HDF"):
        return sleap.read(path) if path.suffix == ".slp" else deeplabcut.read_collected_data(path, root)
    if start.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{"):
        return coco.read(path, root)
    if start.removeprefix(b"\xef\xbb\xbf").startswith(b"scorer"):
        return deeplabcut.read_collected_data(path, root)
    raise ValueError(f"{path}: not a file of labels that is known here; known are {known_tools}")


def write_labels(
    labels: Labels, path: str | Path, *, scorer: str = "labeller", root: str | Path | None = None
) -> None:
    """Write labelled frames by suffix, atomically.

    Parameters
    ----------
    labels : Labels
    path : path
        `.csv` (DeepLabCut, Lightning Pose), `.h5` (DeepLabCut), `.json` (COCO), `.slp` (SLEAP, needs
        sleap-io), or a folder: a DeepLabCut project.
    scorer : str
        Name of the labeller in DeepLabCut's files.
    root : path, optional
        Folder that the paths of the images start from; the file's own unless given.

    Raises
    ------
    ValueError
        For another suffix, or a frame that such a file cannot name.
    """
    path = Path(path)
    folder = path.parent if root is None else Path(root)
    if path.suffix in {".csv", ".h5"}:
        deeplabcut.write_table(labels, path, folder, scorer)
    elif path.suffix == ".json":
        coco.write(labels, path, folder)
    elif path.suffix == ".slp":
        sleap.write(labels, path)
    elif not path.suffix or path.is_dir():
        deeplabcut.write_deeplabcut_project(labels, path, scorer)
    else:
        raise ValueError(
            f"{path}: unknown suffix {path.suffix!r}; labels are written to .csv, .h5, .json, .slp or a "
            f"folder"
        )
