"""The points3d.h5 of sleap-anipose: `tracks` of shape (frames, tracks, nodes, 3)."""

from pathlib import Path

import h5py

from calibration.atomic import replacing
from triangulate.trajectories import Trajectories3D


def write(trajectories: Trajectories3D, path: str | Path) -> None:
    """Write sleap-anipose's points, in metres, with names and unit beside them.

    Parameters
    ----------
    trajectories : Trajectories3D
    path : path
    """
    with replacing(path) as temporary, h5py.File(temporary, "w") as file:
        tracks = file.create_dataset("tracks", data=trajectories.xyz, compression="gzip")
        tracks.attrs["unit"] = "m"
        tracks.attrs["fps"] = trajectories.fps
        file["frames"] = range(trajectories.shape[0])
        file["node_names"] = list(trajectories.skeleton.keypoints)
        file["track_names"] = list(trajectories.subjects)
        file["edge_inds"] = trajectories.skeleton.bones
