"""Put the files of all views together: `read_detections`, `read_tracks`."""

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models2d.detections import Detections2D, Tracks2D
from models2d.readers import parquet
from models2d.readers.recognition import read_view
from models2d.readers.view import ViewDetections
from models2d.skeleton import Skeleton

Float = NDArray[np.float64]
Paths = Mapping[str, str | Path]


def read_detections(
    paths: Paths | str | Path,
    *,
    skeleton: Skeleton | str | Path | None = None,
    fps: float | None = None,
    frames: int | None = None,
) -> Detections2D:
    """Read what other tools found in each view; the tool is recognised by the content of the file.

    Parameters
    ----------
    paths : mapping of str to path, or path
        The file (or folder of OpenPose JSON files) of each view by the name of its camera. One path alone
        is a Parquet file of this package, which holds all views.
    skeleton : Skeleton, path or str, optional
        Keypoints to take, in this order, matched by name; names them where the files only number them.
        Without it, all keypoints of the first view.
    fps : float, Hz, optional
        Where no file states it and none is given it is 1, with a warning: time is then counted in frames.
    frames : int, optional
        Length of the recording, for files that list only frames with detections.

    Returns
    -------
    detections : Detections2D
        Missing points (NaN, likelihood 0, or the 0, 0, 0 of OpenPose) are NaN. Several individuals are
        slots, in the order of the file; covariance is there where every view states it (EKS) .

    Raises
    ------
    FileNotFoundError
        If a file is missing.
    ValueError
        If a file is empty, malformed or of an unknown kind; or if the views' numbers of frames or their
        keypoints differ, with the counts. Nothing is cut to the shortest.
    """
    body = _skeleton(skeleton)
    if isinstance(paths, str | Path):
        return _as_detections(parquet.read(_existing(Path(paths))), body, fps)
    if not paths:
        raise ValueError("paths: give the file of at least one view")
    views = {name: _read(name, Path(path), body) for name, path in paths.items()}
    _tell(views)
    body = body or _common(views)
    _check_images(views)
    length = _length(views, frames)
    chosen = {name: _chosen(name, view, body) for name, view in views.items()}
    slots = max(view.xy.shape[1] for view in views.values())
    covariances = [chosen[name][2] for name in views]
    return Detections2D(
        xy=_stack([chosen[name][0] for name in views], length, slots),
        confidence=_stack([chosen[name][1] for name in views], length, slots),
        covariance=None
        if any(value is None for value in covariances)
        else _stack([value for value in covariances if value is not None], length, slots),
        views=tuple(views),
        skeleton=body,
        fps=_fps(views, fps),
    )


def read_tracks(
    paths: Paths,
    *,
    skeleton: Skeleton | str | Path | None = None,
    fps: float | None = None,
    frames: int | None = None,
) -> Tracks2D:
    """Read files in which individuals are named, and take equal names in two views to be the same individual.

    Parameters
    ----------
    paths, skeleton, fps, frames
        As for `read_detections`.

    Returns
    -------
    tracks : Tracks2D
        Subjects in the order in which they are first named.

    Raises
    ------
    ValueError
        As `read_detections`; or if a view has several individuals without names.
    """
    body = _skeleton(skeleton)
    views = {name: _read(name, Path(path), body) for name, path in paths.items()}
    named: dict[str, tuple[str, ...]] = {}
    for name, view in views.items():
        if view.individuals is None and view.xy.shape[1] > 1:
            raise ValueError(
                f"view {name}: {view.path} has {view.xy.shape[1]} individuals without names; use "
                f"read_detections and "
                "triangulate.associate"
            )
        named[name] = view.individuals or ("subject",)
    detections = read_detections(paths, skeleton=skeleton, fps=fps, frames=frames)
    subjects = list(dict.fromkeys(subject for names in named.values() for subject in names))
    count, number, _, keypoints = detections.shape
    xy = np.full((count, number, len(subjects), keypoints, 2), np.nan)
    confidence = np.full(xy.shape[:-1], np.nan)
    covariance = None if detections.covariance is None else np.full((*xy.shape, 2), np.nan)
    for place, names in enumerate(named.values()):
        columns = [subjects.index(subject) for subject in names]
        xy[:, place, columns] = detections.xy[:, place, : len(names)]
        confidence[:, place, columns] = detections.confidence[:, place, : len(names)]
        if covariance is not None and detections.covariance is not None:
            covariance[:, place, columns] = detections.covariance[:, place, : len(names)]
    return Tracks2D(
        xy=xy,
        confidence=confidence,
        covariance=covariance,
        views=detections.views,
        skeleton=detections.skeleton,
        subjects=tuple(subjects),
        fps=detections.fps,
        sizes=detections.sizes,
        shared_error=detections.shared_error,
    )


def _skeleton(skeleton: Skeleton | str | Path | None) -> Skeleton | None:
    return skeleton if skeleton is None or isinstance(skeleton, Skeleton) else Skeleton.load(skeleton)


def _existing(path: Path) -> Path:
    if not path.is_file():
        raise FileNotFoundError(f"{path}: there is no such file")
    with path.open("rb") as file:
        if file.read(4) != b"PAR1":
            raise ValueError(
                f"{path}: one path alone must be a Parquet file of this package; give other tools' files "
                f"by view, as "
                f'{{"camera": "{path.name}"}}'
            )
    return path


def _read(name: str, path: Path, skeleton: Skeleton | None) -> ViewDetections:
    if path.is_file():
        with path.open("rb") as file:
            ours = file.read(4) == b"PAR1"
        if ours:
            return _view(name, path, parquet.read(path))
    return read_view(path, skeleton)


