"""What board a set of seen markers belongs to: columns, rows, layout and marker size from their places."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from calibration.arrays import ReadOnlyArrays

Float = NDArray[np.float64]
Int = NDArray[np.int64]

MOST_COLUMNS = 40


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class Sighting(ReadOnlyArrays):
    """Markers seen in some images.

    Attributes
    ----------
    dictionary : str
    inverted, mirrored : bool
        How the images were changed before.
    views : tuple of ((n,) int, (n, 4, 2) float, px)
        Numbers and corners of the markers of each image.
    """

    dictionary: str
    inverted: bool
    mirrored: bool
    views: tuple[tuple[Int, Float], ...]

    @property
    def markers(self) -> int:
        """Markers in all images together."""
        return sum(len(numbers) for numbers, _ in self.views)

    @property
    def numbers(self) -> Int:
        """Numbers that were seen, in increasing order, (n,)."""
        return np.unique(np.concatenate([numbers for numbers, _ in self.views]))


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class Layout:
    """Where markers lie on a Charuco board.

    Attributes
    ----------
    columns : int
    rows : int
        At least; more rows may be out of sight.
    bright_first : bool
        The square at the top left is bright and holds marker 0, as on boards of OpenCV before 4.6.
    marker : float
        Side of a marker in squares.
    """

    columns: int
    rows: int
    bright_first: bool
    marker: float


def layout_of(sighting: Sighting) -> Layout | None:
    """Find the Charuco board on which markers lie as they were seen.

    Parameters
    ----------
    sighting : Sighting

    Returns
    -------
    layout : Layout or None
        None where no board explains them: too few markers, or they lie otherwise.
    """
    views = [(numbers, corners) for numbers, corners in sighting.views if len(numbers) >= 5]
    if not views:
        return None
    highest = max(int(numbers.max()) for numbers, _ in views)
    best: tuple[float, int, bool] | None = None
    for columns in range(2, MOST_COLUMNS + 1):
        for bright_first in (False, True):
            places = marker_places(columns, highest + 1, bright_first)
            misfit = float(np.median([_misfit(places, numbers, corners) for numbers, corners in views]))
            if best is None or misfit < best[0] - 1e-3:
                best = misfit, columns, bright_first
    if best is None or best[0] > 0.25:
        return None
    _, columns, bright_first = best
    places = marker_places(columns, highest + 1, bright_first)
    return Layout(
        columns=columns,
        rows=int(places[:, 1].max()) + 1,
        bright_first=bright_first,
        marker=float(np.median([_marker_side(places, numbers, corners) for numbers, corners in views])),
    )


def marker_places(columns: int, count: int, bright_first: bool) -> Int:
    """Return the squares of the first markers of a Charuco board.

    Parameters
    ----------
    columns, count : int
    bright_first : bool

    Returns
    -------
    places : (count, 2) int
        Column and row.

    Examples
    --------
    >>> marker_places(3, 3, False).tolist()
    [[1, 0], [0, 1], [2, 1]]
    """
    rows = 2 * count // columns + 2
    y, x = np.indices((rows, columns))
    bright = (x + y) % 2 == (0 if bright_first else 1)
    return np.stack([x[bright], y[bright]], axis=-1)[:count].astype(np.int64)


def _homography(places: Int, numbers: Int, corners: Float) -> Float | None:
    centres = places[numbers] + 0.5
    if np.linalg.matrix_rank(centres - centres.mean(axis=0)) < 2:
        return None
    H, _ = cv2.findHomography(centres, corners.mean(axis=1), cv2.RANSAC, 0.5 * _side(corners))
    return None if H is None else np.asarray(H, dtype=np.float64)


def _side(corners: Float) -> float:
    return float(np.median(np.linalg.norm(np.roll(corners, -1, axis=1) - corners, axis=-1)))


def _misfit(places: Int, numbers: Int, corners: Float) -> float:
    """Median distance of markers from where the layout has them, in marker sides."""
    H = _homography(places, numbers, corners)
    if H is None:
        return float("inf")
    centres = cv2.perspectiveTransform((places[numbers] + 0.5)[:, None], H)[:, 0]
    # The mean of the capped distances: a homography through four of many markers must not look good.
    distance = np.linalg.norm(centres - corners.mean(axis=1), axis=-1) / _side(corners)
    return float(np.minimum(distance, 2.0).mean())


def _marker_side(places: Int, numbers: Int, corners: Float) -> float:
    H = _homography(places, numbers, corners)
    if H is None:
        return float("nan")
    flat = cv2.perspectiveTransform(corners.reshape(-1, 1, 2), np.linalg.inv(H)).reshape(-1, 4, 2)
    return _side(np.asarray(flat, dtype=np.float64))
