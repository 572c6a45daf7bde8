"""Labelled frames are checked, selected, split and joined."""

from pathlib import Path

import numpy as np
import pytest

from calibration import ShapeError
from models2d import LabelledFrame, Labels, Skeleton
from models2d.labels import joined

face = Skeleton.from_names("face", ["nose", "ear_left", "ear_right"])


def labels(count=10, individuals=("a",), skeleton=face, folder="one"):
    frames = tuple(LabelledFrame(path=Path(folder) / f"{n}.png") for n in range(count))
    xy = np.random.default_rng(0).uniform(0, 99, (count, len(individuals), len(skeleton.keypoints), 2))
    return Labels(frames=frames, xy=xy, individuals=individuals, skeleton=skeleton)


def test_split_is_deepLabCuts_and_loses_nothing():
    there = labels(116)
    train, test = there.split(0.95, seed=3)
    assert (len(train), len(test)) == (110, 6)
    assert sorted(train.frames + test.frames) == sorted(there.frames)
    assert there.split(0.95, seed=3)[1].frames == test.frames
    assert there.split(0.95, seed=4)[1].frames != test.frames
    for frame, xy in zip(test.frames, test.xy, strict=True):
        np.testing.assert_equal(xy, there.xy[there.frames.index(frame)])


def test_views_of_an_instant_are_split_together():
    views = ("left/img{:03d}.png", "right/img{:03d}.png", "clip_{}.png")
    frames = [LabelledFrame(path=Path(name.format(n))) for name in views for n in range(10)]
    frames += [LabelledFrame(path=Path("top.mp4"), index=n) for n in range(10)]
    frames += [LabelledFrame(path=Path(f"{name}.png")) for name in ("alone", "other")]
    there = Labels(frames=tuple(frames), xy=np.ones((42, 1, 3, 2)), individuals=("a",), skeleton=face)
    np.testing.assert_array_equal(there.instants, [*list(range(10)) * 4, 10, 11])
    sides = set()
    for seed in range(20):
        train, test = there.split(0.75, seed)
        learn = {there.instants[there.frames.index(frame)] for frame in train.frames}
        assert len(learn) == 9
        assert not learn & {there.instants[there.frames.index(frame)] for frame in test.frames}
        assert sorted(train.frames + test.frames) == sorted(frames)
        sides.add(frozenset(learn))
    assert len(sides) > 10
    with pytest.raises(ValueError, match=r"2 labelled frames .* the views of an instant .* there are 1;"):
        there.select([0, 10]).split(0.5)


@pytest.mark.parametrize(("count", "fraction", "part"), [(3, 0.2, "training"), (1, 0.9, "training")])
def test_empty_split(count, fraction, part):
    with pytest.raises(ValueError, match=f"{count} labelled frames cannot be split .* the {part} part"):
        labels(count).split(fraction)


def test_joined_matches_keypoints_and_individuals_by_name():
    other = Skeleton.from_names("face", ["ear_right", "nose", "ear_left"])
    one, two = labels(3, ("a",)), labels(2, ("b", "a"), other, "two")
    both = joined([one, two])
    assert both.individuals == ("a", "b")
    np.testing.assert_equal(both.xy[3:, 0], two.xy[:, 1][:, [1, 2, 0]])
    assert np.isnan(both.xy[:3, 1]).all()


def test_joined_refuses_other_keypoints():
    with pytest.raises(ValueError, match=r"keypoints differ .*: tail"):
        joined(
            [labels(), labels(2, skeleton=Skeleton.from_names("m", [*face.keypoints, "tail"]), folder="two")]
        )


def test_label_outside_the_image():
    there = labels(2)
    xy = there.xy.copy()
    xy[1, 0, 2] = [640.2, 5]
    xy[0, 0, 0] = np.nan
    moved = Labels(frames=there.frames, xy=xy, individuals=("a",), skeleton=face)
    assert np.argwhere(moved.outside([(640, 480)] * 2)).tolist() == [[1, 0, 2]]


def test_malformed_labels_are_refused():
    there = labels(2)
    with pytest.raises(ShapeError):
        Labels(frames=there.frames, xy=there.xy[:1], individuals=("a",), skeleton=face)
    half = there.xy.copy()
    half[1, 0, 2, 0] = np.nan
    with pytest.raises(ValueError, match=r"x and y must be missing together: ear_right in one/1.png"):
        Labels(frames=there.frames, xy=half, individuals=("a",), skeleton=face)
    with pytest.raises(ValueError, match="listed once"):
        Labels(frames=there.frames[:1] * 2, xy=there.xy, individuals=("a",), skeleton=face)
    with pytest.raises(ValueError, match="numbered from 0"):
        LabelledFrame(path=Path("a.mp4"), index=-1)
