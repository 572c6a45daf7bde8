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
        In millimetres; the same colours in all slices, on a logarithmic scale.
    """
    total = 1e3 * found.expected()
    known = total[np.isfinite(total)]
    low, high = (float(known.min()), float(known.max())) if known.size else (0.1, 1.0)
    ticks = np.geomspace(low, max(high, 1.01 * low), 6)
    bar = {
        "title": "expected<br>error, mm<br>per px",
        "tickvals": np.log10(ticks).tolist(),
        "ticktext": [f"{tick:.2g}" for tick in ticks],
    }
    fullest = int(found.views.sum(axis=(0, 1)).argmax())
    figure = go.Figure()
    for k, height in enumerate(found.z):
        layers = (total, 1e3 * found.calibration, found.views)
        figure.add_trace(
            go.Heatmap(
                # Logarithms: what two cameras see at the rim would leave the middle in one colour.
                x=found.x.round(4), y=found.y.round(4), z=np.log10(total[:, :, k]).T.round(4),
                customdata=np.stack([layer[:, :, k].T for layer in layers], axis=-1).round(4),
                visible=k == fullest, colorscale="Viridis", zmin=np.log10(ticks[0]), zmax=np.log10(ticks[-1]),
                colorbar=bar, name=f"z = {height:.2f} m",
                hovertemplate="x %{x:.2f} m, y %{y:.2f} m<br>%{customdata[0]:.2f} mm per pixel of noise<br>"
                "of it %{customdata[1]:.3f} mm from the calibration<br>%{customdata[2]} cameras"
                "<extra></extra>",
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
