"""Which suffix means which format, and what a format cannot hold."""

from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from triangulate.export.extent import Extent
from triangulate.trajectories import Trajectories3D

FORMATS = {
    "parquet": (".parquet", "parquet", "ours, lossless"),
    "csv": (".csv", "tidy_csv", "one row per point"),
    "anipose": (".anipose.csv", "anipose_csv", "anipose's and movement's flat 3D table"),
    "trc": (".trc", "trc", "OpenSim, Y up"),
    "c3d": (".c3d", "c3d", "biomechanics, mm, Z up"),
    "dlc": (".dlc.h5", "deeplabcut", "DeepLabCut 3D"),
    "dlc-csv": (".dlc.csv", "deeplabcut", "DeepLabCut 3D"),
    "sleap": (".sleap.h5", "sleap_anipose", "sleap-anipose points3d"),
    "movement": (".nc", "movement", "movement, xarray (netCDF)"),
    "nwb": (".nwb", "nwb", "Neurodata Without Borders, needs triangulate[nwb]"),
}
"""Suffix, module and what for, by the name of the format.

A module has `write`, and `limit` where the format has limits: it says what in an `Extent` exceeds them.
Where it needs packages that are not installed with this one, `EXTRA` names them and `EXTRA_HINT` says how to
get them.
"""

MARKED = {"anipose": "_", "trc": "_", "c3d": ":"}
"""Formats in which each point has one name, and what joins the names of subject and keypoint."""


def format_of(path: str | Path) -> str:
    """Tell the format of a file by its suffix; the longest known one counts.

    Parameters
    ----------
    path : path

    Returns
    -------
    name : str
        A key of `FORMATS`.

    Raises
    ------
    ValueError
        If the suffix is not known; the known ones are listed.

    Examples
    --------
    >>> format_of("trial.anipose.csv"), format_of("TRIAL.TRC")
    ('anipose', 'trc')
    """
    name = Path(path).name.lower()
    fitting = [(suffix, key) for key, (suffix, *_) in FORMATS.items() if name.endswith(suffix)]
    if not fitting:
        raise ValueError(f"{path}: no format has this suffix; known are {known_formats()}")
    return max(fitting, key=lambda pair: len(pair[0]))[1]


def known_formats() -> str:
    """List the suffixes and what they are for.

    Returns
    -------
    text : str
    """
    return ", ".join(f"{suffix} ({purpose})" for suffix, _, purpose in FORMATS.values())


def write(trajectories: Trajectories3D, path: str | Path) -> None:
    """Write trajectories in the format that the suffix names; the file is there whole or not at all.

    Parameters
    ----------
    trajectories : Trajectories3D
    path : path
        Ends in .parquet, .csv, .anipose.csv, .trc, .c3d, .dlc.h5, .dlc.csv, .sleap.h5, .nc or .nwb.

    Raises
    ------
    ValueError
        If the suffix is not known, or the format cannot hold these trajectories.
    FileNotFoundError
        If the folder does not exist.
    """
    path = Path(path)
    module = FORMATS[format_of(path)][1]
    if not path.parent.is_dir():
        raise FileNotFoundError(f"{path.parent}: no such folder to write {path.name} into")
    limit = _limit(format_of(path), Extent.of(trajectories))
    if limit is not None:
        raise ValueError(f"{path}: {limit}")
    import_module(f"triangulate.export.{module}").write(trajectories, path)


def refusal(name: str, extent: Extent) -> str | None:
    """Say why trajectories cannot be written in a format, before there are any.

    Parameters
    ----------
    name : str
        A key of `FORMATS`.
    extent : Extent

    Returns
    -------
    reason : str or None
        None where nothing is known against it.

    Examples
    --------
    >>> refusal("c3d", Extent(frames=70000, subjects=("subject",)))
    'a C3D file holds 1 to 65535 frames, got 70000; write TRC or Parquet, or a long recording in parts'
    """
    module = import_module(f"triangulate.export.{FORMATS[name][1]}")
    lacking = [package for package in getattr(module, "EXTRA", ()) if find_spec(package) is None]
    return module.EXTRA_HINT if lacking else _limit(name, extent)


def _limit(name: str, extent: Extent) -> str | None:
    for word in (*extent.subjects, *extent.keypoints):
        if not _is_text(word):
            return (
                f"the name {word!a} holds half a character (a lone surrogate), which no file holds: rename it"
            )
    if name in MARKED:
        try:
            point_names(extent.subjects, extent.keypoints, MARKED[name])
        except ValueError as error:
            return str(error)
    module = import_module(f"triangulate.export.{FORMATS[name][1]}")
    return module.limit(extent) if hasattr(module, "limit") else None


def _is_text(word: str) -> bool:
    try:
        word.encode()
    except UnicodeEncodeError:
        return False
    return True


def read(path: str | Path) -> Trajectories3D:
    """Read trajectories from our Parquet, without loss.

    Parameters
    ----------
    path : path

    Returns
    -------
    trajectories : Trajectories3D

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is not a Parquet of trajectories.
    """
    from triangulate.export import parquet

    return parquet.read(path)


def marker_names(trajectories: Trajectories3D, joint: str = "_") -> list[str]:
    """Name every point of every subject: the keypoint alone where there is one subject.

    Parameters
    ----------
    trajectories : Trajectories3D
    joint : str
        Between subject and keypoint.

    Returns
    -------
    names : list of str
        Without white space; subject by subject.

    Raises
    ------
    ValueError
        If two names become the same.
    """
    return point_names(trajectories.subjects, trajectories.skeleton.keypoints, joint)


def point_names(subjects: tuple[str, ...], keypoints: tuple[str, ...], joint: str) -> list[str]:
    """Name every keypoint of every subject, as `marker_names`.

    Parameters
    ----------
    subjects : tuple of str
    keypoints : tuple of str
    joint : str

    Returns
    -------
    names : list of str

    Raises
    ------
    ValueError
        If two names become the same.
    """
    several = len(subjects) > 1
    names = [
        "_".join((f"{subject}{joint}{keypoint}" if several else keypoint).split())
        for subject in subjects
        for keypoint in keypoints
    ]
    twice = sorted({name for name in names if names.count(name) > 1 or not name})
    if twice:
        raise ValueError(f"markers must have names that differ; {', '.join(map(repr, twice))} do not")
    return names
