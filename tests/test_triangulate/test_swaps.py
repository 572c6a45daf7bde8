"""Swapped pairs are found and mended, and nothing else is touched."""

import numpy as np
import pytest

from models2d import Skeleton, Tracks2D
from tests.rigs import ring
from triangulate.swaps import exchanged, unswap

skeleton = Skeleton.from_names("body", ["nose", "hand_left", "hand_right"], [("nose", "hand_left")])


def clean(rig, frames=80, noise=1.0):
    t = np.arange(frames) / 60.0
    path = np.stack([0.3 * np.sin(t), 0.3 * np.cos(2 * t), 0.9 + 0 * t], axis=-1)
    xyz = path[:, None] + np.array([[0, 0, 0.3], [0.2, 0, 0], [-0.2, 0, 0]])
    xy = rig.project(xyz).transpose(0, 2, 1, 3)[:, :, None]
    rng = np.random.default_rng(0)
    return Tracks2D(
        xy=xy + rng.normal(0, noise, xy.shape),
        confidence=np.ones(xy.shape[:-1]),
        views=rig.names,
        skeleton=skeleton,
        subjects=("one",),
        fps=60.0,
    )


def swapped_at(tracks, where):
    mask = np.zeros(tracks.shape, dtype=bool)
    mask[..., 1:] = where[:, :, None, None]
    return exchanged(tracks, mask), mask


def test_clean_tracks_stay_as_they_are():
    rig = ring(4)
    mended, swapped = unswap(clean(rig), rig)
    assert not swapped.any()
    assert np.array_equal(mended.xy, clean(rig).xy)


@pytest.mark.parametrize("views", [3, 4, 6])
def test_swaps_in_single_views_are_mended(views):
    rig = ring(views)
    where = np.zeros((80, views), dtype=bool)
    where[10:30, 1] = True
    where[50, 2] = True
    spoilt, mask = swapped_at(clean(rig), where)
    mended, swapped = unswap(spoilt, rig)
    assert np.array_equal(swapped, mask)
    assert np.array_equal(mended.xy, clean(rig).xy)


def test_a_swap_in_every_view_is_found_by_the_jump_through_time():
    rig = ring(4)
    where = np.zeros((80, 4), dtype=bool)
    where[40:55] = True
    spoilt, mask = swapped_at(clean(rig), where)
    assert np.array_equal(unswap(spoilt, rig)[1], mask)


def test_a_gap_and_an_unseen_view_do_no_harm():
    rig = ring(4)
    tracks = clean(rig)
    xy, confidence = tracks.xy.copy(), tracks.confidence.copy()
    xy[20:25], confidence[20:25] = np.nan, np.nan
    xy[:, 3, :, 1], confidence[:, 3, :, 1] = np.nan, np.nan
    holes = Tracks2D(
        xy=xy, confidence=confidence, views=rig.names, skeleton=skeleton, subjects=("one",), fps=60.0
    )
    assert not unswap(holes, rig)[1].any()
