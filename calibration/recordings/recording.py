"""Synchronized videos or image folders, read as one sequence of image tuples."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from calibration.arrays import frozen
from calibration.recordings.crops import Crop, place_crops
from calibration.recordings.files import Views, open_views, views_in
from calibration.recordings.frame_sources import Image, Source
from calibration.recordings.frame_times import read_times
from calibration.recordings.read_ahead import read_ahead
from calibration.recordings.view_matching import match_views

Float = NDArray[np.float64]
Int = NDArray[np.int64]


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class Recording:
    """What several cameras recorded, matched in time.

    Iterating gives, for each instant, a tuple of (height, width, 3) uint8 BGR images in the order of
    `names`, with None where a view lacks the instant. Frames are decoded ahead in one thread per view and
    never all held in memory.

    Attributes
    ----------
    names : tuple of str
        Of the views.
    paths : tuple of path
        Video file or image folder of each view.
    sources : tuple of VideoFile or ImageFiles
    fps : float, Hz
        NaN where the views are images.
    frames : (frames, views) int
        Index of each frame in its video or list of images; -1 where the view lacks the instant.
    instants : (frames,) int
        Number of each instant: in a video its frame, in matched image folders the number of the file names.
    times : (frames, views) float, s, or None
        When each view took each frame, where timestamps were given.
    mirrored : tuple of str
        Views whose images are flipped left to right when they are read.
    crops : tuple of Crop or None
        For each view the part of its video that it is; None for all of it.
    notes : tuple of str
        What the reader of a report should know about the files.
    """

    names: tuple[str, ...]
    sources: tuple[Source, ...]
    fps: float
    frames: Int
    instants: Int
    times: Float | None = None
    mirrored: tuple[str, ...] = ()
    crops: tuple[Crop | None, ...] = ()
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Check and freeze."""
        views = len(self.names)
        frames = frozen(self.frames, ("frames", views), "frames", np.int64)
        object.__setattr__(self, "frames", frames)
        object.__setattr__(self, "instants", frozen(self.instants, (len(frames),), "instants", np.int64))
        if self.times is not None:
            object.__setattr__(self, "times", frozen(self.times, frames.shape, "times"))
        object.__setattr__(self, "crops", self.crops or (None,) * views)
        unknown = [name for name in self.mirrored if name not in self.names]
        if unknown:
            raise ValueError(
                f"mirrored: no view is called {', '.join(unknown)}; there are {', '.join(self.names)}"
            )

    @classmethod
    def open(
        cls,
        source: str | Path | Mapping[str, str | Path],
        *,
        timestamps: str | Path | Mapping[str, str | Path | ArrayLike] | None = None,
        truncate: bool = False,
        allow_damaged: bool = False,
        mirrored: Sequence[str] = (),
        crops: Mapping[str, Sequence[int]] | None = None,
    ) -> Self:
        """Open a recording and count its frames by decoding it.

        Parameters
        ----------
        source : mapping or path
            Video file or image folder of each view by name; or a folder with one video per view, or with
            one folder per view (of images or one video), or with images called VIEW_NUMBER.
        timestamps : path, mapping or None
            When each view took each frame (see `frame_times.read_times`): frames are then matched by the
            nearest time. A `timestamps.csv` in a source folder is found by itself.
        truncate : bool
            Cut videos of different length to the shortest instead of refusing them.
        allow_damaged : bool
            Use the frames that decode of a video that ends before its header says.
        mirrored : sequence of str
            Views to flip left to right: filmed in a mirror, or by software that shows a mirror image.
        crops : mapping of view to (4,) int, px, optional
            x, y, width and height of a view that is a part of its video, as a mirror is; several views may
            name the same video, and share the lens of its camera then.

        Returns
        -------
        recording : Recording

        Raises
        ------
        FileNotFoundError
            If a file or folder is missing.
        CalibrationError
            If a file is empty, truncated or not a video, or the views do not have equally many frames and
            nothing says which belong together.
        ValueError
            If `mirrored` or `crops` name no view, or a crop does not lie inside its image.

        Notes
        -----
        Image folders whose file names end in numbers are matched by these numbers, others in natural order.
        """
        if isinstance(source, Mapping):
            views: Views = {str(name): Path(path) for name, path in source.items()}
        else:
            views, found = views_in(Path(source))
            timestamps = found if timestamps is None else timestamps
        names = tuple(views)
        sources = open_views(views, allow_damaged=allow_damaged)
        times = None if timestamps is None else read_times(timestamps, names)
        match = match_views(names, sources, times, truncate=truncate)
        return cls(
            names=names,
            sources=sources,
            fps=match.fps,
            frames=match.frames,
            instants=match.instants,
            times=match.times,
            mirrored=tuple(mirrored),
            crops=place_crops(names, sources, crops or {}),
            notes=match.notes,
        )

    @property
    def paths(self) -> tuple[Path, ...]:
        """Video file or image folder of each view."""
        return tuple(source.path for source in self.sources)

    @property
    def sizes(self) -> Int:
        """Width and height of each view, (views, 2) px."""
        sizes = [
            source.size if crop is None else crop.size
            for source, crop in zip(self.sources, self.crops, strict=True)
        ]
        return np.array(sizes, dtype=np.int64)

    def __len__(self) -> int:
        return len(self.frames)

    def __iter__(self) -> Iterator[tuple[Image | None, ...]]:
        # Views of one video share its lane, so that it is decoded once.
        wanted: dict[tuple[Source, bytes], Int] = {}
        for source, column in zip(self.sources, self.frames.T, strict=True):
            wanted.setdefault((source, column.tobytes()), column)
        lane = list(wanted)
        lane_of = [
            lane.index((source, column.tobytes()))
            for source, column in zip(self.sources, self.frames.T, strict=True)
        ]
        lanes = [source.read(column[column >= 0]) for (source, _), column in wanted.items()]
        present = np.stack([column >= 0 for column in wanted.values()], axis=1)
        for images in read_ahead(lanes, present.tolist()):
            yield tuple(self._view(view, images[lane_of[view]]) for view in range(len(self.names)))

    def _view(self, view: int, image: Image | None) -> Image | None:
        """Cut a view out of a decoded image, and flip it."""
        crop = self.crops[view]
        if image is not None and crop is not None:
            image = crop.cut(image)
        if image is not None and self.names[view] in self.mirrored:
            image = cv2.flip(image, 1)  # type: ignore[assignment]
        return image

    def select(self, frames: Int | NDArray[np.bool_] | slice) -> "Recording":
        """Return some of the instants, as `recording.select(slice(None, None, 5))`.

        Parameters
        ----------
        frames : index
            Of the first axis, in increasing order.

        Returns
        -------
        recording : Recording

        Raises
        ------
        ValueError
            If the frames do not increase: videos are decoded forward only.
        """
        chosen = self.frames[frames]
        if any((np.diff(column[column >= 0]) <= 0).any() for column in chosen.T):
            raise ValueError("frames: expected increasing indices, since videos are decoded forward only")
        return replace(
            self,
            frames=chosen,
            instants=self.instants[frames],
            times=None if self.times is None else self.times[frames],
            fps=self._rate_of(frames),
        )

    def _rate_of(self, frames: Int | NDArray[np.bool_] | slice) -> float:
        steps = np.diff(np.arange(len(self))[frames])
        if not len(steps):
            return self.fps
        return self.fps / float(steps[0]) if (steps == steps[0]).all() else float("nan")

    def views(self, names: Sequence[str]) -> "Recording":
        """Return some of the views.

        Parameters
        ----------
        names : sequence of str

        Returns
        -------
        recording : Recording

        Raises
        ------
        ValueError
            If a name is unknown.
        """
        unknown = [name for name in names if name not in self.names]
        if unknown:
            raise ValueError(f"no view is called {', '.join(unknown)}; there are {', '.join(self.names)}")
        index = [self.names.index(name) for name in names]
        return replace(
            self,
            names=tuple(names),
            sources=tuple(self.sources[view] for view in index),
            frames=self.frames[:, index],
            times=None if self.times is None else self.times[:, index],
            mirrored=tuple(name for name in self.mirrored if name in names),
            crops=tuple(self.crops[view] for view in index),
        )
