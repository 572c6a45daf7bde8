"""Punches, jumps and steps in quiet trials: smoothing beside single frames and a Butterworth filter."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from scipy.signal import butter, filtfilt

from benchmarks.measurement import save, show
from benchmarks.scenes import MIDDLE, Float, ring_rig
from models2d import Skeleton, Tracks2D
from triangulate import reconstruct, smooth

CUT_OFF = 12.0
"""Hz, of a Butterworth filter of second order that runs in both directions."""

TWO_PASSES = (np.sqrt(2) - 1) ** -0.25
"""By which each pass's cut-off is raised so that both together have the one asked for (Winter 2009)."""


def main() -> None:
    rows = []
    for fps in (60.0, 120.0, 200.0):
        for seed, at in enumerate(np.linspace(0.5, 25.0, 10)):
            name = f"punch at {at:.1f} s of 26 s"
            rows.append(judge(Trial(name, fps, 26.0, punch(at), (at - 0.2, at + 0.6)), seed))
    rows.append(judge(Trial("punch at 300.3 s of 10 min", 120.0, 600.0, punch(300.3), (300.1, 300.9))))
    for seed, at in enumerate(np.linspace(0.3, 38.0, 17)):
        name = f"jump at {at:.1f} s of 40 s"
        rows.append(judge(Trial(name, 100.0, 40.0, jump(at), (at - 0.2, at + 2.0)), seed))
    rows.append(judge(Trial("three steps, twice", 60.0, 30.0, steps, (5.5, 8.7))))
    show("one keypoint, 4 views, 1 px noise: rms error (mm), and peaks over the true ones", rows)
    print(f"\nWritten to {save('sudden_motion', {'sudden motion': rows})}")


class Trial(NamedTuple):
    """A motion, when it is fast (from, to, s), and how long and how often it is filmed."""

    name: str
    fps: float
    seconds: float
    move: Callable[[Float], Float]
    fast: tuple[float, float]


def judge(trial: Trial, seed: int = 0) -> dict[str, Any]:
    name, fps, seconds, move, fast = trial
    rig = ring_rig(4)
    t = np.arange(int(seconds * fps)) / fps
    truth = MIDDLE + sway(t) + move(t)
    xy = np.moveaxis(rig.project(truth[:, None]), -2, 1)
    xy = xy + np.random.default_rng(seed).normal(size=xy.shape)
    tracks = Tracks2D(
        xy=xy[:, :, None],
        confidence=np.ones((len(t), 4, 1, 1)),
        views=rig.names,
        skeleton=Skeleton.from_names("point", ["fist"], []),
        subjects=("one",),
        fps=fps,
    )
    raw = reconstruct(tracks, rig)
    smoothed = smooth(tracks, rig, raw)[0].xyz[:, 0, 0]
    single = raw.xyz[:, 0, 0]
    filtered = filtfilt(*butter(2, CUT_OFF * TWO_PASSES / (fps / 2)), single, axis=0)
    inside = (t > fast[0]) & (t < fast[1])
    row: dict[str, Any] = {"motion": name, "Hz": fps}
    for part, use in (("fast", inside), ("quiet", ~inside)):
        for who, xyz in (("raw", single), ("smooth", smoothed), ("butterworth", filtered)):
            row[f"{part}_{who}"] = 1e3 * float(np.sqrt(np.mean(np.sum((xyz - truth)[use] ** 2, axis=-1))))
    for what, order in (("speed", 1), ("acceleration", 2)):
        peaks = [np.linalg.norm(rate(xyz, fps, order), axis=-1)[inside].max() for xyz in (smoothed, truth)]
        row[what] = peaks[0] / peaks[1]
    return row


def rate(xyz: Float, fps: float, order: int) -> Float:
    for _ in range(order):
        xyz = np.gradient(xyz, 1 / fps, axis=0)
    return xyz


def rise(u: Float) -> Float:
    """Go from 0 to 1 with speed and acceleration zero at the ends."""
    u = np.clip(u, 0, 1)
    return 10 * u**3 - 15 * u**4 + 6 * u**5


def sway(t: Float) -> Float:
    return 1e-3 * np.stack([4 * np.sin(1.95 * t), 3 * np.sin(1.45 * t + 1), 2 * np.sin(2.5 * t + 2)], axis=-1)


def punch(at: float) -> Callable[[Float], Float]:
    """Out by 0.6 m and back, 0.15 s each way."""
    return lambda t: (
        0.6 * (rise((t - at) / 0.15) - rise((t - at - 0.2) / 0.15))[:, None] * np.array([0.95, 0.3, 0.1])
    )


def jump(at: float) -> Callable[[Float], Float]:
    """Crouch, leave the ground for half a second, land and stand up."""

    def move(t: Float) -> Float:
        u = t - at
        crouch = -0.25 * (rise(u / 0.5) - rise((u - 0.5) / 0.15))
        flight = np.maximum(2.45 * (u - 0.65) - 4.9 * (u - 0.65) ** 2, 0) * (u > 0.65)
        landing = -0.15 * (rise((u - 1.15) / 0.1) - rise((u - 1.25) / 0.5))
        return np.stack([0 * t, 0 * t, crouch + flight + landing], axis=-1)

    return move


def steps(t: Float) -> Float:
    starts = (6.0, 6.9, 7.8, 20.0, 23.0, 26.0)
    forward = sum(0.35 * rise((t - at) / 0.45) for at in starts)
    lifted = sum(0.08 * np.sin(np.pi * np.clip((t - at) / 0.45, 0, 1)) ** 2 for at in starts)
    return np.stack([forward, 0 * t, lifted], axis=-1)


if __name__ == "__main__":
    main()
