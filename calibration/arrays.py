"""Checked, read-only arrays: what every frozen type of the project is made of."""

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from calibration.errors import ShapeError


def frozen(
    value: ArrayLike,
    shape: tuple[int | str | None, ...],
    name: str,
    dtype: DTypeLike = np.float64,
) -> NDArray[Any]:
    """Copy `value` into a read-only array and check its shape.

    Parameters
    ----------
    value : array_like
    shape : tuple of int, str or None
        An int must match exactly; a string or None matches any length (equal strings, equal lengths);
        a leading "..." matches any number of axes.
    name : str
        How the value is called in an error message.
    dtype : numpy dtype, default float64

    Returns
    -------
    array : shape float

    Raises
    ------
    ShapeError
        If the shape does not match, with both shapes.
    TypeError
        If the value is not numeric.

    Examples
    --------
    >>> frozen([[0, 1]], ("points", 2), "xy").flags.writeable
    False
    """
    try:
        array = np.array(value, dtype=dtype, order="C")
    except (TypeError, ValueError) as error:
        raise TypeError(f"{name}: expected numbers, got {type(value).__name__}: {error}") from error
    if not _matches(array.shape, shape):
        raise ShapeError(f"{name}: expected shape {_spell(shape)}, got {array.shape}")
    array.flags.writeable = False
    return array


@dataclass(frozen=True, eq=False, slots=True)
class ReadOnlyArrays:
    """Base of frozen dataclasses whose arrays are copied in and read-only, so that a value stays what it was.

    Types that check the shapes of their arrays use `frozen` instead. Arrays that solvers hand to compiled
    kernels stay as they are, for a kernel is compiled once more for arrays that it may not write.

    Examples
    --------
    >>> @dataclass(frozen=True, eq=False, slots=True, kw_only=True)
    ... class Track(ReadOnlyArrays):
    ...     xyz: NDArray[np.float64]
    >>> Track(xyz=np.zeros((5, 3))).xyz.flags.writeable
    False
    """

    def __post_init__(self) -> None:
        """Copy and freeze what could still be written."""
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, np.ndarray) and _can_be_written(value):
                copy = value.copy()
                copy.flags.writeable = False
                object.__setattr__(self, field.name, copy)


def _can_be_written(array: NDArray[Any]) -> bool:
    return array.flags.writeable or (isinstance(array.base, np.ndarray) and _can_be_written(array.base))


def _matches(actual: tuple[int, ...], wanted: tuple[int | str | None, ...]) -> bool:
    if wanted and wanted[0] == "...":
        wanted = wanted[1:]
        if len(actual) < len(wanted):
            return False
        actual = actual[len(actual) - len(wanted) :]
    if len(actual) != len(wanted):
        return False
    seen: dict[str, int] = {}
    for have, want in zip(actual, wanted, strict=True):
        if isinstance(want, int) and have != want:
            return False
        if isinstance(want, str) and seen.setdefault(want, have) != have:
            return False
    return True


def _spell(shape: tuple[int | str | None, ...]) -> str:
    return "(" + ", ".join("any" if axis is None else str(axis) for axis in shape) + ")"
