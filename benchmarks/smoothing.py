"""Smoothing and the whole chain, from pixels to smooth trajectories, beside aniposelib with both starts."""

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.measurement import Contender, race, save, show
from benchmarks.scenes import FPS, Float, Scene, errors, floor, scene
from calibration.anipose import to_camera_group
from triangulate import Trajectories3D, reconstruct, smooth

FRAMES = 300
"""For the comparison: aniposelib makes 7 to 65 frames a second."""

LONG = 5_000

SETTINGS = {
    "its defaults": {},
    "anipose's settings": {
        "scale_smooth": 2,
        "scale_length": 2,
        "n_deriv_smooth": 3,
        "reproj_error_threshold": 5,
    },
    "swept by hand": {"scale_smooth": 0.5, "n_deriv_smooth": 2, "reproj_error_threshold": 5},
}

DISTURBED = {"missing": 0.15, "outliers": 0.05}

GAPS = (5, 10, 15, 20, 30, 50)
"""Frames for which no view sees a keypoint."""


def main() -> None:
    tables = {}
    for name, frames, options in (
        ("clean", FRAMES, {}),
        ("15% missing, 5% outliers", FRAMES, DISTURBED),
        ("long, 15% missing, 5% outliers", LONG, DISTURBED),
    ):
        one = scene(name, frames, **options)
        peers = aniposelib(one) if frames == FRAMES else []
        tables[name] = compare(one, [*ours(one), *peers])
        show(f"{name}: {frames:,} frames, 20 keypoints, 6 views, 1 px noise, rigid bones", tables[name])
    tables["gaps"] = [inside_gaps(gap) for gap in GAPS]
    show(f"inside gaps: {LONG:,} frames, 15% missing, 5% outliers, a gap every 200 frames", tables["gaps"])
    print(
        "\nper_s is frames per second. Judged: every point. The floor is that of single frames: smoothing may"
    )
    print("go below 1. aniposelib gets millimetres, as its settings expect.")
    print(f"Written to {save('smoothing', tables)}")


def compare(one: Scene, contenders: list[Contender]) -> list[dict[str, Any]]:
    bound = floor(one.rig, one.xyz, one.good, one.sigma)
    judged = np.isfinite(bound)
    rows = []
    for timing in race(contenders, rounds=3):
        found = timing.result
        if isinstance(found, Trajectories3D):
            covered = coverage(found, one)
            found = found.xyz[:, 0]
        else:
            covered = np.nan
        rows.append({**timing.columns(), **errors(found, one, bound, judged), "coverage_95_%": covered})
    return rows


def ours(one: Scene) -> list[Contender]:
    tracks = one.tracks()
    start = reconstruct(tracks, one.rig)
    frames = len(one.xyz)
    return [
        Contender(name="reconstruct", call=lambda: reconstruct(tracks, one.rig), count=frames),
        Contender(name="smooth", call=lambda: smooth(tracks, one.rig)[0], count=frames),
        Contender(
            name="smooth, reconstructed start", call=lambda: smooth(tracks, one.rig, start)[0], count=frames
        ),
        Contender(
            name="whole chain: reconstruct and smooth",
            call=lambda: smooth(tracks, one.rig, reconstruct(tracks, one.rig))[0],
            count=frames,
        ),
    ]


def aniposelib(one: Scene) -> list[Contender]:
    group = to_camera_group(one.rig, unit="mm")
    xy = np.ascontiguousarray(np.moveaxis(one.xy, 2, 0))

    def optimised(fast: bool, options: dict[str, Any]) -> Float:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            start = group.triangulate(xy.reshape(len(xy), -1, 2), fast=fast).reshape(one.xyz.shape)
            return group.optim_points(xy.copy(), start, constraints=one.bones, **options) / 1000

    return [
        Contender(
            name=f"aniposelib, {'fast' if fast else 'linear'} start, {name}",
            call=lambda fast=fast, options=options: optimised(fast, options),
            count=len(one.xyz),
            slow=True,
        )
        for fast in (False, True)
        for name, options in SETTINGS.items()
    ]


def inside_gaps(frames: int) -> dict[str, Any]:
    """Hide each keypoint from all views for some frames, again and again, and judge those frames alone."""
    one = scene("gaps", LONG, **DISTURBED)
    hidden = np.zeros(one.xyz.shape[:2], dtype=np.bool_)
    for keypoint, begin in enumerate(np.random.default_rng(5).integers(40, 200, hidden.shape[1])):
        for first in range(int(begin), LONG - frames - 40, 200):
            hidden[first : first + frames, keypoint] = True
    one.xy[hidden] = np.nan
    found, _ = smooth(one.tracks(), one.rig, max_gap=1.0)
    away = np.linalg.norm(found.xyz[:, 0] - one.xyz, axis=-1)
    return {
        "frames": frames,
        "seconds": frames / FPS,
        "mean_mm_inside": 1e3 * float(np.nanmean(away[hidden])),
        "coverage_95_%_inside": coverage(found, one, hidden),
        "mean_mm_outside": 1e3 * float(np.nanmean(away[~hidden])),
        "coverage_95_%_outside": coverage(found, one, ~hidden),
    }


def coverage(found: Trajectories3D, one: Scene, judged: NDArray[np.bool_] | bool = True) -> float:
    """Share of the truth inside the 95% ellipsoids, in percent."""
    error = found.xyz[:, 0] - one.xyz
    known = judged & np.isfinite(error).all(axis=-1) & np.isfinite(found.covariance[:, 0]).all(axis=(-1, -2))
    solved = np.linalg.solve(found.covariance[:, 0][known], error[known][..., None])[..., 0]
    return 100 * float(((error[known] * solved).sum(axis=-1) < 7.8147).mean())


if __name__ == "__main__":
    main()
