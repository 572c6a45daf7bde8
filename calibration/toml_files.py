"""TOML files: the only door for writing them, and reading with the line and key of what is wrong.

`toml` 0.10.2 writes numpy scalars as strings, loses backslashes and cannot read mixed lists, so everything is
turned into plain Python first and read by `tomllib`.
"""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import toml

from calibration.atomic import replacing


def write_toml(document: dict[str, Any], path: str | Path) -> None:
    """Write a TOML file, atomically; the same document gives the same bytes.

    Parameters
    ----------
    document : dict
        Of strings, numbers, booleans, arrays, lists and dicts of them; sections keep their order.
    path : path
    """
    encoder = toml.TomlEncoder()
    encoder.dump_funcs[str] = _quoted
    text = toml.dumps(_plain(document), encoder=encoder)
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def line_of(path: str | Path, section: str, key: str | None = None) -> int:
    """Find the line of a key, to be named in an error message.

    Parameters
    ----------
    path : path
    section : str
        Header without brackets.
    key : str, optional
        Without it the line of the header.

    Returns
    -------
    line : int
        From 1; 0 where it was not found.
    """
    found = 0
    for number, line in enumerate(Path(path).read_text(encoding="utf-8").splitlines(), start=1):
        header = re.match(r"\s*\[+\s*(.*?)\s*\]+\s*(#.*)?$", line)
        if header:
            if found:
                break
            if header[1].replace('"', "").replace("'", "") == section:
                found = number
        elif found and key and re.match(rf"\s*[\"']?{re.escape(key)}[\"']?\s*=", line):
            return number
    return found


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray | np.generic):
        return _plain(value.tolist())
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
