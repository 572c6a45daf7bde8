"""The page of an evaluation: its table, and the worst frames with labels and predictions drawn."""

import base64
import colorsys
import math
from html import escape
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from models2d.evaluation.comparison import Comparison
from models2d.labelling.images import frame_image

Float = NDArray[np.float64]
style = """
body{font:15px/1.5 system-ui,sans-serif;margin:2em auto;max-width:1200px;padding:0 1em;color:#1a202c}
table{border-collapse:collapse;margin:1em 0}th,td{padding:3px 10px;text-align:right;border-bottom:1px solid
#e2e8f0} th:nth-child(-n+2),td:nth-child(-n+2){text-align:left}tr.all{font-weight:600;background:#edf2f7}
.worst{display:grid;grid-template-columns:repeat(auto-fill,minmax(270px,1fr));gap:16px}
figure{margin:0}figure
img{width:100%;display:block;background:#000}figcaption{font-size:13px;overflow-wrap:anywhere} .legend
span{display:inline-block;margin-right:1.2em}.dot{width:10px;height:10px;border-radius:50%;
display:inline-block;margin-right:5px}
"""


def page(evaluation: Comparison, worst: int) -> str:
    """Compose the page.

    Parameters
    ----------
    evaluation : Comparison
    worst : int
        Number of individuals to draw.

    Returns
    -------
    html : str
        Self-contained.
    """
    labels = evaluation.labels
    figures = "".join(_figure(evaluation, *place) for place in evaluation.worst(worst))
    legend = "".join(
        f'<span><i class="dot" style="background:rgb{_colour(k, len(labels.skeleton.keypoints))}"></i>'
        f"{escape(name)}</span>"
        for k, name in enumerate(labels.skeleton.keypoints)
    )
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>Evaluation of '
        f"{escape(labels.skeleton.name)}"
        f"</title><style>{style}</style><h1>Evaluation: {escape(labels.skeleton.name)}</h1>"
        f"<p>{len(labels)} labelled frames. Distances are in pixels of the images; &ldquo;mean px&rdquo; "
        f"is the mean "
        "distance, which DeepLabCut reports as its error. PCK compares with the diagonal of the box around "
        "the labels; "
        "a keypoint that was not found counts as wrong. &ldquo;Above cut&rdquo;: confidence of at least "
        f"{evaluation.cut:g}. &ldquo;In 68%&rdquo;: inside the ellipse that should hold so many.</p>"
        f"{_table(evaluation.rows())}<h2>Worst frames</h2>"
        "<p>Circles are labels, crosses predictions, a line joins the two; predictions below the cut are "
        "faint.</p>"
        f'<p class="legend">{legend}</p><div class="worst">{figures}</div></html>'
    )


def _table(rows: list[dict[str, Any]]) -> str:
    head = "".join(f"<th>{escape(name)}</th>" for name in rows[0])
    body = "".join(
        f"<tr{' class=all' if row['keypoint'] == 'all' else ''}>"
        + "".join(f"<td>{escape(_spelled(value))}</td>" for value in row.values())
        + "</tr>"
        for row in rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _spelled(value: object) -> str:
    if isinstance(value, float):
        return "" if math.isnan(value) else f"{value:.3g}" if value < 1 else f"{value:.2f}"
    return str(value)


def _figure(evaluation: Comparison, frame: int, individual: int) -> str:
    where = evaluation.labels.frames[frame]
    away = evaluation.distance[frame, individual]
    finite = away[np.isfinite(away)]
    lost = int(np.isinf(away).sum())
    part = ", ".join(name for name, frames in evaluation.parts.items() if frame in frames)
    picture = _drawn(
        frame_image(where),
        evaluation.labels.xy[frame, individual],
        evaluation.xy[frame, individual],
        evaluation.confidence[frame, individual] >= evaluation.cut,
    )
    data = base64.b64encode(
        cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 85])[1].tobytes()
    ).decode()
    words = f"mean {finite.mean():.1f} px" if finite.size else "nothing found"
    words += f", {lost} not found" if lost else ""
    name = "/".join(str(where).replace("\\", "/").split("/")[-2:])
    return (
        f'<figure><img src="data:image/jpeg;base64,{data}" alt="{escape(name)}"><figcaption>{escape(name)}'
        f" ({escape(part)}): {words}</figcaption></figure>"
    )


def _drawn(
    image: NDArray[np.uint8], truth: Float, found: Float, sure: NDArray[np.bool_]
) -> NDArray[np.uint8]:
    """Cut out what is around the labels and predictions, enlarge it and draw them."""
    points = np.concatenate([truth, found])
    points = points[np.isfinite(points[:, 0])]
    height, width = image.shape[:2]
    reach = max(40.0, float(np.ptp(points, axis=0).max()) * 0.15)
    low = np.clip(np.floor(points.min(axis=0) - reach), 0, [width - 1, height - 1]).astype(int)
    high = np.clip(np.ceil(points.max(axis=0) + reach), low + 1, [width, height]).astype(int)
    scale = 540.0 / max(high - low)
    view = cv2.resize(image[low[1] : high[1], low[0] : high[0]], None, fx=scale, fy=scale)
    canvas = np.ascontiguousarray(view)
    for keypoint in range(len(truth)):
        red, green, blue = _colour(keypoint, len(truth))
        colour = (blue, green, red)
        # Pixel centres are integers, so the edges scale: u' + 1/2 = s (u - low + 1/2).
        ends = [
            tuple(((point - low + 0.5) * scale - 0.5).round().astype(int).tolist())
            if np.isfinite(point[0])
            else None
            for point in (truth[keypoint], found[keypoint])
        ]
        thick = 2 if sure[keypoint] else 1
        if ends[0] and ends[1]:
            cv2.line(canvas, ends[0], ends[1], colour, 1, cv2.LINE_AA)
        if ends[0]:
            cv2.circle(canvas, ends[0], 7, colour, 2, cv2.LINE_AA)
        if ends[1]:
            cv2.drawMarker(canvas, ends[1], colour, cv2.MARKER_TILTED_CROSS, 12, thick, cv2.LINE_AA)
    return np.asarray(canvas, dtype=np.uint8)


def _colour(number: int, count: int) -> tuple[int, int, int]:
    red, green, blue = colorsys.hsv_to_rgb(number / max(count, 1), 0.85, 1.0)
    return round(255 * red), round(255 * green), round(255 * blue)
