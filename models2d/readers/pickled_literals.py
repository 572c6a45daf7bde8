"""Read plain lists, dicts, strings and numbers from a pickle without running it.

pandas keeps the column names of an HDF5 table as a pickle of strings and tuples in an attribute. Unpickling
can run any code that the writer of the file chose, so the few opcodes that build plain values are interpreted
here, and any other one is refused.
"""

import pickletools
from typing import Any

_mark = object()
_constants = {
    "NONE": None,
    "NEWTRUE": True,
    "NEWFALSE": False,
}
_empty: dict[str, type] = {"EMPTY_LIST": list, "EMPTY_DICT": dict, "EMPTY_TUPLE": tuple}
_tuples = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
_values = {
    "INT",
    "LONG",
    "LONG1",
    "BININT",
    "BININT1",
    "BININT2",
    "FLOAT",
    "BINFLOAT",
    "UNICODE",
    "BINUNICODE",
    "SHORT_BINUNICODE",
    "STRING",
    "BINSTRING",
    "SHORT_BINSTRING",
}
_silent = {"PROTO", "FRAME"}


def literals(data: bytes) -> Any:
    r"""Build the plain value that a pickle describes.

    Parameters
    ----------
    data : bytes

    Returns
    -------
    value : list, dict, tuple, str, int, float, bool or None

    Raises
    ------
    ValueError
        If the pickle asks for anything but plain values, or is damaged.

    Examples
    --------
    >>> literals(b"(lp0\n(VPranav\nVsnout\ntp1\na.")
    [('Pranav', 'snout')]
    """
    stack: list[Any] = []
    memo: dict[int, Any] = {}
    try:
        for opcode, argument, _ in pickletools.genops(data):
            if opcode.name == "STOP":
                return stack.pop()
            _step(opcode.name, argument, stack, memo)
    except (IndexError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"damaged pickle of column names: {error}") from error
    raise ValueError("damaged pickle of column names: it has no end")


def _step(name: str, argument: Any, stack: list[Any], memo: dict[int, Any]) -> None:
    if name in _silent:
        return
    if name in _constants:
        stack.append(_constants[name])
    elif name in _values:
        stack.append(argument)
    elif name in _empty:
        stack.append(_empty[name]())
    elif name in _tuples:
        _collapse(stack, tuple, len(stack) - _tuples[name])
    elif name == "MARK":
        stack.append(_mark)
    elif name in {"PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE"}:
        memo[len(memo) if name == "MEMOIZE" else argument] = stack[-1]
    elif name in {"GET", "BINGET", "LONG_BINGET"}:
        stack.append(memo[argument])
    else:
        _gather(name, stack)


def _gather(name: str, stack: list[Any]) -> None:
    """Interpret the opcodes that collect what lies above the last mark."""
    if name == "APPEND":
        value = stack.pop()
        stack[-1].append(value)
    elif name == "SETITEM":
        value, key = stack.pop(), stack.pop()
        stack[-1][key] = value
    elif name in {"LIST", "TUPLE", "DICT", "APPENDS", "SETITEMS"}:
        start = len(stack) - 1 - stack[::-1].index(_mark)
        items = stack[start + 1 :]
        del stack[start:]
        if name == "LIST":
            stack.append(items)
        elif name == "TUPLE":
            stack.append(tuple(items))
        elif name == "DICT":
            stack.append(dict(zip(items[::2], items[1::2], strict=True)))
        elif name == "APPENDS":
            stack[-1].extend(items)
        else:
            stack[-1].update(zip(items[::2], items[1::2], strict=True))
    else:
        raise ValueError(
            f"the file holds a pickled object (opcode {name}), which could run code when read; it is refused"
        )


def _collapse(stack: list[Any], kind: type, start: int) -> None:
    items = kind(stack[start:])
    del stack[start:]
    stack.append(items)
