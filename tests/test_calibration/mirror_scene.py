"""One camera that sees a board directly and in two mirrors, by reflecting points in planes."""

import numpy as np
from scipy.spatial.transform import Rotation

from calibration import Board, BoardObservations, Intrinsics
from calibration.recordings.crops import Crop

board = Board.charuco(columns=6, rows=8, square=0.01, marker=0.0075, dictionary="4X4_50")

lens = Intrinsics(
    size=(1600, 1200),
    K=[[1400.0, 0, 812], [0, 1403, 590], [0, 0, 1]],
    distortion=[-0.2, 0.06, 8e-4, -1.2e-3, 0.0],
)

mirrors = {
    "direct": None,
    "right": (np.array([-0.72, 0.02, -0.69]), np.array([0.15, 0, 0.5])),
    "left": (np.array([0.70, -0.03, -0.72]), np.array([-0.15, 0, 0.5])),
}
"""Normal, towards the subject, and a point of each mirror, m, cam."""

boxes = {"direct": (625, 300, 370, 600), "right": (995, 280, 345, 620), "left": (280, 280, 345, 620)}


def plane(name):
    """Unit normal and distance from the camera of a mirror."""
    normal, point = mirrors[name]
    normal = normal / np.linalg.norm(normal)
    return normal, float(normal @ point)


def reflected(name, xyz):
    """Where a view sees points: themselves, or behind its mirror."""
    if mirrors[name] is None:
        return xyz
    normal, distance = plane(name)
    return xyz - 2 * (xyz @ normal - distance)[..., None] * normal


def pixels(xyz, name):
    """Pixels of points, (..., 3) m, cam, in a view: a crop, flipped where it shows a mirror."""
    x, y, width, height = boxes[name]
    xy = lens.project(reflected(name, xyz)) - [x, y]
    if mirrors[name] is not None:
        xy[..., 0] = width - 1 - xy[..., 0]
    outside = ((xy < 0) | (xy > np.array([width, height]) - 1)).any(axis=-1)
    return np.where(outside[..., None], np.nan, xy)


def observe(frames=60, noise=0.1, seed=0, names=tuple(mirrors)):
    """Observations of a board turned by hand before camera and mirrors."""
    rng = np.random.default_rng(seed)
    turn = Rotation.from_euler(
        "yx", np.c_[rng.uniform(-80, 80, frames), rng.normal(0, 25, frames)], degrees=True
    )
    place = np.array([0, 0, 0.5]) + rng.uniform(-0.02, 0.02, (frames, 3))
    flat = board.corners - board.corners.mean(axis=0)
    xyz = np.einsum("fij,kj->fki", turn.as_matrix(), flat) + place[:, None]
    front = -turn.as_matrix()[..., 2]
    xy = np.full((frames, len(names), len(flat), 2), np.nan)
    for view, name in enumerate(names):
        eye = reflected(name, np.zeros(3))  # it looks at the board from behind the mirror
        towards = eye - place
        facing = np.einsum("fi,fi->f", front, towards) / np.linalg.norm(towards, axis=1) > 0.25
        xy[facing, view] = (pixels(xyz, name) + rng.normal(0, noise, (*xyz.shape[:2], 2)))[facing]
    crops = [
        Crop(camera="direct", x=x, y=y, size=(w, h), whole=lens.size)
        for x, y, w, h in (boxes[name] for name in names)
    ]
    return BoardObservations(
        board=board,
        names=names,
        sizes=[crop.size for crop in crops],
        xy=xy,
        frame=np.arange(frames),
        mirrored=tuple(name for name in names if mirrors[name] is not None),
        crops=tuple(crops),
    )
