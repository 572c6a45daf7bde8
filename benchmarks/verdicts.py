"""Power of verdicts: which fault of what size is found, and how often what is healthy is blamed."""

import argparse
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import RigidTransform, Rotation

from benchmarks.faulty_boards import CALIBRATION_FAULTS, calibration_verdict
from calibration import Camera, Rig
from models2d import Skeleton, Tracks2D
from triangulate.projects.drift import wrong_views

Float = NDArray[np.float64]

DOCUMENT = Path(__file__).parent.parent / "docs" / "verdicts.md"
FRAMES, KEYPOINTS = 400, 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """One synthetic trial before it is filmed: who moves how, before which cameras, with what noise."""

    rig: Rig
    fps: float
    noise: float
    correlation: float
    seed: int

    def paths(self, times: Float, subjects: int = 1) -> Float:
        """Keypoints on smooth random paths, (frames, subjects, keypoints, 3) m."""
        rng = np.random.default_rng(self.seed)
        rest = rng.uniform(-0.4, 0.4, (subjects, KEYPOINTS, 3)) * [1, 1, 2] + [0, 0, 1]
        hertz = rng.uniform(0.1, 0.5, (subjects, 3, 3))
        phase = rng.uniform(0, 2 * np.pi, (subjects, 3, 3))
        size = rng.uniform(0.1, 0.4, (subjects, 3, 3)) * [1, 1, 0.3] / np.array([1, 2, 4])[:, None]
        wave = np.sin(2 * np.pi * times[:, None, None, None] * hertz * [[1], [2], [4]] + phase)
        return rest + (size * wave).sum(axis=2)[:, :, None]


def scene(seed: int) -> Scene:
    """Draw cameras, rate and noise: 3 to 6 views, 30 to 120 Hz, 0.5 to 3 px, white or correlated."""
    rng = np.random.default_rng(seed)
    views, arc = int(rng.integers(3, 7)), rng.uniform(0.6, 2) * np.pi
    cameras = []
    for view in range(views):
        angle = arc * view / views + rng.normal(0, 0.1)
        center = np.array([3 * np.cos(angle), 3 * np.sin(angle), 1.4 + rng.normal(0, 0.3)])
        z = np.array([0, 0, 1.0]) - center
        z /= np.linalg.norm(z)
        x = np.cross(z, [0, 0, 1.0])
        x /= np.linalg.norm(x)
        R = Rotation.from_matrix(np.stack([x, np.cross(z, x), z]))
        cameras.append(camera_at(f"cam{view}", R, center, 1100.0))
    return Scene(
        rig=Rig(cameras=tuple(cameras)),
        fps=float(rng.choice([30.0, 60.0, 120.0])),
        noise=float(rng.choice([0.5, 1.0, 3.0])),
        correlation=float(rng.choice([0.0, 0.5])),
        seed=seed,
    )


def camera_at(name: str, R: Rotation, center: Float, focal: float) -> Camera:
    """Return a camera with a little distortion."""
    from calibration import Intrinsics

    lens = Intrinsics.from_focal((1280, 1024), focal, (-0.2, 0.07, 0, 0, 0))
    place = RigidTransform.from_components(-R.apply(center), R)
    return Camera(name=name, intrinsics=lens, cam_from_world=place)


