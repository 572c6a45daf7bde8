"""Errors that resemble those of neighbouring frames: what 95% ellipsoids hold, by correlation and rate."""

from typing import Any

import numpy as np

from benchmarks.measurement import save, show
from benchmarks.scenes import Float, Scene, moving_chain, ring_rig
from benchmarks.smoothing import coverage
from triangulate import reconstruct, smooth

SIXTIETH = 1 / 60
"""s, for which correlations are stated, whatever the frame rate."""

CORRELATIONS = (0.0, 0.2, 0.4, 0.6, 0.9)

RATES = (60.0, 240.0, 1000.0)

SECONDS = {60.0: 25.0, 240.0: 12.0, 1000.0: 6.0}


def main() -> None:
    rows = [
        row(fps, correlation, seeds=2, seconds=SECONDS[fps]) for fps in RATES for correlation in CORRELATIONS
    ]
    views = [row(60.0, 0.4, seeds=1, seconds=25.0, views=count) for count in range(2, 9)]
    show("8 keypoints, 6 views, 1 px; the correlation is that of errors 1/60 s apart", rows)
    show("by number of views, correlation 0.4 at 60 Hz", views)
    print(f"\nWritten to {save('correlated_noise', {'correlated noise': rows, 'views': views})}")


def row(fps: float, correlation: float, *, seeds: int, seconds: float, views: int = 6) -> dict[str, Any]:
    found: list[list[float]] = []
    for seed in range(seeds):
        one = scene(fps, correlation, int(fps * seconds), seed, views)
        tracks = one.tracks()
        raw = reconstruct(tracks, one.rig)
        smoothed, _ = smooth(tracks, one.rig, raw)
        error = [np.linalg.norm(points.xyz[:, 0] - one.xyz, axis=-1) for points in (raw, smoothed)]
        found.append(
            [1e3 * float(np.nanmean(one)) for one in error] + [coverage(raw, one), coverage(smoothed, one)]
        )
    names = ("raw_mm", "smooth_mm", "raw_held_%", "smooth_held_%")
    means = dict(zip(names, np.mean(found, axis=0).tolist(), strict=True))
    return {"Hz": fps, "views": views, "correlation": correlation, **means}


def scene(fps: float, correlation: float, frames: int, seed: int, views: int) -> Scene:
    """Render pixels whose errors are a first-order autoregression."""
    rig, (xyz, bones) = ring_rig(views, seed=seed), moving_chain(frames, 8, seed=seed, fps=fps)
    per_frame = correlation ** (1 / (fps * SIXTIETH)) if correlation else 0.0
    xy = rig.project(xyz) + autoregressive((frames, 8, views, 2), per_frame, seed)
    good = np.ones(xy.shape[:-1], dtype=np.bool_)
    return Scene(name="correlated", rig=rig, xyz=xyz, bones=bones, xy=xy, good=good, sigma=1.0, fps=fps)


def autoregressive(shape: tuple[int, ...], per_frame: float, seed: int) -> Float:
    noise = np.random.default_rng([seed, 3]).normal(size=shape)
    for frame in range(1, shape[0]):
        noise[frame] = per_frame * noise[frame - 1] + np.sqrt(1 - per_frame**2) * noise[frame]
    return noise


if __name__ == "__main__":
    main()
