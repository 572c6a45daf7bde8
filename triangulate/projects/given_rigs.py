"""Calibrations made elsewhere that lie beside the videos of a new project."""

import warnings
from collections.abc import Sequence
from pathlib import Path

from calibration.errors import CalibrationError
from calibration.rig import Rig

SUFFIXES = {".toml", ".txt", ".xml", ".json", ".yaml", ".yml", ".cal", ".cameramodel"}
LARGEST = 10_000_000
"""Bytes: no calibration is larger."""


def find_rig(folder: str | Path, cameras: Sequence[str]) -> str | None:
    """Find a calibration of some cameras among the files of a folder.

    Parameters
    ----------
    folder : path
    cameras : sequence of str
        Whose names it must have.

    Returns
    -------
    name : str or None
        Of the first file that is one, by name; None where there is none, or it must be told its unit.
    """
    for path in sorted(Path(folder).iterdir()):
        small = path.is_file() and path.stat().st_size <= LARGEST
        if small and path.suffix.lower() in SUFFIXES and _fits(path, cameras):
            return path.name
    return None


def _fits(path: Path, cameras: Sequence[str]) -> bool:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # said again when the project reads it
            return set(cameras) <= set(Rig.load(path).names)
    except (CalibrationError, ValueError, TypeError, KeyError, OSError):
        return False
