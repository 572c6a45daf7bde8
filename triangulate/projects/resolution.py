"""Trials of another size than the calibration: lenses are fitted to it with a word, or they are refused."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from calibration.codec_blocks import MACROBLOCK, is_filled
from calibration.points.exchanged_views import pair_errors
from calibration.rig import Rig
from models2d.detections import Detections2D, Tracks2D
from triangulate.errors import ProjectError

FACTORS = tuple(a / b for a, b in ((1, 4), (1, 3), (3, 8), (1, 2), (9, 16), (5, 8), (2, 3), (3, 4)))
FACTORS += tuple(1 / factor for factor in FACTORS)
"""By how much recordings are scaled: ratios of the usual formats."""

SUSPECT = 0.01
"""Of an image's width: cameras that contradict each other by more have more wrong than their keypoints."""

MENDED = 0.15
"""Share of the contradiction that another scale may leave; shrinking the pixels alone leaves a quarter."""

MOST_POINTS = 5000


def rig_for(rig: Rig, views: Sequence[str], sizes: ArrayLike | None, where: str) -> tuple[Rig, str]:
    """Fit the lenses of a rig to the images of a trial.

    Another resolution rescales a lens. Images that are smaller only by what fills a codec's last blocks, as
    1080 px are stored in 1088, are the top left part of those that were calibrated.

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
        Which cameras were fitted, from which size to which and how; empty where none was.

    Raises
    ------
    ProjectError
        If a camera's images have another aspect ratio than in the calibration, or one is not in the rig.
    """
    if sizes is None:
        return rig, ""
    try:
        fitting = rig.select(views).resized(sizes, filled=True)
    except ValueError as error:
        raise ProjectError(f"{where}: {error}") from error
    changed: dict[str, list[str]] = {}
    cameras = {camera.name: camera for camera in rig.cameras}
    for camera in fitting.cameras:
        before, size = cameras[camera.name].intrinsics, camera.intrinsics.size
        if before.size_known and before.size != size:
            changed.setdefault(_change(before.size, size), []).append(camera.name)
        cameras[camera.name] = camera
    note = "; ".join(f"lenses of {', '.join(names)} {change}" for change, names in changed.items())
    return Rig(cameras=tuple(cameras.values())), note


def _change(before: tuple[int, int], size: tuple[int, int]) -> str:
    if is_filled(before, size):
        return (
            f"cut from {before[0]} x {before[1]} to the top left {size[0]} x {size[1]} px: codecs fill up "
            f"whole blocks of {MACROBLOCK} px at the right and the bottom"
        )
    return f"rescaled from {before[0]} x {before[1]} to {size[0]} x {size[1]} px"


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
    filled = [is_filled(*pair) for pair in zip(sizes.tolist(), found.sizes.tolist(), strict=True)]
    factor = np.where(np.array(filled)[:, None], 1.0, sizes / found.sizes)[:, None, None]
    covariance = found.covariance
    if covariance is not None:
        covariance = covariance * (factor[..., None] * factor[..., None, :])
    return replace(found, xy=(found.xy + 0.5) * factor - 0.5, covariance=covariance, sizes=sizes)


def check_scale(tracks: Tracks2D, rig: Rig) -> None:
    """Refuse points of images of another size than the calibration's, where nobody says of which.

    Files of other tools do not state the size of the images. Points of another resolution contradict every
    pair of cameras, and agree when all of them are scaled by one factor.

    Parameters
    ----------
    tracks : Tracks2D
        With sizes they are taken as they are.
    rig : Rig

    Raises
    ------
    ProjectError
        With how far the points are off, and the size of images at which they are not.
    """
    rig = rig.select(tracks.views)
    points = tracks.xy.transpose(0, 2, 3, 1, 4).reshape(-1, len(rig), 2)
    if tracks.sizes is not None or len(rig) < 2:
        return
    points = points[:: max(1, len(points) // MOST_POINTS)]

    def apart(factor: float) -> float:
        errors = pair_errors(rig, (points + 0.5) / factor - 0.5)
        return float(np.median(errors[np.isfinite(errors)])) if np.isfinite(errors).any() else np.inf

    now, width = apart(1.0), float(np.mean([camera.intrinsics.size[0] for camera in rig.cameras]))
    if not SUSPECT * width < now < np.inf:
        return
    best = min(FACTORS, key=apart)
    if apart(best) < MENDED * now:
        sizes = {camera.intrinsics.size for camera in rig.cameras}
        meant = ", ".join(f"{round(best * w)} x {round(best * h)}" for w, h in sorted(sizes))
        given = ", ".join(f"{w} x {h}" for w, h in sorted(sizes))
        raise ProjectError(
            f"the detections contradict the calibration by {now:.1f} px between cameras, and agree to "
            f"{apart(best):.1f} px if they were made on images of {meant} px in place of {given}; name the "
            "trial's recording beside its detections, so that the size of its images is known"
        )