def filmed(one: Scene, *, late: float = 0.0, second: Rig | None = None, subjects: int = 1) -> Tracks2D:
    """Film a scene; camera 1 late by frames, or another rig from the middle on; 5% missing, 1% outliers."""
    rng = np.random.default_rng(one.seed + 10_000)
    times = np.arange(FRAMES) / one.fps
    xy = np.full((FRAMES, len(one.rig), subjects, KEYPOINTS, 2), np.nan)
    for view in range(len(one.rig)):
        seen = one.paths(times + (late / one.fps if view == 1 else 0.0), subjects)
        xy[:, view] = one.rig.cameras[view].project(seen)
        if second is not None:
            xy[FRAMES // 2 :, view] = second.cameras[view].project(seen[FRAMES // 2 :])
    noise = rng.normal(0, one.noise, xy.shape)
    for frame in range(1, FRAMES):
        noise[frame] = one.correlation * noise[frame - 1] + np.sqrt(1 - one.correlation**2) * noise[frame]
    xy += noise
    lost, far = rng.random(xy.shape[:-1]) < 0.05, rng.random(xy.shape[:-1]) < 0.01
    xy[far] += rng.normal(0, 50, (int(far.sum()), 2))
    xy[lost] = np.nan
    return Tracks2D(
        xy=xy,
        confidence=np.where(lost, np.nan, 1.0),
        views=one.rig.names,
        skeleton=Skeleton(name="points", keypoints=tuple(f"k{number}" for number in range(KEYPOINTS))),
        subjects=tuple("AB"[:subjects]),
        fps=one.fps,
    )


def changed(rig: Rig, view: int, change: Callable[[Camera], Camera]) -> Rig:
    """Return the rig with one camera changed."""
    cameras = list(rig.cameras)
    cameras[view] = change(cameras[view])
    return Rig(cameras=tuple(cameras))


def rolled(degrees: float) -> Callable[[Camera], Camera]:
    """Turn a camera about its optical axis."""

    def change(camera: Camera) -> Camera:
        R = Rotation.from_rotvec([0, 0, np.radians(degrees)]) * camera.cam_from_world.rotation
        return replace(camera, cam_from_world=RigidTransform.from_components(-R.apply(camera.center), R))

    return change


def zoomed(per_cent: float) -> Callable[[Camera], Camera]:
    """Give a camera another focal length."""

    def change(camera: Camera) -> Camera:
        K = camera.intrinsics.K.copy()
        K[[0, 1], [0, 1]] *= 1 + per_cent / 100
        return replace(camera, intrinsics=replace(camera.intrinsics, K=K))

    return change


def labels_off(one: Scene, px: float) -> tuple[Tracks2D, Rig]:
    tracks = filmed(one)
    xy = tracks.xy.copy()
    xy[:, 1, :, :2] += px * np.array([0.6, 0.8])
    return replace(tracks, xy=xy), one.rig


def renamed(one: Scene, per_cent: float) -> tuple[Tracks2D, Rig]:
    tracks = filmed(one, subjects=2)
    frames = slice(100, 100 + round(FRAMES * per_cent / 100))
    xy, confidence = tracks.xy.copy(), tracks.confidence.copy()
    xy[frames, 1], confidence[frames, 1] = xy[frames, 1, ::-1], confidence[frames, 1, ::-1]
    return replace(tracks, xy=xy, confidence=confidence), one.rig


def swapped_files(one: Scene, _: float) -> tuple[Tracks2D, Rig]:
    tracks = filmed(one)
    order = np.arange(len(one.rig))
    order[[0, 1]] = 1, 0
    return replace(tracks, xy=tracks.xy[:, order], confidence=tracks.confidence[:, order]), one.rig


TRIAL_FAULTS: dict[
    str, tuple[str, tuple[float, ...], Callable[[Scene, float], tuple[Tracks2D, Rig]], str]
] = {
    "a camera late": ("frames", (0.5, 1, 4), lambda s, x: (filmed(s, late=x), s.rig), "out of step"),
    "a camera rolled in mid-trial": (
        "degrees",
        (0.5, 1, 2),
        lambda s, x: (filmed(s, second=changed(s.rig, 1, rolled(x))), s.rig),
        "disagrees with the others",
    ),
    "a camera rolled since calibration": (
        "degrees",
        (1, 2, 4),
        lambda s, x: (filmed(s), changed(s.rig, 1, rolled(x))),
        "has moved",
    ),
    "another focal length": ("%", (3, 10), lambda s, x: (filmed(s), changed(s.rig, 1, zoomed(x))), "lens"),
    "labels of 2 of 10 keypoints elsewhere": ("px", (6, 12, 24), labels_off, "elsewhere"),
    "two subjects misnamed": ("% of frames", (3, 10), renamed, "each other's name"),
    "files of two cameras exchanged": ("", (1,), swapped_files, "exchanged"),
}


def trial_verdict(build: Callable[[Scene, float], tuple[Tracks2D, Rig]], size: float, seed: int) -> str:
    """Say what is said of a faulty trial."""
    tracks, rig = build(scene(seed), size)
    return "; ".join(wrong_views(tracks, rig))


def healthy_verdict(seed: int) -> str:
    """Return what is said of a healthy trial."""
    one = scene(seed)
    return "; ".join(wrong_views(filmed(one), one.rig))


def powers(
    faults: Iterable[tuple[str, str, tuple[float, ...], Callable[[float, int], str], str]], seeds: int
) -> list[tuple[str, str, float, float, float]]:
    """Return how often anything was said of each fault and size, and how often the right thing."""
    rows = []
    for name, unit, sizes, verdict, word in faults:
        for size in sizes:
            said = [verdict(size, seed) for seed in range(1000, 1000 + seeds)]
            right = float(np.mean([word in text and ("cam1" in text or not unit) for text in said]))
            rows.append((name, unit, size, float(np.mean([bool(text) for text in said])), right))
            print(f"{name}, {size:g} {unit}: said {rows[-1][3]:.0%}, named {right:.0%}", flush=True)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--healthy", type=int, default=200)
    parser.add_argument("--faulty", type=int, default=50)
    parser.add_argument("--quick", action="store_true", help="a tenth of it, and nothing is written")
    parser.add_argument("--only", choices=("trials", "calibrations"), help="one of the two tables")
    options = parser.parse_args()
    healthy, faulty = (
        (options.healthy // 10, options.faulty // 10) if options.quick else (options.healthy, options.faulty)
    )
    parts = []
    if options.only != "calibrations":
        blamed = [healthy_verdict(seed) for seed in range(healthy)]
        faults = (
            (name, unit, sizes, lambda size, seed, build=build: trial_verdict(build, size, seed), word)
            for name, (unit, sizes, build, word) in TRIAL_FAULTS.items()
        )
        parts.append(section("Trials", TRIALS, blamed, powers(faults, faulty), faulty))
    if options.only != "trials":
        clean = [calibration_verdict("", 0.0, seed) for seed in range(healthy)]
        boards = (
            (name, unit, sizes, lambda size, seed, name=name: calibration_verdict(name, size, seed), word)
            for name, (unit, sizes, word) in CALIBRATION_FAULTS.items()
        )
        parts.append(section("Calibrations", BOARDS, clean, powers(boards, faulty), faulty))
    print("\n".join(parts))
    if not options.quick:
        DOCUMENT.write_text(document(parts), encoding="utf-8")


def document(parts: list[str]) -> str:
    """Put sections in the place of those of the same title in what was written before."""
    old = DOCUMENT.read_text(encoding="utf-8").split("\n## ")[1:] if DOCUMENT.is_file() else []
    titled = {part.splitlines()[0]: f"## {part}" for part in old}
    titled |= {part.splitlines()[0].removeprefix("## "): part for part in parts}
    return "\n".join([HEAD, *(titled[title].rstrip("\n") + "\n" for title in sorted(titled, reverse=True))])


HEAD = """# What verdicts find

Written by `python -m benchmarks verdicts`. *Said*: something was said to be wrong. *Named*: the camera was
named with the right cause. From 95% on a fault of this size is found; limits in the code are chosen so that
at most 1% of what is healthy is blamed. Everything is synthetic; rows use the same scenes.
"""

TRIALS = """400 frames of 10 keypoints, 3 to 6 cameras of 1280 x 1024 px with focal lengths of 1100 px,
3 m away, 30, 60 or 120 Hz, detections with noise of 0.5, 1 or 3 px (white, or with a lag-1 correlation of
0.5), 5% missing and 1% outliers of 50 px."""

BOARDS = """36 frames of a board of 7 x 5 squares of 60 mm waved before 3 cameras 3 m away, corners with
0.15 px of noise, 10 Hz."""


def section(
    title: str, what: str, clean: list[str], rows: list[tuple[str, str, float, float, float]], faulty: int
) -> str:
    """One table in Markdown."""
    wrong = sum(bool(text) for text in clean)
    share = wrong / max(len(clean), 1)
    lines = [
        f"## {title}\n",
        f"{what}\n",
        f"Of {len(clean)} healthy ones {wrong} were blamed ({share:.1%}); each row below is of {faulty}.\n",
        "| fault | size | said | named |",
        "|---|---|---|---|",
    ]
    lines += [
        f"| {name} | {f'{size:g} {unit}' if unit else ''} | {said:.0%} | {named:.0%} |"
        for name, unit, size, said, named in rows
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
