"""What a fit works on: the corners of one or several boards in all views, a row for each pose to be found."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from calibration.arrays import ReadOnlyArrays
from calibration.boards.board import Board
from calibration.boards.confusion import confusable
from calibration.corners.observations import BoardObservations

Float = NDArray[np.float64]
Int = NDArray[np.int64]

BETWEEN_BOARDS = 100.0
"""Multiples of the recording's length by which independently moving boards are set apart in time, so that no
motion is interpolated from one to the other."""


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class Sightings(ReadOnlyArrays):
    """Corners of all boards, in pixels of the cameras' whole images.

    Attributes
    ----------
    names : tuple of str
        Of the views.
    sizes : (views, 2) int, px
        Of whole images.
    boards : tuple of Board
    xy : (rows, views, corners, 2) float, px
        The corners of the boards one after the other; NaN where a corner was not found.
    instant : (rows,) float, s
        Mean time stamp of the views; the number of the frame where there are no time stamps.
    stamp : (rows, views) float, s
        How much each view's time stamp differs from that.
    offsets : (views, 2) int, px
        What takes pixels of each view to those of its camera's whole image.
    removed : (views,) float, s
        Delay of each view by which its images were moved to other rows.
    stamped : bool
        Whether there are time stamps; without, instants count frames.
    """

    names: tuple[str, ...]
    sizes: Int
    boards: tuple[Board, ...]
    xy: Float
    instant: Float
    stamp: Float
    offsets: Int
    removed: Float
    stamped: bool

    @classmethod
    def from_observations(cls, observations: Sequence[BoardObservations]) -> "Sightings":
        """Put the observations of several boards together, frame by frame.

        Parameters
        ----------
        observations : sequence of BoardObservations
            One of each board, of the same views.

        Returns
        -------
        sightings : Sightings

        Raises
        ------
        ValueError
            If there is none, views differ or boards cannot be told apart.
        """
        check_alike(observations)
        frame, rows = observations[0].frame, [np.arange(len(observations[0].frame))]
        if len(observations) > 1:
            frame = np.unique(np.concatenate([seen.frame for seen in observations]))
            rows = [np.searchsorted(frame, seen.frame) for seen in observations]
        counts = [seen.xy.shape[2] for seen in observations]
        views = len(observations[0].names)
        xy = np.full((len(frame), views, sum(counts), 2), np.nan)
        times = np.full((len(frame), views), np.nan)
        for seen, row, last in zip(observations, rows, np.cumsum(counts), strict=True):
            whole = seen.uncropped()
            xy[row, :, last - whole.xy.shape[2] : last] = whole.xy
            if seen.times is not None:
                times[row] = np.where(np.isfinite(seen.times), seen.times, times[row])
        instant, stamp = _instants(frame, None if observations[0].times is None else times, views)
        return cls(
            names=observations[0].names,
            sizes=observations[0].uncropped().sizes,
            boards=tuple(seen.board for seen in observations),
            xy=xy,
            instant=instant,
            stamp=stamp,
            offsets=observations[0].offsets,
            removed=np.zeros(views),
            stamped=observations[0].times is not None,
        )

    @property
    def counts(self) -> tuple[int, ...]:
        """Corners of each board."""
        return tuple(len(board.corners) for board in self.boards)

    @property
    def board_of(self) -> Int:
        """Board of each corner, (corners,)."""
        return np.repeat(np.arange(len(self.boards)), self.counts)

    @property
    def nominal(self) -> Float:
        """Where each corner lies on its board as ordered, (corners, 3) m.

        A single board has its own origin; of several, each has it in the middle of its corners.
        """
        corners = [board.corners for board in self.boards]
        if len(corners) == 1:
            return corners[0]
        return np.concatenate([flat - middle_of(flat) for flat in corners])

    def shifted(self, delay: Float) -> "Sightings":
        """Move each view's images to the rows at whose instants they were taken.

        Parameters
        ----------
        delay : (views,) float, s
            How much later than its time stamp each view took its images, in whole intervals.

        Returns
        -------
        sightings : Sightings
            With further rows for images at whose instant no other view has one.
        """
        half = 0.5 * usual_interval(self.instant)
        instant, rows = self.instant, []
        for late in delay:
            taken = self.instant + late
            near = nearest_to(instant, taken)
            instant = np.append(instant, taken[np.abs(instant[near] - taken) > half])
            rows.append(taken)
        order = np.argsort(instant, kind="stable")
        instant = instant[order]
        xy = np.full((len(instant), *self.xy.shape[1:]), np.nan)
        stamp = np.zeros((len(instant), len(self.names)))
        for view, taken in enumerate(rows):
            row = nearest_to(instant, taken)
            xy[row, view], stamp[row, view] = self.xy[:, view], self.stamp[:, view] + taken - instant[row]
        return replace(self, xy=xy, instant=instant, stamp=stamp, removed=self.removed + delay)

    def split(self) -> tuple["Sightings", Int, Int]:
        """Give each board rows of its own, as if the boards moved independently.

        Returns
        -------
        sightings : Sightings
            Rows that show nothing are left out.
        row : (rows,) int
            Row that each came from.
        board : (rows,) int
            Board that it shows.
        """
        board, row = np.divmod(np.arange(len(self.boards) * len(self.xy)), len(self.xy))
        mine = self.board_of == board[:, None]
        xy = np.where(mine[:, None, :, None], self.xy[row], np.nan)
        some = np.isfinite(xy[..., 0]).any(axis=(1, 2)) if len(self.boards) > 1 else np.ones(len(xy), bool)
        row, board = row[some], board[some]
        apart = BETWEEN_BOARDS * (np.ptp(self.instant) + 1.0) if len(self.instant) else 0.0
        return (
            replace(self, xy=xy[some], instant=self.instant[row] + apart * board, stamp=self.stamp[row]),
            row,
            board,
        )


def usual_interval(instant: Float) -> float:
    """Return the median time between rows, s; 1 for a single one.

    Parameters
    ----------
    instant : (rows,) float, s

    Returns
    -------
    interval : float, s
    """
    return float(np.median(np.diff(np.sort(instant)))) if len(instant) > 1 else 1.0


def nearest_to(instant: Float, wanted: Float) -> Int:
    """Return which of some instants is nearest to each that is wanted.

    Parameters
    ----------
    instant : (rows,) float, s
        In any order.
    wanted : (n,) float, s

    Returns
    -------
    row : (n,) int
    """
    order = np.argsort(instant, kind="stable")
    at = instant[order]
    after = np.clip(np.searchsorted(at, wanted), 1, max(len(at) - 1, 1))
    if len(at) < 2:
        return np.zeros(len(wanted), dtype=np.int64)
    before = wanted - at[after - 1] <= at[after] - wanted
    return np.asarray(order[np.where(before, after - 1, after)])


def middle_of(corners: Float) -> Float:
    """Return the middle of a board's corners, (3,) m, board."""
    return np.asarray((corners.max(axis=0) + corners.min(axis=0)) / 2)


