"""Ensembles: the median, its spread, and members that do not fit."""

from dataclasses import replace

import numpy as np
import pytest

from models2d import Skeleton, Tracks2D
from triangulate.common_clock import synchronised
from triangulate.ensemble import combine


def member(xy, views=("a",)):
    xy = np.asarray(xy, dtype=np.float64)
    return Tracks2D(
        xy=xy,
        confidence=np.where(np.isfinite(xy[..., 0]), 0.9, np.nan),
        views=views,
        skeleton=Skeleton(name="point", keypoints=("nose",)),
        subjects=("one",),
        fps=30.0,
    )


def ensemble(count, frames=400, sigma=2.0):
    rng = np.random.default_rng(0)
    truth = rng.uniform(0, 500, (frames, 1, 1, 1, 2))
    return [member(truth + rng.normal(0, sigma, truth.shape)) for _ in range(count)]


@pytest.mark.parametrize("count", [3, 4, 7])
def test_the_median_and_the_spread_are_those_of_the_members(count):
    members = ensemble(count)
    combined = combine(members, floor=0.0)
    assert np.allclose(combined.xy, np.median([one.xy for one in members], axis=0))
    sd = np.sqrt(np.mean(combined.covariance[..., 0, 0]))
    assert sd == pytest.approx(2.0, rel=0.25)


def test_a_point_that_most_members_miss_is_missing():
    members = ensemble(3, frames=4)
    gone = [members[0]]
    for one in members[1:]:
        xy = one.xy.copy()
        xy[0] = np.nan
        gone.append(member(xy))
    combined = combine(gone)
    assert np.isnan(combined.xy[0]).all()
    assert np.isfinite(combined.xy[1:]).all()


def test_an_outlying_member_does_not_move_the_median_far():
    members = ensemble(5)
    spoilt = [*members[:4], member(members[4].xy + 100.0)]
    assert np.abs(combine(spoilt).xy - combine(members).xy).max() < 8


def test_members_that_do_not_fit_are_named():
    one, two = ensemble(2, frames=5)
    with pytest.raises(ValueError, match="at least one member"):
        combine([])
    with pytest.raises(ValueError, match="member 1 has the views b, member 0 has a"):
        combine([one, replace(two, views=("b",))])
    with pytest.raises(ValueError, match="member 1: expected shape"):
        combine([one, member(two.xy[:3])])


def test_networks_of_the_fly_combine(recordings):
    from models2d import read_detections

    folder = recordings("animals_eks") / "fly"
    members = [
        read_detections({"A": next(folder.glob(f"*Cam-A*rng={n}.csv"))}, fps=300.0).as_tracks()
        for n in range(3)
    ]
    combined = combine(members)
    assert combined.xy.shape == members[0].xy.shape
    disagreement = np.abs(members[0].xy - combined.xy)
    assert np.nanmedian(disagreement) < 2.0
    assert np.nanmedian(np.sqrt(combined.covariance[..., 0, 0])) < 4.0


def test_paws_seen_at_60_and_150_hz_come_to_a_common_clock(recordings):
    """No calibration comes with this recording: it ends at 2D on one clock."""
    from models2d import read_detections

    folder = recordings("animals_eks") / "ibl-paw"
    views, clocks = ("left", "right"), {}
    combined = {}
    for view, fps in zip(views, (60.0, 150.0), strict=True):
        clocks[view] = np.load(next(folder.glob(f"*timestamps.{view}.npy")))
        files = sorted(folder.glob(f"*.{view}.rng=*.csv"))
        combined[view] = combine([read_detections({view: file}, fps=fps).as_tracks() for file in files])
        assert len(combined[view].xy) == len(clocks[view])
        assert 1 / np.median(np.diff(clocks[view])) == pytest.approx(fps, rel=0.01)
    frames, begin = max(map(len, clocks.values())), max(clock[0] for clock in clocks.values())
    xy, times = np.full((frames, 2, 1, 2, 2), np.nan), np.full((frames, 2), np.nan)
    for view, name in enumerate(views):
        count = len(clocks[name])
        xy[:count, view] = combined[name].xy[:, 0]
        times[:count, view] = clocks[name] - begin
        times[count:, view] = times[count - 1, view]  # frames that this camera did not take
    joint = replace(
        combined["left"],
        xy=xy,
        confidence=np.where(np.isfinite(xy[..., 0]), 1.0, np.nan),
        covariance=None,
        views=views,
        times=times,
    )
    common = synchronised(joint)
    wanted = np.arange(900) / 60.0
    for view, name in enumerate(views):
        found, seen = common.xy[:900, view, 0, 0, 0], combined[name].xy[:, 0, 0, 0, 0]
        expected = np.interp(wanted, (clocks[name] - begin)[np.isfinite(seen)], seen[np.isfinite(seen)])
        known = np.isfinite(found)
        assert known.mean() > 0.95
        np.testing.assert_allclose(found[known], expected[known], atol=1e-6)
