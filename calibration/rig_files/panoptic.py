"""CMU Panoptic's calibration JSON: cm, world to camera."""

from pathlib import Path
from typing import Any

import numpy as np

from calibration.camera import Camera, Intrinsics
from calibration.documents import read_json
from calibration.rig_files.toml_cameras import rotvec_of
from calibration.rig_files.units import agreed_unit

KEYS = ("name", "resolution", "K", "distCoef", "R", "t")


def recognise(content: bytes) -> bool:
    """Tell by the names of the keys."""
    return content.lstrip().startswith(b"{") and b'"cameras"' in content and b'"distCoef"' in content


def read(path: Path, unit: str | None = None) -> tuple[Camera, ...]:
    """Read the rig."""
    metres = agreed_unit(path, asked=unit, stored=None, usual="cm")
    cameras = read_json(path)["cameras"]
    return tuple(_camera(path, values, metres) for values in cameras)


def _camera(path: Path, values: dict[str, Any], metres: float) -> Camera:
    missing = [key for key in KEYS if key not in values]
    if missing:
        raise ValueError(f"{path}: camera {values.get('name')} has no {', '.join(missing)}")
    intrinsics = Intrinsics(
        size=tuple(values["resolution"]),
        K=np.array(values["K"], dtype=np.float64),
        distortion=np.array(values["distCoef"], dtype=np.float64),
    )
    rotvec = rotvec_of(np.array(values["R"], dtype=np.float64))
    return Camera.from_rotvec(values["name"], intrinsics, rotvec, np.ravel(values["t"]) * metres)
