"""OpenCV YAML as EasyMocap has it: intrinsics in intri.yml, places in extri.yml beside it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from calibration.atomic import replacing
from calibration.camera import Camera, Intrinsics
from calibration.rig_files.sizes import guessed_size
from calibration.rig_files.storage import opened, strings
from calibration.rig_files.toml_cameras import rotvec_of
from calibration.rig_files.units import agreed_unit, metres_per

FILES = ("intri.yml", "extri.yml")


def recognise(content: bytes) -> bool:
    """Tell by the list of names that both files begin with."""
    return content.startswith(b"%YAML") and b"\nnames:" in content


def read(path: Path, unit: str | None = None) -> tuple[Camera, ...]:
    """Read the rig from the folder of the two files or from either of them."""
    folder = path if path.is_dir() else path.parent
    missing = [name for name in FILES if not (folder / name).is_file()]
    if missing:
        raise ValueError(
            f"{folder}: EasyMocap needs {' and '.join(FILES)} side by side; no {missing[0]} here"
        )
    metres = agreed_unit(path, asked=unit, stored=None, usual="m")
    intri, extri = (opened(folder / name) for name in FILES)
    names = strings(intri.getNode("names"))
    if sorted(names) != sorted(strings(extri.getNode("names"))):
        raise ValueError(f"{folder}: {' and '.join(FILES)} name different cameras")
    return tuple(
        Camera.from_rotvec(
            name,
            _intrinsics(intri, name, folder / FILES[0]),
            _rotvec(extri, name, folder / FILES[1]),
            _matrix(extri, f"T_{name}", folder / FILES[1]).ravel() * metres,
        )
        for name in names
    )


def write(cameras: Sequence[Camera], path: Path, unit: str = "m") -> None:
    """Write the two files into a folder."""
    metres = metres_per(unit)
    fisheye = [camera.name for camera in cameras if camera.intrinsics.model == "fisheye"]
    if fisheye:
        raise ValueError(
            f"{', '.join(fisheye)}: EasyMocap's files hold no fisheye lenses; write anipose's format"
        )
    intri, extri = (cv2.FileStorage(name, cv2.FILE_STORAGE_WRITE | cv2.FILE_STORAGE_MEMORY) for name in FILES)
    for storage in (intri, extri):
        storage.startWriteStruct("names", cv2.FILE_NODE_SEQ)
        for camera in cameras:
            storage.write("", camera.name)
        storage.endWriteStruct()
    for camera in cameras:
        lens = camera.intrinsics
        intri.write(f"K_{camera.name}", np.array(lens.K))
        intri.write(
            f"dist_{camera.name}", np.array(lens.distortion if lens.distortion.size else np.zeros(5))[None]
        )
        intri.write(f"H_{camera.name}", lens.size[1])
        intri.write(f"W_{camera.name}", lens.size[0])
        extri.write(f"R_{camera.name}", camera.rotvec[:, None])
        extri.write(f"Rot_{camera.name}", camera.R)
        extri.write(f"T_{camera.name}", camera.t[:, None] / metres)
    path.mkdir(exist_ok=True)
    with replacing(path / FILES[0]) as first, replacing(path / FILES[1]) as second:
        first.write_text(intri.releaseAndGetString(), encoding="utf-8", newline="\n")
        second.write_text(extri.releaseAndGetString(), encoding="utf-8", newline="\n")


def _intrinsics(storage: Any, name: str, path: Path) -> Intrinsics:
    K = _matrix(storage, f"K_{name}", path)
    height, width = (storage.getNode(f"{letter}_{name}") for letter in "HW")
    size = None if height.empty() else (int(width.real()), int(height.real()))
    distortion = _matrix(storage, f"dist_{name}", path).ravel()
    return Intrinsics(
        size=size or guessed_size(path, name, K), K=K, distortion=distortion, size_known=size is not None
    )


def _rotvec(storage: Any, name: str, path: Path) -> Any:
    if not storage.getNode(f"R_{name}").empty():
        return _matrix(storage, f"R_{name}", path).ravel()
    return rotvec_of(_matrix(storage, f"Rot_{name}", path))


def _matrix(storage: Any, key: str, path: Path) -> Any:
    matrix = storage.getNode(key).mat()
    if matrix is None:
        raise ValueError(f"{path}: no matrix {key}")
    return matrix.astype(np.float64)
