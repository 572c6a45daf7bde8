"""Tables that pandas wrote to HDF5, read with h5py: nothing in the file is unpickled or run."""

from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from models2d.readers.pickled_literals import literals

Float = NDArray[np.float64]
Table = tuple[list[str], list[tuple[str, ...]], list[str], Float]


def read_table(path: Path) -> Table:
    """Read the only data frame of a file, whatever key it is under.

    Parameters
    ----------
    path : path

    Returns
    -------
    names : list of str
        Names of the column levels.
    header : list of tuple of str
        Label of each column at each level.
    rows : list of str
        The index, its levels joined by "/".
    values : (rows, columns) float

    Raises
    ------
    ValueError
        If there is no data frame or several, or if it holds pickled objects.
    """
    try:
        with h5py.File(path) as file:
            frames = [group for group in file.values() if _kind(group).startswith("frame")]
            if len(frames) != 1:
                raise ValueError(
                    f"{path}: expected one pandas table, found {len(frames)} among "
                    f"{', '.join(file) or 'nothing'}"
                )
            return _appendable(frames[0]) if _kind(frames[0]) == "frame_table" else _fixed(frames[0])
    except (OSError, KeyError) as error:
        raise ValueError(f"{path}: damaged or not a pandas table: {error}") from error


def _kind(group: h5py.Group) -> str:
    kind = group.attrs.get("pandas_type", b"")
    return kind.decode() if isinstance(kind, bytes) else str(kind)


def _appendable(group: h5py.Group) -> Table:
    """Read pandas' "table" format: rows of one compound array, column labels in an attribute."""
    table = group["table"][()]
    info = literals(bytes(group.attrs["info"]))
    _, labels = literals(bytes(group.attrs["non_index_axes"]))[0]
    header = [tuple(str(part) for part in label) for label in labels]
    names = [str(name) for name in info.get(1, {}).get("names", [])]
    blocks = [field for field in table.dtype.names if field.startswith("values_block_")]
    values = np.full((len(table), len(header)), np.nan)
    for block in blocks:
        kinds = literals(bytes(group["table"].attrs[f"{block}_kind"]))
        columns = [header.index(tuple(str(part) for part in label)) for label in kinds]
        values[:, columns] = np.asarray(table[block], dtype=np.float64).reshape(len(table), -1)
    return names, header, [_text(row) for row in table["index"]], values


def _fixed(group: h5py.Group) -> Table:
    """Read pandas' "fixed" format: an array per block, and level and code arrays for each axis."""
    names, header = _labels(group, "axis0")
    _, index = _labels(group, "axis1")
    values = np.full((len(index), len(header)), np.nan)
    place = {label: number for number, label in enumerate(header)}
    for block in range(int(group.attrs["nblocks"])):
        data = group[f"block{block}_values"]
        if data.dtype == object:
            raise ValueError(f"{group.file.filename}: holds pickled objects, which are not read")
        _, items = _labels(group, f"block{block}_items")
        array = np.asarray(_plain(data), dtype=np.float64)
        values[:, [place[item] for item in items]] = array if array.shape[0] == len(index) else array.T
    return names, header, ["/".join(row) for row in index], values


def _labels(group: h5py.Group, axis: str) -> tuple[list[str], list[tuple[str, ...]]]:
    variety = group.attrs[f"{axis}_variety"]
    if (variety.decode() if isinstance(variety, bytes) else str(variety)) != "multi":
        return [], [(_text(value),) for value in _plain(group[axis])]
    names, columns = [], []
    for level in range(int(group.attrs[f"{axis}_nlevels"])):
        words = group[f"{axis}_level{level}"]
        name = words.attrs.get("name", b"")
        names.append(name.decode() if isinstance(name, bytes) else str(name))
        texts = [_text(value) for value in _plain(words)]
        codes = group[f"{axis}_label{level}"][()]
        columns.append([texts[code] if code >= 0 else "" for code in codes])
    return names, list(zip(*columns, strict=True))


def _plain(data: h5py.Dataset) -> NDArray[np.generic]:
    if data.dtype == object or data.attrs.get("PSEUDOATOM") in {b"object", "object"}:
        raise ValueError(f"{data.file.filename}: {data.name} holds pickled objects, which are not read")
    # pandas cannot store an array without elements: it writes one of ones, and the true shape beside it.
    shape = literals(bytes(data.attrs["shape"])) if "shape" in data.attrs else data.shape
    return np.empty(shape, dtype=data.dtype) if 0 in shape else np.asarray(data[()])


def _text(value: object) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8", errors="replace")
    return str(value)
