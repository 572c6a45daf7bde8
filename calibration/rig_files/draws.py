"""Rigs drawn from a calibration's uncertainty, kept in a file beside the calibration.

One compressed NumPy archive of plain arrays over (draws, views), which is never unpickled.
"""

import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy.spatial.transform import RigidTransform, Rotation

from calibration.atomic import replacing
from calibration.camera import Camera, Intrinsics
from calibration.geometry.lens import fill_coefficients
from calibration.rig import Rig

KEYS = ("names", "sizes", "fisheye", "coefficients", "K", "distortion", "rotation", "translation")


def draws_file(calibration: str | Path) -> Path:
    """Return where the draws of a calibration file lie.

    Parameters
    ----------
    calibration : path

    Returns
    -------
    path : path

    Examples
    --------
    >>> draws_file("calibration.toml").name
    'calibration.draws.npz'
    """
    return Path(calibration).with_suffix(".draws.npz")


def save_draws(rigs: Sequence[Rig], path: str | Path) -> None:
    """Write rigs that differ in their numbers only.

    Parameters
    ----------
    rigs : sequence of Rig
    path : path

    Raises
    ------
    ValueError
        If there is none.
    """
    if not len(rigs):
        raise ValueError("rigs: expected at least one")
    first = [camera.intrinsics for camera in rigs[0].cameras]
    lenses = [[camera.intrinsics for camera in rig.cameras] for rig in rigs]
    arrays: dict[str, Any] = {
        "names": np.array(rigs[0].names),
        "sizes": np.array([lens.size for lens in first]),
        "fisheye": np.array([lens.model == "fisheye" for lens in first]),
        "coefficients": np.array([len(lens.distortion) for lens in first]),
        "K": np.array([[lens.K for lens in row] for row in lenses]),
        "distortion": np.array([[fill_coefficients(lens.distortion) for lens in row] for row in lenses]),
        "rotation": np.array([[camera.rotvec for camera in rig.cameras] for rig in rigs]),
        "translation": np.array([[camera.t for camera in rig.cameras] for rig in rigs]),
    }
    with replacing(path) as temporary:
        np.savez_compressed(temporary, **arrays)


def load_draws(path: str | Path) -> tuple[Rig, ...]:
    """Read rigs drawn from a calibration's uncertainty.

    Parameters
    ----------
    path : path

    Returns
    -------
    rigs : tuple of Rig

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is not such a file.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {key: archive[key] for key in KEYS}
    except (KeyError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise ValueError(f"{path}: not a file of draws of a calibration: {error}") from error
    return tuple(_rig(arrays, draw) for draw in range(len(arrays["K"])))


def _rig(arrays: dict[str, np.ndarray], draw: int) -> Rig:
    cameras = []
    for view, name in enumerate(arrays["names"]):
        lens = Intrinsics(
            size=(int(arrays["sizes"][view, 0]), int(arrays["sizes"][view, 1])),
            K=arrays["K"][draw, view],
            distortion=arrays["distortion"][draw, view, : arrays["coefficients"][view]],
            model="fisheye" if arrays["fisheye"][view] else "pinhole",
        )
        place = RigidTransform.from_components(
            arrays["translation"][draw, view], Rotation.from_rotvec(arrays["rotation"][draw, view])
        )
        cameras.append(Camera(name=str(name), intrinsics=lens, cam_from_world=place))
    return Rig(cameras=tuple(cameras))
