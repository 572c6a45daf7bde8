"""Degenerate input by name, through everything that triangulates: a status, no exception, no warning."""

from dataclasses import dataclass, replace

import numpy as np
import pytest

from calibration import Rig
from models2d import Skeleton, Tracks2D
from tests.rigs import looking_at, ring
from triangulate import Status, reconstruct, smooth, solve_points

FRAMES, KEYPOINTS = 40, 3
MIDDLE = np.array([0.0, 0.0, 0.9])


@dataclass(frozen=True, kw_only=True)
class Case:
    """A rig, the truth (frames, keypoints, 3) m, and what is seen of it (frames, keypoints, views, 2) px."""

    rig: Rig
    xyz: np.ndarray
    xy: np.ndarray


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What came out, with points as (frames, keypoints) and views last."""

    xyz: np.ndarray
    covariance: np.ndarray
    inliers: np.ndarray
    status: np.ndarray
    error: np.ndarray

    @property
    def known(self):
        return np.isfinite(self.xyz).all(axis=-1)


def moving(frames=FRAMES):
    """Three points that keep their distance, a rod that swings about the middle."""
    t = np.arange(frames) / 60.0
    turn = 0.5 + np.sin(3.0 * t)
    rod = np.stack([np.cos(turn), np.sin(turn), 0.3 * np.ones(frames)], axis=-1)
    place = MIDDLE + 0.1 * np.stack([np.sin(2 * t), np.cos(t), np.sin(t)], axis=-1)
    return place[:, None] + np.array([-0.2, 0.0, 0.3])[:, None] * rod[:, None]


def seen(rig, xyz, *, noise=1.0):
    xy = rig.project(xyz)
    return Case(rig=rig, xyz=xyz, xy=xy + np.random.default_rng(0).normal(0, noise, xy.shape))


def hidden(case, *where):
    xy = case.xy.copy()
    xy[where] = np.nan
    return Case(rig=case.rig, xyz=case.xyz, xy=xy)


def narrow_baseline():
    places = [[3 * np.cos(angle), 3 * np.sin(angle), 1.0] for angle in (0.0, np.radians(0.5))]
    cameras = [looking_at(f"cam{view}", place, MIDDLE) for view, place in enumerate(places)]
    return seen(Rig(cameras=tuple(cameras)), moving())


def planar_scene():
    return seen(ring(5), moving() * [1, 1, 0] + [0, 0, 0.9])


def points_on_the_baseline():
    left, right = np.array([-3.0, 0, 0.9]), np.array([3.0, 0, 0.9])
    rig = Rig(cameras=(looking_at("left", left, right), looking_at("right", right, left)))
    along = np.array([-0.2, 0.0, 0.3]) + 0.1 * np.sin(np.arange(FRAMES) / 20)[:, None]
    return seen(rig, MIDDLE + along[..., None] * [1.0, 0, 0])


def one_view():
    return hidden(seen(ring(5), moving()), slice(None), slice(None), slice(1, None))


def one_camera():
    return seen(Rig(cameras=ring(5).cameras[:1]), moving())


def static_subject():
    return seen(ring(5), np.repeat(moving(1), FRAMES, axis=0))


def static_subject_without_noise():
    return seen(ring(5), np.repeat(moving(1), FRAMES, axis=0), noise=0.0)


def all_missing():
    return hidden(seen(ring(5), moving()), slice(None))


def one_keypoint_missing():
    return hidden(seen(ring(5), moving()), slice(None), 1)


def zero_frames():
    return seen(ring(5), moving(0))


def one_frame():
    return seen(ring(5), moving(1))


def two_frames():
    return seen(ring(5), moving(2))


def missing_at_random():
    case = seen(ring(5), moving())
    return hidden(case, np.random.default_rng(1).random(case.xy.shape[:-1]) < 0.5)


def a_view_a_million_pixels_off():
    case = seen(ring(5), moving())
    case.xy[:, :, 2] = 1e6
    return case


def everything_a_million_pixels_off():
    case = seen(ring(5), moving())
    case.xy[:] = np.random.default_rng(2).choice([-1e6, 1e6], case.xy.shape)
    return case


CASES = [
    narrow_baseline,
    planar_scene,
    points_on_the_baseline,
    one_view,
    one_camera,
    static_subject,
    static_subject_without_noise,
    all_missing,
    one_keypoint_missing,
    zero_frames,
    one_frame,
    two_frames,
    missing_at_random,
    a_view_a_million_pixels_off,
    everything_a_million_pixels_off,
]


def tracks_of(case):
    skeleton = Skeleton.from_names("rod", ["a", "b", "c"], [("a", "b"), ("b", "c")])
    xy = np.moveaxis(case.xy, 2, 1)[:, :, None]
    return Tracks2D(
        xy=xy,
        confidence=np.ones(xy.shape[:-1]),
        views=case.rig.names,
        skeleton=skeleton,
        subjects=("rod",),
        fps=60.0,
    )


def solved(case):
    points = solve_points(case.xy, case.rig)
    return Answer(
        xyz=points.xyz,
        covariance=points.covariance,
        inliers=points.inliers,
        status=points.status,
        error=points.error,
    )


def of_trajectories(found):
    return Answer(
        xyz=found.xyz[:, 0],
        covariance=found.covariance[:, 0],
        inliers=np.moveaxis(found.inliers[:, :, 0], 1, 2),
        status=found.status[:, 0],
        error=found.error[:, 0],
    )


def reconstructed(case):
    return of_trajectories(reconstruct(tracks_of(case), case.rig))


def smoothed(case):
    return of_trajectories(smooth(tracks_of(case), case.rig)[0])


ANSWERS = [solved, reconstructed, smoothed]
every_function = pytest.mark.parametrize("answer", ANSWERS)


def distances(answer, case):
    """Squared distances from the truth in standard deviations, of the points that are known."""
    error = (answer.xyz - case.xyz)[answer.known]
    return (error * np.linalg.solve(answer.covariance[answer.known], error[..., None])[..., 0]).sum(axis=-1)


def deviations(answer):
    """Standard deviations (m) along the axes of every known point's ellipsoid, the least first."""
    return np.sqrt(np.linalg.eigvalsh(answer.covariance[answer.known]))


