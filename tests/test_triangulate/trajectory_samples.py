"""Made-up trajectories with every status, gaps and awkward names; used by the tests only."""

import numpy as np

from models2d import Skeleton
from triangulate import Status, Trajectories3D


def sample(frames=12, subjects=("subject",), fps=29.97, seed=0, start=0.5):
    rng = np.random.default_rng(seed)
    skeleton = Skeleton.from_names("bug", ["nose", "left ear", "right ear"], [("nose", "left ear")])
    shape = (frames, len(subjects), 3)
    xyz = rng.normal(size=(*shape, 3))
    root = rng.normal(size=(*shape, 3, 3)) * 1e-3
    covariance = root @ root.swapaxes(-1, -2)
    inliers = rng.random((frames, 3, len(subjects), 3)) < 0.8
    status = np.where(inliers.sum(axis=1) >= 2, Status.OK, Status.ONE_VIEW)
    error = rng.random(shape)
    missing = status == Status.ONE_VIEW
    xyz[missing], covariance[missing], error[missing] = np.nan, np.nan, np.nan
    return Trajectories3D(
        xyz=xyz,
        covariance=(covariance + covariance.swapaxes(-1, -2)) / 2,
        inliers=inliers,
        status=status,
        error=error,
        views=("c0", "c1", "c10"),
        skeleton=skeleton,
        subjects=subjects,
        fps=fps,
        start=start,
    )
