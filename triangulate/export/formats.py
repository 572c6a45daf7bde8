"""Which suffix means which format."""

from importlib import import_module
from pathlib import Path

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
"""Suffix, module and what for, by the name of the format."""


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
    import_module(f"triangulate.export.{module}").write(trajectories, path)


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
    keypoints = trajectories.skeleton.keypoints
    several = len(trajectories.subjects) > 1
    names = [
        "_".join((f"{subject}{joint}{keypoint}" if several else keypoint).split())
        for subject in trajectories.subjects
        for keypoint in keypoints
    ]
    twice = sorted({name for name in names if names.count(name) > 1 or not name})
    if twice:
        raise ValueError(f"markers must have names that differ; {', '.join(map(repr, twice))} do not")
    return names
