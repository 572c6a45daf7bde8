"""From the keypoints of one skeleton to those of another, by what points of the body they are.

A skeleton's file may say in `[points]` what its keypoints are called elsewhere: "hip" of halpe26 is "pelvis"
to the others. Keypoints that it does not list are called the same everywhere. What is not labelled may lie in
the middle of what is.
"""

from functools import cache
from pathlib import Path

from calibration.documents import read_toml
from models2d.skeleton import Skeleton, shipped

MIDDLES = {
    "neck": ("left_shoulder", "right_shoulder"),
    "pelvis": ("left_hip", "right_hip"),
}
"""Points between two others: an approximation, of a centimetre or two."""


def points_of(skeleton: Skeleton) -> tuple[str, ...]:
    """Name the points of the body that a skeleton's keypoints are.

    Parameters
    ----------
    skeleton : Skeleton

    Returns
    -------
    points : tuple of str
        One for each keypoint; its own name unless the shipped skeleton of that name says otherwise.

    Examples
    --------
    >>> points_of(Skeleton.load("body25"))[8]
    'pelvis'
    """
    return tuple(_other_names(skeleton.name).get(keypoint, keypoint) for keypoint in skeleton.keypoints)


def keypoint_sources(source: Skeleton, target: Skeleton) -> tuple[tuple[int, ...], ...]:
    """Find the keypoints of one skeleton from which those of another follow.

    Parameters
    ----------
    source, target : Skeleton

    Returns
    -------
    sources : tuple of tuple of int
        For each keypoint of the target: the index of the one that it is, of the two in whose middle it lies,
        or none.

    Examples
    --------
    >>> coco, markers = Skeleton.load("coco17"), Skeleton.load("opensim")
    >>> sources = keypoint_sources(coco, markers)
    >>> [sources[markers.index(name)] for name in ("LKnee", "Neck", "LHeel")]
    [(13,), (5, 6), ()]
    """
    index = {point: number for number, point in enumerate(points_of(source))}
    return tuple(_found(point, index) for point in points_of(target))


def _found(point: str, index: dict[str, int]) -> tuple[int, ...]:
    if point in index:
        return (index[point],)
    ends = MIDDLES.get(point, ())
    return tuple(index[end] for end in ends) if all(end in index for end in ends) else ()


@cache
def _other_names(name: str) -> dict[str, str]:
    file = shipped / f"{Path(name).name}.toml"
    return dict(read_toml(file).get("points", {})) if file.is_file() else {}
