"""First places of boards that are fixed to each other, and the poses of the object that they make up.

Cameras that share views of single boards are placed first, group by group. Wherever a group sees two boards
in one frame, their relative place follows; the places that most frames agree on are chained to the first
board. Boards on the two sides of a plate need no such frame: they lie back to back.
"""

from collections.abc import Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from calibration.boards.poses import BoardPoses
from calibration.bundle.links import BoardLinks
from calibration.camera import Intrinsics
from calibration.corners.sightings import Sightings
from calibration.errors import CalibrationError
from calibration.start.extrinsics import first_board_poses, first_places, link
from calibration.start.view_graph import view_graph

Float = NDArray[np.float64]
Int = NDArray[np.int64]
Places = tuple[Float, Float]
"""Rotations (boards, 3, 3) and translations (boards, 3), object_from_board."""


def first_links(
    sightings: Sightings, poses: Sequence[BoardPoses], lenses: Sequence[Intrinsics], known: BoardLinks
) -> Places:
    """Find where the boards are on the object.

    Parameters
    ----------
    sightings : Sightings
        Of the object.
    poses : sequence of BoardPoses
        Per view, of the rows of `sightings.split()`.
    lenses : sequence of Intrinsics
    known : BoardLinks

    Returns
    -------
    R, t : (boards, 3, 3), (boards, 3) float
        object_from_board; the first board is the object's frame.

    Raises
    ------
    CalibrationError
        If a board cannot be placed: what to record.
    """
    apart, row, board = sightings.split()
    groups = view_graph(apart).groups
    seen = []
    for group in groups:
        mine = [poses[view] for view in group]
        Rc, tc = first_places(mine)
        if not np.isfinite(tc).all():
            continue
        chosen = tuple(lenses[view] for view in group)
        Rb, tb = first_board_poses(
            apart.xy[:, list(group)], sightings.nominal, mine, lenses=chosen, Rc=Rc, tc=tc
        )
        seen.append(_inverted(Rb, tb, row, board, (len(sightings.boards), len(sightings.xy))))
    # Boards take the part of cameras here: each sees the group's world from its own place.
    watching = [_joined([one[number] for one in seen]) for number in range(len(sightings.boards))]
    R, t = first_places(watching)
    lost = np.flatnonzero(~np.isfinite(t[:, 0]))
    if not len(lost):
        return R.transpose(0, 2, 1), -np.einsum("bji,bj->bi", R, t)
    if known.two_sided:
        return _back_to_back(sightings, poses, known, groups)
    raise CalibrationError(
        f"{sightings.boards[lost[0]]}: its place on the object is not known, since no cameras that share "
        f"views of one board see it in one frame with the first ({sightings.boards[0]}). Record frames in "
        "which one camera, or cameras that share views of either board, see both"
    )


def object_poses(sightings: Sightings, poses: Sequence[BoardPoses], places: Places) -> list[BoardPoses]:
    """Return the poses of the object before each camera, from the board that fits best in each frame.

    Parameters
    ----------
    sightings : Sightings
        Of the object.
    poses : sequence of BoardPoses
        Per view, of the rows of `sightings.split()`.
    places : (R, t)
        object_from_board.

    Returns
    -------
    poses : list of BoardPoses
        Per view, of the object.
    """
    _, row, board = sightings.split()
    turn, shift = places[0][board], places[1][board]
    out = []
    for one in poses:
        R = np.einsum("rcij,rkj->rcik", one.R, turn)
        t = one.t - np.einsum("rcij,rj->rci", R, shift)
        best_R, best_t, error = _blank(len(sightings.xy))
        for i in np.argsort(-one.error[:, 0], kind="stable"):  # the best comes last
            if np.isfinite(one.error[i, 0]):
                best_R[row[i]], best_t[row[i]], error[row[i]] = R[i], t[i], one.error[i]
        out.append(BoardPoses(R=best_R, t=best_t, error=error))
    return out


def _blank(rows: int) -> tuple[Float, Float, Float]:
    """Return R, t and error of no pose."""
    return np.full((rows, 2, 3, 3), np.nan), np.full((rows, 2, 3), np.nan), np.full((rows, 2), np.inf)


def _inverted(Rb: Float, tb: Float, row: Int, board: Int, shape: tuple[int, int]) -> list[BoardPoses]:
    """Return board_from_world of each board in each frame."""
    out = [_blank(shape[1]) for _ in range(shape[0])]
    for i in np.flatnonzero(np.isfinite(tb[:, 0])):
        R, t, error = out[board[i]]
        R[row[i], 0], t[row[i], 0], error[row[i], 0] = Rb[i].T, -Rb[i].T @ tb[i], 0.0
    return [BoardPoses(R=R, t=t, error=error) for R, t, error in out]


def _joined(parts: Sequence[BoardPoses]) -> BoardPoses:
    if not parts:
        R, t, error = _blank(0)
        return BoardPoses(R=R, t=t, error=error)
    return BoardPoses(
        R=np.concatenate([part.R for part in parts]),
        t=np.concatenate([part.t for part in parts]),
        error=np.concatenate([part.error for part in parts]),
    )


def _back_to_back(
    sightings: Sightings, poses: Sequence[BoardPoses], known: BoardLinks, groups: tuple[tuple[int, ...], ...]
) -> Places:
    """Place the second board behind the first, middle on middle, turned as cameras of two groups agree on."""
    back = np.diag([-1.0, 1.0, -1.0])
    shift = np.array([[0.0, 0.0, 0.0], [0.0, 0.0, known.thickness or 0.0]])
    best, score = None, -1.0
    for angle in (0, 90, 180, 270):
        turn = Rotation.from_euler("z", angle, degrees=True).as_matrix() @ back
        places = np.stack([np.eye(3), turn]), shift
        views = object_poses(sightings, poses, places)
        found = [
            link(views[one], views[other])
            for first, second in combinations(groups, 2)
            for one in first
            for other in second
        ]
        agreed = sum(pair.frames / (1e-3 + pair.spread) for pair in found if pair is not None)
        if agreed > score:
            best, score = places, agreed
    return places if best is None else best
