"""MC-Calib's calibrated_cameras_data.yml: poses of the cameras in camera 0, in the board's unit."""

from pathlib import Path
from typing import Any

import numpy as np

from calibration.camera import Camera, Intrinsics
from calibration.rig_files.storage import opened
from calibration.rig_files.toml_cameras import rotvec_of
from calibration.rig_files.units import agreed_unit


def recognise(content: bytes) -> bool:
    """Tell by the count of cameras and the name of a pose."""
    return b"nb_camera:" in content and b"camera_pose_matrix:" in content


def read(path: Path, unit: str | None = None) -> tuple[Camera, ...]:
    """Read the rig."""
    metres = agreed_unit(path, asked=unit, stored=None)
    storage = opened(path)
    count = int(storage.getNode("nb_camera").real())
    nodes = {f"camera_{index}": storage.getNode(f"camera_{index}") for index in range(count)}
    groups = {name: int(node.getNode("camera_group").real()) for name, node in nodes.items()}
    if len(set(groups.values())) > 1:
        raise ValueError(
            f"{path}: the cameras fell into several groups that are not placed together: {groups}"
        )
    return tuple(_camera(path, name, node, metres) for name, node in nodes.items())


def _camera(path: Path, name: str, node: Any, metres: float) -> Camera:
    def matrix(key: str) -> Any:
        value = node.getNode(key).mat()
        if value is None:
            raise ValueError(f"{path}: {name} has no {key}")
        return value.astype(np.float64)

    intrinsics = Intrinsics(
        size=(int(node.getNode("img_width").real()), int(node.getNode("img_height").real())),
        K=matrix("camera_matrix"),
        distortion=matrix("distortion_vector").ravel(),
        model="fisheye" if node.getNode("distortion_type").real() == 1 else "pinhole",
    )
    cam_from_world = np.linalg.inv(matrix("camera_pose_matrix"))  # written as world_from_cam
    return Camera.from_rotvec(
        name, intrinsics, rotvec_of(cam_from_world[:3, :3]), cam_from_world[:3, 3] * metres
    )
