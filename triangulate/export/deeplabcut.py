"""DeepLabCut's 3D table, as .h5 (key `df_with_missing`) or .csv: x, y, z per body part, in metres."""

from pathlib import Path

import pandas as pd
from tables.exceptions import HDF5ExtError

from calibration.atomic import replacing
from triangulate.trajectories import Trajectories3D

SCORER = "triangulate"
KEY = "df_with_missing"


def to_scorer_table(trajectories: Trajectories3D) -> pd.DataFrame:
    """Lay trajectories out under DeepLabCut's column levels.

    Parameters
    ----------
    trajectories : Trajectories3D

    Returns
    -------
    table : DataFrame
        Levels scorer, individuals (only where there are several), bodyparts, coords.
    """
    levels = [[SCORER], trajectories.subjects, trajectories.skeleton.keypoints, list("xyz")]
    names = ["scorer", "individuals", "bodyparts", "coords"]
    if len(trajectories.subjects) == 1:
        del levels[1], names[1]
    columns = pd.MultiIndex.from_product(levels, names=names)
    return pd.DataFrame(trajectories.xyz.reshape(trajectories.shape[0], len(columns)), columns=columns)


def write(trajectories: Trajectories3D, path: str | Path) -> None:
    """Write DeepLabCut's table.

    Parameters
    ----------
    trajectories : Trajectories3D
    path : path
        Ends in .h5 or .csv.
    """
    table = to_scorer_table(trajectories)
    with replacing(path) as temporary:
        if temporary.suffix.lower() == ".csv":
            table.to_csv(temporary, float_format="%.9g", lineterminator="\n")
        else:
            _to_hdf(table, temporary)


def _to_hdf(table: pd.DataFrame, path: Path) -> None:
    """Write as DeepLabCut does, or where the names of many columns exceed an HDF5 attribute, as "fixed".

    `pandas.read_hdf` reads both layouts.
    """
    if len(table):
        try:
            return table.to_hdf(path, key=KEY, mode="w", format="table")
        except HDF5ExtError:
            path.unlink()
    return table.to_hdf(path, key=KEY, mode="w", format="fixed")
