"""Kalibr's camchain.yaml: every camera placed in the one before it, metres."""

from pathlib import Path
from typing import Any

import numpy as np

from calibration.camera import Camera, Intrinsics
from calibration.documents import read_yaml
from calibration.rig_files.toml_cameras import natural, rotvec_of
from calibration.rig_files.units import agreed_unit

LENSES = {"radtan": "pinhole", "none": "pinhole", "equidistant": "fisheye"}


def recognise(content: bytes) -> bool:
    """Tell by the keys of a camera."""
    return b"camera_model:" in content and b"distortion_model:" in content


def read(path: Path, unit: str | None = None) -> tuple[Camera, ...]:
    """Read the rig; the first camera is the world."""
    metres = agreed_unit(path, asked=unit, stored=None, usual="m")
    document = read_yaml(path)
    if not isinstance(document, dict):
        raise ValueError(f"{path}: expected a section for each camera, got {type(document).__name__}")
    cameras: list[Camera] = []
    cam_from_world = np.eye(4)
    for name in sorted((key for key in document if str(key).startswith("cam")), key=natural):
        camera = document[name]
        if cameras:
            if "T_cn_cnm1" not in camera:
                raise ValueError(
                    f"{path}: {name} has no T_cn_cnm1, so it is not placed in the camera before it"
                )
            cam_from_world = np.array(camera["T_cn_cnm1"], dtype=np.float64) @ cam_from_world
        rotvec = rotvec_of(cam_from_world[:3, :3])
        cameras.append(
            Camera.from_rotvec(name, _lens(path, name, camera), rotvec, cam_from_world[:3, 3] * metres)
        )
    return tuple(cameras)


def _lens(path: Path, name: str, camera: dict[str, Any]) -> Intrinsics:
    projection, distortion = camera["camera_model"], camera["distortion_model"]
    if projection != "pinhole" or distortion not in LENSES:
        raise ValueError(
            f"{path}: {name} has a lens {projection}-{distortion}; known are pinhole with "
            f"{', '.join(LENSES)}: calibrate again with one of them"
        )
    fx, fy, cx, cy = camera["intrinsics"]
    return Intrinsics(
        size=tuple(camera["resolution"]),
        K=np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1]]),
        distortion=np.array(camera.get("distortion_coeffs", []), dtype=np.float64),
        model=LENSES[distortion],
    )
