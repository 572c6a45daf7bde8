"""Anipose's calibration.toml, which is also our own format, and Pose2Sim's and FreeMoCap's relatives of it.

Sections `[cam_0]`... hold name, size, matrix, distortions, rotation and translation (world to camera), and
fisheye. Anipose stores no unit; we write `unit = "m"` into `[metadata]`, where other readers ignore it, and
the covered part of each image as `covered`, and a size that was guessed as `size_known = false`, into the
camera's section. Sections are padded with zeros, since
anipose sorts them as text.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from calibration.camera import Camera
from calibration.documents import read_toml
from calibration.rig_files.toml_cameras import CameraTable, camera_section, natural
from calibration.rig_files.units import agreed_unit, metres_per
from calibration.toml_files import write_toml


def recognise(content: bytes) -> bool:
    """Tell by the keys of a camera's section."""
    return all(re.search(rb"^\s*%s\b" % key, content, re.M) for key in (b"matrix", b"translation"))


def read(path: Path, unit: str | None = None) -> tuple[Camera, ...]:
    """Read the cameras; see `calibration.rig_files.read`."""
    document = read_toml(path)
    sections = _sections(document)
    metadata = document.get("metadata", {})
    metres = agreed_unit(path, asked=unit, stored=metadata.get("unit"), usual=_usual_unit(sections, metadata))
    names = list(sections)
    if all(re.fullmatch(r"\D*\d+", name) for name in names):
        names.sort(key=natural)
    return tuple(CameraTable(path, name, sections[name]).camera(metres) for name in names)


def write(cameras: Sequence[Camera], path: Path, unit: str = "m") -> None:
    """Write the cameras; see `calibration.rig_files.write`."""
    metres, digits = metres_per(unit), len(str(len(cameras) - 1))
    document: dict[str, Any] = {}
    for view, camera in enumerate(cameras):
        section = camera_section(camera, metres)
        if camera.intrinsics.covered is not None:
            section["covered"] = camera.intrinsics.covered
        if not camera.intrinsics.size_known:
            section["size_known"] = False
        document[f"cam_{view:0{digits}}"] = section
    document["metadata"] = {"unit": unit}
    write_toml(document, path)


def write_pose2sim(cameras: Sequence[Camera], path: Path, unit: str = "m") -> None:
    """Write Pose2Sim's Calib.toml: sections called as the cameras, four coefficients, metres."""
    if unit != "m":
        raise ValueError(f'unit: Pose2Sim files are in "m", got "{unit}"')
    document: dict[str, Any] = {}
    for camera in cameras:
        section = camera_section(camera, 1.0)
        beyond = camera.intrinsics.distortion[4:]
        if beyond.any():
            raise ValueError(
                f"camera {camera.name}: Pose2Sim's format holds four distortion coefficients, but the lens "
                f"has {beyond.tolist()} beyond them; write the anipose format"
            )
        section["distortions"] = section["distortions"][:4]
        document[camera.name] = section
    document["metadata"] = {"adjusted": False, "error": 0.0}
    write_toml(document, path)


def _sections(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {
        name: section
        for name, section in document.items()
        if isinstance(section, dict) and {"matrix", "translation"} <= section.keys()
    }


def _usual_unit(sections: dict[str, dict[str, Any]], metadata: dict[str, Any]) -> str | None:
    """Tell Pose2Sim (metres), FreeMoCap (mm) and caliscope (metres) from anipose (in the board's unit)."""
    if "charuco_square_size" in metadata:  # 1 is FreeMoCap's default, a board that nobody measured
        return "mm" if metadata["charuco_square_size"] != 1 else None
    if all("cam_id" in section for section in sections.values()):
        return "m"
    pose2sim = all(
        section.get("fisheye") is False and len(section.get("distortions", ())) == 4
        for section in sections.values()
    )
    return "m" if pose2sim else None
