"""Kalibr's description of a target (aprilgrid.yaml, checkerboard.yaml) -> Board."""

from pathlib import Path
from typing import Any

from calibration.boards.board import Board
from calibration.documents import read_yaml

KEYS = {
    "aprilgrid": ("tagCols", "tagRows", "tagSize", "tagSpacing"),
    "checkerboard": ("targetCols", "targetRows", "rowSpacingMeters", "colSpacingMeters"),
}


def read_target(path: str | Path) -> Board:
    r"""Read the board that a file of Kalibr describes.

    Parameters
    ----------
    path : path
        YAML with `target_type: 'aprilgrid'` or `'checkerboard'`.

    Returns
    -------
    board : Board
        Of a checkerboard Kalibr counts inner corners, a `Board` squares.

    Raises
    ------
    ValueError
        If the file is no such description, or a key is missing or of the wrong type: file and key are named.
    FileNotFoundError
        If there is no such file.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> text = "target_type: 'aprilgrid'\ntagCols: 6\ntagRows: 6\ntagSize: 0.088\ntagSpacing: 0.3"
    >>> with TemporaryDirectory() as folder:
    ...     _ = Path(folder, "april.yaml").write_text(text)
    ...     print(read_target(Path(folder, "april.yaml")))
    6 x 6 tags of an AprilGrid of 88 mm every 114.4 mm, APRILTAG_36h11
    """
    path = Path(path)
    document = read_yaml(path)
    kind = document.get("target_type") if isinstance(document, dict) else None
    if kind not in KEYS:
        raise ValueError(f"{path}: target_type: expected {' or '.join(KEYS)}, got {kind!r}")
    columns, rows, *lengths = (_number(path, document, key, whole=i < 2) for i, key in enumerate(KEYS[kind]))
    try:
        if kind == "aprilgrid":
            return Board.aprilgrid(
                columns=int(columns), rows=int(rows), marker=lengths[0], spacing=lengths[1]
            )
        if lengths[0] != lengths[1]:
            raise ValueError(
                f"rowSpacingMeters {lengths[0]:g} and colSpacingMeters {lengths[1]:g} differ; boards have "
                "squares"
            )
        return Board.chessboard(columns=int(columns) + 1, rows=int(rows) + 1, square=lengths[0])
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def _number(path: Path, document: dict[str, Any], key: str, *, whole: bool) -> float:
    value = document.get(key)
    if isinstance(value, bool) or not isinstance(value, int if whole else int | float):
        raise ValueError(f"{path}: {key}: expected a {'whole ' if whole else ''}number, got {value!r}")
    return value
