"""Limits of joint angles: their derivatives, and a scene in which they decide what one camera cannot see."""

import numpy as np
import pytest

from calibration import Rig
from models2d import Skeleton, Tracks2D
from tests.rigs import looking_at
from triangulate import JointLimit, read_joint_limits, smooth
from triangulate.smoothing.joint_limits import Hinges, add_limits, hinge
from triangulate.smoothing.kernels import Priors
from triangulate.smoothing.splines import Knots

arm = Skeleton.from_names("arm", ["shoulder", "elbow", "wrist"], [("shoulder", "elbow"), ("elbow", "wrist")])


def test_the_angle_and_its_derivatives_are_those_of_finite_differences():
    rng = np.random.default_rng(0)
    for a, b in rng.normal(0, 0.3, (20, 2, 3)):
        slope, other, step = np.empty((2, 3)), np.empty((2, 3)), 1e-7
        angle = hinge(a, b, slope)
        assert np.cos(angle) == pytest.approx(a @ b / np.linalg.norm(a) / np.linalg.norm(b))
        numeric = [
            [(hinge(a + e, b, other) - hinge(a - e, b, other)) / (2 * step) for e in step * np.eye(3)],
            [(hinge(a, b + e, other) - hinge(a, b - e, other)) / (2 * step) for e in step * np.eye(3)],
        ]
        np.testing.assert_allclose(slope, numeric, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("toward", [1.0, -1.0])
def test_a_stretched_or_folded_joint_has_finite_derivatives(toward):
    slope, a = np.empty((2, 3)), np.array([0.3, 0.1, 0.2])
    angle = hinge(a, toward * 0.5 * a, slope)
    assert angle == pytest.approx(0.0 if toward > 0 else np.pi, abs=1e-6)
    assert np.isfinite(slope).all()


def limits_alone(hinges, knots):
    """The smoother's priors without roughness and bones."""
    nothing = np.zeros((0, 2), dtype=np.int64), np.zeros(0), np.zeros(0)
    form, roughness = np.zeros((knots.number - 3, 4, 4)), np.zeros((knots.number - 3, 3))
    return Priors(form, roughness, *knots.values(), *nothing, np.zeros((knots.number, 3)), hinges)


def test_the_force_is_the_slope_of_the_cost_and_the_hessian_is_symmetric():
    rng = np.random.default_rng(1)
    control = rng.normal(0, 0.3, (6, 3, 3))
    hinges = Hinges.of([JointLimit(joint="elbow", ends=("shoulder", "wrist"), low_deg=60, high_deg=80)], arm)
    band, right = np.zeros((6, 4, 9, 9)), np.zeros((6, 9))
    priors = limits_alone(hinges, Knots.uniform(3.0))
    add_limits(control, priors, band, right, True)
    numeric, step = np.empty((6, 9)), 1e-7
    for place in np.ndindex(6, 9):
        cost = []
        for sign in (1, -1):
            moved = control.reshape(6, 9).copy()
            moved[place] += sign * step
            cost.append(add_limits(moved.reshape(6, 3, 3), priors, band.copy(), right.copy(), False))
        numeric[place] = (cost[0] - cost[1]) / (2 * step)
    np.testing.assert_allclose(right, -numeric, rtol=1e-5, atol=1e-3 * np.abs(numeric).max())
    np.testing.assert_allclose(band[:, 0], band[:, 0].transpose(0, 2, 1))


def bent(frames=60):
    """An arm that two cameras side by side look at; the forearm points at them and a little up and down."""
    t = np.arange(frames) / 60.0
    xyz = np.zeros((frames, 3, 3))
    xyz[:, 0] = [0.0, 0.0, 1.3]
    xyz[:, 1] = xyz[:, 0] + np.stack(
        [0.02 * np.sin(3 * t), 0.02 * np.cos(2 * t), np.full(frames, -0.3)], axis=-1
    )
    way = np.stack([np.full(frames, 0.95), 0.1 * np.sin(4 * t), 0.3 + 0.1 * np.sin(5 * t)], axis=-1)
    xyz[:, 2] = xyz[:, 1] + 0.25 * way / np.linalg.norm(way, axis=1, keepdims=True)
    return xyz


def elbow_deg(xyz):
    a, b = xyz[:, 0] - xyz[:, 1], xyz[:, 2] - xyz[:, 1]
    cosine = (a * b).sum(axis=1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)
    return np.rad2deg(np.arccos(np.clip(cosine, -1, 1)))


def noisy(rig, xyz, seed):
    xy = rig.project(xyz).transpose(0, 2, 1, 3)[:, :, None]
    xy = xy + np.random.default_rng(seed).normal(0, 1.5, xy.shape)
    return Tracks2D(
        xy=xy,
        confidence=np.ones(xy.shape[:-1]),
        views=rig.names,
        skeleton=arm,
        subjects=("one",),
        fps=60.0,
    )


def test_limits_hold_where_the_depth_is_uncertain():
    """Cameras 6 cm apart hardly tell how far away a wrist is; the limits of the elbow do."""
    rig = Rig(cameras=tuple(looking_at(f"c{y}", [3.0, y, 1.2], [0, 0, 1.1]) for y in (-0.03, 0.03)))
    xyz = bent()
    truth = elbow_deg(xyz)
    limit = JointLimit(
        joint="elbow",
        ends=("shoulder", "wrist"),
        low_deg=truth.min() - 1,
        high_deg=truth.max() + 1,
        sigma_deg=1.0,
    )
    lengths = np.linalg.norm(np.diff(xyz[0], axis=0), axis=1)
    options = {"pixel_sigma": 1.5, "bone_sigma": 0.002, "bone_lengths": lengths, "jerk_sigma": 100.0}
    beyond, miss = np.empty((4, 2)), np.empty((4, 2))
    for seed in range(4):
        tracks = noisy(rig, xyz, seed)
        for column, limits in enumerate(([], [limit])):
            found, _ = smooth(tracks, rig, joint_limits=limits, **options)
            angle = elbow_deg(found.xyz[:, 0])
            beyond[seed, column] = np.maximum(angle - limit.high_deg, limit.low_deg - angle).max()
            miss[seed, column] = np.linalg.norm(found.xyz[:, 0, 2] - xyz[:, 2], axis=-1).mean()
    assert beyond[:, 0].max() > 5  # without limits the elbow bends as it cannot
    assert beyond[:, 1].max() < 2  # two standard deviations
    assert miss[:, 1].mean() < 0.8 * miss[:, 0].mean()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [({"low_deg": 90, "high_deg": 80}, "0 <= low < high"), ({"sigma_deg": 0.0}, "positive number")],
)
def test_limits_out_of_range(wrong, message):
    with pytest.raises(ValueError, match=message):
        JointLimit(joint="elbow", ends=("shoulder", "wrist"), **wrong)


