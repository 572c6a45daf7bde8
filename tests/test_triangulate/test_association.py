"""Who is who across views and over time."""

import numpy as np
import pytest
from scipy.spatial.transform import RigidTransform, Rotation

from calibration import Camera, Intrinsics, Rig
from models2d import Detections2D, Skeleton, read_detections
from triangulate import TriangulationError, associate

person = Skeleton.load("coco17")
standing = np.array(
    [
        *([0, 0, 1.7], [0.03, 0.03, 1.75], [0.03, -0.03, 1.75], [0, 0.08, 1.7], [0, -0.08, 1.7]),
        *([0, 0.2, 1.45], [0, -0.2, 1.45], [0.05, 0.3, 1.15], [0.05, -0.3, 1.15]),
        *([0.1, 0.3, 0.9], [0.1, -0.3, 0.9], [0, 0.12, 0.95], [0, -0.12, 0.95]),
        *([0.03, 0.12, 0.5], [0.03, -0.12, 0.5], [0, 0.12, 0.08], [0, -0.12, 0.08]),
    ]
)


def ring(views, radius=4.0):
    cameras = []
    for angle in 2 * np.pi * np.arange(views) / views:
        center = np.array([radius * np.cos(angle), radius * np.sin(angle), 1.6])
        forward = np.array([0, 0, 1.0]) - center
        forward /= np.linalg.norm(forward)
        right = np.cross(forward, [0, 0, 1.0])
        right /= np.linalg.norm(right)
        R = np.array([right, np.cross(forward, right), forward])
        place = RigidTransform.from_components(-R @ center, Rotation.from_matrix(R))
        lens = Intrinsics.from_focal((1280, 1024), 900.0, (-0.1, 0.02, 0, 0, 0))
        cameras.append(Camera(name=f"c{len(cameras)}", intrinsics=lens, cam_from_world=place))
    return Rig(cameras=tuple(cameras))


def walk(people, frames, seed):
    """People on circles of their own speed around the room's centre, at least half a metre apart."""
    random = np.random.default_rng(seed)
    time = np.arange(frames)[:, None] / 30
    phase = 2 * np.pi * np.arange(people) / people + random.uniform(0, 1)
    radius = 0.45 / np.sin(np.pi / max(people, 2)) + 0.1
    place = np.stack([np.cos(phase + 0.5 * time), np.sin(phase + 0.5 * time)], axis=-1) * radius
    turn = Rotation.from_rotvec(
        (random.uniform(0, 6, people) + 0.6 * time).reshape(-1, 1) * [0, 0, 1]
    ).as_matrix()
    poses = (standing @ np.swapaxes(turn, -1, -2)).reshape(frames, people, 17, 3)
    poses[..., 9:11, 2] += 0.3 * np.sin(2 * time + np.arange(people))[..., None]
    poses[..., :2] += place[:, :, None]
    return poses


def scene(people=4, views=5, frames=90, *, noise=3.0, missing=0.15, unseen=0.15, seed=0):
    """Noisy detections in slots that are shuffled anew in every frame and view, and who is in each slot."""
    random = np.random.default_rng(seed)
    rig, truth = ring(views), walk(people, frames, seed)
    xy = np.moveaxis(rig.project(truth), -2, 1)
    xy = xy + random.normal(0, noise, xy.shape)
    xy[random.random(xy.shape[:-1]) < missing] = np.nan
    xy[random.random(xy.shape[:3]) < unseen] = np.nan
    who = random.permuted(np.broadcast_to(np.arange(people), xy.shape[:3]), axis=2)
    xy = np.take_along_axis(xy, who[..., None, None], axis=2)
    confidence = random.uniform(0.4, 1, xy.shape[:-1])
    detections = Detections2D(xy=xy, confidence=confidence, views=rig.names, skeleton=person, fps=30)
    return rig, detections, who, truth


def shares(tracks, detections, who):
    """For each subject the person it mostly is and how many of its detections are; and what was recalled."""
    equal = (tracks.xy[:, :, :, None] == detections.xy[:, :, None]).any(axis=(-1, -2))
    people = []
    for subject in range(tracks.shape[2]):
        frame, view, slot = np.nonzero(equal[:, :, subject])
        people.append(np.bincount(who[frame, view, slot], minlength=detections.shape[2]))
    counts = np.array(people)
    found = np.isfinite(detections.xy[..., 0]).any(axis=-1).sum()
    return counts.argmax(axis=1), counts.max(axis=1).sum() / counts.sum(), counts.max(axis=1).sum() / found


