"""What is written for OpenSim, as OpenSim's own reader takes it (extra `opensim`)."""

from dataclasses import replace

import numpy as np
import pytest

import triangulate
from tests.test_triangulate.trajectory_samples import sample

opensim = pytest.importorskip("opensim", reason="OpenSim's own reader needs the extra opensim")


def read(path):
    """Return rate, unit, labels, times and (frames, markers, 3) positions."""
    table = opensim.TimeSeriesTableVec3(str(path))
    rows = [table.getRowAtIndex(row) for row in range(table.getNumRows())]
    xyz = [[[row[marker][axis] for axis in range(3)] for marker in range(row.ncol())] for row in rows]
    said = [table.getTableMetaDataString(key) for key in ("DataRate", "Units")]
    return *said, list(table.getColumnLabels()), np.array(table.getIndependentColumn()), np.array(xyz)


def gaps(trajectories, where):
    xyz = trajectories.xyz.copy()
    xyz[where] = np.nan
    return replace(trajectories, xyz=xyz)


WRITTEN = {
    "as it comes": sample(),
    "a gap in the last marker": gaps(sample(), np.s_[3:6, :, 2]),
    "a gap in the last marker of the first and last row": gaps(sample(), np.s_[::11, :, 2]),
    "the first marker never": gaps(sample(), np.s_[:, :, 0]),
    "a row without any": gaps(sample(), np.s_[5]),
    "one frame": sample(frames=1),
    "a start before zero": sample(start=-3.0),
    "names of other scripts": sample(subjects=("Zoë", "жук")),
    "240 Hz": sample(fps=240.0),
}


@pytest.mark.parametrize("case", WRITTEN)
def test_opensim_reads_a_trc(tmp_path, case):
    written = WRITTEN[case]
    triangulate.write(written, tmp_path / "trial é.trc")
    rate, unit, labels, times, xyz = read(tmp_path / "trial é.trc")
    assert float(rate) == written.fps
    assert unit == "m"
    assert len(labels) == written.shape[1] * written.shape[2]
    np.testing.assert_allclose(times, written.times, atol=1e-7)
    x, y, z = np.moveaxis(written.xyz.reshape(*xyz.shape), -1, 0)
    np.testing.assert_allclose(xyz, np.stack([y, z, x], axis=-1), atol=1e-7)


@pytest.mark.parametrize("trajectories", [sample(frames=0), sample(subjects=())], ids=["frames", "markers"])
def test_what_opensim_cannot_read_is_not_written(tmp_path, trajectories):
    with pytest.raises(ValueError, match="a TRC needs a frame and a marker at least"):
        triangulate.write(trajectories, tmp_path / "t.trc")
    assert not list(tmp_path.iterdir())
