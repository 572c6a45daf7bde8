"""Calibration boards: what they look like and where their corners are."""

from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]

KINDS = ("charuco", "chessboard", "markers", "aprilgrid")


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class Board:
    """A flat calibration board.

    Attributes
    ----------
    kind : str
        One of "charuco", "chessboard", "markers" (a grid of ArUco markers or AprilTags), "aprilgrid" (the
        AprilTags of Kalibr, with black squares between their corners).
    columns, rows : int
        Squares along x and y; of a marker grid, markers.
    square : float, m
        Side of a square; of a marker grid, from one marker's edge to the same edge of the next.
    marker : float, m
        Side of a marker; 0 where there is none.
    dictionary : str
        Name of the marker dictionary, as "4X4_1000" or "APRILTAG_36h11"; empty where there is none.
    legacy : bool
        Layout of OpenCV before 4.6, which differs for boards with an even number of rows.
    inverted : bool
        Printed white on black.
    first : int
        Number of the first marker.

    Raises
    ------
    ValueError
        If a size is not positive or the marker is not smaller than the square.
    """

    kind: str
    columns: int
    rows: int
    square: float
    marker: float = 0.0
    dictionary: str = ""
    legacy: bool = False
    inverted: bool = False
    first: int = 0

    def __post_init__(self) -> None:
        """Check."""
        if self.kind not in KINDS:
            raise ValueError(f"kind: expected one of {', '.join(KINDS)}, got {self.kind!r}")
        least = 1 if self.is_grid else 2 if self.kind == "charuco" else 3
        if self.columns < least or self.rows < least:
            raise ValueError(
                f"a {self.kind} board needs {least} columns and rows at least, "
                f"got {self.columns} x {self.rows}"
            )
        if not 0 < self.square < np.inf:
            raise ValueError(f"square: expected a positive length in m, got {self.square}")
        if self.kind != "chessboard" and not 0 < self.marker < self.square:
            raise ValueError(
                f"marker: expected a length between 0 and the square's {self.square} m, got {self.marker}"
            )
        if self.kind != "chessboard" and not self.dictionary:
            raise ValueError(f'dictionary: a {self.kind} board needs one, as "4X4_1000"')

    @classmethod
    def charuco(
        cls,
        *,
        columns: int,
        rows: int,
        square: float,
        marker: float,
        dictionary: str,
        legacy: bool = False,
        inverted: bool = False,
        first: int = 0,
    ) -> Self:
        """Make a Charuco board.

        Parameters
        ----------
        columns, rows : int
            Squares along x and y.
        square, marker : float, m
        dictionary : str
        legacy, inverted : bool
        first : int
            Number of the first marker: boards that are seen together need different ones.

        Returns
        -------
        board : Board

        Examples
        --------
        >>> board = Board.charuco(columns=8, rows=11, square=0.024, marker=0.018, dictionary="4X4_1000")
        >>> board.corners.shape
        (70, 3)
        """
        return cls(
            kind="charuco",
            columns=columns,
            rows=rows,
            square=square,
            marker=marker,
            dictionary=_plain(dictionary),
            legacy=legacy,
            inverted=inverted,
            first=first,
        )

    @classmethod
    def chessboard(cls, *, columns: int, rows: int, square: float) -> Self:
        """Make a plain chessboard.

        Parameters
        ----------
        columns, rows : int
            Squares (not inner corners) along x and y.
        square : float, m

        Returns
        -------
        board : Board

        Examples
        --------
        >>> Board.chessboard(columns=10, rows=7, square=0.03).corners.shape
        (54, 3)
        """
        return cls(kind="chessboard", columns=columns, rows=rows, square=square)

    @classmethod
    def markers(
        cls,
        *,
        columns: int,
        rows: int,
        marker: float,
        gap: float,
        dictionary: str,
        first: int = 0,
        inverted: bool = False,
    ) -> Self:
        """Make a grid of ArUco markers or AprilTags, or a single one.

        Parameters
        ----------
        columns, rows : int
            Markers along x and y.
        marker : float, m
            Side of a marker, its black border included.
        gap : float, m
            White space between two markers.
        dictionary : str
            As "4X4_50" or "APRILTAG_36h11".
        first : int
            Number of the marker at the top left; the others follow row by row.
        inverted : bool

        Returns
        -------
        board : Board

        Examples
        --------
        >>> board = Board.markers(columns=6, rows=4, marker=0.03, gap=0.01, dictionary="APRILTAG_36h11")
        >>> board.corners.shape
        (96, 3)
        """
        return cls(
            kind="markers",
            columns=columns,
            rows=rows,
            square=marker + gap,
            marker=marker,
            dictionary=_plain(dictionary),
            first=first,
            inverted=inverted,
        )

    @classmethod
    def aprilgrid(
        cls,
        *,
        columns: int,
        rows: int,
        marker: float,
        spacing: float,
        dictionary: str = "APRILTAG_36h11",
        inverted: bool = False,
    ) -> Self:
        """Make an AprilGrid as Kalibr prints it.

        Tag 0 is at the bottom left, the others follow to the right, then upwards. Tags have a black border of
        two cells, stand on their heads compared with OpenCV's, and touch small black squares at each corner.

        Parameters
        ----------
        columns, rows : int
            Tags along x and y (Kalibr's tagCols, tagRows).
        marker : float, m
            Side of a tag, its black border included (tagSize).
        spacing : float
            Space between two tags, and side of the small squares, in tags (tagSpacing).
        dictionary : str
        inverted : bool

        Returns
        -------
        board : Board

        Examples
        --------
        >>> Board.aprilgrid(columns=6, rows=6, marker=0.088, spacing=0.3).corners.shape
        (144, 3)
        """
        return cls(
            kind="aprilgrid",
            columns=columns,
            rows=rows,
            square=marker * (1 + spacing),
            marker=marker,
            dictionary=_plain(dictionary),
            inverted=inverted,
        )

    @classmethod
    def from_table(cls, table: dict[str, Any]) -> Self:
        """Make a board from the table of a TOML file.

        Parameters
        ----------
        table : dict
            What `to_table` gives.

        Returns
        -------
        board : Board

        Raises
        ------
        ValueError
            For a key that is unknown, missing or of the wrong type; it is named.

        Examples
        --------
        >>> Board.from_table({"kind": "chessboard", "columns": 10, "rows": 7, "square": 0.03}).rows
        7
        """
        types = {"kind": str, "dictionary": str, "legacy": bool, "inverted": bool}
        types |= {"columns": int, "rows": int, "first": int}
        known = [field.name for field in fields(cls)]
        for key, value in table.items():
            if key not in known:
                raise ValueError(f"board: unknown key {key!r}; the keys are {', '.join(known)}")
            wanted = types.get(key, float)
            number = wanted is float and isinstance(value, int | float) and not isinstance(value, bool)
            if not number and type(value) is not wanted:
                raise ValueError(f"board: {key} must be a {wanted.__name__}, got {value!r}")
        missing = [key for key in ("kind", "columns", "rows", "square") if key not in table]
        if missing:
            raise ValueError(f"board: {', '.join(missing)} missing")
        return cls(**{**table, "dictionary": _plain(table.get("dictionary", ""))})

    def to_table(self) -> dict[str, Any]:
        """Return the board as a table for a TOML file, without what is at its default.

        Returns
        -------
        table : dict

        Examples
        --------
        >>> Board.chessboard(columns=10, rows=7, square=0.03).to_table()
        {'kind': 'chessboard', 'columns': 10, 'rows': 7, 'square': 0.03}
        """
        values = {field.name: (getattr(self, field.name), field.default) for field in fields(self)}
        return {name: value for name, (value, default) in values.items() if value != default}

    @property
    def is_grid(self) -> bool:
        """Whether its corners are those of markers."""
        return self.kind in ("markers", "aprilgrid")

    @property
    def corners(self) -> Float:
        """Corners (corners, 3) m, board: row by row; of markers in the order of their numbers.

        Those of one marker go clockwise from its own top left, which is at the bottom right of an upright
        AprilGrid's tags.
        """
        if self.is_grid:
            x, y = np.meshgrid(np.arange(self.columns), np.arange(self.rows))
            order = np.array([[0, 0], [1, 0], [1, 1], [0, 1]])
            if self.kind == "aprilgrid":
                y, order = y[::-1], 1 - order
            origins = self.square * np.stack([x.ravel(), y.ravel()], axis=-1) + self.rim
            corners = origins[:, None] + self.marker * order
            return np.pad(corners.reshape(-1, 2), ((0, 0), (0, 1))).astype(np.float64)
        x, y = np.meshgrid(np.arange(1, self.columns), np.arange(1, self.rows))
        return self.square * np.stack([x.ravel(), y.ravel(), np.zeros(x.size)], axis=-1, dtype=np.float64)

    @property
    def rim(self) -> float:
        """What is printed around the outermost markers, m: the small squares of an AprilGrid."""
        return self.square - self.marker if self.kind == "aprilgrid" else 0.0

    def __str__(self) -> str:
        """Say the parameters in one line."""
        text = f"{self.kind} {self.columns} x {self.rows}, squares of {1e3 * self.square:g} mm"
        if self.is_grid:
            sizes = f"{1e3 * self.marker:g} mm every {1e3 * self.square:g} mm"
            what = "markers" if self.kind == "markers" else "tags of an AprilGrid"
            text = f"{self.columns} x {self.rows} {what} of {sizes}"
        elif self.kind == "charuco":
            text += f", markers of {1e3 * self.marker:g} mm"
        words = [self.dictionary] * bool(self.dictionary) + [f"from marker {self.first} on"] * (
            self.first > 0
        )
        words += ["legacy layout"] * self.legacy
        return ", ".join([text, *words, *["white on black"] * self.inverted])


def _plain(dictionary: str) -> str:
    return dictionary.removeprefix("DICT_")
