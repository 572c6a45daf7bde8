"""Labelled frames: where people said the keypoints are."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from calibration.arrays import frozen
from calibration.recordings.frame_sources import trailing_number
from models2d.skeleton import Skeleton

Float = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class LabelledFrame:
    """Where one labelled image is found.

    Attributes
    ----------
    path : Path
        An image file, or a video.
    index : int or None
        Frame number in the video, from 0; None for an image file.
    """

    path: Path
    index: int | None = None

    def __post_init__(self) -> None:
        """Check."""
        object.__setattr__(self, "path", Path(self.path))
        if self.index is not None:
            if self.index < 0:
                raise ValueError(f"index: frames are numbered from 0, got {self.index} for {self.path}")
            object.__setattr__(self, "index", int(self.index))

    def __str__(self) -> str:
        """Return the path, and the frame number where there is one."""
        return str(self.path) if self.index is None else f"{self.path} frame {self.index}"


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class Labels:
    """Keypoints that people marked in images.

    Attributes
    ----------
    frames : tuple of LabelledFrame
    xy : (frames, individuals, keypoints, 2) float, px
        NaN where not labelled.
    individuals : tuple of str
    skeleton : Skeleton

    Raises
    ------
    ShapeError
        If the array does not agree with the frames, individuals and keypoints.
    ValueError
        For a frame listed twice, an infinite coordinate, or an x without its y.
    """

    frames: tuple[LabelledFrame, ...]
    xy: Float
    individuals: tuple[str, ...]
    skeleton: Skeleton

    def __post_init__(self) -> None:
        """Check and freeze."""
        frames, individuals = tuple(self.frames), tuple(str(name) for name in self.individuals)
        shape = (len(frames), len(individuals), len(self.skeleton.keypoints), 2)
        xy = frozen(self.xy, shape, "xy")
        for name, values in (("frames", frames), ("individuals", individuals)):
            if len(set(values)) != len(values):
                twice = sorted({str(value) for value in values if values.count(value) > 1})
                raise ValueError(f"{name}: each may be listed once, got {', '.join(twice)} more than once")
        if np.isinf(xy).any():
            frame, _, keypoint, _ = np.argwhere(np.isinf(xy))[0]
            raise ValueError(
                f"labels must be finite or NaN: {self.skeleton.keypoints[keypoint]} in {frames[frame]}"
            )
        halves = np.isnan(xy).any(axis=-1) != np.isnan(xy).all(axis=-1)
        if halves.any():
            frame, _, keypoint = np.argwhere(halves)[0]
            raise ValueError(
                f"x and y must be missing together: {self.skeleton.keypoints[keypoint]} in {frames[frame]}"
            )
        object.__setattr__(self, "frames", frames)
        object.__setattr__(self, "individuals", individuals)
        object.__setattr__(self, "xy", xy)

    def __len__(self) -> int:
        """Return the number of frames."""
        return len(self.frames)

    def select(self, frames: ArrayLike) -> Self:
        """Return some of the frames.

        Parameters
        ----------
        frames : (n,) int, or (frames,) bool

        Returns
        -------
        labels : Labels

        Examples
        --------
        >>> face = Skeleton.from_names("face", ["nose"])
        >>> frames = tuple(LabelledFrame(path=Path(f"{n}.png")) for n in range(3))
        >>> labels = Labels(frames=frames, xy=np.ones((3, 1, 1, 2)), individuals=("a",), skeleton=face)
        >>> [frame.path.name for frame in labels.select([2, 0]).frames]
        ['2.png', '0.png']
        """
        index = np.arange(len(self.frames))[np.asarray(frames)]
        return replace(self, frames=tuple(self.frames[k] for k in index), xy=self.xy[index])

    @property
    def instants(self) -> NDArray[np.int64]:
        """Which frames may show the same instant, (frames,) int: equal numbers for these.

        Frames of different cameras are numbered alike: the frame number in the video, or that at the end of
        an image's name. Images without any are instants of their own.
        """
        keys = [_instant(frame) for frame in self.frames]
        number = {key: place for place, key in enumerate(dict.fromkeys(keys))}
        return np.array([number[key] for key in keys], dtype=np.int64)

    def split(self, fraction: float = 0.95, seed: int = 0) -> tuple[Self, Self]:
        """Split at random into frames to train on and frames to test on.

        Views of one instant stay together: a network that saw one of them has seen the others' pose.

        Parameters
        ----------
        fraction : float
            Part to train on, inside (0, 1).
        seed : int

        Returns
        -------
        train, test : Labels, Labels
            `int(fraction * instants)` and the rest, each in the order of the file.

        Raises
        ------
        ValueError
            If either part would be empty.

        Notes
        -----
        DeepLabCut shuffles the labelled frames and trains on the first `int(n * TrainingFraction)` of them
        (Nath et al., Nature Protocols 14, 2019), which is the same for a single camera; only the random
        numbers differ here.

        Examples
        --------
        >>> face = Skeleton.from_names("face", ["nose"])
        >>> frames = tuple(
        ...     LabelledFrame(path=Path(f"{view}/img{n}.png")) for view in ("left", "right") for n in range(4)
        ... )
        >>> labels = Labels(frames=frames, xy=np.ones((8, 1, 1, 2)), individuals=("a",), skeleton=face)
        >>> train, test = labels.split(0.75)
        >>> len(train), len(test), len(set(test.instants))
        (6, 2, 1)
        """
        instants = self.instants
        count = len(set(instants.tolist()))
        if not 0 < fraction < 1:
            raise ValueError(f"fraction: expected a number between 0 and 1, got {fraction}")
        train = int(fraction * count)
        if train in {0, count}:
            raise ValueError(
                f"{len(self.frames)} labelled frames cannot be split {fraction:g} to {1 - fraction:g}: the "
                f"{'training' if train == 0 else 'test'} part would be empty, as the views of an instant "
                f"stay together and there are {count}; label more instants or change the fraction"
            )
        order = np.random.default_rng(seed).permutation(count)
        learn = np.isin(instants, order[:train])
        return self.select(learn), self.select(~learn)

    def outside(self, sizes: Sequence[tuple[int, int]]) -> NDArray[np.bool_]:
        """Tell which labels lie outside their image.

        Parameters
        ----------
        sizes : (frames, 2) int, px
            Width and height of each frame.

        Returns
        -------
        outside : (frames, individuals, keypoints) bool
            False where there is no label.
        """
        size = np.asarray(sizes, dtype=np.float64)[:, None, None, :]
        with np.errstate(invalid="ignore"):
            return np.asarray(((self.xy < -0.5) | (self.xy > size - 0.5)).any(axis=-1))


def _instant(frame: LabelledFrame) -> object:
    number = trailing_number(frame.path) if frame.index is None else frame.index
    return frame if number is None else number


def joined(parts: Sequence[Labels]) -> Labels:
    """Put the labels of several folders or labellers together.

    Parameters
    ----------
    parts : sequence of Labels
        With the same keypoints; individuals are matched by name.

    Returns
    -------
    labels : Labels

    Raises
    ------
    ValueError
        If there is none, keypoints differ (they are named) or a frame occurs twice.
    """
    if not parts:
        raise ValueError("there are no labels to join")
    first = parts[0].skeleton
    individuals: list[str] = []
    for part in parts:
        if set(part.skeleton.keypoints) != set(first.keypoints):
            differ = sorted(set(part.skeleton.keypoints) ^ set(first.keypoints))
            raise ValueError(
                f"keypoints differ between {parts[0].frames[0]} and {part.frames[0]}: {', '.join(differ)}"
            )
        individuals += [name for name in part.individuals if name not in individuals]
    blocks = []
    for part in parts:
        block = np.full((len(part), len(individuals), len(first.keypoints), 2), np.nan)
        rows = [individuals.index(name) for name in part.individuals]
        columns = [part.skeleton.index(keypoint) for keypoint in first.keypoints]
        block[:, rows] = part.xy[:, :, columns]
        blocks.append(block)
    frames = tuple(frame for part in parts for frame in part.frames)
    return Labels(frames=frames, xy=np.concatenate(blocks), individuals=tuple(individuals), skeleton=first)
