"""Why a board is not found: tries what people get wrong, and names the cause, the counts and the remedy."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

import cv2
import numpy as np
from numpy.typing import NDArray

from calibration.boards.board import Board
from calibration.boards.confusion import family
from calibration.boards.layout import Layout, Sighting, layout_of
from calibration.boards.markers_seen import best_sighting
from calibration.corners.detectors import detect_corners, to_gray
from calibration.corners.image_quality import blur_of, stretched

Gray = NDArray[np.uint8]


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class Diagnosis:
    """What is wrong with a board, or with the images of it.

    Attributes
    ----------
    cause : str
        One of "none", "legacy layout", "inverted print", "mirrored image", "swapped columns and rows",
        "AprilGrid", "markers without squares", "board size", "another dictionary", "marker size",
        "another target", "blur", "exposure", "few corners", "no board".
    message : str
        Cause, counts and remedy in words.
    images : int
        Images looked at.
    before, after : int
        Corners found in them as configured, and with the remedy (0 where there is none to try).
    board : Board
        With the remedy.
    mirrored : bool
        The images must be flipped.
    safe : bool
        The remedy is certain enough to go on with.
    """

    cause: str
    message: str
    images: int
    before: int
    after: int
    board: Board
    mirrored: bool = False
    safe: bool = False


Attempt = Callable[[Sequence[Gray], Board, int], Diagnosis | None]


def diagnose(images: Sequence[NDArray[np.uint8]], board: Board, *, beside: Sequence[Board] = ()) -> Diagnosis:
    """Find out why a board is not found in images that should show it.

    Parameters
    ----------
    images : sequence of (height, width) or (height, width, 3) uint8, BGR
        A handful, of one or more views.
    board : Board
        As configured.
    beside : sequence of Board
        Others that the images may show, too: their markers are not taken for those of this one.

    Returns
    -------
    diagnosis : Diagnosis

    Raises
    ------
    ValueError
        If there is no image.
    """
    if not len(images):
        raise ValueError("images: expected one at least, got none")
    grays = [to_gray(image) for image in images]
    before = _count(grays, board)
    enough = max(4, len(board.corners) // 4) * (len(grays) + 1) // 2
    if before >= enough:
        return _fine(grays, board, before)
    # A blurred Charuco board looks like a chessboard.
    last: list[Attempt] = [_image_quality, _other_chessboard]
    if board.kind == "chessboard":
        last.reverse()
    attempts: list[Attempt] = [_variant, partial(_other_markers, beside=beside), *last]
    for attempt in attempts:
        found = attempt(grays, board, before)
        if found is not None:
            return found
    return _nothing_better(grays, board, before)


def _fine(grays: Sequence[Gray], board: Board, before: int) -> Diagnosis:
    return Diagnosis(
        cause="none",
        message=f"{before} corners are found in {len(grays)} images",
        images=len(grays),
        before=before,
        after=before,
        board=board,
    )


def _count(grays: Sequence[Gray], board: Board, *, strong: bool = False) -> int:
    found = (detect_corners(gray, board, always_strong=strong) for gray in grays)
    return int(sum(np.isfinite(xy[:, 0]).sum() for xy in found))


def _counts(before: int, grays: Sequence[Gray], after: int, how: str) -> str:
    return f"{before} corners in {len(grays)} images as configured, {after} {how}"


def _variant(grays: Sequence[Gray], board: Board, before: int) -> Diagnosis | None:
    """Legacy layout, inverted print, mirrored image, swapped columns and rows, and pairs of these."""
    best: tuple[int, Board, bool, tuple[str, ...]] | None = None
    for changed, mirrored, causes in _variants(board):
        pictures = [np.ascontiguousarray(gray[:, ::-1]) for gray in grays] if mirrored else grays
        after = _count(pictures, changed)
        if best is None or after > best[0]:
            best = after, changed, mirrored, causes
        # One change that explains the images is not beaten by two.
        if after >= 0.5 * len(board.corners) * len(grays):
            break
    if best is None or best[0] < max(6, 3 * before):
        return None
    after, changed, mirrored, causes = best
    remedies = " and ".join(_REMEDIES[cause] for cause in causes)
    remedies = remedies[0].upper() + remedies[1:]
    return Diagnosis(
        cause=" and ".join(causes),
        message=f"{' and '.join(causes)}: {_counts(before, grays, after, 'with that')}. {remedies}",
        images=len(grays),
        before=before,
        after=after,
        board=changed,
        mirrored=mirrored,
        safe=not {"swapped columns and rows", *_GRIDS.values()} & set(causes),
    )


_REMEDIES = {
    "legacy layout": "the board was made by OpenCV before 4.6: set legacy = true",
    "inverted print": "the board is printed white on black: set inverted = true",
    "mirrored image": "the images are mirrored left to right: open the recordings of this camera with "
    "mirrored = [its name], so that 2D keypoints are flipped alike",
    "swapped columns and rows": "columns are the squares along the side that starts with the first marker: "
    "exchange columns and rows",
    "AprilGrid": "the tags have the wide border of Kalibr's AprilGrid and small squares at their corners: "
    'set kind = "aprilgrid", or target = the YAML file of Kalibr',
    "markers without squares": "the tags have the border of one cell that all but Kalibr's have: set "
    'kind = "markers"',
}

_GRIDS = {"aprilgrid": "AprilGrid", "markers": "markers without squares"}


def _variants(board: Board) -> Iterator[tuple[Board, bool, tuple[str, ...]]]:
    swapped = replace(board, columns=board.rows, rows=board.columns)
    legacy = replace(board, legacy=not board.legacy)
    inverted = replace(board, inverted=not board.inverted)
    if board.is_grid and board.dictionary.startswith("APRILTAG") and board.first == 0:
        other = "markers" if board.kind == "aprilgrid" else "aprilgrid"
        yield replace(board, kind=other), False, (_GRIDS[other],)
    if board.kind != "chessboard":
        yield inverted, False, ("inverted print",)
        yield board, True, ("mirrored image",)
    if board.columns != board.rows:
        yield swapped, False, ("swapped columns and rows",)
    if board.kind == "charuco":
        if board.rows % 2 == 0:
            yield legacy, False, ("legacy layout",)
            yield replace(inverted, legacy=legacy.legacy), False, ("inverted print", "legacy layout")
            yield legacy, True, ("mirrored image", "legacy layout")
        if board.columns % 2 == 0 and board.columns != board.rows:
            yield replace(swapped, legacy=legacy.legacy), False, ("swapped columns and rows", "legacy layout")
    if board.kind != "chessboard":
        yield inverted, True, ("inverted print", "mirrored image")


def _other_markers(
    grays: Sequence[Gray], board: Board, before: int, *, beside: Sequence[Board]
) -> Diagnosis | None:
    """Markers of another dictionary, or of the configured one in another layout."""
    seen = best_sighting(grays, beside)
    # Single chance hits are common with the small codes.
    if seen.markers < max(1, len(grays) // 2):
        return None
    # Layouts are recognised by the markers from 0 on.
    layout = layout_of(seen) if board.first == 0 else None
    words = f"{seen.markers} markers of {seen.dictionary}, numbers {seen.numbers[0]} to {seen.numbers[-1]}"
    words += ", white on black" * seen.inverted + ", mirrored" * seen.mirrored
    if layout is not None and board.kind == "charuco":
        return _from_layout(grays, board, before, seen, layout, words)
    same = family(board.dictionary) == family(seen.dictionary) and not (seen.inverted or seen.mirrored)
    if same and board.kind != "chessboard":
        return _diagnosed(
            grays,
            board,
            before,
            "few corners",
            f"There are {words}. Most of the board is hidden, cut off, too oblique, or it is another one: "
            "show the configured one whole, at different places and angles",
        )
    cause = "another target" if board.kind == "chessboard" else "another dictionary"
    found = f"There are {words}"
    if layout is not None:
        found += f", which lie as on a Charuco board of {layout.columns} x {layout.rows} squares"
    return _diagnosed(
        grays, board, before, cause, f"{found}. Configure that board, or show the configured one"
    )


def _diagnosed(grays: Sequence[Gray], board: Board, before: int, cause: str, advice: str) -> Diagnosis:
    return Diagnosis(
        cause=cause,
        message=f"{cause}: {before} corners in {len(grays)} images as configured ({board}). {advice}",
        images=len(grays),
        before=before,
        after=0,
        board=board,
    )


def _from_layout(  # noqa: PLR0917
    grays: Sequence[Gray], board: Board, before: int, seen: Sighting, layout: Layout, words: str
) -> Diagnosis:
    causes = []
    if family(board.dictionary) != family(seen.dictionary):
        causes.append("another dictionary")
    rows = max(layout.rows, board.rows) if layout.columns == board.columns else layout.rows
    # OpenCV draws a bright first square on boards with an even number of rows only.
    rows += layout.bright_first and rows % 2
    if (layout.columns, rows) != (board.columns, board.rows):
        causes.append("board size")
    if abs(layout.marker * board.square / board.marker - 1) > 0.1:
        causes.append("marker size")
    changed = replace(
        board,
        dictionary=seen.dictionary if "another dictionary" in causes else board.dictionary,
        columns=layout.columns,
        rows=rows,
        marker=min(layout.marker, 0.95) * board.square,
        inverted=seen.inverted,
        legacy=layout.bright_first,
    )
    pictures = [np.ascontiguousarray(gray[:, ::-1]) for gray in grays] if seen.mirrored else grays
    after = _count(pictures, changed)
    if not causes:
        advice = (
            f"There are {words}, and they lie as configured: most of the board is hidden, cut off or too "
        )
        advice += "oblique. Show it whole, closer, at different places and angles"
        return _diagnosed(grays, board, before, "few corners", advice)
    cause = " and ".join(causes)
    text = f"{cause}: {_counts(before, grays, after, 'with what the markers say')}. There are {words}; "
    text += f"they lie as on a board of {layout.columns} x {rows} squares (or more rows) with markers of "
    text += f"{layout.marker:.2f} squares"
    if layout.bright_first:
        text += ", in the legacy layout"
    text += f"; configured are {board}. Measure the print and correct the configuration"
    return Diagnosis(
        cause=cause,
        message=text,
        images=len(grays),
        before=before,
        after=after,
        board=changed,
        mirrored=seen.mirrored,
    )


def _other_chessboard(grays: Sequence[Gray], board: Board, before: int) -> Diagnosis | None:
    """Look for a chessboard of another size, or in place of a board with markers."""
    found: list[tuple[int, int]] = []
    flags = cv2.CALIB_CB_LARGER | cv2.CALIB_CB_NORMALIZE_IMAGE | cv2.CALIB_CB_EXHAUSTIVE
    for gray in grays[:4]:
        scale = min(1.0, 800 / max(gray.shape))
        small = cv2.resize(gray, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        # The search grows the board from a start of this size and may stop early.
        for start in ((6, 5), (5, 5), (5, 4), (4, 3)):
            ok, _, meta = cv2.findChessboardCornersSBWithMeta(small, start, flags)
            if ok and meta is not None:
                found.append((max(meta.shape) + 1, min(meta.shape) + 1))
                break
    if not found:
        return None
    columns, rows = max(set(found), key=found.count)
    after = _count(grays[:4], Board.chessboard(columns=columns, rows=rows, square=board.square))
    # Nine corners in a row of three are found in many a texture.
    if (columns - 1) * (rows - 1) < 15 or after < 0.7 * found.count((columns, rows)) * (columns - 1) * (
        rows - 1
    ):
        return None
    if board.kind == "charuco" and {columns, rows} == {board.columns, board.rows}:
        return None
    cause = "board size" if board.kind == "chessboard" else "another target"
    changed = Board.chessboard(columns=columns, rows=rows, square=board.square)
    advice = (
        f"There is a chessboard of {columns} x {rows} squares ({columns - 1} x {rows - 1} inner corners): "
        "columns "
        "and rows count squares, not inner corners. Correct the configuration, or show the configured board"
    )
    return replace(_diagnosed(grays, board, before, cause, advice), board=changed, after=after)


def _image_quality(grays: Sequence[Gray], board: Board, before: int) -> Diagnosis | None:
    """Bad exposure, blur."""
    dark, bright = (float(np.median([np.percentile(gray, level) for gray in grays])) for level in (2, 98))
    after = _count([stretched(gray) for gray in grays], board, strong=True)
    usable = after >= max(6, 3 * before)
    levels = f"the images use the gray levels {dark:.0f} to {bright:.0f} of 0 to 255"
    if bright - dark < 50 and (usable or bright < 40 or dark > 215):
        what = "dark" if bright < 128 else "bright or flat"
        advice = (
            f"They are too {what}: {levels}; {after} corners are found after stretching. Change the light, "
        )
        return replace(
            _diagnosed(grays, board, before, "exposure", advice + "aperture or exposure time"), after=after
        )
    blur = float(np.median([blur_of(gray) for gray in grays]))
    if usable or blur > 2.5:
        advice = (
            f"Edges are blurred over about {blur:.1f} px (standard deviation); {after} corners are found "
            "after "
            "sharpening. Focus the lens, shorten the exposure, hold the board still, or bring it closer"
        )
        return replace(_diagnosed(grays, board, before, "blur", advice), after=after)
    return None


def _nothing_better(grays: Sequence[Gray], board: Board, before: int) -> Diagnosis:
    if before:
        return _diagnosed(
            grays,
            board,
            before,
            "few corners",
            "Nothing else was found to be wrong: the board is mostly hidden, cut off, far away or too "
            "oblique. "
            "Show it whole, closer, at different places and angles",
        )
    return _diagnosed(
        grays,
        board,
        before,
        "no board",
        "No marker of any known dictionary and no chessboard was found either: the board is not in view, "
        "or far "
        "away. Show it whole, with a white border, so that a square is 15 px or more",
    )
