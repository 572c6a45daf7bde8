"""Trials of another resolution than the calibration: lenses are rescaled with a word, or they are refused."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from calibration.rig import Rig
from models2d.detections import Detections2D
from triangulate.errors import ProjectError


def rig_for(rig: Rig, views: Sequence[str], sizes: ArrayLike | None, where: str) -> tuple[Rig, str]:
    """Rescale the lenses of a rig to the images of a trial.

    Parameters
    ----------
    rig : Rig
    views : sequence of str
        Of the trial; other cameras stay as they are.
    sizes : (views, 2) int, px, or None
        Of the trial's images; None where they are not known.
    where : str
        How the trial is called in an error.

    Returns
    -------
    rig : Rig
    note : str
        Which cameras were rescaled, from which size to which; empty where none was.

    Raises
    ------
    ProjectError
        If a camera's images have another aspect ratio than in the calibration, or one is not in the rig.
    """
    if sizes is None:
        return rig, ""
    try:
        fitting = rig.select(views).resized(sizes)
    except ValueError as error:
        raise ProjectError(f"{where}: {error}") from error
    rescaled: dict[str, list[str]] = {}
    cameras = {camera.name: camera for camera in rig.cameras}
    for (width, height), camera in zip(np.asarray(sizes).tolist(), fitting.cameras, strict=True):
        lens = cameras[camera.name].intrinsics
        if lens.size_known and lens.size != (width, height):
            change = f"{lens.size[0]} x {lens.size[1]} to {width} x {height} px"
            rescaled.setdefault(change, []).append(camera.name)
        cameras[camera.name] = camera
    note = "; ".join(
        f"lenses of {', '.join(names)} rescaled from {change}" for change, names in rescaled.items()
    )
    return Rig(cameras=tuple(cameras.values())), note


def at_calibrated_size(found: Detections2D, rig: Rig, where: str) -> Detections2D:
    """Take detections to the pixels of a rig, so that trials of several resolutions can be put together.

    Parameters
    ----------
    found : Detections2D
    rig : Rig
    where : str
        How the trial is called in an error.

    Returns
    -------
    detections : Detections2D

    Raises
    ------
    ProjectError
        If images have another aspect ratio than in the calibration, or a camera is not in the rig.
    """
    _, note = rig_for(rig, found.views, found.sizes, where)
    if not note or found.sizes is None:
        return found
    sizes = np.array([camera.intrinsics.size for camera in rig.select(found.views).cameras])
    factor = (sizes / found.sizes)[:, None, None]
    covariance = found.covariance
    if covariance is not None:
        covariance = covariance * (factor[..., None] * factor[..., None, :])
    return replace(found, xy=(found.xy + 0.5) * factor - 0.5, covariance=covariance, sizes=sizes)
