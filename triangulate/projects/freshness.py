"""What a result was made from: a record beside it, by which a stage knows that it need not run again."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from calibration.atomic import replacing

PIECE = 1 << 20
"""Of a large file the size and the first, middle and last so many bytes are digested: videos can be huge."""

SUFFIX = ".inputs.json"


def digest_of(path: str | Path) -> str:
    """Digest a file, or the names and contents of all files of a folder.

    Parameters
    ----------
    path : path

    Returns
    -------
    digest : str
        "absent" where there is nothing.
    """
    path = Path(path)
    if path.is_dir():
        parts = [f"{file.relative_to(path)}:{digest_of(file)}" for file in _files(path)]
        return hashlib.blake2b("\n".join(parts).encode(), digest_size=16).hexdigest()
    if not path.is_file():
        return "absent"
    size = path.stat().st_size
    state = hashlib.blake2b(str(size).encode(), digest_size=16)
    with path.open("rb") as file:
        for start in sorted({0, max(0, size // 2 - PIECE // 2), max(0, size - PIECE)}):
            file.seek(start)
            state.update(file.read(PIECE))
    return state.hexdigest()


def _files(folder: Path) -> Iterable[Path]:
    return sorted(file for file in folder.rglob("*") if file.is_file() and not file.name.startswith("."))


def record_of(inputs: Mapping[str, Path], options: Mapping[str, Any]) -> dict[str, Any]:
    """Describe what a result is made from.

    Parameters
    ----------
    inputs : mapping of str to path
        Files and folders by what they are.
    options : mapping of str to object
        Anything that JSON can hold.

    Returns
    -------
    record : dict
    """
    try:
        release = version("triangulate")
    except PackageNotFoundError:
        release = "source"
    record = {
        "triangulate": release,
        "inputs": {name: digest_of(path) for name, path in inputs.items()},
        "options": dict(options),
    }
    return json.loads(json.dumps(record, default=str))


def stale(outputs: Iterable[Path], record: Mapping[str, Any]) -> str | None:
    """Tell why a stage must run.

    Parameters
    ----------
    outputs : iterable of path
        All files of the stage; the record lies beside the first.
    record : mapping
        As `record_of` describes the inputs now.

    Returns
    -------
    reason : str or None
        None where everything is up to date.
    """
    outputs = list(outputs)
    for path in outputs:
        if not path.exists():
            return f"{path.name} is not there yet"
    beside = record_file(outputs[0])
    try:
        old = json.loads(beside.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return f"it is not known what {outputs[0].name} was made from"
    for part in ("inputs", "options"):
        before, now = old.get(part, {}), record[part]
        changed = sorted(key for key in {*before, *now} if before.get(key) != now.get(key))
        if changed:
            return f"{', '.join(changed)} changed"
    return None if old.get("triangulate") == record["triangulate"] else "triangulate was updated"


def record_file(output: Path) -> Path:
    """Return where the record of a result lies.

    Parameters
    ----------
    output : path

    Returns
    -------
    path : path
    """
    return output.with_name(output.name + SUFFIX)


def save_record(output: Path, record: Mapping[str, Any]) -> None:
    """Write the record of a result, after the result itself.

    Parameters
    ----------
    output : path
    record : mapping
    """
    with replacing(record_file(output)) as temporary:
        temporary.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
