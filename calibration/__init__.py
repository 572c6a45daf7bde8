"""Calibrate synchronized cameras: recordings of a board in, a `Rig` in metres and its report out."""

from importlib import import_module
from typing import Any

_home = {
    "Board": "board",
    "BoardObservations": "observations",
    "CalibrationError": "errors",
    "CalibrationReport": "report",
    "Camera": "camera",
    "Diagnosis": "board_doctor",
    "DriftReport": "drift",
    "Intrinsics": "camera",
    "Motion": "moving_point",
    "PointsReport": "points",
    "Recording": "recording",
    "Rig": "rig",
    "ShapeError": "errors",
    "Track": "moving_point",
    "calibrate": "calibrator",
    "calibrate_moving_point": "unsynchronised",
    "calibrate_points": "points_start",
    "calibrate_wand": "points_start",
    "check_drift": "drift",
    "diagnose": "board_doctor",
    "diagnose_rig": "diagnosis",
    "find_corners": "corners",
    "levelled": "levelling",
    "placed_on_board": "world",
    "placed_on_floor": "world",
    "placed_on_points": "world",
    "placed_on_track": "track_alignment",
    "refine_cameras": "points",
    "save_board": "board_print",
    "scaled_to_length": "world",
}
"""Every public name and the module it lives in, which is imported when the name is first used."""

__all__ = list(_home)


def __getattr__(name: str) -> Any:
    if name not in _home:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_home[name]}"), name)


def __dir__() -> list[str]:
    return sorted(_home)
