"""mrcal's .cameramodel: one camera per file, a Python dict as text, metres."""

import ast
from pathlib import Path

import numpy as np

from calibration.camera import Camera, Intrinsics
from calibration.rig_files.units import agreed_unit

LENSES = {
    f"LENSMODEL_{name}": count
    for name, count in {"PINHOLE": 0, "OPENCV4": 4, "OPENCV5": 5, "OPENCV8": 8, "OPENCV12": 12}.items()
}


def recognise(content: bytes) -> bool:
    """Tell by the name of the lens model."""
    return b"LENSMODEL_" in content and b"intrinsics" in content


def read(path: Path, unit: str | None = None) -> tuple[Camera, ...]:
    """Read the one camera of this file."""
    metres = agreed_unit(path, asked=unit, stored=None, usual="m")
    try:
        model = ast.literal_eval(path.read_text(encoding="utf-8").strip())
    except (SyntaxError, ValueError) as error:
        raise ValueError(f"{path}: not a cameramodel: {error}") from error
    lens = str(model.get("lensmodel", model.get("lens_model")))
    if lens not in LENSES:
        raise ValueError(
            f"{path}: lens model {lens} is not one of {', '.join(LENSES)}; convert it with "
            "mrcal-convert-lensmodel LENSMODEL_OPENCV8"
        )
    values = np.array(model["intrinsics"], dtype=np.float64)
    if len(values) != 4 + LENSES[lens]:
        raise ValueError(f"{path}: {lens} has {4 + LENSES[lens]} intrinsics, got {len(values)}")
    fx, fy, cx, cy = values[:4]
    intrinsics = Intrinsics(
        size=tuple(model["imagersize"]),
        K=np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1]]),
        distortion=values[4:],
    )
    cam_from_world = np.array(model.get("rt_cam_ref", model.get("extrinsics")), dtype=np.float64)
    camera = Camera.from_rotvec(path.stem, intrinsics, cam_from_world[:3], cam_from_world[3:] * metres)
    return (camera,)
