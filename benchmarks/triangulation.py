"""Triangulation: speed and error of every kernel beside aniposelib, OpenCV and the Cramer-Rao floor."""

import warnings
from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np

from benchmarks.measurement import Contender, race, save, show
from benchmarks.scenes import Float, Scene, errors, floor, scene
from calibration.anipose import to_camera_group
from triangulate import solve_points, triangulate_points

FRAMES = 10_000
PEER_POINTS = 300
"""aniposelib's RANSAC makes under a hundred points a second."""

SCENES = (
    ("clean", {}),
    ("15% missing", {"missing": 0.15}),
    ("15% missing, 5% outliers", {"missing": 0.15, "outliers": 0.05}),
    ("15% missing, 20% outliers", {"missing": 0.15, "outliers": 0.20}),
)


def main() -> None:
    tables: dict[str, Sequence[dict[str, Any]]] = {}
    for name, options in SCENES:
        tables[name] = compare(scene(name, FRAMES, **options))
        show(f"{name}: {FRAMES * 20:,} points, 6 views, 1 px noise", tables[name])
    print("\nJudged: points with at least 3 good views. Floor: Cramer-Rao bound of their good views.")
    print(f"Written to {save('triangulation', tables)}")


def compare(one: Scene) -> list[dict[str, Any]]:
    xy = one.xy.reshape(-1, len(one.rig), 2)
    good = one.good.reshape(-1, len(one.rig))
    bound = floor(one.rig, one.xyz, one.good, one.sigma).ravel()
    judged = good.sum(axis=1) >= 3
    contenders = [*ours(one, xy), *peers(one, xy)]
    rows = []
    for timing in race(contenders):
        found = timing.result
        part = slice(0, len(found))
        flat = Scene(**{**vars(one), "xyz": one.xyz.reshape(-1, 3)[part]})
        rows.append({**timing.columns(), **errors(found, flat, bound[part], judged[part])})
    peer = next(row["per_s"] for row in rows if "triangulate_ransac" in row["name"])
    for row in rows:
        row["x aniposelib ransac"] = row["per_s"] / peer
        row["coverage_95_%"] = None
    for row, method in zip(rows[3:5], ("refined", "ransac"), strict=True):
        row["coverage_95_%"] = coverage(one, xy, judged, method)
    return rows


def ours(one: Scene, xy: Float) -> list[Contender]:
    def points(method: str) -> Contender:
        return Contender(
            name=f"triangulate_points {method}",
            call=lambda: triangulate_points(xy, one.rig, method=method),
            count=len(xy),
        )

    def solved(method: str) -> Contender:
        return Contender(
            name=f"solve_points {method} (all outputs)",
            call=lambda: solve_points(xy, one.rig, method=method).xyz,
            count=len(xy),
        )

    return [points("linear"), points("refined"), points("ransac"), solved("refined"), solved("ransac")]


def peers(one: Scene, xy: Float) -> list[Contender]:
    group = to_camera_group(one.rig)
    stacked = np.ascontiguousarray(np.moveaxis(xy, 1, 0))
    part = stacked[:, :PEER_POINTS]

    def quietly(call: Any, *arguments: Any, **options: Any) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return call(*arguments, **options)

    return [
        Contender(
            name="aniposelib triangulate",
            call=lambda: quietly(group.triangulate, stacked),
            count=len(xy),
        ),
        Contender(
            name="aniposelib triangulate, fast",
            call=lambda: quietly(group.triangulate, stacked, fast=True),
            count=len(xy),
        ),
        Contender(
            name="aniposelib triangulate_ransac",
            call=lambda: quietly(group.triangulate_ransac, part)[0],
            count=PEER_POINTS,
            slow=True,
        ),
        Contender(name="OpenCV, two views", call=lambda: two_views(one, xy), count=len(xy)),
    ]


def two_views(one: Scene, xy: Float) -> Float:
    """Undistort and triangulate the first two views with OpenCV, which knows no more than two."""
    rays, matrices = [], []
    for view, camera in enumerate(one.rig.cameras[:2]):
        lens = camera.intrinsics
        rays.append(cv2.undistortPoints(np.ascontiguousarray(xy[:, view]), lens.K, lens.distortion)[:, 0].T)
        matrices.append(camera.P)
    found = cv2.triangulatePoints(*matrices, *rays)
    with np.errstate(invalid="ignore", divide="ignore"):
        return (found[:3] / found[3]).T


def coverage(one: Scene, xy: Float, judged: Any, method: str) -> float:
    """Share of the truth inside the 95% ellipsoids, in percent."""
    points = solve_points(xy, one.rig, method=method, pixel_sigma=one.sigma)
    use = judged & np.isfinite(points.error)
    error = (points.xyz - one.xyz.reshape(-1, 3))[use]
    squared = np.einsum("ni,ni->n", error, np.linalg.solve(points.covariance[use], error[..., None])[..., 0])
    return 100 * float((squared < 7.8147).mean())


if __name__ == "__main__":
    main()
