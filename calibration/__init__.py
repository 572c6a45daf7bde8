"""Calibrate synchronized cameras: recordings of a board in, a `Rig` in metres and its report out."""

from importlib import import_module
from typing import Any

_home = {
    "Board": "boards.board",
    "BoardObservations": "corners.observations",
    "CalibrationError": "errors",
    "CalibrationReport": "quality.report",
    "Camera": "camera",
    "Diagnosis": "corners.doctor",
    "DriftReport": "points.drift",
    "Intrinsics": "camera",
    "MirrorPlane": "world.mirrors",
    "Motion": "points.moving_point",
    "PointsReport": "points.refining",
    "Recording": "recordings.recording",
    "Rig": "rig",
    "ShapeError": "errors",
    "Track": "points.moving_point",
    "calibrate": "calibrator",
    "calibrate_moving_point": "points.unsynchronised",
    "calibrate_points": "points.rough_start",
    "calibrate_wand": "points.rough_start",
    "check_drift": "points.drift",
    "diagnose": "corners.doctor",
    "diagnose_rig": "quality.diagnosis",
    "find_corners": "corners.finding",
    "levelled": "world.levelling",
    "load_draws": "rig_files.draws",
    "mirror_plane": "world.mirrors",
    "placed_on_board": "world.placement",
    "placed_on_floor": "world.placement",
    "placed_on_points": "world.placement",
    "placed_on_track": "points.track_alignment",
    "read_target": "boards.kalibr_target",
    "refine_cameras": "points.refining",
    "save_board": "boards.printing",
    "save_draws": "rig_files.draws",
    "scaled_to_length": "similarity",
}
"""Every public name and the module it lives in, which is imported when the name is first used."""

__all__ = list(_home)


def __getattr__(name: str) -> Any:
    if name not in _home:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_home[name]}"), name)


def __dir__() -> list[str]:
    return sorted(_home)
