"""The convex part of an image: arrays and compiled loops give one answer, that of the half-planes."""

import numpy as np
import pytest

from calibration import Intrinsics
from calibration.geometry.convex_part import in_convex
from calibration.geometry.image_coverage import covered

ANGLE = np.linspace(0, 2 * np.pi, 12, endpoint=False)
ROUND = np.stack([320 + 250 * np.cos(ANGLE), 240 + 200 * np.sin(ANGLE)], axis=1)


@pytest.mark.parametrize("part", [ROUND, ROUND[::-1]], ids=["one way round", "the other"])
def test_arrays_and_compiled_loops_agree_with_the_radius(part):
    lens = Intrinsics(size=(640, 480), K=np.diag([500.0, 500.0, 1.0]), covered=part)
    xy = np.random.default_rng(0).uniform([-100, -100], [740, 580], (4000, 2))
    away = np.hypot((xy[:, 0] - 320) / 250, (xy[:, 1] - 240) / 200)
    found = lens.covers(xy)
    assert found[away < np.cos(np.pi / 12)].all()
    assert not found[away > 1].any()
    np.testing.assert_array_equal(covered(xy[:, None], [lens])[:, 0], found)


def test_a_corner_of_the_part_belongs_to_it_and_what_is_missing_does_not():
    assert in_convex(ROUND[:, 0], ROUND[:, 1], ROUND).all()
    lens = Intrinsics(size=(640, 480), K=np.diag([500.0, 500.0, 1.0]), covered=ROUND)
    assert not lens.covers([np.nan, np.nan])
    assert not covered(np.full((1, 1, 2), np.nan), [lens]).any()
