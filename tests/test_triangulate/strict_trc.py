"""A TRC reader that refuses whatever OpenSim's TRCFileAdapter refuses; used by the tests only."""

from pathlib import Path

import numpy as np

KEYS = [
    *("DataRate", "CameraRate", "NumFrames", "NumMarkers"),
    *("Units", "OrigDataRate", "OrigDataStartFrame", "OrigNumFrames"),
]


def read_trc(path):
    """Return header, marker names, times and (frames, markers, 3) positions."""
    lines = Path(path).read_bytes().decode("utf-8").split("\n")
    assert lines[-1] == ""
    lines.pop()
    first = lines[0].split("\t")
    assert first[:3] == ["PathFileType", "4", "(X/Y/Z)"]
    assert lines[1].split("\t") == KEYS
    values = lines[2].split("\t")
    assert len(values) == 8
    assert all(values)
    header = dict(zip(KEYS, values, strict=True))
    markers = int(header["NumMarkers"])
    names = lines[3].split("\t")
    assert names[:2] == ["Frame#", "Time"]
    assert [cell for cell in names[2:] if cell] == names[2::3]
    assert len(names[2::3]) == markers
    assert lines[4].split("\t")[2:] == [f"{axis}{n}" for n in range(1, markers + 1) for axis in "XYZ"]
    assert all(line.endswith("\t") for line in lines[5:])
    rows = [line[:-1].split("\t") for line in lines[5:]]
    assert all(len(row) == 3 * markers + 2 for row in rows)
    assert len(rows) == int(header["NumFrames"])
    table = np.array([[float(cell) if cell else np.nan for cell in row] for row in rows])
    table = table.reshape(len(rows), 3 * markers + 2)
    np.testing.assert_array_equal(table[:, 0], np.arange(1, len(rows) + 1))
    return header, names[2::3], table[:, 1], table[:, 2:].reshape(len(rows), markers, 3)
