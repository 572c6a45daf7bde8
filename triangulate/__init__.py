"""From views to space: triangulation, smoothing, files, figures and the command line."""

from importlib import import_module
from typing import Any

_home = {
    "CameraPriors": "smoothing.camera_priors",
    "JointLimit": "smoothing.stated_limits",
    "ProjectError": "errors",
    "SolveReport": "smoothing.solve_report",
    "SolvedPoints": "points.solving",
    "Status": "trajectories",
    "Trajectories3D": "trajectories",
    "TriangulationError": "errors",
    "associate": "association.subjects",
    "butterworth": "filters",
    "combine": "ensemble",
    "figure": "reporting.figures",
    "find_offsets": "time_offsets",
    "joint_angles": "kinematics",
    "kalman": "kalman_filter",
    "on_common_clock": "common_clock",
    "one_euro": "filters",
    "read": "export.formats",
    "read_joint_limits": "smoothing.stated_limits",
    "reconstruct": "points.reconstruction",
    "savitzky_golay": "filters",
    "smooth": "smoothing.smoother",
    "solve_candidates": "points.solving",
    "solve_points": "points.solving",
    "speeds": "kinematics",
    "status_counts": "points.reconstruction",
    "triangulate_points": "points.solving",
    "unswap": "swaps",
    "write": "export.formats",
    "write_report": "reporting.report",
}
"""Every public name and the module it lives in, which is imported when the name is first used."""

__all__ = list(_home)


def __getattr__(name: str) -> Any:
    if name not in _home:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_home[name]}"), name)


def __dir__() -> list[str]:
    return sorted(_home)
