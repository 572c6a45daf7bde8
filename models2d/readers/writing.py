"""Write detections and tracks: `write_detections`."""

from pathlib import Path

import numpy as np

from calibration.atomic import replacing
from models2d.detections import Detections2D, Tracks2D
from models2d.readers import parquet


def write_detections(
    points: Detections2D | Tracks2D, path: str | Path, *, scorer: str = "triangulate"
) -> list[Path]:
    """Write detections or tracks by suffix: Parquet, or one DeepLabCut-style csv or h5 file per view.

    Parameters
    ----------
    points : Detections2D or Tracks2D
    path : path
        `.parquet` holds all views, exactly. `.csv` and `.h5` hold one: with several views the name must
        contain `{view}`.
    scorer : str
        Written into DeepLabCut's first header row.

    Returns
    -------
    paths : list of Path
        What was written.

    Raises
    ------
    ValueError
        For another suffix, or if several views would go to one file.
    """
    path = Path(path)
    if path.suffix == ".parquet":
        parquet.write(points, path)
        return [path]
    if path.suffix not in {".csv", ".h5"}:
        raise ValueError(
            f"{path}: unknown suffix {path.suffix!r}; detections are written to .parquet, .csv or .h5"
        )
    if len(points.views) > 1 and "{view}" not in path.name:
        raise ValueError(
            f"{path}: {len(points.views)} views cannot go into one file of DeepLabCut's; put {{view}} in "
            f"the name, or "
            "write .parquet"
        )
    written = []
    for place, view in enumerate(points.views):
        target = path.with_name(path.name.replace("{view}", view))
        _write_dlc(points, place, target, scorer)
        written.append(target)
    return written


def _write_dlc(points: Detections2D | Tracks2D, view: int, path: Path, scorer: str) -> None:
    import pandas as pd

    frames, _, slots, keypoints = points.shape
    values = np.concatenate([points.xy[:, view], points.confidence[:, view, ..., None]], axis=-1)
    subjects = (
        points.subjects if isinstance(points, Tracks2D) else tuple(f"individual{n + 1}" for n in range(slots))
    )
    levels = [[scorer], list(points.skeleton.keypoints), ["x", "y", "likelihood"]]
    names = ["scorer", "bodyparts", "coords"]
    if slots > 1:
        levels.insert(1, list(subjects))
        names.insert(1, "individuals")
    columns = pd.MultiIndex.from_product(levels, names=names)
    table = pd.DataFrame(values.reshape(frames, slots * keypoints * 3), columns=columns)
    with replacing(path) as temporary:
        if path.suffix == ".csv":
            table.to_csv(temporary)
        else:
            table.to_hdf(temporary, key="df_with_missing", format="table", mode="w")
