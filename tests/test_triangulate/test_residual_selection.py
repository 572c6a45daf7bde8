"""Frames in which the views contradict each other are found, and the view that is wrong."""

import numpy as np

from calibration import Rig
from models2d import Skeleton, Tracks2D, read_detections
from models2d.labelling.selection import pick_highest
from triangulate.points.residual_selection import contradiction


def test_a_label_moved_in_one_view_is_found(recordings):
    folder = recordings("animals_eks") / "fly"
    rig = Rig.load(folder / "calibration.toml", unit="mm")
    views = {name: next(folder.glob(f"*Cam-{name[-1]}*rng=0.csv")) for name in rig.names}
    tracks = read_detections(views, fps=300).as_tracks()
    xy = tracks.xy[:60].copy()
    plain = contradiction(
        Tracks2D(
            xy=xy,
            confidence=tracks.confidence[:60],
            views=tracks.views,
            skeleton=tracks.skeleton,
            subjects=tracks.subjects,
            fps=300,
        ),
        rig,
    )
    assert np.nanmedian(plain) < 5
    xy[23, 1] += 40
    moved = Tracks2D(
        xy=xy,
        confidence=tracks.confidence[:60],
        views=tracks.views,
        skeleton=tracks.skeleton,
        subjects=tracks.subjects,
        fps=300,
    )
    score = contradiction(moved, rig)
    assert pick_highest(score.max(axis=1), 1).tolist() == [23]
    assert (np.nan_to_num(score[23] - plain[23]) >= 0).any()


def test_what_cannot_be_triangulated_has_no_score(recordings):
    folder = recordings("animals_eks") / "fly"
    rig = Rig.load(folder / "calibration.toml", unit="mm")
    empty = Tracks2D(
        xy=np.full((4, 3, 1, 2, 2), np.nan),
        confidence=np.full((4, 3, 1, 2), np.nan),
        views=rig.names,
        skeleton=Skeleton.from_names("pair", ["a", "b"]),
        subjects=("fly",),
        fps=300,
    )
    assert np.isnan(contradiction(empty, rig)).all()
