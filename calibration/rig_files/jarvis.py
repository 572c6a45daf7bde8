"""JARVIS: one YAML per camera, mm, for row vectors ([X 1] [R; T] K), so K and R are stored transposed."""

from pathlib import Path
from typing import Any

import numpy as np

from calibration.camera import Camera, Intrinsics
from calibration.rig_files.sizes import guessed_size
from calibration.rig_files.storage import opened
from calibration.rig_files.toml_cameras import rotvec_of
from calibration.rig_files.units import agreed_unit


def recognise(content: bytes) -> bool:
    """Tell by the matrices' names."""
    return b"intrinsicMatrix:" in content and b"distortionCoefficients:" in content


def read(path: Path, unit: str | None = None) -> tuple[Camera, ...]:
    """Read the one camera of this file."""
    metres = agreed_unit(path, asked=unit, stored=None, usual="mm")
    storage = opened(path)

    def matrix(key: str) -> Any:
        value = storage.getNode(key).mat()
        if value is None:
            raise ValueError(f"{path}: no matrix {key}")
        return value.astype(np.float64)

    K = matrix("intrinsicMatrix").T
    width, height = storage.getNode("image_width"), storage.getNode("image_height")
    size = None if width.empty() or height.empty() else (int(width.real()), int(height.real()))
    intrinsics = Intrinsics(
        size=size or guessed_size(path, path.stem, K),
        K=K,
        distortion=matrix("distortionCoefficients").ravel(),
        size_known=size is not None,
    )
    camera = Camera.from_rotvec(path.stem, intrinsics, rotvec_of(matrix("R").T), matrix("T").ravel() * metres)
    return (camera,)
