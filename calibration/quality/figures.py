"""Figures of a calibration: who saw the board with whom, residuals and coverage, the rig in space."""

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray
from plotly.subplots import make_subplots

from calibration.quality.facts import CalibrationFacts
from calibration.rig import Rig

Float = NDArray[np.float64]

MOST_ARROWS = 1500
TITLE = 40
"""Height of the title of an image, px."""
INK = "#1f4e79"
ACCENT = "#c8553d"
GRID = "#d5dbe3"


def pair_table(facts: CalibrationFacts) -> go.Figure:
    """Draw the frames that views share as a table of colours and numbers.

    Parameters
    ----------
    facts : CalibrationFacts

    Returns
    -------
    figure : plotly Figure
    """
    pairs, names = facts.graph.pairs, list(facts.names)
    figure = go.Figure(
        go.Heatmap(
            z=pairs, x=names, y=names, text=pairs, texttemplate="%{text}", colorscale="Blues", zmin=0,
            zmax=1.5 * max(int(pairs.max()), 1), showscale=False, xgap=2, ygap=2,
            hovertemplate="%{y} and %{x}: %{z} frames<extra></extra>",
        )
    )  # fmt: skip
    side = 46 * len(names)
    figure.update_layout(
        width=max(side + 180, 320), height=max(side + 80, 180), margin={"t": 10, "b": 40, "l": 90, "r": 10}
    )
    figure.update_yaxes(autorange="reversed")
    return figure


