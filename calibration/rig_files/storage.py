"""OpenCV's FileStorage, opened without its own unreadable errors."""

from pathlib import Path
from typing import Any

import cv2


def opened(path: Path) -> Any:
    """Open a file of OpenCV's YAML for reading.

    Parameters
    ----------
    path : Path

    Returns
    -------
    storage : cv2.FileStorage

    Raises
    ------
    ValueError
        If OpenCV cannot parse it.
    """
    try:
        storage = cv2.FileStorage(
            path.read_text(encoding="utf-8"), cv2.FILE_STORAGE_READ | cv2.FILE_STORAGE_MEMORY
        )
    except (cv2.error, SystemError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: not a file of OpenCV's FileStorage: {str(error).strip()}") from error
    if not storage.isOpened():
        raise ValueError(f"{path}: not a file of OpenCV's FileStorage")
    return storage


def strings(node: Any) -> list[str]:
    """Read a list of strings.

    Parameters
    ----------
    node : cv2.FileNode

    Returns
    -------
    strings : list of str
    """
    return [node.at(index).string() for index in range(node.size())]
