"""The page of an evaluation: its table, and the worst frames with labels and predictions drawn."""

import colorsys
import math

import cv2
import numpy as np
from numpy.typing import NDArray

from calibration.pages.building import Section, legend, note, pictures, table
from calibration.pages.building import page as page_of
from models2d.evaluation.comparison import Comparison
from models2d.labelling.images import frame_image

Float = NDArray[np.float64]


def evaluation_page(evaluation: Comparison, worst: int) -> str:
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
    labels, rows = evaluation.labels, evaluation.rows()
    count = len(labels.skeleton.keypoints)
    colours = ((name, f"rgb{_colour(k, count)}") for k, name in enumerate(labels.skeleton.keypoints))
    explained = (
        "Distances are in pixels of the images; “mean px” is the mean distance, which DeepLabCut reports as "
        "its error. PCK compares with the diagonal of the box around the labels; a keypoint that was not "
        f"found counts as wrong. “Above cut”: confidence of at least {evaluation.cut:g}. "
        "“In 68%”: inside the ellipse that should hold so many."
    )
    drawn = (
        "Circles are labels, crosses predictions, a line joins the two; predictions below the cut are faint."
    )
    sections = [
        Section(
            title="Errors",
            parts=(
                table(list(rows[0]), (map(_spelled, row.values()) for row in rows), total="all"),
                note(explained),
            ),
        ),
        Section(
            title="Worst frames",
            parts=(
                note(drawn),
                legend(colours),
                pictures(_figure(evaluation, *place) for place in evaluation.worst(worst)),
            ),
        ),
    ]
    return page_of(f"Evaluation: {labels.skeleton.name}", f"{len(labels)} labelled frames", sections)


def _spelled(value: object) -> str:
    if isinstance(value, float):
        return "" if math.isnan(value) else f"{value:.3g}" if value < 1 else f"{value:.2f}"
    return str(value)


def _figure(evaluation: Comparison, frame: int, individual: int) -> tuple[bytes, str]:
    """Return the picture of an individual as JPEG, and what to say of it."""
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
    jpeg = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 85])[1].tobytes()
    words = f"mean {finite.mean():.1f} px" if finite.size else "nothing found"
    words += f", {lost} not found" if lost else ""
    name = "/".join(str(where).replace("\\", "/").split("/")[-2:])
    return jpeg, f"{name} ({part}): {words}"


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