@every_function
@pytest.mark.parametrize("case", CASES)
def test_what_is_said_of_a_point_fits_together(answer, case):
    case = case()
    found = answer(case)
    assert found.xyz.shape == case.xyz.shape
    assert found.inliers.shape == case.xy.shape[:-1]
    assert set(found.status.ravel()) <= set(Status)
    assert (np.isfinite(found.covariance).all(axis=(-2, -1)) == found.known).all()
    assert np.isnan(found.xyz[~found.known]).all()
    assert (found.status[found.known] <= Status.FILLED).all()
    absent = found.status[~found.known]
    assert ((absent == Status.NARROW_BASELINE) | (absent > Status.FILLED)).all()
    assert not (found.inliers & np.isnan(case.xy[..., 0])).any()
    assert not found.inliers[~found.known].any()
    assert (np.isfinite(found.error) == found.inliers.any(axis=-1)).all()
    assert (deviations(found) > 0).all()


# Between two cameras that face each other a point may be anywhere: no ellipsoid holds that.
HELD = [case for case in CASES if case not in (points_on_the_baseline, everything_a_million_pixels_off)]


@every_function
@pytest.mark.parametrize("case", HELD)
def test_the_truth_is_not_far_outside_of_the_ellipsoids(answer, case):
    case = case()
    assert (distances(answer(case), case) < 50).all()  # one in 10^10 for three normal coordinates


@every_function
def test_a_narrow_baseline_is_flagged_and_leaves_the_distance_uncertain(answer):
    found = answer(narrow_baseline())
    assert (found.status == Status.NARROW_BASELINE).all()
    sd = deviations(found)
    # Half a degree apart the distance is 2 / 0.0087 = 230 times less certain than the rest; the rod's length
    # and its smooth motion make up for some of that.
    assert (sd[:, 2] > 20 * sd[:, 0]).all()


@every_function
@pytest.mark.parametrize("case", [planar_scene, static_subject, one_frame, two_frames])
def test_scenes_that_need_no_special_care(answer, case):
    assert (answer(case()).status == Status.OK).all()


@pytest.mark.parametrize("answer", [reconstructed, smoothed])
def test_pixels_where_no_lens_was_fitted_are_flagged(answer):
    case = seen(ring(5), moving())
    first, *others = case.rig.cameras
    part = np.array([[560.0, 430], [720, 430], [720, 590], [560, 590]])
    lens = replace(first.intrinsics, covered=part)
    rig = Rig(cameras=(replace(first, intrinsics=lens), *others))
    found = answer(Case(rig=rig, xyz=case.xyz, xy=case.xy))
    outside = ~((case.xy[:, :, 0] > part[0]) & (case.xy[:, :, 0] < part[2])).all(axis=-1)
    assert 0.1 < outside.mean() < 0.9
    assert ((found.status == Status.OUTSIDE) == (outside & found.inliers[:, :, 0])).all()


