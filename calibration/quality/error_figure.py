"""The map of expected errors as slices through the working volume."""

import numpy as np
import plotly.graph_objects as go

from calibration.quality.error_map import ErrorMap


def error_slices(found: ErrorMap) -> go.Figure:
    """Draw the expected error per pixel of noise, one slice per height, with a slider.

    Parameters
    ----------
    found : ErrorMap

    Returns
    -------
    figure : plotly Figure
        In millimetres; the same colours in all slices.
    """
    total = 1e3 * found.expected()
    known = total[np.isfinite(total)]
    # Points that only two cameras see, at the rim, would leave the rest in one colour.
    low, high = (float(value) for value in np.percentile(known, [0, 95])) if known.size else (0.0, 1.0)
    fullest = int(found.views.sum(axis=(0, 1)).argmax())
    figure = go.Figure()
    for k, height in enumerate(found.z):
        parts = np.stack([1e3 * found.calibration[:, :, k].T, found.views[:, :, k].T], axis=-1)
        figure.add_trace(
            go.Heatmap(
                x=found.x.round(4), y=found.y.round(4), z=total[:, :, k].T.round(4),
                customdata=parts.round(4), visible=k == fullest, colorscale="Viridis", zmin=low, zmax=high,
                colorbar={"title": "expected<br>error, mm<br>per px"}, name=f"z = {height:.2f} m",
                hovertemplate="x %{x:.2f} m, y %{y:.2f} m<br>%{z:.2f} mm per pixel of noise<br>of it "
                "%{customdata[0]:.3f} mm from the calibration<br>%{customdata[1]} cameras<extra></extra>",
            )
        )  # fmt: skip
    steps = [
        {
            "method": "update",
            "label": f"{height:.2f}",
            "args": [{"visible": [j == k for j in range(len(found.z))]}],
        }
        for k, height in enumerate(found.z)
    ]
    figure.update_layout(
        sliders=[
            {"active": fullest, "steps": steps, "currentvalue": {"prefix": "height z, m: "}, "pad": {"t": 40}}
        ],
        width=820, height=640, margin={"t": 20}, plot_bgcolor="#f5f5f2",
    )  # fmt: skip
    figure.update_xaxes(title="x, m", constrain="domain")
    figure.update_yaxes(title="y, m", scaleanchor="x", constrain="domain")
    return figure
