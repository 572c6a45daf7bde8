"""Frame numbers as files state them: in an index, in the name of an image, or as an id that is none."""

import re
from collections.abc import Sequence
from pathlib import Path

SPARE = 20_000_000
"""Values (frames x slots x keypoints) that a file may leave empty: half a gigabyte; more is taken for ids."""


def length_of(path: Path, numbers: Sequence[int], values: int) -> int:
    """Return how many frames a file has whose rows have these numbers, before memory is taken for them.

    Parameters
    ----------
    path : path
    numbers : sequence of int
        Frame of every row, or of every frame that the file lists.
    values : int
        Slots times keypoints.

    Returns
    -------
    frames : int

    Raises
    ------
    ValueError
        If a number is negative, or so large that it cannot count the frames of these rows.

    Examples
    --------
    >>> length_of(Path("a.csv"), [0, 1, 7], values=4)
    8
    """
    if not len(numbers):
        return 0
    first, last = int(min(numbers)), int(max(numbers))
    if first < 0:
        raise ValueError(f"{path}: frame numbers start at 0, got {first}")
    if (last + 1) * max(values, 1) > SPARE + 100 * len(numbers) * max(values, 1):
        raise ValueError(
            f"{path}: {last} is no number of a frame in a file of {len(numbers)}: it looks like an id or a "
            "timestamp; number the frames from 0"
        )
    return last + 1


def numbers_of_images(names: Sequence[str]) -> list[int] | None:
    """Return the last number in the name of every image, if these tell the images apart.

    Parameters
    ----------
    names : sequence of str
        Paths of images, with "/" between folders.

    Returns
    -------
    numbers : list of int or None

    Examples
    --------
    >>> numbers_of_images(["labeled-data/left/img0003.png", "labeled-data/left/img0010.png"])
    [3, 10]
    >>> numbers_of_images(["a/img1.png", "b/img1.png"])
    """
    digits = [re.findall(r"\d+", name.rsplit("/", 1)[-1].rsplit(".", 1)[0]) for name in names]
    if not all(digits):
        return None
    numbers = [int(some[-1]) for some in digits]
    return numbers if len(set(numbers)) == len(numbers) else None


def numbers_of_files(stems: Sequence[str]) -> list[int] | None:
    """Return the number in each name that counts the frames: the one that differs from file to file.

    Parameters
    ----------
    stems : sequence of str
        Names of files without their suffix. Words and numbers may stand behind the frame's, as in
        "trial2_000000000017_body25".

    Returns
    -------
    numbers : list of int or None
        None where no number tells the files apart. Of a single file it is the number with most digits.

    Examples
    --------
    >>> numbers_of_files(["v2_0007_body25", "v2_0008_body25"])
    [7, 8]
    """
    digits = [re.findall(r"\d+", stem) for stem in stems]
    if not all(digits):
        return None
    if len(stems) == 1:
        longest = max(len(group) for group in digits[0])
        return [int([group for group in digits[0] if len(group) == longest][-1])]
    if len({len(groups) for groups in digits}) > 1:
        columns = [[int(groups[-1]) for groups in digits]]
    else:
        columns = [[int(group) for group in column] for column in zip(*digits, strict=True)]
    return next((column for column in reversed(columns) if len(set(column)) == len(column)), None)