def check_alike(observations: Sequence[BoardObservations]) -> None:
    """Refuse observations of other views, or of boards that cannot be told apart.

    Parameters
    ----------
    observations : sequence of BoardObservations

    Raises
    ------
    ValueError
        Names what differs, or which markers two boards share.
    """
    if not observations:
        raise ValueError("observations: expected those of one board at least, got none")
    first = observations[0]
    for seen in observations[1:]:
        if seen.names != first.names or seen.sizes.tolist() != first.sizes.tolist():
            raise ValueError(
                f"the observations of several boards must be of the same views: {', '.join(first.names)} and "
                f"{', '.join(seen.names)} are not, or have other image sizes"
            )
        if set(seen.mirrored) != set(first.mirrored) or seen.crops != first.crops:
            raise ValueError(
                f"views are flipped or cropped for one board and not for the other: {first.mirrored} and "
                f"{seen.mirrored} were flipped; open the recording with mirrored=[...] for both"
            )
        if (seen.times is None) != (first.times is None):
            raise ValueError("the observations of one board have time stamps, those of another have none")
    for i, one in enumerate(observations):
        for other in observations[i + 1 :]:
            shared = confusable(one.board, other.board)
            if shared:
                raise ValueError(f"two boards cannot be told apart: {one.board}, and {other.board}: {shared}")


def _instants(frame: Int, times: Float | None, views: int) -> tuple[Float, Float]:
    if times is None:
        return frame.astype(np.float64), np.zeros((len(frame), views))
    known = np.isfinite(times)
    count = np.maximum(known.sum(axis=1), 1)
    instant = np.where(known, times, 0.0).sum(axis=1) / count
    return instant, np.where(known, times - instant[:, None], 0.0)
