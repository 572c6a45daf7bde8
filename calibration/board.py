"""Calibration boards: what they look like and where their corners are."""

from dataclasses import dataclass
from typing import Self

import cv2
import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]

KINDS = ("charuco", "chessboard")


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class Board:
    """A flat calibration board.

    Attributes
    ----------
    kind : str
        One of "charuco", "chessboard".
    columns, rows : int
        Squares along x and y.
    square : float, m
        Side of a square.
    marker : float, m
        Side of a marker; 0 where there is none.
    dictionary : str
        Name of the marker dictionary, as "4X4_1000"; empty where there is none.
    legacy : bool
        Layout of OpenCV before 4.6, which differs for boards with an even number of rows.

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

    def __post_init__(self) -> None:
        """Check."""
        if self.kind not in KINDS:
            raise ValueError(f"kind: expected one of {', '.join(KINDS)}, got {self.kind!r}")
        if self.columns < 2 or self.rows < 2:
            raise ValueError(f"a board needs 2 columns and rows at least, got {self.columns} x {self.rows}")
        if not self.square > 0:
            raise ValueError(f"square: expected a positive length in m, got {self.square}")
        if self.kind == "charuco" and not 0 < self.marker < self.square:
            raise ValueError(
                f"marker: expected a length between 0 and the square's {self.square} m, got {self.marker}"
            )

    @classmethod
    def charuco(
        cls, *, columns: int, rows: int, square: float, marker: float, dictionary: str, legacy: bool = False
    ) -> Self:
        """Make a Charuco board.

        Parameters
        ----------
        columns, rows : int
            Squares along x and y.
        square, marker : float, m
        dictionary : str
        legacy : bool

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
            dictionary=dictionary,
            legacy=legacy,
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
        """
        return cls(kind="chessboard", columns=columns, rows=rows, square=square)

    @property
    def corners(self) -> Float:
        """Inner corners, row by row, (corners, 3) m, board."""
        x, y = np.meshgrid(np.arange(1, self.columns), np.arange(1, self.rows))
        return self.square * np.stack([x.ravel(), y.ravel(), np.zeros(x.size)], axis=-1, dtype=np.float64)

    def image(self, pixels_per_square: int) -> NDArray[np.uint8]:
        """Draw the board.

        Parameters
        ----------
        pixels_per_square : int, px

        Returns
        -------
        image : (rows * pixels_per_square, columns * pixels_per_square) uint8
            Board point (x, y) falls on pixel (x, y) / square * pixels_per_square - 0.5.

        Examples
        --------
        >>> Board.chessboard(columns=4, rows=3, square=0.03).image(10).shape
        (30, 40)
        """
        if self.kind == "charuco":
            codes = cv2.aruco.getPredefinedDictionary(getattr(cv2.aruco, f"DICT_{self.dictionary}"))
            board = cv2.aruco.CharucoBoard((self.columns, self.rows), self.square, self.marker, codes)
            board.setLegacyPattern(self.legacy)
            shape = (self.columns * pixels_per_square, self.rows * pixels_per_square)
            return np.asarray(board.generateImage(shape), dtype=np.uint8)
        dark = (np.add.outer(np.arange(self.rows), np.arange(self.columns)) % 2 == 0).astype(np.uint8)
        return np.kron(255 * (1 - dark), np.ones((pixels_per_square,) * 2, dtype=np.uint8)).astype(np.uint8)