def test_a_limit_at_a_joint_that_is_not_there():
    with pytest.raises(ValueError, match="no keypoint called 'knee'"):
        Hinges.of([JointLimit(joint="knee", ends=("shoulder", "wrist"))], arm)


SKELETON = """\
name = "arm"
keypoints = ["shoulder", "elbow", "wrist"]
bones = [["shoulder", "elbow"], ["elbow", "wrist"]]
"""


def skeleton_file(folder, *lines):
    file = folder / "arm.toml"
    file.write_text(SKELETON + "\n".join(lines) + "\n")
    return file


def test_limits_are_read_from_the_skeletons_file(tmp_path):
    file = skeleton_file(
        tmp_path,
        "[[joints]]",
        'joint = "elbow"',
        'ends = ["shoulder", "wrist"]',
        "low_deg = 30",
        "[[joints]]",
        'joint = "shoulder"',
        'ends = ["elbow", "wrist"]',
        "high_deg = 90.5",
        "sigma_deg = 1",
    )
    assert read_joint_limits(file) == (
        JointLimit(joint="elbow", ends=("shoulder", "wrist"), low_deg=30),
        JointLimit(joint="shoulder", ends=("elbow", "wrist"), high_deg=90.5, sigma_deg=1),
    )
    assert Skeleton.load(file).keypoints == ("shoulder", "elbow", "wrist")
    assert read_joint_limits("coco17") == ()


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (['joint = "elbo"', 'ends = ["shoulder", "wrist"]'], "no keypoint called 'elbo'"),
        (['joint = "elbow"', 'ends = ["shoulder", "hand"]'], "no keypoint called 'hand'"),
        (['joint = "elbow"', 'ends = "wrist"'], "elbow: ends: expected two keypoints .* got 'wrist'"),
        (['joint = "elbow"'], "elbow: ends: expected two keypoints .* got None"),
        (['joint = "elbow"', 'ends = ["elbow", "wrist"]'], "elbow: expected three different keypoints"),
        (
            ['joint = "elbow"', 'ends = ["shoulder", "wrist"]', "low_deg = 200"],
            "limits of elbow: expected 0 <= low < high <= 180 degrees, got 200 and 180",
        ),
        (
            ['joint = "elbow"', 'ends = ["shoulder", "wrist"]', 'low_deg = "30"'],
            "elbow: low_deg: expected a number of degrees, got '30'",
        ),
        (['joint = "elbow"', 'ends = ["shoulder", "wrist"]', "low = 3"], "elbow: no key called 'low'"),
        (['ends = ["shoulder", "wrist"]'], 'expected joint = "NAME" in every table'),
    ],
)
def test_a_wrong_limit_is_named_with_its_joint_and_value(tmp_path, lines, message):
    with pytest.raises(ValueError, match=f"arm.toml: joints: .*{message}"):
        read_joint_limits(skeleton_file(tmp_path, "[[joints]]", *lines))


def test_joints_that_are_no_tables(tmp_path):
    with pytest.raises(ValueError, match=r"joints: expected tables \[\[joints\]\], got \['elbow'\]"):
        read_joint_limits(skeleton_file(tmp_path, 'joints = ["elbow"]'))
