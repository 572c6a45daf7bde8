"""Long recordings in overlapping windows: bounded memory, all cores, no seam.

The influence of a frame on its neighbours falls off exponentially, by the width of the smoothing kernel. Each
window is solved with a margin of many widths on both sides, and the margins are thrown away.
"""

from itertools import pairwise
from typing import NamedTuple


class Window(NamedTuple):
    """Frames of one solve, and the part of them that is kept.

    Attributes
    ----------
    begin, end : int
        Frames that are solved.
    first, last : int
        Frames that are kept, `begin <= first < last <= end`.
    """

    begin: int
    end: int
    first: int
    last: int


def windows(frames: int, length: int, margin: int, step: int = 1) -> list[Window]:
    """Cover a recording with windows.

    Parameters
    ----------
    frames : int
    length : int
        Most frames that a window keeps.
    margin : int
        Least number of frames solved on either side of the kept ones.
    step : int
        Windows begin at multiples of it.

    Returns
    -------
    windows : list of Window
        The kept parts are of nearly equal length and cover every frame once.

    Examples
    --------
    >>> windows(10, 5, 2)
    [Window(begin=0, end=7, first=0, last=5), Window(begin=3, end=10, first=5, last=10)]
    """
    pieces = max(1, -(-frames // length))
    edges = [frames * piece // pieces for piece in range(pieces + 1)]
    return [
        Window(max(first - margin, 0) // step * step, min(last + margin, frames), first, last)
        for first, last in pairwise(edges)
    ]
