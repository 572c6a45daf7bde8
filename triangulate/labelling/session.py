"""What is being labelled: images of all views, the labels so far, and their files."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from threading import RLock
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from calibration.atomic import replacing
from calibration.recordings.recording import Recording
from calibration.rig import Rig
from models2d.labelling.choosing import read_labels, write_labels
from models2d.labelling.coco import image_size
from models2d.labelling.images import extract_images
from models2d.labels import LabelledFrame, Labels
from models2d.skeleton import Skeleton
from triangulate.labelling.guides import guides

Float = NDArray[np.float64]
Progress = Callable[..., Iterable[Any]]


class LabellingSession:
    """Instants of synchronised views with their labels, in a DeepLabCut project kept up to date.

    Parameters
    ----------
    folder : path
        Of the project: images are `labeled-data/<view>/img<frame>.png`, labels `CollectedData_<scorer>.csv`
        and .h5 beside them. Labels that are there already are taken up.
    views : tuple of str
    instants : tuple of int
        Frame numbers, which all views share.
    skeleton : Skeleton
    individuals : tuple of str
    rig : Rig, optional
        Without it there are no guides.
    scorer : str

    Raises
    ------
    ValueError
        If a view has no camera in the rig, an image is missing or corrupt, or the labels there have other
        keypoints.
    """

    def __init__(
        self,
        folder: str | Path,
        views: Sequence[str],
        instants: Sequence[int],
        skeleton: Skeleton,
        *,
        individuals: Sequence[str] = ("individual1",),
        rig: Rig | None = None,
        scorer: str = "labeller",
    ) -> None:
        self.folder = Path(folder)
        self.views, self.instants = tuple(views), tuple(sorted({int(instant) for instant in instants}))
        self.skeleton, self.individuals = skeleton, tuple(individuals)
        self.rig = None if rig is None else rig.select(self.views)
        self.scorer = scorer
        if not self.views or not self.instants:
            raise ValueError("a labelling session needs at least one view and one instant")
        self.sizes = [image_size(self.image(self.instants[0], view))[::-1] for view in range(len(self.views))]
        shape = (len(self.instants), len(self.views), len(self.individuals), len(skeleton.keypoints), 2)
        self.xy: Float = np.full(shape, np.nan)
        self._lock = RLock()
        self._read()

    @classmethod
    def open(
        cls,
        videos: Recording | Mapping[str, str | Path],
        folder: str | Path,
        frames: Sequence[int],
        skeleton: Skeleton,
        *,
        individuals: Sequence[str] = ("individual1",),
        rig: Rig | None = None,
        scorer: str = "labeller",
        progress: Progress | None = None,
    ) -> "LabellingSession":
        """Extract the frames of synchronised videos and start labelling them.

        Parameters
        ----------
        videos : Recording, or mapping of str to path
            Videos by view.
        folder : path
            Of the project; made where there is none.
        frames : sequence of int
            Frame numbers to label.
        skeleton, individuals, rig, scorer
            As for the class.
        progress : callable, optional
            Wraps an iterable as tqdm does.

        Returns
        -------
        session : LabellingSession

        Raises
        ------
        ValueError
            If a recording ends before a frame.
        """
        root = Path(folder)
        instants = sorted({int(frame) for frame in frames})
        if isinstance(videos, Recording):
            _extract(videos, root, instants, progress)
            names = videos.names
        else:
            names = tuple(videos)
            for view, video in videos.items():
                wanted = [frame for frame in instants if not image_path(root, view, frame).is_file()]
                where = tuple(LabelledFrame(path=Path(video), index=frame) for frame in wanted)
                none = np.full((len(where), 1, len(skeleton.keypoints), 2), np.nan)
                labels = Labels(frames=where, xy=none, individuals=("individual1",), skeleton=skeleton)
                extract_images(labels, root, progress, name=view)
        return cls(root, names, instants, skeleton, individuals=individuals, rig=rig, scorer=scorer)

    def image(self, instant: int, view: int) -> Path:
        """Path of an image.

        Parameters
        ----------
        instant : int
            Frame number.
        view : int

        Returns
        -------
        path : Path
        """
        return image_path(self.folder, self.views[view], instant)

    def state(self) -> dict[str, Any]:
        """Return all that the page needs to start.

        Returns
        -------
        state : dict
        """
        return {
            "views": list(self.views),
            "sizes": [list(size) for size in self.sizes],
            "instants": list(self.instants),
            "keypoints": list(self.skeleton.keypoints),
            "bones": self.skeleton.bones.tolist(),
            "individuals": list(self.individuals),
            "calibrated": self.rig is not None,
            "points": plain(self.xy),
        }

    def place(
        self, instant: int, view: int, individual: int, *, keypoint: int, xy: Sequence[float] | None
    ) -> None:
        """Set or clear a point, and write the labels of its view.

        Parameters
        ----------
        instant, view, individual : int
            Indices into the session's.
        keypoint : int
        xy : (2,) float, px, or None

        Raises
        ------
        ValueError
            If an index is out of range or the point lies outside the image.
        """
        index = (instant, view, individual, keypoint)
        if any(not 0 <= k < length for k, length in zip(index, self.xy.shape[:4], strict=True)):
            raise ValueError(f"there is no point {index}: the session has {self.xy.shape[:4]}")
        point = np.full(2, np.nan) if xy is None else np.array([float(xy[0]), float(xy[1])])
        width, height = self.sizes[view]
        if xy is not None and not ((point >= -0.5) & (point <= np.array([width, height]) - 0.5)).all():
            raise ValueError(f"the point {point.tolist()} lies outside the {width} x {height} image")
        with self._lock:
            self.xy[index] = point
            self._write(view)

    def guides(self, instant: int, individual: int) -> list[dict[str, Any]]:
        """Tell where the labels of some views lie in the others.

        Parameters
        ----------
        instant, individual : int
            Indices into the session's.

        Returns
        -------
        guides : list of dict
            See `guides.guides`; empty without a rig.
        """
        if self.rig is None:
            return []
        return guides(self.xy[instant, :, individual], self.rig)

    def labels(self, view: int) -> Labels:
        """Return the labels of one view.

        Parameters
        ----------
        view : int

        Returns
        -------
        labels : Labels
        """
        frames = tuple(LabelledFrame(path=self.image(instant, view)) for instant in self.instants)
        return Labels(
            frames=frames, xy=self.xy[:, view], individuals=self.individuals, skeleton=self.skeleton
        )

    def _table(self, view: int) -> Path:
        return self.folder / "labeled-data" / self.views[view] / f"CollectedData_{self.scorer}.csv"

    def _read(self) -> None:
        """Take up what is labelled; frames that this session does not show stay in the file."""
        self._others: list[Labels | None] = [None] * len(self.views)
        for view in range(len(self.views)):
            if not self._table(view).is_file():
                continue
            there = read_labels(self._table(view), skeleton=self.skeleton, root=self.folder)
            shown = {self.image(instant, view).name: row for row, instant in enumerate(self.instants)}
            mine = [number for number, frame in enumerate(there.frames) if frame.path.name in shown]
            rows = [shown[there.frames[number].path.name] for number in mine]
            for column, name in enumerate(there.individuals):
                if name in self.individuals:
                    self.xy[rows, view, self.individuals.index(name)] = there.xy[mine, column]
            rest = [number for number in range(len(there)) if number not in set(mine)]
            if rest and there.individuals == self.individuals:
                self._others[view] = there.select(rest)
            elif rest or not set(there.individuals) <= set(self.individuals):
                raise ValueError(
                    f"{self._table(view)}: has the individuals {', '.join(there.individuals)}, the session "
                    f"has "
                    f"{', '.join(self.individuals)}; use the same, or another scorer"
                )

    def _write(self, view: int) -> None:
        labels, others = self.labels(view), self._others[view]
        if others is not None:
            frames = (*others.frames, *labels.frames)
            xy = np.concatenate([others.xy, labels.xy])
            order = sorted(range(len(frames)), key=lambda number: frames[number].path.name)
            labels = Labels(
                frames=frames, xy=xy, individuals=self.individuals, skeleton=self.skeleton
            ).select(order)
        for suffix in (".csv", ".h5"):
            write_labels(labels, self._table(view).with_suffix(suffix), scorer=self.scorer, root=self.folder)


def _extract(recording: Recording, root: Path, instants: list[int], progress: Progress | None) -> None:
    """Write the images of some instants that are not there yet."""
    names = recording.names
    wanted = {
        frame for frame in instants if not all(image_path(root, view, frame).is_file() for view in names)
    }
    if wanted and max(wanted) >= len(recording):
        raise ValueError(f"frame {max(wanted)} was asked for, but the recording has {len(recording)} frames")
    pairs: Iterable[Any] = enumerate(recording)
    if progress is not None:
        pairs = progress(pairs, desc="extracting frames", total=len(recording))
    for frame, images in pairs:
        if not wanted:
            break
        if frame not in wanted:
            continue
        wanted.discard(frame)
        for view, image in zip(names, images, strict=True):
            path = image_path(root, view, frame)
            if image is None:
                raise ValueError(f"view {view} has no image at frame {frame}; choose another frame")
            path.parent.mkdir(parents=True, exist_ok=True)
            with replacing(path) as temporary:
                cv2.imwrite(str(temporary), image)


def image_path(folder: Path, view: str, frame: int) -> Path:
    """Name the image of a view and frame in a project.

    Parameters
    ----------
    folder : path
    view : str
    frame : int

    Returns
    -------
    path : Path
    """
    return folder / "labeled-data" / view / f"img{frame:06d}.png"


def plain(xy: Float) -> Any:
    """Turn points into nested lists with None for missing ones, as JSON has no NaN.

    Parameters
    ----------
    xy : (..., 2) float, px

    Returns
    -------
    points : list
    """
    if xy.ndim == 1:
        return None if np.isnan(xy).any() else [round(float(value), 3) for value in xy]
    return [plain(part) for part in xy]
