"""A seeded rig of six distorted cameras round a volume, for the tests of this folder."""

import numpy as np

from calibration import Camera, Intrinsics, Rig


def looking_at(
    name, center, target, *, focal=1100.0, distortion=(-0.25, 0.09, 5e-4, -5e-4, 0.0), model="pinhole"
):
    """Return a camera at a place, looking at another, with the world's z up."""
    forward = np.subtract(target, center)
    forward = forward / np.linalg.norm(forward)
    right = np.cross(forward, [0, 0, 1.0])
    right /= np.linalg.norm(right)
    R = np.stack([right, np.cross(forward, right), forward])
    lens = Intrinsics(
        size=(1280, 1024),
        K=[[focal, 0, 640], [0, 1.002 * focal, 512], [0, 0, 1]],
        distortion=np.array(distortion),
        model=model,
    )
    from scipy.spatial.transform import RigidTransform, Rotation

    pose = RigidTransform.from_components(-R @ np.asarray(center), Rotation.from_matrix(R))
    return Camera(name=name, intrinsics=lens, cam_from_world=pose)


def ring(count=6, radius=3.0, **lens):
    """Return cameras on a circle, at different heights, looking at the middle."""
    rng = np.random.default_rng(7)
    angles = 2 * np.pi * np.arange(count) / count + 0.1
    return Rig(
        cameras=tuple(
            looking_at(
                f"cam{view}",
                [radius * np.cos(angle), radius * np.sin(angle), 1.2 + 0.3 * rng.standard_normal()],
                [0, 0, 0.9],
                **lens,
            )
            for view, angle in enumerate(angles)
        )
    )
