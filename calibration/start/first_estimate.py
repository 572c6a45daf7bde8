"""A first estimate of everything: lenses of single views, the board before each, places, and board poses."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibration.arrays import ReadOnlyArrays
from calibration.boards.poses import BoardPoses, board_poses
from calibration.bundle.links import BoardLinks
from calibration.bundle.problem import MODELS, Unknowns, lens_row, start_unknowns
from calibration.camera import Intrinsics
from calibration.corners.sightings import Sightings
from calibration.errors import CalibrationError
from calibration.start.board_links import first_links, object_poses
from calibration.start.extrinsics import first_board_poses, first_places
from calibration.start.intrinsics import first_lens

Float = NDArray[np.float64]
Int = NDArray[np.int64]

ANGLE = MODELS.index("angle")


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class SingleViews(ReadOnlyArrays):
    """What each view tells by itself.

    Attributes
    ----------
    apart : Sightings
        With one board in each row.
    lens : (views, 16) float
    lenses : tuple of Intrinsics
    model : (views,) int
        Index into `bundle.problem.MODELS`.
    poses : tuple of BoardPoses
        Of the rows of `apart`.
    """

    apart: Sightings
    lens: Float
    lenses: tuple[Intrinsics, ...]
    model: Int
    poses: tuple[BoardPoses, ...]


def single_views(
    sightings: Sightings, known: Mapping[str, Intrinsics], focal: float | None = None
) -> SingleViews:
    """Find a first lens for every view, and the board before it.

    Parameters
    ----------
    sightings : Sightings
    known : mapping of view to Intrinsics
    focal : float, px, optional
        A further start for the focal lengths.

    Returns
    -------
    views : SingleViews
    """
    apart, _, _ = sightings.split()
    rows, lenses, models = [], [], []
    for view, name in enumerate(apart.names):
        if name in known:
            lenses.append(known[name])
            rows.append(lens_row(known[name]))
            models.append(MODELS.index(known[name].model))
            continue
        size = (int(apart.sizes[view, 0]), int(apart.sizes[view, 1]))
        first = first_lens(apart.xy[:, view], apart.nominal, size, focal=focal, model=ANGLE)
        lenses.append(first.intrinsics)
        rows.append(first.row)
        models.append(first.model)
    poses = tuple(board_poses(apart.xy[:, view], apart.nominal, lens) for view, lens in enumerate(lenses))
    return SingleViews(
        apart=apart, lens=np.array(rows), lenses=tuple(lenses), model=np.array(models), poses=poses
    )


def first_unknowns(
    sightings: Sightings,
    known: Mapping[str, Intrinsics],
    focal: float | None = None,
    *,
    link: BoardLinks | None = None,
) -> tuple[Unknowns, Int]:
    """Find a first lens per view, first places and first board poses.

    Returns
    -------
    unknowns : Unknowns
    frames : (frames,) int
        Rows in which the board or object has a pose.
    """
    xy, board, places = sightings.xy, sightings.nominal, None
    views = single_views(sightings, known, focal)
    poses, lenses = list(views.poses), views.lenses
    points = board
    if link is not None:
        places = first_links(sightings, poses, lenses, link)
        poses = object_poses(sightings, poses, places)
        points = np.einsum("kij,kj->ki", places[0][sightings.board_of], board) + places[1][sightings.board_of]
    Rc, tc = first_places(poses)
    if not np.isfinite(tc).all():
        lost = [name for name, t in zip(sightings.names, tc, strict=True) if not np.isfinite(t).all()]
        raise CalibrationError(
            f"no place found for {', '.join(lost)}: the board was seen too obliquely or too partially in the "
            f"frames shared with other views; record it facing these cameras and a neighbour at the same time"
        )
    Rb, tb = first_board_poses(xy, points, poses, lenses=lenses, Rc=Rc, tc=tc)
    frames = np.flatnonzero(np.isfinite(tb[:, 0]))
    unknowns = start_unknowns(
        views.lens, views.model, Rc=Rc, tc=tc, Rb=Rb[frames], tb=tb[frames],
        board=board, board_of=sightings.board_of, links=places,
    )  # fmt: skip
    return unknowns, frames
