"""OpenPose's folders: one JSON file per frame, as also Pose2Sim and many other tools write them.

Pixels: with the default `keypoint_scale` the coordinates are pixels of the input image. OpenPose states no
half-pixel convention; they are taken to count from the centre of the top-left pixel as OpenCV does, and
nothing is shifted.
"""

from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from calibration.documents import read_json
from models2d.readers.frame_numbers import numbers_of_files
from models2d.readers.view import ViewDetections, cleaned, stacked
from models2d.skeleton import Skeleton

Float = NDArray[np.float64]
body_models = {
    15: ("mpi15",),
    17: ("coco17",),
    18: ("coco18",),
    25: ("body25", "body25b"),
    26: ("halpe26",),
}
"""Shipped skeletons by their number of keypoints; OpenPose's files do not name them."""


def read(folder: Path, skeleton: Skeleton | None = None) -> ViewDetections:
    """Read the frames of one view.

    Parameters
    ----------
    folder : path
    skeleton : Skeleton, optional
        Names the keypoints of the files in their order; only needed where their number does not tell.

    Returns
    -------
    view : ViewDetections
        Slots follow `person_id` where the files have it, else the order of each file.

    Raises
    ------
    ValueError
        If a file is malformed or missing from the sequence, or if the keypoints cannot be named.
    """
    files = _sequence(_inner(folder))
    parts: set[str] = set()
    frames = [_people(file, parts) for file in files]
    counts = Counter(len(points) for people in frames for _, points in people)
    if len(counts) > 1:
        raise ValueError(f"{folder}: people have different numbers of keypoints: {sorted(counts)}")
    if not counts and skeleton is None:
        raise ValueError(f"{folder}: none of its {len(files)} frames shows a person; give the skeleton")
    keypoints = next(iter(counts)) if counts else len(skeleton.keypoints)  # type: ignore[union-attr]
    values, individuals = _slots(folder, frames, keypoints)
    named = _named(folder, values, skeleton)
    xy, confidence, notes = cleaned(values[..., :2], values[..., 2])
    return ViewDetections(
        path=folder,
        tool="OpenPose",
        xy=xy,
        confidence=confidence,
        keypoints=named.keypoints,
        individuals=individuals,
        bones=named.bone_names,
        skeleton=named.name,
        notes=(*notes, *([f"{' and '.join(sorted(parts))} keypoints are left out"] if parts else [])),
    )


def _inner(folder: Path) -> Path:
    """Return the only folder with JSON files in it, which may be further inside."""
    if any(folder.glob("*.json")):
        return folder
    inside = sorted({file.parent for file in folder.rglob("*.json")})
    if not inside:
        raise ValueError(f"{folder}: holds no .json files")
    if len(inside) > 1:
        names = ", ".join(str(path.relative_to(folder)) for path in inside[:6])
        raise ValueError(f"{folder}: {len(inside)} folders in it hold .json files ({names}); give one view's")
    return inside[0]


def _sequence(folder: Path) -> list[Path]:
    """Files in the order of the number that counts them; a gap is an error, for a frame would be lost."""
    files = sorted(folder.glob("*.json"))
    numbers = numbers_of_files([file.stem for file in files])
    if numbers is None:
        raise ValueError(
            f"{folder}: no number in the names of its files tells the frames apart, as {files[0].name}; "
            "expected one frame number in each file name"
        )
    ordered = sorted(zip(numbers, files, strict=True))
    first, last = ordered[0][0], ordered[-1][0]
    if last - first + 1 != len(files):
        before = next(a for (a, _), (b, _) in pairwise(ordered) if b != a + 1)
        raise ValueError(
            f"{folder}: {last - first + 1 - len(files)} of the frames {first} to {last} have no file, the "
            f"first is {before + 1}"
        )
    return [file for _, file in ordered]


