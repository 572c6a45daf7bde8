"""Cameras of a project that are parts of a video or show a mirror, and detections in their pixels."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from models2d.detections import Detections2D
from models2d.skeleton import Skeleton
from triangulate.errors import ProjectError
from triangulate.projects.values import ProjectTable

Float = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """How a camera's view lies in its video.

    Attributes
    ----------
    crop : (4,) int, px, or None
        x, y, width, height of the part of the video that it is; None for all of it.
    mirrored : bool
        Whether it shows a mirror image, to be flipped left to right.
    suffix : str
        What the names of its keypoints end with in a file that holds those of several views.
    """

    crop: tuple[int, int, int, int] | None = None
    mirrored: bool = False
    suffix: str = ""


def read_views(section: ProjectTable, cameras: tuple[str, ...]) -> dict[str, View]:
    """Read the tables [views.CAMERA] of a project file.

    Parameters
    ----------
    section : ProjectTable
    cameras : tuple of str

    Returns
    -------
    views : dict of str to View
        Of the cameras that have one.

    Raises
    ------
    ProjectError
        If a camera is unknown or a value is wrong.
    """
    views = {}
    for name in section.keys():  # noqa: SIM118 - a Section is not a dict
        inner = section.section(name)
        if name not in cameras:
            raise inner.error(None, f"no camera is called {name}; there are {', '.join(cameras)}")
        views[name] = View(
            crop=_box(inner), mirrored=inner.switch("mirrored", False), suffix=inner.text("suffix", "") or ""
        )
        inner.finish()
    return views


def _box(section: ProjectTable) -> tuple[int, int, int, int] | None:
    box = section.take("crop")
    if box is None:
        return None
    if not isinstance(box, list) or len(box) != 4 or not all(type(value) is int for value in box):
        raise section.error("crop", f"expected [x, y, width, height] in whole px, got {box!r}")
    if min(box) < 0 or min(box[2:]) < 1:
        raise section.error("crop", f"expected a part of the image, got x, y, width, height = {box}")
    return box[0], box[1], box[2], box[3]


def named_by_view(found: Detections2D, views: Mapping[str, View], skeleton: Skeleton | None) -> Detections2D:
    """Give every view its own of the keypoints of a file that holds those of several views.

    Parameters
    ----------
    found : Detections2D
        With all keypoints of the file in every view.
    views : mapping of str to View
        By camera; their suffixes say which keypoints are whose.
    skeleton : Skeleton, optional
        Keypoints to take, without suffixes; by default all of any view.

    Returns
    -------
    detections : Detections2D
        A keypoint that a view lacks is NaN there.

    Raises
    ------
    ProjectError
        If a view has no keypoint of its own.
    """
    own = []
    for name in found.views:
        suffix = views[name].suffix if name in views else ""
        named = {
            key.removesuffix(suffix): i
            for i, key in enumerate(found.skeleton.keypoints)
            if key.endswith(suffix)
        }
        if not named:
            raise ProjectError(
                f"views.{name}: no keypoint ends with {suffix!r}; the file has "
                f"{', '.join(found.skeleton.keypoints)}"
            )
        own.append(named)
    keypoints = list(dict.fromkeys(key for named in own for key in named))
    body = skeleton or Skeleton.from_names(found.skeleton.name, keypoints)
    where = np.array([[named.get(key, -1) for key in body.keypoints] for named in own])

    def picked(values: Float) -> Float:
        parts = [values[:, view][:, :, index] for view, index in enumerate(where)]
        out = np.stack(parts, axis=1)
        for view, index in enumerate(where):
            out[:, view][:, :, index < 0] = np.nan
        return out

    return replace(
        found,
        xy=picked(found.xy),
        confidence=picked(found.confidence),
        covariance=None if found.covariance is None else picked(found.covariance),
        skeleton=body,
    )


def in_views(found: Detections2D, views: Mapping[str, View], widths: Sequence[int | None]) -> Detections2D:
    """Take detections from the pixels of whole videos to those of the views, flipped where they are mirrored.

    Parameters
    ----------
    found : Detections2D
    views : mapping of str to View
    widths : sequence of int or None, px
        Of the views, where known: a mirrored view needs it, or a crop.

    Returns
    -------
    detections : Detections2D

    Raises
    ------
    ProjectError
        If the width of a mirrored view is not known.
    """
    xy = found.xy.copy()
    covariance = None if found.covariance is None else found.covariance.copy()
    for i, (name, known) in enumerate(zip(found.views, widths, strict=True)):
        view = views.get(name, View())
        x, y, width, _ = view.crop or (0, 0, known, 0)
        xy[:, i] -= [x, y]
        if not view.mirrored:
            continue
        if width is None:
            raise ProjectError(
                f"views.{name}: to flip its detections its width must be known: name the trial's recording, "
                "or crop = [0, 0, WIDTH, HEIGHT]"
            )
        xy[:, i, ..., 0] = width - 1 - xy[:, i, ..., 0]
        if covariance is not None:
            covariance[:, i] *= [[1, -1], [-1, 1]]
    return replace(found, xy=xy, covariance=covariance)
