"""Tell by its content which tool wrote a file of detections, and read it."""

import re
from pathlib import Path

import h5py
import numpy as np

from calibration.documents import read_json
from models2d.readers import deeplabcut, mmpose, openpose, sleap, sleap_project
from models2d.readers.view import ViewDetections
from models2d.skeleton import Skeleton

known_detections = (
    "DeepLabCut, Lightning Pose and EKS csv or h5, SLEAP analysis h5 or csv and .slp, folders of OpenPose "
    "JSON, "
    "MMPose JSON, COCO results JSON, and this package's Parquet"
)


def read_view(path: Path, skeleton: Skeleton | None = None) -> ViewDetections:
    """Read the detections of one view from a file or folder of any known tool.

    Parameters
    ----------
    path : path
    skeleton : Skeleton, optional
        Names the keypoints where the file does not.

    Returns
    -------
    view : ViewDetections

    Raises
    ------
    FileNotFoundError
        If there is nothing at the path.
    ValueError
        If the file is empty, malformed or of no known tool.
    """
    view = openpose.read(path, skeleton) if path.is_dir() else _read_file(path, skeleton)
    _check_pixels(view)
    return view


def _check_pixels(view: ViewDetections) -> None:
    """Refuse coordinates that are shares of the image, which OpenPose and MediaPipe write if asked to."""
    xy = view.xy[np.isfinite(view.xy).all(axis=-1)]
    if len(xy) > 1 and np.abs(xy).max() <= 1 and (xy % 1 != 0).any():
        raise ValueError(
            f"{view.path}: its coordinates lie between {xy.min():.3g} and {xy.max():.3g}: these are shares "
            "of the image, not pixels; write pixels (OpenPose: --keypoint_scale 0), or multiply x by the "
            "width and y by the height"
        )


def _read_file(path: Path, skeleton: Skeleton | None) -> ViewDetections:
    if not path.exists():
        raise FileNotFoundError(f"{path}: there is no such file or folder")
    with path.open("rb") as file:
        start = file.read(4096)
    if not start.strip():
        raise ValueError(f"{path}: the file is empty")
    if start.startswith(b"\x89HDF"):
        return _hdf5(path)
    if start.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in {b"{", b"["}:
        return _json(path, skeleton)
    return _text(path, start)


def _hdf5(path: Path) -> ViewDetections:
    try:
        with h5py.File(path) as file:
            names = set(file)
    except OSError as error:
        raise ValueError(f"{path}: damaged HDF5 file: {error}") from error
    if {"tracks", "node_names"} <= names:
        return sleap.read_analysis(path)
    if {"metadata", "instances", "points"} <= names:
        return sleap_project.read(path)
    return deeplabcut.read(path)


def _json(path: Path, skeleton: Skeleton | None) -> ViewDetections:
    document = read_json(path)
    first = document[0] if isinstance(document, list) and document else {}
    if isinstance(document, dict) and "instance_info" in document:
        return mmpose.read_instances(path, document, skeleton)
    if isinstance(first, dict) and "instances" in first:
        return mmpose.read_instances(path, document, skeleton)
    if isinstance(first, dict) and {"image_id", "keypoints"} <= set(first):
        return mmpose.read_results(path, document, skeleton)
    if isinstance(document, dict) and "people" in document:
        raise ValueError(f"{path}: is one OpenPose frame; give the folder that holds all of them")
    raise _unknown(path)


def _text(path: Path, start: bytes) -> ViewDetections:
    try:
        first = start.decode("utf-8-sig", errors="strict" if len(start) < 4096 else "ignore").splitlines()[0]
    except UnicodeDecodeError as error:
        if b"\0" not in start or start.startswith((b"\xff\xfe", b"\xfe\xff")):
            raise ValueError(f"{path}: is not written in UTF-8: {error}; save it as UTF-8") from error
        raise _unknown(path) from error
    cells = [cell.strip() for cell in first.split(",")]
    if re.match(r'"?scorer"?[,;\t]', first):
        return deeplabcut.read(path)
    if cells[:2] == ["track", "frame_idx"]:
        return sleap.read_csv(path)
    raise _unknown(path)


def _unknown(path: Path) -> ValueError:
    return ValueError(f"{path}: not a file of detections that is known here; known are {known_detections}")