def _people(file: Path, parts: set[str]) -> list[tuple[int, Float]]:
    """Return id and body keypoints of everybody in a frame; add what else there is to `parts`."""
    try:
        people = read_json(file)["people"]
        found = []
        for person in people:
            if not person:
                continue
            old = "pose_keypoints_2d" not in person  # OpenPose 1.0 and before
            body = person["pose_keypoints" if old else "pose_keypoints_2d"]
            for part in ("face", "hand_left", "hand_right"):
                if any(person.get(f"{part}_keypoints{'' if old else '_2d'}") or ()):
                    parts.add(part.split("_")[0])
            if body:
                points = np.asarray(body, dtype=np.float64).reshape(-1, 3)
                found.append((int(np.ravel(person.get("person_id", -1))[0]), points))
        return found
    except (AttributeError, KeyError, TypeError, ValueError, IndexError) as error:
        raise ValueError(f"{file}: not an OpenPose frame: {error!s}") from error


def _slots(
    folder: Path, frames: list[list[tuple[int, Float]]], keypoints: int
) -> tuple[Float, tuple[str, ...] | None]:
    ids = sorted({number for people in frames for number, _ in people})
    if not ids or ids[0] < 0:
        return stacked([[points for _, points in people] for people in frames], keypoints), None
    values = np.full((len(frames), len(ids), keypoints, 3), np.nan)
    for frame, people in enumerate(frames):
        if len({number for number, _ in people}) != len(people):
            raise ValueError(f"{folder}: frame {frame} has two people of one person_id")
        for number, points in people:
            values[frame, ids.index(number)] = points
    return values, tuple(str(number) for number in ids)


def _named(folder: Path, values: Float, skeleton: Skeleton | None) -> Skeleton:
    count = values.shape[2]
    if skeleton is not None and len(skeleton.keypoints) == count:
        return skeleton
    names = body_models.get(count, ())
    if len(names) == 1:
        return Skeleton.load(names[0])
    if names:
        return Skeleton.load(names[1] if _head_first(folder, values) else names[0])
    raise ValueError(
        f"{folder}: the files have {count} keypoints and do not name them; give a skeleton of {count} "
        f"keypoints, "
        f"known by their number are {', '.join(name for some in body_models.values() for name in some)}"
    )


def _head_first(folder: Path, values: Float) -> bool:
    """Tell BODY_25B from BODY_25, which number the same body differently.

    The first five keypoints are the face in BODY_25B and reach from the nose to a wrist in BODY_25; numbers
    15 and 16 are the ankles, close to the feet, or the eyes, far from them.
    """
    xy = np.where(values[..., 2:] > 0, values[..., :2], np.nan).reshape(-1, 25, 2)
    xy = xy[np.isfinite(xy[..., 0]).sum(axis=-1) >= 10]
    size = np.linalg.norm(_reduced(np.nanmax, xy) - _reduced(np.nanmin, xy), axis=-1)
    face = xy[:, :5][(np.isfinite(xy[:, :5, 0]).sum(axis=-1) >= 4) & (size > 0)]
    sizes = size[(np.isfinite(xy[:, :5, 0]).sum(axis=-1) >= 4) & (size > 0)]
    spread = np.linalg.norm(_reduced(np.nanmax, face) - _reduced(np.nanmin, face), axis=-1) / sizes
    legs = np.isfinite(xy[:, 15:17, 0]).all(axis=-1) & np.isfinite(xy[:, 19:, 0]).all(axis=-1) & (size > 0)
    drop = np.linalg.norm(xy[legs, 15:17].mean(axis=1) - xy[legs, 19:].mean(axis=1), axis=-1) / size[legs]
    votes = {bool(np.median(cue) < limit) for cue, limit in ((spread, 0.22), (drop, 0.35)) if len(cue)}
    if len(votes) != 1:
        raise ValueError(
            f"{folder}: 25 keypoints are BODY_25 or BODY_25B, and the poses do not tell which; "
            'give skeleton="body25" or "body25b"'
        )
    return votes.pop()


def _reduced(reduce: Callable[..., Float], xy: Float) -> Float:
    return reduce(xy, axis=1) if len(xy) else np.zeros((0, 2))
