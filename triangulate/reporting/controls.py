"""Buttons and slider of a figure."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]


def play_buttons(fps: float, step: int) -> dict[str, Any]:
    """Make the buttons that play at the true speed, as far as the browser keeps up, and pause.

    Parameters
    ----------
    fps : float, Hz
    step : int
        Every so many frames are shown.

    Returns
    -------
    menu : dict
        An entry of Plotly's `updatemenus`.
    """
    pace = max(1000 * step / fps, 20)
    moving = {"frame": {"duration": pace, "redraw": True}, "transition": {"duration": 0}}
    held = {"frame": {"duration": 0, "redraw": False}, "mode": "immediate", "transition": {"duration": 0}}
    return {
        **_button_style(),
        "x": 0.02,
        "y": 0.09,
        "xanchor": "left",
        "yanchor": "bottom",
        "buttons": [
            {
                "label": "&#9654; play",
                "method": "animate",
                "args": [None, {**moving, "fromcurrent": True, "mode": "immediate"}],
            },
            {"label": "&#10074;&#10074; pause", "method": "animate", "args": [[None], held]},
        ],
    }


def view_buttons() -> dict[str, Any]:
    """Make the buttons that look from the front, the side, the top.

    Returns
    -------
    menu : dict
        An entry of Plotly's `updatemenus`.
    """
    eyes = {
        "corner": (1.25, -1.25, 0.75),
        "front": (1.9, 0, 0.1),
        "side": (0, -1.9, 0.1),
        "top": (0, -0.01, 2.1),
    }
    return {
        **_button_style(),
        "x": 0.98,
        "y": 0.09,
        "xanchor": "right",
        "yanchor": "bottom",
        "buttons": [
            {
                "label": name,
                "method": "relayout",
                "args": [{"scene.camera.eye": dict(zip("xyz", eye, strict=True))}],
            }
            for name, eye in eyes.items()
        ],
    }


def _button_style() -> dict[str, Any]:
    return {
        "type": "buttons",
        "direction": "right",
        "showactive": False,
        "bgcolor": "white",
        "bordercolor": "#c3cad6",
        "font": {"size": 12},
        "pad": {"l": 0, "r": 0, "t": 0, "b": 0},
    }


def time_slider(times: Float, shown: NDArray[np.int64] | Sequence[int]) -> dict[str, Any]:
    """Make the slider over the frames shown.

    Parameters
    ----------
    times : (frames,) float, s
    shown : (n,) int
        Frames.

    Returns
    -------
    slider : dict
        An entry of Plotly's `sliders`.
    """
    jump = {"frame": {"duration": 0, "redraw": True}, "mode": "immediate", "transition": {"duration": 0}}
    return {
        "active": 0,
        "x": 0.02,
        "len": 0.96,
        "y": 0.0,
        "yanchor": "bottom",
        "pad": {"t": 0, "b": 12},
        "currentvalue": {
            "prefix": "time ",
            "suffix": " s",
            "xanchor": "center",
            "font": {"size": 13, "color": "#2d3748"},
        },
        "ticklen": 0,
        "minorticklen": 0,
        "font": {
            "size": 1,
            "color": "rgba(0,0,0,0)",
        },  # hundreds of labels cannot be read; the value above can
        "bgcolor": "#e6eaf0",
        "activebgcolor": "#2a7fba",
        "bordercolor": "#c3cad6",
        "steps": [
            {"label": f"{times[number]:.2f}", "method": "animate", "args": [[str(number)], jump]}
            for number in shown
        ],
    }
