"""Where the corners of a board were seen: the input of every calibration."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from calibration.arrays import frozen
from calibration.boards.board import Board
from calibration.errors import ShapeError
from calibration.recordings.crops import Crop, whole_sizes

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
    crops : tuple of Crop or None
        For each view the part of a camera's image that it is; None for all of it.
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
    crops: tuple[Crop | None, ...] = ()
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
        object.__setattr__(self, "crops", self.crops or (None,) * len(names))
        if len(self.crops) != len(names):
            raise ShapeError(
                f"crops: expected one or None for each of {len(names)} views, got {len(self.crops)}"
            )
        if self.times is not None:
            object.__setattr__(self, "times", frozen(self.times, xy.shape[:2], "times"))

    @property
    def seen(self) -> NDArray[np.bool_]:
        """Which corners were found, (frames, views, corners)."""
        return np.isfinite(self.xy[..., 0])

    @property
    def offsets(self) -> NDArray[np.int64]:
        """What takes pixels of each view to those of its camera's whole image, (views, 2) px.

        Both are flipped left to right in views that are mirrored.
        """
        return np.array(
            [
                (0, 0) if crop is None else crop.offset(mirrored=name in self.mirrored)
                for name, crop in zip(self.names, self.crops, strict=True)
            ],
            dtype=np.int64,
        )

    def uncropped(self) -> "BoardObservations":
        """Return the same corners in pixels of the cameras' whole images, of which views may be parts.

        Returns
        -------
        observations : BoardObservations
            Views that are mirrored are flipped as whole images.
        """
        return replace(
            self,
            xy=self.xy + self.offsets[:, None],
            sizes=whole_sizes(self.sizes, self.crops),
            crops=(None,) * len(self.names),
        )

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
        return replace(
            self,
            xy=self.xy[frames],
            frame=self.frame[frames],
            times=None if self.times is None else self.times[frames],
        )