def image_maps(facts: CalibrationFacts) -> go.Figure:
    """Draw every view's image: where corners were, how they missed, and what the fit covered.

    Parameters
    ----------
    facts : CalibrationFacts

    Returns
    -------
    figure : plotly Figure
        Residuals are drawn enlarged; the factor is in the title of each image.
    """
    columns = 2 if len(facts.names) in (2, 4) else min(3, len(facts.names))
    rows = -(-len(facts.names) // columns)
    shapes = [height / width for width, height in (camera.intrinsics.size for camera in facts.rig.cameras)]
    tall = min(1150 / columns * max(shapes), 480)  # px of the page, as high as the tallest image needs
    titles = [f"{name} (residuals x {_enlarged(facts, view):.0f})" for view, name in enumerate(facts.names)]
    figure = make_subplots(
        rows=rows, cols=columns, subplot_titles=titles, horizontal_spacing=0.04,
        vertical_spacing=TITLE / (rows * (tall + TITLE)),
    )  # fmt: skip
    for view, camera in enumerate(facts.rig.cameras):
        row, column = view // columns + 1, view % columns + 1
        for trace in _image_traces(facts, view):
            figure.add_trace(trace, row=row, col=column)
        width, height = camera.intrinsics.size
        figure.update_xaxes(range=[0, width], showticklabels=False, row=row, col=column, constrain="domain")
        axis = f"x{view + 1 if view else ''}"
        figure.update_yaxes(
            range=[height, 0], showticklabels=False, row=row, col=column, scaleanchor=axis, constrain="domain"
        )
    figure.update_layout(
        height=round(20 + rows * (tall + TITLE)), width=1150, showlegend=False,
        margin={"t": 40, "b": 10, "l": 10, "r": 10}, plot_bgcolor="#f5f5f2",
    )  # fmt: skip
    return figure


def _enlarged(facts: CalibrationFacts, view: int) -> float:
    """Factor that makes typical residuals visible: a hundredth of the image's width."""
    typical = float(facts.median_per_view[view])
    return 0.01 * facts.rig.cameras[view].intrinsics.size[0] / typical if typical > 0 else 1.0


def _image_traces(facts: CalibrationFacts, view: int) -> list[go.Scattergl]:
    seen = facts.observed
    mine = np.flatnonzero((seen.view == view) & ~seen.rejected)
    bad = seen.xy[(seen.view == view) & seen.rejected]
    some = mine[np.linspace(0, len(mine) - 1, min(MOST_ARROWS, len(mine))).round().astype(int)]
    ends = seen.xy[some] + _enlarged(facts, view) * seen.residual[some]
    gap = np.full(len(some), np.nan)
    lines = [np.stack([seen.xy[some, i], ends[:, i], gap], axis=1).ravel().round(1) for i in (0, 1)]
    traces = [
        go.Scattergl(x=lines[0], y=lines[1], mode="lines", line={"color": INK, "width": 1}, hoverinfo="skip"),
        go.Scattergl(
            x=bad[:, 0].round(1), y=bad[:, 1].round(1), mode="markers",
            hovertemplate="rejected<extra></extra>",
            marker={"color": ACCENT, "size": 6, "symbol": "x"},
        ),
    ]  # fmt: skip
    covered = facts.rig.cameras[view].intrinsics.covered
    if covered is not None:
        loop = np.vstack([covered, covered[:1]]).round(1)
        traces.append(
            go.Scattergl(
                x=loop[:, 0], y=loop[:, 1], mode="lines", line={"color": "#3a7d44", "width": 2},
                hovertemplate="covered part<extra></extra>",
            )
        )  # fmt: skip
    return traces


def rig_in_space(facts: CalibrationFacts, placed: Rig) -> go.Figure:
    """Draw the cameras and the expected error where the board was.

    Parameters
    ----------
    facts : CalibrationFacts
    placed : Rig
        In the world to show.

    Returns
    -------
    figure : plotly Figure
    """
    figure = go.Figure()
    volume = facts.volume
    known = np.isfinite(volume.calibration)
    world_from_old = placed.cameras[0].cam_from_world.inv() * facts.rig.cameras[0].cam_from_world
    everywhere = np.asarray(world_from_old.apply(volume.xyz))
    xyz = everywhere[known].round(4)
    total = 1e3 * np.hypot(volume.calibration, np.median(facts.sigma) * volume.per_pixel)[known]
    hover = [
        f"expected error {t:.3f} mm<br>from the calibration {c:.3f} mm<br>per pixel of noise {p:.2f} mm"
        for t, c, p in zip(total, 1e3 * volume.calibration[known], 1e3 * volume.per_pixel[known], strict=True)
    ]
    figure.add_trace(
        go.Scatter3d(
            x=xyz[:, 0], y=xyz[:, 1], z=xyz[:, 2], mode="markers", text=hover, hoverinfo="text",
            marker={
                "size": 3, "color": total, "colorscale": "Viridis", "cmin": 0,
                "cmax": float(np.percentile(total, 98)) if total.size else 1,
                "colorbar": {"title": "expected<br>error, mm"},
            },
        )
    )  # fmt: skip
    for trace in _frusta(placed, everywhere):
        figure.add_trace(trace)
    figure.update_layout(
        scene={
            "aspectmode": "data",
            # Without walls, which would hide letters of the cameras' names.
            **{
                f"{axis}axis": {"title": f"{axis}, m", "showbackground": False, "gridcolor": GRID}
                for axis in "xyz"
            },
            "camera": {"eye": {"x": 1.5, "y": 1.5, "z": 1.1}, "center": {"x": 0, "y": 0, "z": -0.15}},
        },
        height=650, width=1000, showlegend=False, margin={"t": 10, "b": 10, "l": 10, "r": 10},
    )  # fmt: skip
    return figure


def _frusta(rig: Rig, volume: Float) -> list[go.Scatter3d]:
    reach = 0.12 * float(np.median(np.linalg.norm(volume.mean(axis=0) - rig.centers, axis=1)))
    traces = []
    for camera in rig.cameras:
        width, height = camera.intrinsics.size
        K = camera.intrinsics.K
        edge = np.array([[0, 0], [width, 0], [width, height], [0, height], [0, 0]]) - K[:2, 2]
        rim = np.append(edge / [K[0, 0], K[1, 1]], np.ones((5, 1)), axis=1) * reach
        rim = (rim - camera.t) @ camera.R
        path = np.vstack([rim, *(np.vstack([camera.center, corner]) for corner in rim[:4])]).round(4)
        traces.append(
            go.Scatter3d(
                x=path[:, 0], y=path[:, 1], z=path[:, 2], mode="lines", line={"color": INK, "width": 3},
                hoverinfo="skip",
            )
        )  # fmt: skip
    x, y, z = rig.centers.round(4).T
    traces.append(
        go.Scatter3d(
            x=x, y=y, z=z, mode="markers+text", text=list(rig.names), textposition="top center",
            marker={"size": 3, "color": INK},
        )
    )  # fmt: skip
    return traces


def board_map(facts: CalibrationFacts, nominal: Float) -> go.Figure:
    """Draw how far each corner of the board stands from its nominal place, out of the plane and in it.

    Parameters
    ----------
    facts : CalibrationFacts
    nominal : (corners, 3) float, m, board

    Returns
    -------
    figure : plotly Figure
    """
    off = 1e3 * (facts.board - nominal)
    limit = max(float(np.abs(off[:, 2]).max()), 0.01)
    hover = [f"in plane {x:+.3f}, {y:+.3f} mm<br>out of plane {z:+.3f} mm" for x, y, z in off]
    figure = go.Figure(
        go.Scatter(
            x=1e3 * nominal[:, 0], y=1e3 * nominal[:, 1], mode="markers", text=hover, hoverinfo="text",
            marker={
                "size": 16, "color": off[:, 2], "colorscale": "RdBu", "cmin": -limit, "cmax": limit,
                "colorbar": {"title": "out of<br>plane, mm"},
            },
        )
    )  # fmt: skip
    figure.update_yaxes(autorange="reversed", scaleanchor="x", title="mm")
    figure.update_xaxes(title="mm")
    figure.update_layout(width=620, height=520, margin={"t": 20}, plot_bgcolor="#f5f5f2")
    return figure
