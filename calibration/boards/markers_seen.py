"""Which markers images show, of any dictionary, black on white or not, mirrored or not."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from calibration.boards.board import Board
from calibration.boards.confusion import family, markers_of
from calibration.boards.layout import Sighting
from calibration.boards.pattern import dictionary_of

Gray = NDArray[np.uint8]

FAMILIES = (
    *("4X4_1000", "5X5_1000", "6X6_1000", "7X7_1000", "ARUCO_ORIGINAL", "ARUCO_MIP_36h12"),
    *("APRILTAG_36h11", "APRILTAG_36h10", "APRILTAG_25h9", "APRILTAG_16h5"),
)
"""One dictionary of each family: smaller ones of a family hold its first markers."""

_FEW = {"APRILTAG_16h5": 30, "APRILTAG_25h9": 35}


def best_sighting(grays: Sequence[Gray], beside: Sequence[Board] = ()) -> Sighting:
    """Find the family, print and mirroring that gives most markers; the first plausible of these changes.

    Parameters
    ----------
    grays : sequence of (height, width) uint8
    beside : sequence of Board
        Whose markers do not count.

    Returns
    -------
    sighting : Sighting
    """
    best = _sighting(grays[:3], FAMILIES[0], False, False, count=40, beside=beside)
    for inverted, mirrored in ((False, False), (True, False), (False, True), (True, True)):
        # Forty markers of each family tell which it is; comparing with a thousand is slow.
        for name in FAMILIES:
            seen = _sighting(grays[:3], name, inverted, mirrored, count=_FEW.get(name, 40), beside=beside)
            if seen.markers > best.markers:
                best = seen
        if best.markers >= 4 * len(grays[:3]):
            break
    most = 250 if best.dictionary.endswith("_1000") else None
    return _sighting(grays, best.dictionary, best.inverted, best.mirrored, count=most, beside=beside)


def _sighting(
    grays: Sequence[Gray],
    dictionary: str,
    inverted: bool,
    mirrored: bool,
    *,
    count: int | None,
    beside: Sequence[Board],
) -> Sighting:
    detector = cv2.aruco.ArucoDetector(dictionary_of(dictionary, count))
    known = [
        number
        for board in beside
        if family(board.dictionary) == family(dictionary)
        for number in markers_of(board)
    ]
    views = []
    for gray in grays:
        picture = gray[:, ::-1] if mirrored else gray
        picture = 255 - picture if inverted else picture
        quads, ids, _ = detector.detectMarkers(np.ascontiguousarray(picture))
        numbers = np.zeros(0, dtype=np.int64) if ids is None else np.asarray(ids, dtype=np.int64).ravel()
        corners = np.array([np.asarray(quad).reshape(4, 2) for quad in quads], dtype=np.float64)
        strange = ~np.isin(numbers, known)
        views.append((numbers[strange], corners.reshape(-1, 4, 2)[strange]))
    return Sighting(dictionary=dictionary, inverted=inverted, mirrored=mirrored, views=tuple(views))
