"""Seeded scenes with known truth: a ring of distorted cameras, a moving chain of bones, disturbed pixels."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import RigidTransform, Rotation

from calibration import Camera, Intrinsics, Rig
from models2d import Skeleton, Tracks2D

Float = NDArray[np.float64]

MIDDLE = np.array([0.0, 0.0, 0.9])
FPS = 60.0


def ring_rig(views: int = 6, *, radius: float = 3.0, seed: int = 0) -> Rig:
    """Make cameras 1280x1024, f = 1100 px and a barrel-distorting lens, on a circle at different heights."""
    rng = np.random.default_rng([seed, 1])
    cameras = []
    for view in range(views):
        angle = 2 * np.pi * view / views
        center = np.array([radius * np.cos(angle), radius * np.sin(angle), 1.2 + 0.3 * rng.normal()])
        forward = (MIDDLE - center) / np.linalg.norm(MIDDLE - center)
        right = np.cross(forward, [0, 0, 1.0])
        right /= np.linalg.norm(right)
        R = np.stack([right, np.cross(forward, right), forward])
        f = 1100 + 50 * rng.normal()
        cx, cy = 639.5 + 10 * rng.normal(), 511.5 + 10 * rng.normal()
        lens = Intrinsics(
            size=(1280, 1024),
            K=np.array([[f, 0, cx], [0, 1.002 * f, cy], [0, 0, 1]]),
            distortion=np.array([-0.25 + 0.03 * rng.normal(), 0.09, 5e-4, -5e-4, 0.0]),
        )
        place = RigidTransform.from_components(-R @ center, Rotation.from_matrix(R))
        cameras.append(Camera(name=f"cam{view:02d}", intrinsics=lens, cam_from_world=place))
    return Rig(cameras=tuple(cameras))


def moving_chain(
    frames: int, keypoints: int = 20, *, seed: int = 0, fps: float = FPS
) -> tuple[Float, list[tuple[int, int]]]:
    """Move a branching chain of rigid bones, 6 to 20 cm, whose joints swing at up to 1 Hz.

    Returns the keypoints, (frames, keypoints, 3) m, and the bones.
    """
    rng = np.random.default_rng([seed, 2])
    t = np.arange(frames) / fps
    xyz = np.zeros((frames, keypoints, 3))
    xyz[:, 0] = MIDDLE + np.stack(
        [0.4 * np.sin(0.5 * t), 0.4 * np.cos(0.4 * t), 0.05 * np.sin(2 * t)], axis=-1
    )
    bones = []
    for keypoint in range(1, keypoints):
        parent = keypoint - 1 if keypoint % 5 else 0
        polar = rng.uniform(0, np.pi) + 0.5 * np.sin(rng.uniform(1, 6) * t + rng.uniform(0, 6))
        azimuth = rng.uniform(0, 2 * np.pi) + 0.5 * np.sin(rng.uniform(1, 6) * t + rng.uniform(0, 6))
        direction = [np.sin(polar) * np.cos(azimuth), np.sin(polar) * np.sin(azimuth), np.cos(polar)]
        xyz[:, keypoint] = xyz[:, parent] + rng.uniform(0.06, 0.2) * np.stack(direction, axis=-1)
        bones.append((parent, keypoint))
    return xyz, bones


@dataclass(frozen=True, kw_only=True)
class Scene:
    """What the cameras see of a moving chain, and the truth.

    `xyz` is (frames, keypoints, 3) m, `xy` (frames, keypoints, views, 2) px; `good` (frames, keypoints,
    views) tells which pixels are there and no outliers.
    """

    name: str
    rig: Rig
    xyz: Float
    bones: list[tuple[int, int]]
    xy: Float
    good: NDArray[np.bool_]
    sigma: float
    fps: float = FPS

    def tracks(self) -> Tracks2D:
        """Return the pixels as tracks of one subject."""
        names = [f"k{keypoint:02d}" for keypoint in range(self.xyz.shape[1])]
        links = [(names[a], names[b]) for a, b in self.bones]
        xy = np.moveaxis(self.xy, 2, 1)[:, :, None]
        return Tracks2D(
            xy=xy,
            confidence=np.ones(xy.shape[:-1]),
            views=self.rig.names,
            skeleton=Skeleton.from_names("chain", names, links, []),
            subjects=("chain",),
            fps=self.fps,
        )


def scene(
    name: str,
    frames: int,
    *,
    views: int = 6,
    keypoints: int = 20,
    sigma: float = 1.0,
    missing: float = 0.0,
    outliers: float = 0.0,
    spread: float = 80.0,
    seed: int = 0,
) -> Scene:
    """Render pixels with Gaussian noise, gross outliers (Gaussian, `spread` px) and gaps."""
    rig = ring_rig(views, seed=seed)
    xyz, bones = moving_chain(frames, keypoints, seed=seed)
    rng = np.random.default_rng([seed, 3])
    xy = rig.project(xyz)
    xy += sigma * rng.normal(size=xy.shape)
    bad = rng.random(xy.shape[:-1]) < outliers
    xy[bad] += spread * rng.normal(size=(int(bad.sum()), 2))
    gone = rng.random(xy.shape[:-1]) < missing
    xy[gone] = np.nan
    return Scene(name=name, rig=rig, xyz=xyz, bones=bones, xy=xy, good=~bad & ~gone, sigma=sigma)


def floor(rig: Rig, xyz: Float, good: NDArray[np.bool_], sigma: float) -> Float:
    """Return the Cramer-Rao bound of every point, m: the least RMS error of an unbiased estimate.

    From the pixels marked good, one frame at a time, by numerical derivatives of the rig's own projection;
    NaN for points with fewer than two.
    """
    flat, seen = xyz.reshape(-1, 3), good.reshape(-1, len(rig))
    step = 1e-6
    information = np.zeros((len(flat), 3, 3))
    slopes = [
        (rig.project(flat + step * axis) - rig.project(flat - step * axis)) / (2 * step) for axis in np.eye(3)
    ]
    J = np.stack(slopes, axis=-1)
    information = np.einsum("nv,nvai,nvaj->nij", seen, J, J, optimize=True) / sigma**2
    bound = np.full(len(flat), np.nan)
    enough = seen.sum(axis=1) >= 2
    bound[enough] = np.sqrt(np.trace(np.linalg.inv(information[enough]), axis1=1, axis2=2))
    return bound.reshape(xyz.shape[:-1])


def errors(found: Float, scene: Scene, bound: Float, judged: NDArray[np.bool_]) -> dict[str, float]:
    """Compare points with the truth over those judged: mm, ratio to the floor, share without an answer."""
    distance = np.linalg.norm(found - scene.xyz.reshape(found.shape), axis=-1)
    use = judged & np.isfinite(distance)
    if not use.any():
        return {"mean_mm": np.nan, "missing_%": 100.0}
    ratio = distance[use] / bound[use]
    return {
        "mean_mm": 1e3 * distance[use].mean(),
        "median_mm": 1e3 * float(np.median(distance[use])),
        "p99_mm": 1e3 * float(np.percentile(distance[use], 99)),
        "rms_mm": 1e3 * float(np.sqrt((distance[use] ** 2).mean())),
        "rms/floor": float(np.sqrt((distance[use] ** 2).mean() / (bound[use] ** 2).mean())),
        "p99_of_ratio": float(np.percentile(ratio, 99)),
        "missing_%": 100 * float(1 - use.sum() / judged.sum()),
    }
