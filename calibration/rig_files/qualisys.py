"""Qualisys calibration (.qca.txt, XML): mm, sub-pixels of 1/64, cameras that look along -z with y up."""

from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from calibration.camera import Camera, Intrinsics
from calibration.rig_files.toml_cameras import rotvec_of
from calibration.rig_files.units import agreed_unit

SUBPIXELS = 64.0


def recognise(content: bytes) -> bool:
    """Tell by the element and an attribute that only this format spells so."""
    return b"<calibration" in content and b"tangentalDistortion1" in content


def read(path: Path, unit: str | None = None) -> tuple[Camera, ...]:
    """Read the cameras that have a lens and take part."""
    metres = agreed_unit(path, asked=unit, stored=None, usual="mm")
    try:
        root = ElementTree.fromstring(path.read_text(encoding="utf-8-sig").encode())
    except ElementTree.ParseError as error:
        raise ValueError(f"{path}: not an XML file: {error}") from error
    cameras = [element for element in root.iter("camera") if element.get("active", "1") in {"1", "true"}]
    return tuple(_camera(path, element, metres) for element in cameras)


def _camera(path: Path, element: ElementTree.Element, metres: float) -> Camera:
    name = element.get("serial", "")
    if float(element.get("viewrotation", "0")) % 360:
        raise ValueError(
            f"{path}: camera {name} has viewrotation {element.get('viewrotation')}: the file describes the "
            "sensor while the video is turned; export the calibration of the turned view"
        )

    def numbers(tag: str, *keys: str) -> list[float]:
        found = element.find(tag)
        if found is None:
            raise ValueError(f"{path}: camera {name} has no <{tag}>")
        missing = [key for key in keys if key not in found.attrib]
        if missing:
            raise ValueError(f"{path}: camera {name}: <{tag}> has no {', '.join(missing)}")
        return [float(found.attrib[key]) for key in keys]

    fx, fy, cx, cy, skew = (
        np.array(numbers("intrinsic", "focalLengthU", "focalLengthV", "centerPointU", "centerPointV", "skew"))
        / SUBPIXELS
    )
    radial = numbers("intrinsic", *(f"radialDistortion{order}" for order in (1, 2, 3)))
    tangential = numbers("intrinsic", *(f"tangentalDistortion{order}" for order in (1, 2)))
    left, right, top, bottom = numbers("fov_video", "left", "right", "top", "bottom")
    intrinsics = Intrinsics(
        size=(round(right - left + 1), round(bottom - top + 1)),
        K=np.array([[fx, skew, cx - left], [0, fy, cy - top], [0, 0, 1]]),
        distortion=np.array([*radial[:2], *tangential, radial[2]]),
    )
    turned = np.reshape(
        numbers("transform", *(f"r{row}{column}" for row in "123" for column in "123")), (3, 3)
    )
    R = np.diag([1.0, -1.0, -1.0]) @ turned
    center = np.array(numbers("transform", "x", "y", "z")) * metres
    rotvec = rotvec_of(R)
    return Camera.from_rotvec(name, intrinsics, rotvec, -R @ center)
