"""TRC, the marker file of OpenSim: tab-separated, Y up, the true frame rate.

The rules are those of OpenSim's TRCFileAdapter: eight header names in a fixed order, as many values, marker
names followed by two empty cells, 3 N + 2 cells in every row, an empty cell for a missing coordinate, a tab
at the end of a row (its tokenizer drops an empty last cell), no empty line before the last row, and one row
at least (it never finishes reading a file of none).
"""

from pathlib import Path

import numpy as np

from calibration.atomic import replacing
from triangulate.export.formats import marker_names
from triangulate.trajectories import Trajectories3D

KEYS = (
    *("DataRate", "CameraRate", "NumFrames", "NumMarkers"),
    *("Units", "OrigDataRate", "OrigDataStartFrame", "OrigNumFrames"),
)

Y_UP = [1, 2, 0]
"""(X, Y, Z) of a world with Z up becomes (Y, Z, X), a proper rotation."""


def write(trajectories: Trajectories3D, path: str | Path) -> None:
    """Write a TRC file in metres.

    Parameters
    ----------
    trajectories : Trajectories3D
    path : path

    Raises
    ------
    ValueError
        If there are no frames or no markers, or two markers of one name.
    """
    path = Path(path)
    frames = trajectories.shape[0]
    markers = marker_names(trajectories)
    if not frames or not markers:
        raise ValueError(
            f"{path.name}: a TRC needs a frame and a marker at least, "
            f"got {frames} frames of {len(markers)} markers"
        )
    rate = f"{trajectories.fps:.10g}"
    xyz = trajectories.xyz[..., Y_UP].reshape(frames, 3 * len(markers))
    header = [
        ["PathFileType", "4", "(X/Y/Z)", path.name],
        list(KEYS),
        [rate, rate, str(frames), str(len(markers)), "m", rate, "1", str(frames)],
        ["Frame#", "Time", *(cell for marker in markers for cell in (marker, "", ""))],
        ["", "", *(f"{axis}{number + 1}" for number in range(len(markers)) for axis in "XYZ")],
    ]
    with (
        replacing(path) as temporary,
        temporary.open("w", encoding="utf-8", newline="\n") as file,
    ):
        file.writelines("\t".join(cells) + "\n" for cells in header)
        for number, (time, row) in enumerate(zip(trajectories.times, xyz, strict=True), start=1):
            cells = [f"{value:.7f}" if np.isfinite(value) else "" for value in row]
            file.write("\t".join([str(number), f"{time:.8f}", *cells]) + "\t\n")
