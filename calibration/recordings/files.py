"""What a recording is made of on disk: which files are the views, and whether they can be read."""

import re
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from calibration.errors import CalibrationError
from calibration.recordings.frame_sources import (
    ImageFiles,
    Source,
    VideoFile,
    images_in,
    natural_key,
    videos_in,
)

Views = dict[str, Path | tuple[Path, ...]]
"""Video, image folder or image files of each view."""


def views_in(folder: Path) -> tuple[Views, Path | None]:
    """Find the views of a recording in a folder.

    Parameters
    ----------
    folder : path
        With one video per view; or one folder per view, of images or with one video; or images called
        VIEW_NUMBER.

    Returns
    -------
    views : dict
        In natural order of their names.
    timestamps : path or None
        A `timestamps.csv` in the folder.

    Raises
    ------
    FileNotFoundError
        If there is no such folder.
    CalibrationError
        If nothing in it looks like a recording.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder}: no such folder")
    views: Views = {path.stem: path for path in videos_in(folder)}
    if len(views) < len(videos_in(folder)):
        raise CalibrationError(f"{folder}: two videos have one name and differ in their suffix only")
    views = views or _subfolders(folder) or _named_images(images_in(folder))
    if not views:
        raise CalibrationError(
            f"{folder}: found no videos, no folders of images or with one video each, and no images; "
            'name the views explicitly, as Recording.open({"left": "left.mp4", "right": "right.mp4"})'
        )
    timestamps = folder / "timestamps.csv"
    ordered = {name: views[name] for name in sorted(views, key=natural_key)}
    return ordered, timestamps if timestamps.is_file() else None


def _subfolders(folder: Path) -> Views:
    views: Views = {}
    for path in sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")):
        videos = videos_in(path)
        if images_in(path):
            views[path.name] = path
        elif len(videos) == 1:
            views[path.name] = videos[0]
        elif videos:
            listed = ", ".join(video.name for video in videos[:4])
            raise CalibrationError(
                f"{path}: {len(videos)} videos for one view ({listed}); "
                "keep one recording per folder, or name the videos explicitly"
            )
    return views


def _named_images(files: list[Path]) -> Views:
    groups: dict[str, list[Path]] = defaultdict(list)
    for path in files:
        match = re.fullmatch(r"(.+?)[_\-. ]*(?:frame|img|image)?[_\-. ]*(\d+)", path.stem, re.IGNORECASE)
        groups[match[1] if match else path.stem].append(path)
    return {name: tuple(paths) for name, paths in groups.items()}


def open_views(views: Views, *, allow_damaged: bool = False) -> tuple[Source, ...]:
    """Open every view, each in a thread, and count its frames.

    Parameters
    ----------
    views : dict
        Video, image folder or image files of each view.
    allow_damaged : bool
        Use the frames that decode of a video that ends before its header says.

    Returns
    -------
    sources : tuple of VideoFile or ImageFiles

    Raises
    ------
    FileNotFoundError
        If a file or folder is missing.
    CalibrationError
        If there is no view, or a file cannot be read (each problem is named).
    """
    if not views:
        raise CalibrationError("a recording needs one view at least, got none")
    with ThreadPoolExecutor(max_workers=min(8, len(views))) as pool:
        sources = tuple(pool.map(_open, views.values()))
    damaged = [
        f"{video.path}: {video.count} of the {video.promised} frames that its header promises can be decoded"
        for video in sources
        if isinstance(video, VideoFile) and ends_early(video)
    ]
    if damaged and not allow_damaged:
        raise CalibrationError(
            "; ".join(damaged) + ": truncated or damaged. Copy the file again from the camera, or pass "
            "allow_damaged=True to use the frames that decode"
        )
    return sources


def ends_early(video: VideoFile) -> bool:
    """Tell whether a video has clearly fewer frames than its header says.

    Parameters
    ----------
    video : VideoFile

    Returns
    -------
    early : bool
        Headers of some containers are estimates: less than 2% (and one frame) is not held against a file.
    """
    return video.promised - video.count > max(1, 0.02 * video.promised)


def _open(source: Path | tuple[Path, ...]) -> Source:
    if isinstance(source, tuple):
        return ImageFiles.open(source[0].parent, source)
    if source.is_dir():
        videos = [] if images_in(source) else videos_in(source)
        if len(videos) != 1:
            return ImageFiles.open(source)
        source = videos[0]
    return VideoFile.open(source)
