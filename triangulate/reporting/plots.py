"""The plots of a trial's report."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from triangulate.kinematics import speeds
from triangulate.reporting.numbers import BoneQuality, ViewQuality
from triangulate.reporting.traces import SUBJECTS
from triangulate.trajectories import Status, Trajectories3D

STATUS_COLOURS = {
    Status.OK: "#2f9e6e",
    Status.TWO_VIEWS: "#a8d5a2",
    Status.NARROW_BASELINE: "#d9c45a",
    Status.OUTSIDE: "#e3a24f",
    Status.FILLED: "#7fb3d9",
    Status.NO_CONSENSUS: "#e4572e",
    Status.ONE_VIEW: "#9aa5b5",
    Status.UNSEEN: "#dfe4ec",
}
MOST_COLUMNS = 1200


def status_plot(trajectories: Trajectories3D) -> go.Figure:
    """Draw the status of every keypoint over time; where frames share a pixel, the worst shows.

    Parameters
    ----------
    trajectories : Trajectories3D

    Returns
    -------
    figure : plotly Figure
    """
    frames = trajectories.shape[0]
    step = max(1, -(-frames // MOST_COLUMNS))
    starts = np.arange(0, frames, step)
    status = trajectories.status.reshape(frames, trajectories.shape[1] * trajectories.shape[2])
    worst = np.maximum.reduceat(status, starts, axis=0) if frames else status
    shown = list(STATUS_COLOURS)
    scale = []
    for number, name in enumerate(shown):
        scale += [
            [number / len(shown), STATUS_COLOURS[name]],
            [(number + 1) / len(shown), STATUS_COLOURS[name]],
        ]
    words = np.array([name.name.lower().replace("_", " ") for name in Status])
    figure = go.Figure(
        go.Heatmap(
            z=worst.T.tolist(),
            x=np.round(trajectories.times[starts], 3).tolist(),
            y=point_labels(trajectories),
            customdata=words[worst].T.tolist(),
            hovertemplate="%{y}, %{x:.2f} s: %{customdata}<extra></extra>",
            colorscale=scale,
            zmin=-0.5,
            zmax=len(shown) - 0.5,
            ygap=1,
            colorbar={
                "tickvals": list(range(len(shown))),
                "ticktext": [str(words[name]) for name in shown],
                "outlinewidth": 0,
                "thickness": 14,
            },
        )
    )
    figure.update_yaxes(autorange="reversed")
    figure.update_xaxes(title="time (s)")
    return _styled(figure, max(240, 60 + 20 * status.shape[1]))


def view_plot(views: Sequence[ViewQuality]) -> go.Figure:
    """Draw the reprojection error of each view: the median as a bar, up to the 90th percentile as a line.

    Parameters
    ----------
    views : sequence of ViewQuality

    Returns
    -------
    figure : plotly Figure
    """
    figure = go.Figure(
        go.Bar(
            x=[view.name for view in views],
            y=[round(view.median, 3) for view in views],
            error_y={
                "type": "data",
                "array": [round(view.p90 - view.median, 3) for view in views],
                "arrayminus": [0.0 for _ in views],
                "color": "#8a94a6",
                "thickness": 1.5,
            },
            marker_color="#2a7fba",
            hovertemplate="%{x}: %{y:.2f} px median<extra></extra>",
        )
    )
    figure.update_yaxes(title="reprojection (px)", rangemode="tozero")
    return _styled(figure, 300)


def bone_plot(bones: Sequence[BoneQuality], raw: Sequence[BoneQuality]) -> go.Figure:
    """Draw how far each bone's length varies, before and after smoothing.

    Parameters
    ----------
    bones, raw : sequence of BoneQuality

    Returns
    -------
    figure : plotly Figure
    """
    figure = go.Figure()
    several = len({bone.subject for bone in bones}) > 1
    for quality, name, colour in ((raw, "raw", "#c3cad6"), (bones, "smoothed", "#2a7fba")):
        if quality:
            figure.add_bar(
                y=[f"{bone.subject}: {bone.name}" if several else bone.name for bone in quality],
                x=[round(1000 * bone.iqr, 3) for bone in quality],
                customdata=[round(1000 * bone.median, 2) for bone in quality],
                orientation="h",
                name=name,
                marker_color=colour,
                hovertemplate="%{y}: %{customdata} mm, quartiles %{x} mm apart<extra></extra>",
            )
    figure.update_yaxes(autorange="reversed")
    figure.update_xaxes(title="distance between the quartiles of the length (mm)")
    figure.update_layout(barmode="group", legend={"orientation": "h", "y": 1.02, "yanchor": "bottom"})
    return _styled(figure, max(240, 90 + 26 * len(bones)))


def speed_plot(trajectories: Trajectories3D) -> go.Figure:
    """Draw the speeds of the keypoints over time.

    Parameters
    ----------
    trajectories : Trajectories3D

    Returns
    -------
    figure : plotly Figure
    """
    speed = speeds(trajectories).reshape(trajectories.shape[0], trajectories.shape[1] * trajectories.shape[2])
    step = max(1, -(-len(speed) // MOST_COLUMNS))
    figure = go.Figure()
    names = point_labels(trajectories)
    order = np.argsort(-_typical(speed))
    for place, point in enumerate(order):
        column = np.round(speed[::step, point], 4).astype(object)
        column[np.isnan(speed[::step, point])] = None
        figure.add_scatter(
            x=np.round(trajectories.times[::step], 3).tolist(),
            y=column.tolist(),
            mode="lines",
            name=names[point],
            line={"width": 1.4, "color": SUBJECTS[place % len(SUBJECTS)]},
            visible=True if place < 4 else "legendonly",
            hovertemplate="%{fullData.name}: %{y:.2f} m/s at %{x:.2f} s<extra></extra>",
        )
    figure.update_xaxes(title="time (s)")
    figure.update_yaxes(title="speed (m/s)", rangemode="tozero")
    return _styled(figure, 360)


def _typical(speed: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.array(
        [np.median(column[np.isfinite(column)]) if np.isfinite(column).any() else -1.0 for column in speed.T]
    )


def point_labels(trajectories: Trajectories3D) -> list[str]:
    """Name every point, with its subject where there are several.

    Parameters
    ----------
    trajectories : Trajectories3D

    Returns
    -------
    names : list of str
    """
    several = len(trajectories.subjects) > 1
    return [
        f"{subject}: {keypoint}" if several else keypoint
        for subject in trajectories.subjects
        for keypoint in trajectories.skeleton.keypoints
    ]


def _styled(figure: go.Figure, height: int) -> go.Figure:
    figure.update_layout(
        height=height,
        margin={"l": 10, "r": 10, "t": 30, "b": 10},
        font={"family": "Inter, Segoe UI, Helvetica, Arial, sans-serif", "size": 12, "color": "#2d3748"},
        paper_bgcolor="white",
        plot_bgcolor="white",
    )
    figure.update_xaxes(gridcolor="#eef1f5", zerolinecolor="#dfe4ec", automargin=True)
    figure.update_yaxes(gridcolor="#eef1f5", zerolinecolor="#dfe4ec", automargin=True)
    return figure
