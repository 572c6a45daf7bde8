"""Moving skeletons and cameras in one interactive Plotly figure."""

from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from calibration.rig import Rig
from triangulate.reporting.controls import play_buttons, time_slider, view_buttons
from triangulate.reporting.traces import DIGITS, camera_size, camera_traces, subject_traces
from triangulate.trajectories import Trajectories3D

Float = NDArray[np.float64]

MOST_FRAMES = 400
"""A browser plays about so many frames smoothly; longer recordings are strided, and the figure says so."""


def figure(
    trajectories: Trajectories3D,
    rig: Rig | None = None,
    *,
    title: str | None = None,
    most_frames: int = MOST_FRAMES,
) -> go.Figure:
    """Draw skeletons and cameras in 3D, with a time slider and a play button.

    Parameters
    ----------
    trajectories : Trajectories3D
    rig : Rig, optional
        Drawn as frustums with names.
    title : str, optional
    most_frames : int
        Longer recordings show every second, third, ... frame, and the figure says so.

    Returns
    -------
    figure : plotly Figure
        `write_html(path)` makes a page that needs no network.

    Raises
    ------
    ValueError
        If `most_frames` is not positive.
    """
    if most_frames < 1:
        raise ValueError(f"most_frames: expected a positive number, got {most_frames}")
    shown = np.arange(0, len(trajectories.xyz), max(1, -(-len(trajectories.xyz) // most_frames)))
    still = [] if rig is None else camera_traces(rig, camera_size(rig, trajectories))
    moving = [] if not len(shown) else subject_traces(trajectories, int(shown[0]), full=True)
    index = list(range(len(still), len(still) + len(moving)))
    made = go.Figure(
        data=still + moving,
        frames=[
            go.Frame(
                data=subject_traces(trajectories, int(number), full=False), traces=index, name=str(number)
            )
            for number in shown
        ],
    )
    made.update_layout(**_layout(trajectories, rig, shown, title))
    return made


def _layout(
    trajectories: Trajectories3D, rig: Rig | None, shown: NDArray[np.int64], title: str | None
) -> dict[str, Any]:
    ranges = _ranges(trajectories, rig)
    lengths = [high - low for low, high in ranges]
    axis = {
        "backgroundcolor": "rgba(0,0,0,0)",
        "gridcolor": "#dfe4ec",
        "zerolinecolor": "#c3cad6",
        "showspikes": False,
        "tickfont": {"size": 10, "color": "#8a94a6"},
    }
    step = 1 if len(shown) < 2 else int(shown[1] - shown[0])
    scene = {
        f"{name}axis": {**axis, "range": list(bounds), "title": {"text": f"{name} (m)"}}
        for name, bounds in zip("xyz", ranges, strict=True)
    }
    scene["zaxis"] |= {"showbackground": True, "backgroundcolor": "#f5f7fa"}
    across = float(np.linalg.norm(lengths))
    return {
        "title": {
            "text": _title(trajectories, step, title),
            "font": {"size": 16, "color": "#2d3748"},
            "x": 0.02,
            "y": 0.97,
        },
        "font": {"family": "Inter, Segoe UI, Helvetica, Arial, sans-serif", "color": "#2d3748"},
        "paper_bgcolor": "white",
        "margin": {"l": 0, "r": 0, "t": 50, "b": 0},
        "uirevision": "keep",
        "legend": {"x": 0.98, "xanchor": "right", "y": 0.95},
        "scene": {
            **scene,
            "aspectmode": "manual",  # "data" would follow the moving points
            "aspectratio": {name: 2.2 * length / across for name, length in zip("xyz", lengths, strict=True)},
            "camera": {"eye": {"x": 1.25, "y": -1.25, "z": 0.75}, "center": {"x": 0, "y": 0, "z": -0.08}},
            "domain": {"x": [0, 1], "y": [0.05, 1]},
        },
        "updatemenus": [play_buttons(trajectories.fps, step), view_buttons()] if len(shown) else [],
        "sliders": [time_slider(trajectories.times, shown)] if len(shown) else [],
    }


def _ranges(trajectories: Trajectories3D, rig: Rig | None) -> list[tuple[float, float]]:
    """Bound all that is shown; of the subjects nearly all, so that a wild point does not shrink the rest."""
    points = trajectories.xyz.reshape(-1, 3)
    points = points[np.isfinite(points).all(axis=1)]
    bounds = []
    if len(points):
        low, high = np.percentile(points, [0.5, 99.5], axis=0)
        spread = (high - low).max()
        bounds += [low - 0.1 * spread, high + 0.1 * spread]
    if rig is not None:
        bounds.append(rig.centers)
    if not bounds:
        return [(-1.0, 1.0)] * 3
    everything = np.vstack(bounds)
    low, high = everything.min(axis=0), everything.max(axis=0)
    margin = 0.06 * (high - low).max() + 1e-6
    return [
        (float(np.round(a - margin, DIGITS)), float(np.round(b + margin, DIGITS)))
        for a, b in zip(low, high, strict=True)
    ]


def _title(trajectories: Trajectories3D, step: int, title: str | None) -> str:
    frames, subjects, keypoints = trajectories.shape
    facts = f"{frames} frames at {trajectories.fps:g} Hz, {keypoints} keypoints"
    if subjects > 1:
        facts += f", {subjects} subjects"
    if step > 1:
        facts += f"; every {_ordinal(step)} frame is shown"
    small = f'<span style="font-size:12px;color:#8a94a6">{facts}</span>'
    return f"{title}<br>{small}" if title else small


def _ordinal(number: int) -> str:
    special = {1: "st", 2: "nd", 3: "rd"}
    return f"{number}{'th' if number % 100 in (11, 12, 13) else special.get(number % 10, 'th')}"
