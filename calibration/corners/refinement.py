"""Corners found roughly -> corners to a few hundredths of a pixel, and the ones that were missed.

OpenCV's `cornerSubPix` uses a square window that is either too small to hold much of the edges or contains
the markers beside them. Here a corner is fitted with a model of its two edges on the pixels that the pattern
leaves to them (see `fit.fit_corners`).
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from calibration.boards.board import Board
from calibration.boards.pattern import TAG_BORDER, dictionary_of
from calibration.corners.fit import CROSSING, MARKER, fit_corners

Float = NDArray[np.float64]
Bool = NDArray[np.bool_]
Gray = NDArray[np.uint8]

REACH = 0.25
"""Half side of the window in squares: further away the lens bends the edges."""

REACH_PIXELS = (4.0, 12.0)
"""Least and greatest half side of the window in px."""

CONTRAST = 5.0
"""Least half difference of dark and bright in gray levels."""

RESIDUAL = 0.4
"""Greatest RMS residual of the fit relative to half the difference of dark and bright."""

DEVIATION = 1.0
"""Greatest standard deviation of a corner in px, from the residual and the pixels it was fitted to."""

BORDER = 5.0
"""Least distance from the image border in px: beyond it the window holds too little of an edge."""

MOVED = 0.15
"""Greatest way from the start in squares."""


def refine_corners(gray: Gray, xy: Float, board: Board) -> Float:
    """Fit the corners of a board, look for the missing ones, and drop what is no corner.

    Parameters
    ----------
    gray : (height, width) uint8
        Of a board that is printed black on white.
    xy : (corners, 2) float, px
        Rough corners; NaN where none was found.
    board : Board

    Returns
    -------
    xy : (corners, 2) float, px
    """
    if board.kind == "markers":
        return _markers(gray, xy, board)
    ex, ey = _steps(xy, board)
    fitted = _crossings(gray, xy, ex, ey, board)
    tried = np.isfinite(fitted[:, 0])
    good = tried & _is_corner(fitted, xy, ex, ey) & _inside(fitted, gray)
    dropped = tried | (board.kind == "aprilgrid")  # a detector's own corners of touching tags are poor
    refined = np.where(good[:, None], fitted[:, :2], np.where(dropped[:, None], np.nan, xy))
    return _completed(gray, refined, fitted[good], board) if good.sum() >= 4 else refined


def _crossings(gray: Gray, xy: Float, ex: Float, ey: Float, board: Board) -> Float:
    if board.kind == "aprilgrid":
        return _tag_crossings(gray, xy, ex, ey, board)
    column, row = np.meshgrid(np.arange(board.columns - 1), np.arange(board.rows - 1))
    # The square at the top left is dark, but for legacy boards with an even number of rows.
    swapped = board.legacy and board.rows % 2 == 0
    dark = np.where((column + row + swapped) % 2 == 0, 1.0, -1.0).ravel()
    plain = 0.85 * 0.5 * (1 - board.marker / board.square) if board.kind == "charuco" else 1.0
    return np.asarray(fit_corners(gray, xy, ex, ey, CROSSING, dark, _reach(ex, ey), plain))


def _tag_crossings(gray: Gray, xy: Float, ex: Float, ey: Float, board: Board) -> Float:
    """Fit the corners of an AprilGrid, where a tag and a small square cross as on a chessboard."""
    dark = np.tile([1.0, -1.0, 1.0, -1.0], board.columns * board.rows)
    # As far as the black border of the tag and the white gap reach.
    border = board.marker * TAG_BORDER / (_bits(board.dictionary) + 2 * TAG_BORDER)
    reach = np.minimum(_reach(ex, ey), 0.9 * min(border, board.rim) / board.square)
    return np.asarray(fit_corners(gray, xy, ex, ey, CROSSING, dark, reach, 1.0))


def _reach(ex: Float, ey: Float) -> Float:
    """Half sides of the windows in steps, (corners,)."""
    step = np.maximum(np.hypot(*ex.T), np.hypot(*ey.T))
    least, most = REACH_PIXELS
    return np.clip(REACH, np.minimum(least / step, 0.45), np.maximum(most / step, 0.02))


def _is_corner(fitted: Float, start: Float, ex: Float, ey: Float) -> Bool:
    step = np.sqrt(np.abs(ex[:, 0] * ey[:, 1] - ex[:, 1] * ey[:, 0]))
    moved = np.hypot(*(fitted[:, :2] - start).T)
    return np.asarray(
        (moved < MOVED * step)
        & (fitted[:, 2] < 0.25 * step)
        & (fitted[:, 3] < RESIDUAL)
        & (fitted[:, 4] > CONTRAST)
        & (fitted[:, 5] < DEVIATION)
    )


def _inside(fitted: Float, gray: Gray) -> Bool:
    last = np.array(gray.shape[::-1]) - 1 - BORDER
    return np.asarray(((fitted[:, :2] > BORDER) & (fitted[:, :2] < last)).all(axis=1))


def _steps(xy: Float, board: Board) -> tuple[Float, Float]:
    """One square along x and y at every corner, in px: from its neighbours, else from all corners."""
    if board.kind == "aprilgrid":
        return _tag_steps(xy, board)
    grid = xy.reshape(board.rows - 1, board.columns - 1, 2)
    ex, ey = (_mean_difference(grid, axis).reshape(-1, 2) for axis in (1, 0))
    lonely = np.isfinite(xy[:, 0]) & ~(np.isfinite(ex[:, 0]) & np.isfinite(ey[:, 0]))
    found = np.flatnonzero(np.isfinite(xy[:, 0]))
    if lonely.any() and len(found) >= 4:
        _, ex[lonely], ey[lonely] = _predicted(xy, found, np.flatnonzero(lonely), board)
    return ex, ey


def _tag_steps(xy: Float, board: Board) -> tuple[Float, Float]:
    """One square along x and y from the sides of each tag, whose first corner is at its bottom right."""
    quads = xy.reshape(-1, 4, 2) * (board.square / board.marker)
    low, high = quads[:, 0] - quads[:, 1], quads[:, 3] - quads[:, 2]
    left, right = quads[:, 1] - quads[:, 2], quads[:, 0] - quads[:, 3]
    ex = np.stack([low, low, high, high], axis=1)
    ey = np.stack([right, left, left, right], axis=1)
    return ex.reshape(-1, 2), ey.reshape(-1, 2)


def _mean_difference(grid: Float, axis: int) -> Float:
    step = np.diff(grid, axis=axis)
    pads = [[(0, 0)] * 3, [(0, 0)] * 3]
    pads[0][axis], pads[1][axis] = (0, 1), (1, 0)
    sides = np.stack([np.pad(step, pad, constant_values=np.nan) for pad in pads])
    count = np.isfinite(sides).sum(axis=0)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.nansum(sides, axis=0) / np.where(count == 0, np.nan, count))


def _predicted(
    xy: Float, known: NDArray[np.int64], wanted: NDArray[np.int64], board: Board
) -> tuple[Float, ...]:
    """Position and steps at corners from the homography of the twelve nearest known ones."""
    places = board.corners[:, :2] / board.square
    result = np.full((3, len(wanted), 2), np.nan)
    for index, corner in enumerate(wanted):
        distance = np.linalg.norm(places[known] - places[corner], axis=1)
        near = known[np.argsort(distance, kind="stable")[:12]]
        local = places[near] - places[corner]
        if np.linalg.matrix_rank(local - local[0]) < 2:
            continue
        H, _ = cv2.findHomography(local, xy[near])
        if H is None or abs(H[2, 2]) < 1e-12:
            continue
        H = H / H[2, 2]
        x, y = H[0, 2], H[1, 2]
        result[0, index] = x, y
        result[1, index] = H[0, 0] - x * H[2, 0], H[1, 0] - y * H[2, 0]
        result[2, index] = H[0, 1] - x * H[2, 1], H[1, 1] - y * H[2, 1]
    return tuple(result)


def _completed(gray: Gray, xy: Float, found: Float, board: Board) -> Float:
    """Add corners beside found ones, by the same fit held to what the found ones look like."""
    places = board.corners[:, :2] / board.square
    for _ in range(3):
        known, missing = np.flatnonzero(np.isfinite(xy[:, 0])), np.flatnonzero(np.isnan(xy[:, 0]))
        if not len(missing):
            break
        gap = np.abs(places[missing][:, None] - places[known]).max(axis=-1).min(axis=1)
        start, ex, ey = (np.full_like(xy, np.nan) for _ in range(3))
        near = missing[gap < 1.5]
        start[near], ex[near], ey[near] = _predicted(xy, known, near, board)
        fitted = _crossings(gray, start, ex, ey, board)
        good = (
            _is_corner(fitted, start, ex, ey)
            & _inside(fitted, gray)
            & (fitted[:, 2] < 2 * np.median(found[:, 2]))
            & (fitted[:, 3] < 2 * np.median(found[:, 3]))
            & (fitted[:, 4] > 0.5 * np.median(found[:, 4]))
        )
        if not good.any():
            break
        xy = np.where(good[:, None], fitted[:, :2], xy)
    return xy


def _markers(gray: Gray, xy: Float, board: Board) -> Float:
    """Fit the outer corners of markers; the window ends in the border inside and in the gap outside."""
    quads = xy.reshape(-1, 4, 2)
    ex = (np.roll(quads, -1, axis=1) - quads).reshape(-1, 2)
    ey = (np.roll(quads, 1, axis=1) - quads).reshape(-1, 2)
    gap = np.full(len(xy), min(0.45, 0.8 * (board.square / board.marker - 1)))
    border = 0.8 / (_bits(board.dictionary) + 2)
    fitted = np.asarray(fit_corners(gray, xy, ex, ey, MARKER, gap, _reach(ex, ey), border))
    good = np.isfinite(fitted[:, 0]) & _is_corner(fitted, xy, ex, ey)
    return np.where(good[:, None], fitted[:, :2], xy)


def _bits(dictionary: str) -> int:
    """Cells of a marker along a side, without its border."""
    return int(dictionary_of(dictionary).markerSize)