def _view(name: str, path: Path, points: Detections2D | Tracks2D) -> ViewDetections:
    if name not in points.views:
        raise ValueError(f"{path}: has no view called {name}; it has {', '.join(points.views)}")
    place = points.views.index(name)
    return ViewDetections(
        path=path,
        tool="Parquet",
        xy=points.xy[:, place],
        confidence=points.confidence[:, place],
        covariance=None if points.covariance is None else points.covariance[:, place],
        keypoints=points.skeleton.keypoints,
        individuals=points.subjects if isinstance(points, Tracks2D) else None,
        bones=points.skeleton.bone_names,
        skeleton=points.skeleton.name,
        fps=points.fps,
    )


def _common(views: Mapping[str, ViewDetections]) -> Skeleton:
    first_name, first = next(iter(views.items()))
    for name, view in views.items():
        differ = sorted(set(view.keypoints) ^ set(first.keypoints))
        if differ:
            raise ValueError(
                f"keypoints differ: view {first_name} has {len(first.keypoints)}, view {name} has "
                f"{len(view.keypoints)}; not in both: {', '.join(differ)}. Give a skeleton with those to take"
            )
    bones = [bone for bone in first.bones if set(bone) <= set(first.keypoints)]
    return Skeleton.from_names(first.skeleton or first.path.stem.split(".")[0], first.keypoints, bones)


def _length(views: Mapping[str, ViewDetections], frames: int | None) -> int:
    lengths = {name: len(view.xy) for name, view in views.items()}
    spelled = ", ".join(f"{name} {length}" for name, length in lengths.items())
    whole = {name: length for name, length in lengths.items() if not views[name].sparse}
    wanted = frames if frames is not None else max(whole.values(), default=max(lengths.values()))
    wrong = [name for name in whole if lengths[name] != wanted]
    wrong += [name for name in lengths if name not in whole and lengths[name] > wanted]
    if wrong:
        expected = f"; the recording has {frames}" if frames is not None else ""
        raise ValueError(
            f"the views have different numbers of frames: {spelled}{expected}. Nothing is cut: find out "
            f"which frames "
            "are missing or left over, and mend the files"
        )
    if frames is None and not whole and len(set(lengths.values())) > 1:
        warnings.warn(
            f"the files list only frames with detections, {spelled}: the recording is taken to have {wanted}",
            stacklevel=3,
        )
    return wanted


def _tell(views: Mapping[str, ViewDetections]) -> None:
    """Warn of what readers took otherwise than it is written, once for views of which the same is said."""
    said: dict[str, list[str]] = {}
    for name, view in views.items():
        for note in view.notes:
            said.setdefault(note, []).append(name)
    for note, names in said.items():
        files = ", ".join(views[name].path.name for name in names[:3]) + ", ..." * (len(names) > 3)
        warnings.warn(f"view{'s' * (len(names) > 1)} {', '.join(names)}: {note} ({files})", stacklevel=3)


def _check_images(views: Mapping[str, ViewDetections]) -> None:
    """Refuse to pair rows of different images: where no number tells them apart, names must be alike."""
    named = {name: view.images for name, view in views.items() if view.images is not None}
    if not named or len(views) == 1:
        return
    first, images = next(iter(named.items()))
    for name, view in views.items():
        theirs = None if view.images is None else [image.rsplit("/", 1)[-1] for image in view.images]
        if theirs != [image.rsplit("/", 1)[-1] for image in images]:
            raise ValueError(
                f"the rows of view {first} name images, as {images[0]}, and no number in their names says "
                f"which of view {name} belongs to which; name images of one instant alike, or number the rows"
            )


def _chosen(name: str, view: ViewDetections, skeleton: Skeleton) -> tuple[Float, Float, Float | None]:
    missing = [keypoint for keypoint in skeleton.keypoints if keypoint not in view.keypoints]
    if missing:
        raise ValueError(
            f"view {name}: {view.path} has no keypoint called {', '.join(missing)}; it has "
            f"{', '.join(view.keypoints)}"
        )
    columns = [view.keypoints.index(keypoint) for keypoint in skeleton.keypoints]
    covariance = None if view.covariance is None else view.covariance[:, :, columns]
    return view.xy[:, :, columns], view.confidence[:, :, columns], covariance


def _stack(values: Sequence[Float], frames: int, slots: int) -> Float:
    stacked = np.full((frames, len(values), slots, *values[0].shape[2:]), np.nan)
    for place, value in enumerate(values):
        stacked[: len(value), place, : value.shape[1]] = value
    return stacked


def _fps(views: Mapping[str, ViewDetections], fps: float | None) -> float:
    if fps is not None:
        return fps
    stated = {view.fps for view in views.values() if view.fps is not None}
    if len(stated) > 1:
        raise ValueError(f"the views state different frame rates: {', '.join(map(str, sorted(stated)))} Hz")
    if stated:
        return stated.pop()
    warnings.warn(
        "the files do not state the frame rate; fps=1 is taken, so that time counts frames", stacklevel=3
    )
    return 1.0


def _as_detections(
    points: Detections2D | Tracks2D, skeleton: Skeleton | None, fps: float | None
) -> Detections2D:
    views = {name: _view(name, Path("the file"), points) for name in points.views}
    body = skeleton or points.skeleton
    chosen = [_chosen(name, view, body) for name, view in views.items()]
    covariances = [part[2] for part in chosen if part[2] is not None]
    return Detections2D(
        xy=np.stack([part[0] for part in chosen], axis=1),
        confidence=np.stack([part[1] for part in chosen], axis=1),
        covariance=np.stack(covariances, axis=1) if covariances else None,
        views=points.views,
        skeleton=body,
        fps=points.fps if fps is None else fps,
        times=points.times,
        sizes=points.sizes,
        shared_error=points.shared_error if body == points.skeleton else None,
    )
