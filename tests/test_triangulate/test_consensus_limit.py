"""How far a detection may lie from a point that it still counts for: four standard deviations."""

import numpy as np
import pytest

from calibration import Camera, Intrinsics, Rig
from triangulate import solve_points

SIGMA = 1.5


@pytest.mark.parametrize(("off", "counts"), [(3.9, True), (4.1, False)])
def test_a_view_counts_up_to_four_standard_deviations_from_the_point_of_the_others(off, counts):
    lens = Intrinsics.from_focal((640, 480), 800.0)
    turns = np.linspace(-1.2, 1.2, 40)
    cameras = [Camera.from_rotvec(f"cam{i}", lens, [0, turn, 0], [0, 0, 3.0]) for i, turn in enumerate(turns)]
    rig = Rig(cameras=tuple(cameras))
    xy = rig.project(np.zeros((1, 3)))
    xy[0, 20, 1] += off * SIGMA / (1 - 1 / 40)  # of 40 views each takes the point along by a fortieth
    inliers = solve_points(xy, rig, pixel_sigma=SIGMA).inliers[0]
    assert inliers[20] == counts
    assert np.delete(inliers, 20).all()
