"""COCO keypoint annotations.

Pixels: COCO's keypoints are pixel indices, so the centre of the top-left pixel is (0, 0), as in this package.
Boxes are x, y, width, height.
"""

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from calibration.atomic import replacing
from calibration.documents import read_json
from models2d.labelling.deeplabcut import relative_parts
from models2d.labels import LabelledFrame, Labels
from models2d.skeleton import Skeleton


def read(path: Path, root: Path | None = None) -> Labels:
    """Read annotations.

    Parameters
    ----------
    path : path
    root : path, optional
        Folder that the images' file names start from; the file's own unless given.

    Returns
    -------
    labels : Labels
        Individuals are those of a `track_id` or `individual` key where every annotation has one, else the
        order of the annotations in each image.

    Raises
    ------
    ValueError
        If something is missing or malformed, or several categories have keypoints.
    """
    document = read_json(path)
    try:
        categories = [category for category in document["categories"] if category.get("keypoints")]
        if len(categories) != 1:
            raise ValueError(f"{len(categories)} categories have keypoints, expected one")
        skeleton = _skeleton(categories[0])
        images = {image["id"]: str(image["file_name"]) for image in document["images"]}
        people = [one for one in document["annotations"] if one["category_id"] == categories[0]["id"]]
        points = [_points(one, len(skeleton.keypoints)) for one in people]
        rows = [list(images).index(one["image_id"]) for one in people]
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        raise ValueError(f"{path}: not COCO keypoint annotations: {error}") from error
    places, individuals = _individuals(people, rows)
    xy = np.full((len(images), len(individuals), len(skeleton.keypoints), 2), np.nan)
    for row, place, values in zip(rows, places, points, strict=True):
        xy[row, place] = values
    folder = path.parent if root is None else root
    return Labels(
        frames=tuple(LabelledFrame(path=folder / name) for name in images.values()),
        xy=xy,
        individuals=tuple(individuals),
        skeleton=skeleton,
    )


def _skeleton(category: dict[str, Any]) -> Skeleton:
    keypoints = [str(name) for name in category["keypoints"]]
    return Skeleton.from_names(str(category.get("name", "coco")), keypoints, _bones(category, keypoints))


def _bones(category: dict[str, Any], keypoints: list[str]) -> list[tuple[str, str]]:
    """Name the ends of the bones, which COCO counts from 1 and many writers from 0: then one of them is 0."""
    pairs = [(int(a), int(b)) for a, b in category.get("skeleton") or []]
    first = 0 if any(0 in pair for pair in pairs) else 1
    wrong = [pair for pair in pairs if not all(0 <= end - first < len(keypoints) for end in pair)]
    if wrong:
        warnings.warn(
            f"category {category.get('name')}: {len(wrong)} bones name keypoints that are not among its "
            f"{len(keypoints)}, as {list(wrong[0])}, and are left out",
            stacklevel=2,
        )
    return [(keypoints[a - first], keypoints[b - first]) for a, b in pairs if (a, b) not in wrong]


def _points(annotation: dict[str, Any], keypoints: int) -> np.ndarray:
    values = np.asarray(annotation["keypoints"], dtype=np.float64).reshape(keypoints, 3)
    return np.where(values[:, 2:] > 0, values[:, :2], np.nan)


def _individuals(people: list[dict[str, Any]], rows: list[int]) -> tuple[list[int], list[str]]:
    for key in ("individual", "track_id"):
        names = [str(one[key]) for one in people if one.get(key) is not None]
        if names and len(names) == len(people):
            taken = list(zip(rows, names, strict=True))
            if len(set(taken)) == len(taken):
                order = list(dict.fromkeys(names))
                return [order.index(name) for name in names], order
    counts: dict[int, int] = {}
    places = []
    for row in rows:
        places.append(counts.get(row, 0))
        counts[row] = counts.get(row, 0) + 1
    return places, [f"individual{n + 1}" for n in range(max([1, *counts.values()]))]


def write(labels: Labels, path: Path, root: Path) -> None:
    """Write annotations, atomically.

    Parameters
    ----------
    labels : Labels
        Of image files inside `root`.
    path : path
    root : path
        Folder that the file names start from.

    Raises
    ------
    ValueError
        If a frame is still inside a video or an image cannot be read.
    """
    names = ["/".join(relative_parts(frame, root)) for frame in labels.frames]
    images = []
    for number, (name, frame) in enumerate(zip(names, labels.frames, strict=True), start=1):
        height, width = image_size(frame.path)
        images.append({"id": number, "file_name": name, "width": width, "height": height})
    annotations: list[dict[str, Any]] = []
    for frame, individual in np.argwhere(np.isfinite(labels.xy[..., 0]).any(axis=-1)):
        entry = {"id": len(annotations) + 1, "image_id": int(frame) + 1, "category_id": 1}
        entry |= {"individual": labels.individuals[individual], "iscrowd": 0}
        annotations.append(entry | _annotation(labels.xy[frame, individual]))
    category = {
        "id": 1,
        "name": labels.skeleton.name,
        "keypoints": list(labels.skeleton.keypoints),
        "skeleton": (labels.skeleton.bones + 1).tolist(),
    }
    with replacing(path) as temporary:
        document = {"images": images, "annotations": annotations, "categories": [category]}
        temporary.write_text(json.dumps(document), encoding="utf-8")


def _annotation(xy: np.ndarray) -> dict[str, Any]:
    marked = np.isfinite(xy[:, 0])
    low, high = np.nanmin(xy, axis=0), np.nanmax(xy, axis=0)
    width, height = (high - low).tolist()
    triples = np.column_stack([np.nan_to_num(xy), 2.0 * marked])
    return {
        "keypoints": triples.ravel().tolist(),
        "num_keypoints": int(marked.sum()),
        "bbox": [*low.tolist(), width, height],
        "area": width * height,
    }


def image_size(path: Path) -> tuple[int, int]:
    """Read the size of an image.

    Parameters
    ----------
    path : path

    Returns
    -------
    height, width : int, int, px

    Raises
    ------
    ValueError
        If it is missing or corrupt.
    """
    import cv2

    image = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE) if path.is_file() else None
    if image is None:
        raise ValueError(f"{path}: the image is {'corrupt' if path.is_file() else 'missing'}")
    height, width = image.shape[:2]
    return int(height), int(width)
