"""Where the corners of a board were seen: the input of every calibration."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibration.arrays import frozen
from calibration.boards.board import Board

Float = NDArray[np.float64]


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class BoardObservations:
    """Board corners in synchronized views.

    Attributes
    ----------
    board : Board
    names : tuple of str
        Of the views.
    sizes : (views, 2) int, px
        Width and height of each view's images.
    xy : (frames, views, corners, 2) float, px
        NaN where a corner was not found.
    frame : (frames,) int
        Number of each frame in the recording.
    times : (frames, views) float, s, or None
        When each view took each frame; None where the views are synchronous.
    mirrored : tuple of str
        Views whose images show a mirror image: their corners are given in the flipped image.
    notes : tuple of str
        What the reader of a report should know about how the corners were found.

    Raises
    ------
    ShapeError
        If the arrays do not agree with each other, the names or the board.
    ValueError
        If a coordinate is infinite.
    """

    board: Board
    names: tuple[str, ...]
    sizes: NDArray[np.int64]
    xy: Float
    frame: NDArray[np.int64]
    times: Float | None = None
    mirrored: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Check and freeze."""
        names = tuple(map(str, self.names))
        xy = frozen(self.xy, ("frames", len(names), len(self.board.corners), 2), "xy")
        if np.isinf(xy).any():
            raise ValueError("xy must be finite or NaN, got an infinite coordinate")
        object.__setattr__(self, "names", names)
        object.__setattr__(self, "xy", xy)
        object.__setattr__(self, "sizes", frozen(self.sizes, (len(names), 2), "sizes", np.int64))
        object.__setattr__(self, "frame", frozen(self.frame, (len(xy),), "frame", np.int64))
        if self.times is not None:
            object.__setattr__(self, "times", frozen(self.times, xy.shape[:2], "times"))

    @property
    def seen(self) -> NDArray[np.bool_]:
        """Which corners were found, (frames, views, corners)."""
        return np.isfinite(self.xy[..., 0])

    def select(self, frames: NDArray[np.int64] | NDArray[np.bool_] | slice) -> "BoardObservations":
        """Return some of the frames.

        Parameters
        ----------
        frames : index
            Of the first axis.

        Returns
        -------
        observations : BoardObservations
        """
        return BoardObservations(
            board=self.board,
            names=self.names,
            sizes=self.sizes,
            xy=self.xy[frames],
            frame=self.frame[frames],
            times=None if self.times is None else self.times[frames],
            mirrored=self.mirrored,
            notes=self.notes,
        )
