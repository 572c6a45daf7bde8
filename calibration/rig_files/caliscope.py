"""Caliscope's camera_array.toml: sections `[cameras.N]`, metres, in old files with 3x3 rotations."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from calibration.camera import Camera
from calibration.documents import read_toml
from calibration.rig_files.toml_cameras import CameraTable, camera_section, natural
from calibration.rig_files.units import agreed_unit
from calibration.toml_files import write_toml


def recognise(content: bytes) -> bool:
    """Tell by the sections' name."""
    return b"[cameras." in content and b"matrix" in content


def read(path: Path, unit: str | None = None) -> tuple[Camera, ...]:
    """Read the rig; cameras that were never placed are left out, as caliscope does."""
    metres = agreed_unit(path, asked=unit, stored=None, usual="m")
    sections: dict[str, dict[str, Any]] = read_toml(path)["cameras"]
    cameras = []
    for name in sorted(sections, key=natural):
        section = CameraTable(path, f"cameras.{name}", sections[name])
        if "rotation" in section.values and "matrix" in section.values:
            cameras.append(section.camera(metres, name=f"cam_{section.values.get('cam_id', name)}"))
    if not cameras:
        raise ValueError(f"{path}: no camera has both a matrix and a rotation: calibrate in caliscope first")
    return tuple(cameras)


def write(cameras: Sequence[Camera], path: Path, unit: str = "m") -> None:
    """Write the rig; names other than cam_N become places in the rig: caliscope knows numbers only."""
    if unit != "m":
        raise ValueError(f'unit: caliscope files are in "m", got "{unit}"')
    numbers = [camera.name.removeprefix("cam_") for camera in cameras]
    if not all(number.isdigit() and str(int(number)) == number for number in numbers):
        numbers = [str(view) for view in range(len(cameras))]
    sections = {}
    for number, camera in zip(numbers, cameras, strict=True):
        section = camera_section(camera, 1.0)
        del section["name"]
        sections[number] = {"cam_id": int(number), "rotation_count": 0, **section}
    write_toml({"cameras": sections}, path)
