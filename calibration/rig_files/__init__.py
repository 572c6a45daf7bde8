"""Calibration files of many tools, recognised by their content."""

from importlib import import_module
from pathlib import Path

from calibration.rig import Rig

_writers = {
    "anipose": ("anipose_toml", "write", "m"),
    "pose2sim": ("anipose_toml", "write_pose2sim", "m"),
}
"""Module, function and default unit of every format that can be written."""


def read(path: str | Path, unit: str | None = None) -> Rig:
    """Read a calibration file of any known format.

    Parameters
    ----------
    path : path
        A file, or a folder of files with one camera each.
    unit : "m", "cm", "mm" or None
        Length unit of the file, needed where neither the file nor its format fixes it.

    Returns
    -------
    rig : Rig
        In metres.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the format is not known, the unit is missing or a value is malformed.
    """
    path = Path(path)
    from calibration.rig_files import anipose_toml
    from calibration.toml_files import read_toml

    document = read_toml(path)
    if anipose_toml.recognise(path, document):
        return anipose_toml.read(path, unit, document)
    raise ValueError(f"{path}: not a calibration file of a known format")


def write(rig: Rig, path: str | Path, *, format: str = "anipose", unit: str | None = None) -> None:
    """Write a calibration file, atomically.

    Parameters
    ----------
    rig : Rig
    path : path
    format : "anipose", "pose2sim"
        The default keeps everything that a rig knows and says its unit.
    unit : "m", "cm", "mm" or None
        Length unit of the file; None is the usual one of the format.

    Raises
    ------
    ValueError
        If the format is not known or cannot hold the rig's lenses.
    """
    if format not in _writers:
        raise ValueError(f"format: expected one of {', '.join(_writers)}, got {format!r}")
    module, function, usual = _writers[format]
    getattr(import_module(f"calibration.rig_files.{module}"), function)(rig, Path(path), unit or usual)
