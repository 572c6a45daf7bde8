"""MMPose's JSON of a whole video, and COCO-style lists of results (also AlphaPose's).

Pixels: keypoints are pixel indices, so the centre of the top-left pixel is (0, 0); nothing is shifted.
"""

import re
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models2d.readers.frame_numbers import length_of
from models2d.readers.view import ViewDetections, cleaned, stacked
from models2d.skeleton import Skeleton

Float = NDArray[np.float64]
skeletons_by_count = {16: "mpii16", 17: "coco17", 26: "halpe26"}


def read_instances(path: Path, document: Any, skeleton: Skeleton | None = None) -> ViewDetections:
    """Read MMPose's `instance_info`: a list of frames, each with its instances.

    Parameters
    ----------
    path : path
    document : dict or list
        The parsed file.
    skeleton : Skeleton, optional
        Names the keypoints where the file does not.

    Returns
    -------
    view : ViewDetections
        Frames are numbered from the smallest `frame_id` of 0 or 1 (MMPose has written both).

    Raises
    ------
    ValueError
        If something is missing or malformed.
    """
    frames = document["instance_info"] if isinstance(document, dict) else document
    meta = document.get("meta_info", {}) if isinstance(document, dict) else {}
    numbers, people = [], []
    for place, frame in enumerate(frames):
        try:
            numbers.append(int(frame.get("frame_id", place)))
            people.append([_instance(person) for person in frame["instances"]])
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ValueError(f"{path}: entry {place} is no frame of MMPose's: {_reason(error)}") from error
    first = min(1, min(numbers, default=0))
    return _view(
        path, [number - first for number in numbers], people, meta=meta, skeleton=skeleton, sparse=False
    )


def _instance(person: dict[str, Any]) -> Float:
    xy = np.asarray(person["keypoints"], dtype=np.float64).reshape(-1, 2)
    scores = np.asarray(person.get("keypoint_scores", np.ones(len(xy))), dtype=np.float64)
    return np.column_stack([xy, scores])


def read_results(path: Path, document: list[Any], skeleton: Skeleton | None = None) -> ViewDetections:
    """Read a COCO-style list of results: `image_id`, `keypoints` as x, y, score for each, `score`.

    Parameters
    ----------
    path : path
    document : list
        The parsed file.
    skeleton : Skeleton, optional
        Names the keypoints where their number does not tell.

    Returns
    -------
    view : ViewDetections
        Sparse; the number in `image_id` is the frame, counted from 0.

    Raises
    ------
    ValueError
        If something is missing or malformed.
    """
    numbers, points = [], []
    for place, result in enumerate(document):
        try:
            numbers.append(_number(result["image_id"]))
            points.append(np.asarray(result["keypoints"], dtype=np.float64).reshape(-1, 3))
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"{path}: entry {place} is no result of COCO's: {_reason(error)}") from error
    people: dict[int, list[Float]] = {number: [] for number in sorted(set(numbers))}
    for number, person in zip(numbers, points, strict=True):
        people[number].append(person)
    return _view(path, list(people), list(people.values()), meta={}, skeleton=skeleton, sparse=True)


def _number(image: Any) -> int:
    if isinstance(image, int):
        return image
    digits = re.findall(r"\d+", Path(str(image)).stem)
    if not digits:
        raise ValueError(f"image_id {image!r} holds no frame number")
    return int(digits[-1])


def _reason(error: Exception) -> str:
    return f"it has no {error}" if isinstance(error, KeyError) else str(error)


def _view(
    path: Path,
    numbers: list[int],
    people: list[list[Float]],
    *,
    meta: dict[str, Any],
    skeleton: Skeleton | None,
    sparse: bool,
) -> ViewDetections:
    counts = sorted({len(person) for frame in people for person in frame})
    if len(counts) > 1:
        raise ValueError(f"{path}: instances have different numbers of keypoints: {counts}")
    if len(set(numbers)) != len(numbers):
        twice = next(number for number, count in Counter(numbers).items() if count > 1)
        raise ValueError(f"{path}: frame {twice} occurs twice")
    if not counts and skeleton is None:
        raise ValueError(f"{path}: none of its {len(people)} frames shows an instance; give the skeleton")
    keypoints = counts[0] if counts else len(skeleton.keypoints)  # type: ignore[union-attr]
    named = _named(path, keypoints, meta, skeleton)
    slots = max((len(frame) for frame in people), default=0)
    frames: list[list[Float]] = [[] for _ in range(length_of(path, numbers, slots * keypoints))]
    for number, frame in zip(numbers, people, strict=True):
        frames[number] = frame
    values = stacked(frames, keypoints)
    xy, confidence, notes = cleaned(values[..., :2], values[..., 2])
    return ViewDetections(
        path=path,
        tool="COCO" if sparse else "MMPose",
        xy=xy,
        confidence=confidence,
        keypoints=named.keypoints,
        bones=named.bone_names,
        skeleton=named.name,
        sparse=sparse,
        notes=notes,
    )


def _named(path: Path, count: int, meta: dict[str, Any], skeleton: Skeleton | None) -> Skeleton:
    if skeleton is not None and len(skeleton.keypoints) == count:
        return skeleton
    names = meta.get("keypoint_id2name")
    if isinstance(names, dict) and len(names) == count:
        keypoints = [str(names[key]) for key in sorted(names, key=int)]
        links = [(keypoints[a], keypoints[b]) for a, b in meta.get("skeleton_links", [])]
        return Skeleton.from_names(str(meta.get("dataset_name", path.stem)), keypoints, links)
    if count in skeletons_by_count:
        return Skeleton.load(skeletons_by_count[count])
    raise ValueError(
        f"{path}: has {count} keypoints and does not name them; give a skeleton of {count} keypoints"
    )