@every_function
def test_points_on_the_baseline_are_flagged_and_known_across_it_only(answer):
    case = points_on_the_baseline()
    found = answer(case)
    assert set(found.status.ravel()) <= {Status.NARROW_BASELINE, Status.FILLED, Status.NO_CONSENSUS}
    assert (np.abs((found.xyz - case.xyz)[found.known][:, 1:]) < 0.02).all()


@every_function
@pytest.mark.parametrize("case", [one_view, one_camera])
def test_one_view_gives_no_points(answer, case):
    found = answer(case())
    assert (found.status == Status.ONE_VIEW).all()
    assert not found.known.any()


@every_function
def test_a_static_subject_without_noise_stays_exact(answer):
    case = static_subject_without_noise()
    found = answer(case)
    assert (found.status == Status.OK).all()
    assert np.allclose(found.xyz, case.xyz, atol=1e-7)


def test_a_static_subject_is_known_better_the_longer_it_is_seen():
    case = static_subject()
    raw, smooth = reconstructed(case), smoothed(case)
    assert np.linalg.norm(smooth.xyz - case.xyz, axis=-1).mean() < 0.5 * (
        np.linalg.norm(raw.xyz - case.xyz, axis=-1).mean()
    )
    assert (deviations(smooth).mean() < 0.5 * deviations(raw).mean()).all()


@every_function
def test_nothing_seen_is_unseen(answer):
    found = answer(all_missing())
    assert (found.status == Status.UNSEEN).all()
    found = answer(one_keypoint_missing())
    assert (found.status[:, 1] == Status.UNSEEN).all()
    assert (found.status[:, [0, 2]] == Status.OK).all()


@every_function
def test_missing_views_are_counted(answer):
    case = missing_at_random()
    found, views = answer(case), np.isfinite(case.xy[..., 0]).sum(axis=-1)
    by_count = np.array([Status.UNSEEN, Status.ONE_VIEW, Status.TWO_VIEWS, *[Status.OK] * 3])[views]
    assert {*views.ravel()} == {*range(6)}
    if answer is smoothed:  # which bridges what others cannot place, with less certainty
        alone = views < 2
        inside = found.status[alone] == Status.FILLED
        assert inside.any()
        assert (found.status[alone][~inside] == by_count[alone][~inside]).all()
        found, by_count = found.status[~alone], by_count[~alone]
        assert (found == by_count).all()
    else:
        assert (found.status == by_count).all()


@every_function
def test_half_a_pixel_is_no_pixel(answer):
    case = seen(ring(5), moving())
    case.xy[7, 1, 2, 0] = np.nan
    if answer is solved:
        whole = hidden(case, 7, 1, 2)
        assert answer(case).xyz.tobytes() == answer(whole).xyz.tobytes()
    else:
        with pytest.raises(ValueError, match="x and y must be missing together; view cam2, frame 7, b is"):
            answer(case)


@every_function
def test_infinity_is_the_callers_mistake(answer):
    case = seen(ring(5), moving())
    case.xy[7, 1, 2, 0] = np.inf
    with pytest.raises(
        ValueError, match=r"xy must be finite or NaN.*(\[7, 1, 2, 0\]|cam2, frame 7, .* b is)"
    ):
        answer(case)


@every_function
def test_a_wild_view_is_left_out(answer):
    found = answer(a_view_a_million_pixels_off())
    assert (found.status == Status.OK).all()
    assert not found.inliers[:, :, 2].any()
    assert found.inliers[:, :, [0, 1, 3, 4]].all()


@every_function
def test_wild_views_make_no_point_that_looks_good(answer):
    assert (answer(everything_a_million_pixels_off()).status > Status.TWO_VIEWS).all()


def test_no_subjects():
    tracks = tracks_of(seen(ring(5), moving()))
    nobody = replace(tracks, xy=tracks.xy[:, :, :0], confidence=tracks.confidence[:, :, :0], subjects=())
    assert reconstruct(nobody, ring(5)).shape == (FRAMES, 0, KEYPOINTS)
    found, report = smooth(nobody, ring(5))
    assert found.shape == (FRAMES, 0, KEYPOINTS)
    assert not any(report.counts.values())
