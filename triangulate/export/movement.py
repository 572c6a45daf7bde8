"""movement's netCDF: `position (time, space, keypoint, individual)`, as `xarray.open_dataset` reads it.

Written as netCDF 3 (64-bit offsets) by scipy, so that no further package is needed.
"""

from pathlib import Path

import numpy as np
from scipy.io import netcdf_file

from calibration.atomic import replacing
from triangulate.export.extent import Extent
from triangulate.trajectories import Trajectories3D

MOST_BYTES = (1 << 31) - 1
"""A variable of netCDF 3 states its size in 31 bits."""


def limit(extent: Extent) -> str | None:
    """Say what a netCDF 3 file cannot hold.

    Parameters
    ----------
    extent : Extent

    Returns
    -------
    reason : str or None
    """
    size = extent.frames * len(extent.subjects) * len(extent.keypoints) * 3 * 8
    if size <= MOST_BYTES:
        return None
    return (
        f"a netCDF 3 file holds positions of at most {MOST_BYTES} bytes, {extent.frames} frames of "
        f"{len(extent.subjects)} x {len(extent.keypoints)} points need {size}; write Parquet, or a long "
        "recording in parts"
    )


def write(trajectories: Trajectories3D, path: str | Path) -> None:
    """Write a poses dataset; the confidence is the share of views that a point rests on.

    Parameters
    ----------
    trajectories : Trajectories3D
    path : path
    """
    share = trajectories.inliers.mean(axis=1) if trajectories.views else np.zeros(trajectories.shape)
    with replacing(path) as temporary, netcdf_file(str(temporary), "w", version=2) as file:
        file.createDimension("time", trajectories.shape[0])
        file.createVariable("time", "f8", ("time",))[:] = trajectories.times
        _names(file, "space", ("x", "y", "z"))
        _names(file, "keypoint", trajectories.skeleton.keypoints)
        _names(file, "individual", trajectories.subjects)
        position = file.createVariable("position", "f8", ("time", "space", "keypoint", "individual"))
        position[:] = trajectories.xyz.transpose(0, 3, 2, 1)
        position.units = "m"
        confidence = file.createVariable("confidence", "f8", ("time", "keypoint", "individual"))
        confidence[:] = share.transpose(0, 2, 1)
        file.ds_type, file.fps, file.time_unit = "poses", trajectories.fps, "seconds"
        file.source_software, file.source_file = "triangulate", Path(path).name


def _names(file: netcdf_file, dimension: str, names: tuple[str, ...]) -> None:
    encoded = np.array([name.encode() for name in names])
    width = f"string_{dimension}"
    file.createDimension(dimension, len(names))
    file.createDimension(width, encoded.dtype.itemsize)
    variable = file.createVariable(dimension, "c", (dimension, width))
    variable[:] = encoded.view("S1").reshape(len(names), -1)
    variable._Encoding = "utf-8"