@pytest.mark.parametrize(("people", "views"), [(1, 2), (2, 2), (2, 3), (3, 4), (4, 5), (6, 6)])
def test_shuffled_people_are_told_apart(people, views):
    rig, detections, who, _ = scene(people, views)
    tracks = associate(detections, rig)
    persons, right, recalled = shares(tracks, detections, who)
    assert sorted(persons) == list(range(people))
    assert right >= (0.998 if views > 2 else 0.97)
    assert recalled >= 0.95


def test_tracks_triangulate_to_the_truth():
    rig, detections, who, truth = scene(noise=1.0)
    tracks = associate(detections, rig)
    persons, right, _ = shares(tracks, detections, who)
    assert right > 0.999
    projected = np.moveaxis(rig.project(truth[:, persons]), -2, 1)
    error = np.linalg.norm(tracks.xy - projected, axis=-1)
    assert np.nanmedian(error) < 1.3
    assert np.nanquantile(error, 0.999) < 6


def test_the_order_of_views_changes_nothing():
    rig, detections, _, _ = scene(3, 4, 40)
    order = [2, 0, 3, 1]
    turned = Detections2D(
        xy=detections.xy[:, order],
        confidence=detections.confidence[:, order],
        views=tuple(detections.views[view] for view in order),
        skeleton=person,
        fps=30,
    )
    one, two = associate(detections, rig), associate(turned, rig)
    assert one.subjects == two.subjects
    assert (np.isfinite(one.xy[:, order]) == np.isfinite(two.xy)).mean() > 0.995


def test_same_input_same_answer():
    rig, detections, _, _ = scene(3, 4, 40)
    np.testing.assert_equal(associate(detections, rig).xy, associate(detections, rig).xy)


def test_moving_the_world_changes_nothing():
    rig, detections, _, _ = scene(2, 3, 30)
    turn = RigidTransform.from_components([5.0, -2.0, 1.0], Rotation.from_euler("xyz", [0.3, 1.0, 2.0]))
    np.testing.assert_equal(associate(detections, rig).xy, associate(detections, rig.moved(turn)).xy)


def test_a_metre_or_a_millimetre_changes_nothing():
    rig, detections, _, _ = scene(2, 3, 30)
    np.testing.assert_equal(associate(detections, rig).xy, associate(detections, rig.scaled(0.01)).xy)


def test_a_bystander_seen_by_one_camera_is_left_out():
    rig, detections, who, _ = scene(3, 4)
    xy = detections.xy.copy()
    xy[:, 1:][who[:, 1:] == 2] = np.nan
    alone = Detections2D(xy=xy, confidence=detections.confidence, views=rig.names, skeleton=person, fps=30)
    tracks = associate(alone, rig)
    persons, right, _ = shares(tracks, alone, who)
    assert sorted(persons) == [0, 1]
    assert right > 0.99


def test_a_subject_that_one_camera_keeps_is_followed():
    rig, detections, who, _ = scene(2, 3, unseen=0.0)
    xy = detections.xy.copy()
    gap = np.zeros(who.shape, dtype=bool)
    gap[40:48, 1:] = True
    xy[gap & (who == 1)] = np.nan
    cut = Detections2D(xy=xy, confidence=detections.confidence, views=rig.names, skeleton=person, fps=30)
    tracks = associate(cut, rig)
    persons, right, recalled = shares(tracks, cut, who)
    assert sorted(persons) == [0, 1]
    assert right > 0.99
    assert recalled > 0.99


def test_someone_who_leaves_and_comes_back_soon_is_the_same():
    rig, detections, who, _ = scene(2, 3)
    xy = detections.xy.copy()
    away = np.zeros(who.shape, dtype=bool)
    away[40:55] = True
    xy[away & (who == 1)] = np.nan
    cut = Detections2D(xy=xy, confidence=detections.confidence, views=rig.names, skeleton=person, fps=30)
    assert sorted(shares(associate(cut, rig), cut, who)[0]) == [0, 1]


