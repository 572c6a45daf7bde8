"""Skeletons as published, and from one to another by the points of the body that their keypoints are."""

from itertools import permutations

import numpy as np
import pytest

from models2d.keypoint_maps import MIDDLES, keypoint_sources, points_of
from models2d.skeleton import Skeleton, shipped

NAMES = sorted(path.stem for path in shipped.glob("*.toml"))
BODIES = [name for name in NAMES if name not in {"figure", "ap10k17"}]
"""Of people; the demo's figure has a head that is no top of one."""

PUBLISHED = {
    "coco17": 17,
    "coco_wholebody133": 133,
    "halpe26": 26,
    "halpe136": 136,
    "body25": 25,
    "body25b": 25,
    "blazepose33": 33,
    "human36m17": 17,
    "mpii16": 16,
    "ap10k17": 17,
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_skeleton_has_as_many_keypoints_as_published_and_every_side_its_other(name):
    skeleton = Skeleton.load(name)
    assert len(skeleton.keypoints) == PUBLISHED[name]
    sided = [
        number
        for number, keypoint in enumerate(skeleton.keypoints)
        if {"left", "right", "L", "R"} & set(keypoint.split("_"))
    ]
    assert all(skeleton.mirror[number] != number for number in sided)
    bones = {frozenset(bone) for bone in skeleton.bones.tolist()}
    assert {frozenset(skeleton.mirror[list(bone)].tolist()) for bone in bones} == bones


def test_the_face_is_numbered_as_in_300_w():
    """Mirrored as its 68 points are: the chin and the nose's bridge stay, the rest changes sides."""
    skeleton = Skeleton.load("coco_wholebody133")
    face = [skeleton.index(f"face-{number}") for number in range(68)]
    alone = [number for number in range(68) if skeleton.mirror[face[number]] == face[number]]
    assert alone == [8, 27, 28, 29, 30, 33, 51, 57, 62, 66]
    assert skeleton.mirror[skeleton.index("face-36")] == skeleton.index(
        "face-45"
    )  # outer corners of the eyes
    assert skeleton.keypoints[91] == "left_hand_root"
    assert skeleton.keypoints[112] == "right_hand_root"


@pytest.mark.parametrize("name", NAMES)
def test_a_skeleton_maps_to_itself(name):
    skeleton = Skeleton.load(name)
    assert keypoint_sources(skeleton, skeleton) == tuple((n,) for n in range(len(skeleton.keypoints)))
    assert len(set(points_of(skeleton))) == len(skeleton.keypoints)


@pytest.mark.parametrize(("one", "other"), list(permutations(BODIES, 2)))
def test_maps_have_limbs_in_common_and_keep_the_sides(one, other):
    source, target = Skeleton.load(one), Skeleton.load(other)
    sources = keypoint_sources(source, target)
    limbs = {
        f"{s}_{j}" for s in ("left", "right") for j in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
    }
    points = points_of(target)
    assert limbs <= {point for point, found in zip(points, sources, strict=True) if len(found) == 1}
    for number, found in enumerate(sources):
        mirrored = sources[target.mirror[number]]
        assert sorted(source.mirror[list(found)]) == sorted(mirrored)
        for back in found if len(found) == 1 else ():
            assert keypoint_sources(target, source)[back] == (number,)


@pytest.mark.parametrize("name", NAMES)
def test_every_other_name_is_of_a_keypoint(name):
    from calibration.documents import read_toml

    table = read_toml(shipped / f"{name}.toml")
    assert set(table.get("points", {})) <= set(table["keypoints"])


def test_a_middle_is_taken_only_where_there_is_no_point():
    markers = Skeleton.load("opensim")
    neck = markers.index("Neck")
    assert len(keypoint_sources(Skeleton.load("coco17"), markers)[neck]) == 2
    halpe = Skeleton.load("halpe26")
    assert keypoint_sources(halpe, markers)[neck] == (halpe.index("neck"),)
    assert all(len(ends) == 2 for ends in MIDDLES.values())


@pytest.mark.recordings
@pytest.mark.parametrize(
    ("file", "name", "lacks"),
    [
        ("Markers_BlazePose.xml", "blazepose33", set()),
        ("Markers_Halpe26.xml", "halpe26", set()),
        ("Markers_Body25b.xml", "body25b", set()),
        ("Markers_Coco17.xml", "coco17", set()),
        (
            "Markers_Halpe26.xml",
            "coco17",
            {"Head", *(f"{s}{t}" for s in "LR" for t in ("BigToe", "SmallToe", "Heel"))},
        ),
    ],
)
def test_opensims_marker_sets_are_served(recordings, file, name, lacks):
    from xml.etree import ElementTree

    tree = ElementTree.parse(recordings("opensim_pose2sim") / file)
    wanted = {marker.get("name") for marker in tree.iter("Marker")}
    markers = Skeleton.load("opensim")
    assert wanted <= set(markers.keypoints)
    sources = keypoint_sources(Skeleton.load(name), markers)
    served = {marker for marker, found in zip(markers.keypoints, sources, strict=True) if found}
    assert wanted - served == lacks
    assert np.isin(list(lacks), list(wanted)).all()
