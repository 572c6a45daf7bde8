"""Text files of other programs: JSON, YAML and TOML, with one sentence where they cannot be read.

The only door to these formats: encodings, byte order marks, nesting that exhausts the stack, and YAML aliases
that stand for billions of values are met here once.
"""

import json
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

MOST_VALUES = 20_000_000
"""Values that the aliases of a YAML file may stand for."""


def read_json(path: str | Path) -> Any:
    """Read a JSON file.

    Parameters
    ----------
    path : path

    Returns
    -------
    document : object

    Raises
    ------
    ValueError
        If it is not JSON, cut short or nested too deeply.
    """
    return _parsed(path, "JSON", json.loads)


def read_toml(path: str | Path) -> dict[str, Any]:
    """Read a TOML file.

    Parameters
    ----------
    path : path

    Returns
    -------
    document : dict
        Sections in the order of the file.

    Raises
    ------
    ValueError
        If the file is not TOML, with the line.
    """
    document: dict[str, Any] = _parsed(path, "TOML", tomllib.loads)
    return document


def read_yaml(path: str | Path) -> Any:
    """Read a YAML file; its tags make plain values only.

    Parameters
    ----------
    path : path

    Returns
    -------
    document : object

    Raises
    ------
    ValueError
        If it is not YAML, nested too deeply, or its aliases stand for more than `MOST_VALUES`.
    """
    document = _parsed(path, "YAML", yaml.safe_load)
    if _values(document, {}) > MOST_VALUES:
        raise ValueError(f"{path}: its aliases stand for more than {MOST_VALUES} values; write them out")
    return document


def _parsed(path: str | Path, kind: str, parse: Callable[[str], Any]) -> Any:
    path = Path(path)
    try:
        return parse(path.read_text(encoding="utf-8-sig"))
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: is not written in UTF-8: {error}; save it as UTF-8") from error
    except RecursionError as error:
        raise ValueError(f"{path}: is nested too deeply for a {kind} file of this kind") from error
    except (ValueError, yaml.YAMLError) as error:  # of json and tomllib
        what = " ".join(str(error).split())
        raise ValueError(f"{path}: not a {kind} file: {what}") from error


def _values(value: Any, known: dict[int, int]) -> int:
    """Count the values that a document stands for; each object once, whatever refers to it."""
    if not isinstance(value, dict | list):
        return 1
    if id(value) not in known:
        known[id(value)] = 1  # of one that holds itself
        inside = value.values() if isinstance(value, dict) else value
        known[id(value)] += sum(_values(one, known) for one in inside)
    return known[id(value)]
