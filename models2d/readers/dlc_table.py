"""The table that DeepLabCut, Lightning Pose and EKS share: csv or HDF5 with three or four header rows."""

import csv
import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from calibration.arrays import ReadOnlyArrays
from models2d.readers.pandas_h5 import read_table

Float = NDArray[np.float64]
levels = ("scorer", "individuals", "bodyparts", "coords")


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class DlcTable(ReadOnlyArrays):
    """Columns, rows and values as the file has them.

    Attributes
    ----------
    path : Path
    columns : list of (str, str, str)
        Individual ("" where the file has none), keypoint and coordinate of each column.
    rows : list of str
        The index: frame numbers, or paths of labelled images with "/" between folders.
    values : (rows, columns) float
    notes : tuple of str
        Columns that were left out.
    """

    path: Path
    columns: list[tuple[str, str, str]]
    rows: list[str]
    values: Float
    notes: tuple[str, ...] = ()

    @property
    def coordinates(self) -> set[str]:
        """Every kind of column that occurs."""
        return {column[2] for column in self.columns}

    @property
    def individuals(self) -> list[str]:
        """Individuals in the order of the file; [""] where it has none."""
        return list(dict.fromkeys(column[0] for column in self.columns))

    @property
    def keypoints(self) -> list[str]:
        """Keypoints in the order of the file."""
        return list(dict.fromkeys(column[1] for column in self.columns))

    def grid(self, coordinate: str) -> Float:
        """Arrange one kind of column.

        Parameters
        ----------
        coordinate : str
            Such as "x" or "likelihood".

        Returns
        -------
        values : (rows, individuals, keypoints) float
            NaN where the file has no such column.
        """
        individuals = {name: number for number, name in enumerate(self.individuals)}
        keypoints = {name: number for number, name in enumerate(self.keypoints)}
        values = np.full((len(self.rows), len(individuals), len(keypoints)), np.nan)
        for number, (individual, keypoint, kind) in enumerate(self.columns):
            if kind == coordinate:
                values[:, individuals[individual], keypoints[keypoint]] = self.values[:, number]
        return values


def read_dlc_table(path: Path) -> DlcTable:
    """Read the table of a csv or HDF5 file.

    Parameters
    ----------
    path : path

    Returns
    -------
    table : DlcTable

    Raises
    ------
    ValueError
        If the header or a value is malformed, with the line; or if the file mixes the work of several
        labellers.
    """
    with path.open("rb") as file:
        binary = file.read(4) == b"\x89HDF"
    names, header, rows, values = read_table(path) if binary else _read_csv(path)
    return _table(path, names, header, rows, values)


def _read_csv(path: Path) -> tuple[list[str], list[tuple[str, ...]], list[str], Float]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: is not written in UTF-8: {error}; save it as UTF-8") from error
    if "\0" in text:
        number = text[: text.index("\0")].count("\n") + 1
        raise ValueError(f"{path}, line {number}: holds zero bytes, as files do whose writing was cut off")
    # Programs that write a decimal comma separate cells by semicolons.
    separator = next((mark for mark in text[:64] if mark in ",;\t"), ",")
    lines = list(csv.reader(io.StringIO(text, newline=""), delimiter=separator))
    names = []
    for line in lines[:4]:
        if not line or line[0] not in levels:
            break
        names.append(line[0])
    if names not in (["scorer", "bodyparts", "coords"], list(levels)):
        raise ValueError(
            f"{path}: expected header rows called scorer, (individuals,) bodyparts and coords, got "
            f"{', '.join(repr(line[0]) for line in lines[:4] if line)}"
        )
    depth, width = len(names), max(len(line) for line in lines[: len(names)])
    # Files of older versions repeat the scorer less often than there are columns.
    lines[0] += lines[0][-1:] * (width - len(lines[0]))
    for place in range(1, width):  # pandas calls a cell of the header that was empty so
        if lines[0][place].startswith("Unnamed: ") and place > 1:
            lines[0][place] = lines[0][place - 1]
    # Newer files spread the path of the image over three index columns, whose header cells are empty.
    index = 1 + next((k for k, cell in enumerate(lines[0][1:]) if cell), 0)
    rows: list[str] = []
    table = np.full((len(lines) - depth, width - index), np.nan)
    for number, line in enumerate(lines[depth:]):
        if not line:
            continue
        unlabelled = not any(line[index:])
        if len(line) != width and not unlabelled:
            raise ValueError(
                f"{path}, line {number + depth + 1}: expected {width} cells like the header, got "
                f"{len(line)}; the "
                "file is cut short or damaged"
            )
        if not unlabelled:
            cells = line[index:] if separator == "," else [cell.replace(",", ".") for cell in line[index:]]
            table[len(rows)] = [_number(path, number + depth + 1, cell) for cell in cells]
        rows.append("/".join(cell for cell in line[:index] if cell))
    header = list(zip(*(line[index:] for line in lines[:depth]), strict=True))
    return names, header, rows, table[: len(rows)]


def _number(path: Path, line: int, cell: str) -> float:
    try:
        return float(cell) if cell else np.nan
    except ValueError as error:
        if cell in {
            "True",
            "False",
            "train",
            "test",
            "validation",
            "unused",
        }:  # Lightning Pose's split column
            return np.nan
        raise ValueError(f"{path}, line {line}: expected a number, got {cell!r}") from error


def _table(
    path: Path, names: list[str], header: list[tuple[str, ...]], rows: list[str], values: Float
) -> DlcTable:
    place = {name: number for number, name in enumerate(names)}
    missing = [name for name in ("bodyparts", "coords") if name not in place]
    if missing or len(header) != values.shape[1]:
        raise ValueError(
            f"{path}: not a DeepLabCut table: its column levels are {', '.join(map(str, names))}"
        )
    kinds = [_kind(column[place["coords"]]) for column in header]
    keep = [number for number, kind in enumerate(kinds) if kind in known_levels]
    scorers = {header[number][place["scorer"]] for number in keep} if "scorer" in place else {""}
    if len(scorers) > 1:
        raise ValueError(
            f"{path}: holds the work of {len(scorers)} scorers ({', '.join(sorted(scorers))}); keep one "
            f"per file"
        )
    if not keep:
        raise ValueError(f"{path}: no column is called x or y")
    individual = place.get("individuals")
    columns = [
        (
            "" if individual is None else header[number][individual],
            header[number][place["bodyparts"]],
            kinds[number],
        )
        for number in keep
    ]
    if len(set(columns)) != len(columns):
        twice = next(column for column in columns if columns.count(column) > 1)
        raise ValueError(f"{path}: column {' '.join(twice).strip()} occurs twice")
    other = sorted(
        {
            header[number][place["coords"]]
            for number, kind in enumerate(kinds)
            if kind not in known_levels and np.isfinite(values[:, number]).any()
        }
    )
    notes = (f"columns called {', '.join(map(repr, other))} are left out",) if other else ()
    return DlcTable(path=path, columns=columns, rows=rows, values=values[:, keep], notes=notes)


def _kind(name: str) -> str:
    """Return what a column is, however its name is spelled."""
    kind = name.strip().lower()
    return "likelihood" if kind in likelihoods else kind


likelihoods = {"likelihood", "confidence", "score", "probability"}
known_levels = {
    "x",
    "y",
    "z",
    "likelihood",
    "visible",
    "x_ens_median",
    "y_ens_median",
    "x_ens_var",
    "y_ens_var",
    "x_posterior_var",
    "y_posterior_var",
}
