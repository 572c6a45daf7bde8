"""Swapped pairs are found and mended, and nothing else is touched."""

from dataclasses import replace

import numpy as np
import pytest

from calibration import Rig, refine_cameras
from models2d import Skeleton, Tracks2D, read_detections
from tests.rigs import ring
from triangulate.swaps import exchanged, sides_can_be_told, unswap

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


def test_a_pair_that_is_hard_to_see_is_not_taken_for_swapped():
    rig, rng = ring(4), np.random.default_rng(3)
    tracks = clean(rig)
    xy = tracks.xy.copy()
    xy[..., 1:, :] += rng.normal(0, 25.0, xy[..., 1:, :].shape)
    assert not unswap(replace(tracks, xy=xy), rig)[1].any()


@pytest.mark.recordings
def test_proofread_tracks_stay_and_swaps_put_into_them_are_found(recordings):
    names, folder = ("back", "mid", "side", "top"), recordings("mouse_4cam")
    rig = Rig.load(folder / "calibration_shipped.toml", unit="mm")
    files = {name: folder / name / f"minimal_{name}_proofread.analysis.h5" for name in names}
    tracks = read_detections(files, fps=60.0).as_tracks()
    observed = np.moveaxis(tracks.xy, 1, -2).reshape(-1, 4, 2)
    rig, _ = refine_cameras(rig.select(names), observed)
    assert not unswap(tracks, rig)[1].any()
    mask = np.zeros(tracks.shape, dtype=bool)
    ears = [tracks.skeleton.index(name) for name in ("Ear_L", "Ear_R")]
    mask[30:40, 3, 0, ears[0]] = mask[30:40, 3, 0, ears[1]] = True
    assert np.array_equal(unswap(exchanged(tracks, mask), rig)[1], mask)


def test_sides_need_three_synchronous_views_and_pairs():
    tracks = clean(ring(3))
    assert sides_can_be_told(tracks)
    assert not sides_can_be_told(clean(ring(2)))
    times = np.repeat(np.arange(80)[:, None] / 60.0, 3, axis=1)
    assert not sides_can_be_told(replace(tracks, times=times))
    plain = Skeleton.from_names("plain", ["a", "b", "c"])
    assert not sides_can_be_told(replace(tracks, skeleton=plain))
