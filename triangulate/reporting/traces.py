"""What a figure draws: the lines and points of subjects, the frustums of cameras."""

from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from calibration.camera import Camera
from calibration.rig import Rig
from models2d.skeleton import Skeleton
from triangulate.trajectories import Trajectories3D

Float = NDArray[np.float64]

MIDDLE, LEFT, RIGHT = "#4a5568", "#e4572e", "#2a7fba"
"""One subject: bones of the middle, the left and the right side."""

SUBJECTS = ("#e4572e", "#2a7fba", "#2f9e6e", "#8e5bbf", "#d9a520", "#c2417c", "#5b7083", "#7a9a2e")
"""Several subjects: one colour each."""

CAMERA = "#8a94a6"
DIGITS = 4
"""Decimals of a metre that are kept: a tenth of a millimetre."""


def subject_traces(trajectories: Trajectories3D, frame: int, *, full: bool) -> list[go.Scatter3d]:
    """Make the lines and points of every subject at one instant.

    Parameters
    ----------
    trajectories : Trajectories3D
    frame : int
    full : bool
        With names and colours; the frames after the first need the coordinates only.

    Returns
    -------
    traces : list of plotly traces
    """
    traces = []
    several = len(trajectories.subjects) > 1
    for number, subject in enumerate(trajectories.subjects):
        xyz = trajectories.xyz[frame, number]
        colour = SUBJECTS[number % len(SUBJECTS)] if several else None
        sides = bone_sides(trajectories.skeleton)
        for side, shade in ((0, MIDDLE), (1, LEFT), (-1, RIGHT)):
            bones = trajectories.skeleton.bones[sides == side]
            if not len(bones):
                continue
            style: dict[str, Any] = {}
            if full:
                style = {
                    "mode": "lines",
                    "line": {"color": colour or shade, "width": 7},
                    "hoverinfo": "skip",
                    "name": subject,
                    "legendgroup": subject,
                    "showlegend": False,
                }
            traces.append(go.Scatter3d(**_coordinates(_broken_line(xyz, bones)), **style))
        style = {}
        if full:
            style = {
                "mode": "markers",
                "marker": {
                    "size": 4.5,
                    "color": colour or _point_colours(trajectories.skeleton),
                    "line": {"color": "white", "width": 1},
                },
                "text": list(trajectories.skeleton.keypoints),
                "hovertemplate": "%{text}<br>%{x:.3f}, %{y:.3f}, %{z:.3f} m<extra></extra>",
                "name": subject,
                "legendgroup": subject,
                "showlegend": several,
            }
        traces.append(go.Scatter3d(**_coordinates(xyz), **style))
    return traces


def _coordinates(xyz: Float) -> dict[str, list[float | None]]:
    """Round to lists, in which None breaks a line: Plotly does not decode packed arrays inside frames."""
    rounded = np.round(xyz, DIGITS) + 0.0
    columns = rounded.astype(object)
    columns[np.isnan(rounded)] = None
    return {axis: columns[:, number].tolist() for number, axis in enumerate("xyz")}


def _broken_line(xyz: Float, bones: NDArray[np.int64]) -> Float:
    gaps = np.full((len(bones), 1, 3), np.nan)
    return np.concatenate([xyz[bones], gaps], axis=1).reshape(-1, 3)


def bone_sides(skeleton: Skeleton) -> NDArray[np.int64]:
    """Tell which bones are on the left (1), the right (-1) or in the middle (0).

    Parameters
    ----------
    skeleton : Skeleton

    Returns
    -------
    sides : (bones,) int

    Examples
    --------
    >>> bone_sides(Skeleton.load("coco17")).tolist()[:2]
    [1, -1]
    """
    sides = keypoint_sides(skeleton)
    ends = sides[skeleton.bones]
    return np.where((ends >= 0).all(axis=1), ends.max(axis=1), 0) + np.where(
        (ends <= 0).all(axis=1), ends.min(axis=1), 0
    )


def keypoint_sides(skeleton: Skeleton) -> NDArray[np.int64]:
    """Tell which keypoints are on the left (1), the right (-1) or in the middle (0).

    Parameters
    ----------
    skeleton : Skeleton

    Returns
    -------
    sides : (keypoints,) int

    Examples
    --------
    >>> keypoint_sides(Skeleton.load("coco17")).tolist()[:3]
    [0, 1, -1]
    """
    sides = np.zeros(len(skeleton.keypoints), dtype=np.int64)
    for number, other in enumerate(np.asarray(skeleton.mirror)):
        if number < other:
            name = skeleton.keypoints[number]
            right = "right" in name.lower() or name[0] == "R" or name.endswith(("_r", "_R", "-r", "-R"))
            sides[number], sides[other] = (-1, 1) if right else (1, -1)
    return sides


def _point_colours(skeleton: Skeleton) -> list[str]:
    return [{0: MIDDLE, 1: LEFT, -1: RIGHT}[int(side)] for side in keypoint_sides(skeleton)]


def camera_size(rig: Rig, trajectories: Trajectories3D) -> float:
    """Choose how long the frustums are drawn: a share of the distance to the subjects.

    Parameters
    ----------
    rig : Rig
    trajectories : Trajectories3D

    Returns
    -------
    size : float, m
    """
    points = trajectories.xyz.reshape(-1, 3)
    points = points[np.isfinite(points).all(axis=1)]
    around = np.median(points, axis=0) if len(points) else rig.centers.mean(axis=0)
    return 0.09 * float(np.median(np.linalg.norm(rig.centers - around, axis=1))) or 0.1


def camera_traces(rig: Rig, size: float) -> list[go.Scatter3d]:
    """Draw cameras as frustums with names.

    Parameters
    ----------
    rig : Rig
    size : float, m

    Returns
    -------
    traces : list of plotly traces
    """
    lines = np.concatenate([_frustum(camera, size) for camera in rig.cameras])
    return [
        go.Scatter3d(
            **_coordinates(lines),
            mode="lines",
            line={"color": CAMERA, "width": 2.5},
            hoverinfo="skip",
            name="cameras",
            legendgroup="cameras",
            showlegend=False,
        ),
        go.Scatter3d(
            **_coordinates(rig.centers),
            mode="markers+text",
            marker={"size": 3, "color": CAMERA},
            text=list(rig.names),
            textposition="top center",
            textfont={"size": 12, "color": CAMERA},
            hovertemplate="%{text}<br>%{x:.3f}, %{y:.3f}, %{z:.3f} m<extra></extra>",
            name="cameras",
            legendgroup="cameras",
            showlegend=False,
        ),
    ]


def _frustum(camera: Camera, size: float) -> Float:
    """One unbroken pen stroke: the four edges from the centre and the rim of the image, ended by a gap."""
    width, height = camera.intrinsics.size
    corners = np.array([[0, 0], [width - 1, 0], [width - 1, height - 1], [0, height - 1]], dtype=np.float64)
    K = camera.intrinsics.K
    rays = np.column_stack([(corners - K[:2, 2]) / [K[0, 0], K[1, 1]], np.ones(4)])
    # A long lens shows as a long, narrow pyramid: the farthest corner has the same distance for all.
    rays *= size / np.linalg.norm(rays, axis=1).max()
    rim = (rays - camera.t) @ camera.R
    center = camera.center
    stroke = [rim[0], rim[1], rim[2], rim[3], rim[0], center, rim[1], rim[2], center, rim[3]]
    return np.array([*stroke, np.full(3, np.nan)])