def test_as_many_subjects_as_asked_for():
    rig, detections, _, _ = scene(3, 3, 30)
    tracks = associate(detections, rig, subjects=2)
    assert tracks.subjects == ("subject1", "subject2")


def test_covariance_and_confidence_come_along():
    rig, detections, _, _ = scene(2, 3, 20)
    spread = np.broadcast_to(np.eye(2) * 9.0, (*detections.shape, 2, 2))
    stated = Detections2D(
        xy=detections.xy,
        confidence=detections.confidence,
        covariance=spread,
        views=rig.names,
        skeleton=person,
        fps=30,
    )
    tracks = associate(stated, rig)
    seen = np.isfinite(tracks.xy).all(axis=-1)
    assert (tracks.covariance[seen] == np.eye(2) * 9.0).all()
    assert np.isfinite(tracks.confidence[seen]).all()


def test_real_bystanders_are_left_out(recordings):
    folder = recordings("human_4cam")
    rig = Rig.load(folder / "S00_Calibration" / "Calib_qualisys.toml", unit="m")
    trial = folder / "S00_P00_SingleParticipant" / "S00_P00_T01_BalancingTrial"
    everyone, chosen = (
        read_detections({f"cam_0{n}": trial / kind / f"cam0{n}_json" for n in range(1, 5)}, fps=60)
        for kind in ("pose", "pose-associated")
    )
    assert everyone.shape[2] > 1
    tracks = associate(everyone, rig, subjects=1)
    equal = np.isfinite(chosen.xy[:, :, 0]) & (tracks.xy[:, :, 0] == chosen.xy[:, :, 0])
    assert equal.any(axis=(-1, -2)).sum() >= 397  # of the 399 that another tool chose


def test_views_without_a_camera():
    rig, detections, _, _ = scene(2, 3, 5)
    with pytest.raises(ValueError, match=r"no camera called c2: .* the rig has the cameras c0, c1"):
        associate(detections, rig.select(["c0", "c1"]))


def test_one_view():
    rig, detections, _, _ = scene(2, 2, 5)
    alone = Detections2D(
        xy=detections.xy[:, :1],
        confidence=detections.confidence[:, :1],
        views=("c0",),
        skeleton=person,
        fps=30,
    )
    with pytest.raises(ValueError, match="at least two views"):
        associate(alone, rig)


def test_a_calibration_of_another_rig():
    rig, detections, _, _ = scene(1, 2, 20, noise=0.5, unseen=0.0)
    lifted = rig.cameras[1].cam_from_world * RigidTransform.from_translation([0, 0, 1.5])
    wrong = Rig(
        cameras=(
            rig.cameras[0],
            Camera(name="c1", intrinsics=rig.cameras[1].intrinsics, cam_from_world=lifted),
        )
    )
    with pytest.raises(
        TriangulationError, match="of 20 frames, detections are in c0 20, c1 20 and 20 have two views"
    ):
        associate(detections, wrong)


def test_nothing_detected():
    rig, detections, _, _ = scene(1, 2, 3)
    empty = Detections2D(
        xy=np.full_like(detections.xy, np.nan),
        confidence=detections.confidence,
        views=rig.names,
        skeleton=person,
        fps=30,
    )
    with pytest.raises(TriangulationError, match="c0 0, c1 0 and 0 have two views"):
        associate(empty, rig)


def test_options_that_make_no_sense():
    rig, detections, _, _ = scene(1, 2, 3)
    with pytest.raises(ValueError, match="subjects"):
        associate(detections, rig, subjects=0)
    with pytest.raises(ValueError, match="pixel_sigma"):
        associate(detections, rig, pixel_sigma=-1.0)
    for option in ("least_seconds", "patience_seconds"):
        for value in (np.nan, -1.0):
            with pytest.raises(ValueError, match=f"{option}: expected a time of 0 s or more, got {value}"):
                associate(detections, rig, **{option: value})


def test_times_beyond_the_recording_are_all_of_it():
    rig, detections, _, _ = scene(1, 2, 10, noise=0.5, unseen=0.0)
    for value in (1e300, np.inf):
        assert associate(detections, rig, least_seconds=value, patience_seconds=value).shape[2] == 1
