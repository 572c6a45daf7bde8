"""Image sizes for formats that do not store them."""

import warnings
from pathlib import Path
from typing import Any


def guessed_size(path: Path, name: str, K: Any) -> tuple[int, int]:
    """Take the image to be centred on the principal point, and say so.

    Parameters
    ----------
    path : Path
    name : str
        Of the camera.
    K : (3, 3) float, px

    Returns
    -------
    size : (2,) int, px
    """
    size = max(round(2 * float(K[0, 2])) + 1, 1), max(round(2 * float(K[1, 2])) + 1, 1)
    warnings.warn(
        f"{path}: the image size of camera {name} is not stored; taken as {size[0]} x {size[1]}, twice the "
        "principal point. Where a recording is at hand its size is taken instead",
        stacklevel=4,
    )
    return size
