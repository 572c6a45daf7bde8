"""Detections that cannot be: outside the image of their camera."""

from dataclasses import replace

import numpy as np

from calibration.rig import Rig
from models2d.detections import Detections2D
from triangulate.errors import TriangulationError
from triangulate.points.matched_rig import matched

MOST_OUTSIDE = 0.2
"""More than this share outside means other cameras or another resolution, not slips of a network."""


def inside_images(detections: Detections2D, rig: Rig) -> tuple[Detections2D, dict[str, int]]:
    """Take detections outside their images as missing, and count them.

    Parameters
    ----------
    detections : Detections2D
    rig : Rig
        Has a camera for every view, by name.

    Returns
    -------
    detections : Detections2D
    dropped : dict of str to int
        By view, where there are any.

    Raises
    ------
    TriangulationError
        If most of a view's detections cannot be of the camera of that name.
    ValueError
        If the rig lacks a camera.
    """
    rig = matched(rig, detections.views, detections.sizes)
    sizes = np.array([camera.intrinsics.size for camera in rig.cameras], dtype=np.float64)
    room = sizes[None, :, None, None]
    xy = detections.xy
    outside = np.asarray(((xy < -0.5) | (xy > room - 0.5)).any(axis=-1))
    seen = np.isfinite(xy[..., 0])
    for view, name in enumerate(detections.views):
        share = outside[:, view].sum() / max(seen[:, view].sum(), 1)
        if share > MOST_OUTSIDE:
            low, high = np.nanmin(xy[:, view], axis=(0, 1, 2)), np.nanmax(xy[:, view], axis=(0, 1, 2))
            width, height = rig.cameras[view].intrinsics.size
            raise TriangulationError(
                f"view {name}: {100 * share:.0f}% of the detections lie outside its {width} x {height} px "
                f"image (x from {low[0]:.0f} to {high[0]:.0f}, y from {low[1]:.0f} to {high[1]:.0f}); were "
                "they made on videos of another resolution, or of another camera?"
            )
    dropped = {
        name: int(count)
        for name, count in zip(detections.views, outside.sum(axis=(0, 2, 3)), strict=True)
        if count
    }
    if not dropped:
        return detections, dropped
    covariance = detections.covariance
    return (
        replace(
            detections,
            xy=np.where(outside[..., None], np.nan, xy),
            confidence=np.where(outside, np.nan, detections.confidence),
            covariance=None if covariance is None else np.where(outside[..., None, None], np.nan, covariance),
        ),
        dropped,
    )
