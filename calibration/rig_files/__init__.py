"""Calibration files of many tools, recognised by their content and never by unpickling anything."""

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from types import ModuleType

from calibration.camera import Camera

_readers = (
    "dannce",
    "qualisys",
    "mrcal",
    "panoptic",
    "opencv_yaml",
    "mc_calib",
    "jarvis",
    "kalibr",
    "caliscope",
    "anipose_toml",
)
"""A module with `recognise` and `read` for every format."""

_writers = {
    "anipose": ("anipose_toml", "write", "m"),
    "caliscope": ("caliscope", "write", "m"),
    "opencv": ("opencv_yaml", "write", "m"),
    "pose2sim": ("anipose_toml", "write_pose2sim", "m"),
}
"""Module, function and default unit of every format that can be written."""


def read(path: str | Path, unit: str | None = None) -> tuple[Camera, ...]:
    """Read a calibration file of any known format.

    Parameters
    ----------
    path : path
        A file, or a folder: of files with one camera each (JARVIS, mrcal, DANNCE), or of intri.yml and
        extri.yml.
    unit : "m", "cm", "mm" or None
        Length unit of the file, needed where neither the file nor its format fixes it.

    Returns
    -------
    cameras : tuple of Camera
        In metres.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the format is not known, the unit is missing or a value is malformed.
    """
    path = Path(path)
    if path.is_dir():
        return _read_folder(path, unit)
    content = path.read_bytes()
    reader = _recognised(content)
    if reader is None:
        raise ValueError(f"{path}: {_unknown(content)}")
    try:
        return reader.read(path, unit)
    except ValueError as error:
        if str(path) in str(error) or str(path.parent) in str(error):
            raise
        raise ValueError(f"{path}: {error}") from error


def write(
    cameras: Sequence[Camera], path: str | Path, *, format: str = "anipose", unit: str | None = None
) -> None:
    """Write a calibration file, atomically.

    Parameters
    ----------
    cameras : sequence of Camera
    path : path
        A folder for "opencv", which is two files.
    format : "anipose", "caliscope", "opencv", "pose2sim"
        The default keeps everything that a camera knows and says its unit.
    unit : "m", "cm", "mm" or None
        Length unit of the file; None is the usual one of the format.

    Raises
    ------
    ValueError
        If the format is not known or cannot hold the cameras' lenses.
    """
    if format not in _writers:
        raise ValueError(f"format: expected one of {', '.join(_writers)}, got {format!r}")
    module, function, usual = _writers[format]
    getattr(import_module(f"calibration.rig_files.{module}"), function)(cameras, Path(path), unit or usual)


def files_of(path: str | Path) -> tuple[Path, ...]:
    """List the files that reading a calibration reads.

    Parameters
    ----------
    path : path
        A file or folder that `read` takes.

    Returns
    -------
    files : tuple of path
        The path itself, or all files that its format spreads a calibration over.
    """
    path = Path(path)
    reader = _recognised(path.read_bytes()) if path.is_file() else None
    return tuple(path.parent / name for name in getattr(reader, "FILES", (path.name,)))


def _recognised(content: bytes) -> ModuleType | None:
    for name in _readers:
        module = import_module(f"calibration.rig_files.{name}")
        if module.recognise(content):
            return module
    return None


def _unknown(content: bytes) -> str:
    if not content:
        return "the file is empty"
    if content[:1] == b"\x80":
        return "a pickle, which is never loaded since loading one runs its code; export TOML, JSON or YAML"
    return (
        "not a calibration file of a known format (anipose, Pose2Sim, caliscope, FreeMoCap, OpenCV or "
        "EasyMocap YAML, Kalibr, MC-Calib, JARVIS, DANNCE or Label3D, mrcal, Qualisys, Panoptic)"
    )


def _read_folder(folder: Path, unit: str | None) -> tuple[Camera, ...]:
    from calibration.rig_files import opencv_yaml
    from calibration.rig_files.toml_cameras import natural

    if any((folder / name).is_file() for name in opencv_yaml.FILES):
        return opencv_yaml.read(folder, unit)
    files = sorted((file for file in folder.iterdir() if file.is_file()), key=lambda file: natural(file.name))
    rigs = [read(file, unit) for file in files if _recognised(file.read_bytes())]
    if not rigs:
        raise ValueError(f"{folder}: no calibration file of a known format in this folder")
    if len(rigs) > 1 and any(len(cameras) > 1 for cameras in rigs):
        raise ValueError(f"{folder}: more than one calibration file of several cameras; name one of them")
    return tuple(camera for cameras in rigs for camera in cameras)
