"""Where the labels of some views lie in the others: projected points and epipolar lines."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibration.geometry.nearest_points import nearest_in_images, ray_directions
from calibration.rig import Rig

Float = NDArray[np.float64]


def guides(xy: Float, rig: Rig, samples: int = 400) -> list[dict[str, Any]]:
    """Compute a guide for every keypoint that some views have and others lack.

    Parameters
    ----------
    xy : (views, keypoints, 2) float, px
        Labels of one individual at one instant; NaN where not labelled.
    rig : Rig
        With the cameras of the views in their order.
    samples : int
        Points along an epipolar line.

    Returns
    -------
    guides : list of dict
        With `view` and `keypoint`; `xy` is the projection of the point that two or more labels give, with
        `error`, px, their RMS reprojection error; or `line` is the epipolar line of the only label, with
        its view as `source`, bent as the lens bends it.
    """
    labelled = np.isfinite(xy[..., 0])
    count = np.asarray(labelled.sum(axis=0))
    xyz = _points(xy, rig)
    predicted = np.swapaxes(rig.project(xyz), 0, 1)
    found: list[dict[str, Any]] = []
    for keypoint in np.flatnonzero(count >= 2):
        away = np.linalg.norm(predicted[:, keypoint] - xy[:, keypoint], axis=-1)
        error = float(np.sqrt(np.nanmean(away**2))) if np.isfinite(away).any() else float("nan")
        for view in range(len(rig)):
            point = predicted[view, keypoint]
            if np.isfinite(point).all() and _inside(point, rig, view):
                entry = {"view": view, "keypoint": int(keypoint), "xy": point.round(2).tolist()}
                found.append(entry | {"error": round(error, 2), "labelled": bool(labelled[view, keypoint])})
    for keypoint in np.flatnonzero(count == 1):
        source = int(np.flatnonzero(labelled[:, keypoint])[0])
        for view, line in epipolar_lines(xy[source, keypoint], source, rig, samples).items():
            found.append({"view": view, "keypoint": int(keypoint), "line": line, "source": source})
    return found


def _points(xy: Float, rig: Rig) -> Float:
    """Closest points to the rays: a page cannot wait for the compiled kernels."""
    uv = rig.undistort(np.swapaxes(xy, 0, 1))
    seen, uv = np.isfinite(uv[..., 0]), np.nan_to_num(uv)
    toward = np.stack(
        [ray_directions(uv[:, view], camera.R) for view, camera in enumerate(rig.cameras)], axis=1
    )
    return nearest_in_images(rig.centers, toward, seen.astype(np.float64))


def epipolar_lines(xy: Float, source: int, rig: Rig, samples: int = 400) -> dict[int, list[list[float]]]:
    """Draw the ray of a pixel into the other views.

    Parameters
    ----------
    xy : (2,) float, px
    source : int
        View of the pixel.
    rig : Rig
    samples : int

    Returns
    -------
    lines : dict of int to list of [x, y], px
        By view; only the part inside the image, in the order of depth. Views that do not see the ray are
        left out.
    """
    camera = rig.cameras[source]
    flat = camera.intrinsics.undistort(xy)
    if not np.isfinite(flat).all():
        return {}
    toward = camera.R.T @ np.array([*flat, 1.0])
    reach = float(np.linalg.norm(rig.centers - camera.center, axis=-1).max())
    # Even steps in inverse depth are about even steps in the other image.
    depth = 1.0 / np.linspace(1.0 / (0.01 * reach), 1.0 / (20 * reach), samples)
    lines = {}
    for view in range(len(rig)):
        if view == source:
            continue
        points = rig.cameras[view].project(camera.center + depth[:, None] * toward)
        points = points[np.isfinite(points).all(axis=-1)]
        inside = np.array([False, *(_inside(point, rig, view) for point in points), False])
        # Beyond the image the lens model may fold back; the longest stretch inside is the line.
        starts, stops = (
            np.flatnonzero(np.diff(inside.astype(int)) == 1),
            np.flatnonzero(np.diff(inside.astype(int)) == -1),
        )
        longest = int((stops - starts).argmax()) if len(starts) else -1
        if longest >= 0 and stops[longest] - starts[longest] >= 2:
            lines[view] = points[starts[longest] : stops[longest]].round(2).tolist()
    return lines


def _inside(point: Float, rig: Rig, view: int) -> bool:
    width, height = rig.cameras[view].intrinsics.size
    return bool(-0.5 <= point[0] <= width - 0.5 and -0.5 <= point[1] <= height - 0.5)
