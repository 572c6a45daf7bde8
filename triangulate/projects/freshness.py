"""What a result was made from and what it was: a record beside it, by which a stage knows it need not run.

Digests are of whole files. That of a large input, as a video, is computed once and remembered with the
sizes, times and inodes of its files: one that was changed in place, copied or touched is read again, and a
copy has the digest that it had.
"""

import hashlib
import json
import os
import time
from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

WHOLE = 1 << 26
"""Inputs of up to so many bytes are read each time; digests of larger ones are remembered."""

SETTLED = 2.0
"""Seconds after its last change from which the times of a file tell the next change apart from it."""

SUFFIX = ".inputs.json"


def digest_of(path: str | Path) -> str:
    """Digest a file, or the names and contents of all files of a folder, through links.

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
        parts = [f"{file.relative_to(path).as_posix()}:{digest_of(file)}" for file in _files(path)]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]
    if not path.is_file():
        return "absent"
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:32]


def stamp_of(path: str | Path) -> str | None:
    """Describe a large file or folder by what changes with its contents: sizes, times and inodes.

    Parameters
    ----------
    path : path

    Returns
    -------
    stamp : str or None
        None where it is at most `WHOLE`, or changed so lately that another change may not show in its times.
    """
    path = Path(path)
    files = list(_files(path)) if path.is_dir() else [path] if path.is_file() else []
    stats = [file.stat() for file in files]
    if sum(stat.st_size for stat in stats) <= WHOLE:
        return None
    if max(max(stat.st_mtime, stat.st_ctime) for stat in stats) > time.time() - SETTLED:
        return None
    lines = [
        f"{file.relative_to(path).as_posix()}:{stat.st_size}:{stat.st_mtime_ns}:{stat.st_ctime_ns}:{stat.st_ino}"
        for file, stat in zip(files, stats, strict=True)
    ]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:32]


def _files(folder: Path, above: tuple[Path, ...] = ()) -> Iterator[Path]:
    """List what is not hidden, through links, but not along one that leads back to a folder above."""
    here = folder.resolve()
    if here in above:
        return
    for path in sorted(folder.iterdir()):
        if path.name.startswith("."):
            continue
        if path.is_dir():
            yield from _files(path, (*above, here))
        elif path.is_file():
            yield path


def record_of(
    inputs: Mapping[str, Path], options: Mapping[str, Any], *, before: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Describe what a result is made from.

    Parameters
    ----------
    inputs : mapping of str to path
        Files and folders by what they are.
    options : mapping of str to object
        Anything that JSON can hold.
    before : mapping, optional
        An earlier record: digests of large inputs that were not touched since are taken from it.

    Returns
    -------
    record : dict
    """
    try:
        release = version("triangulate")
    except PackageNotFoundError:
        release = "source"
    old = before or {}
    stamps = {name: stamp for name, path in inputs.items() if (stamp := stamp_of(path)) is not None}
    same = {name for name, stamp in stamps.items() if old.get("stamps", {}).get(name) == stamp}
    record = {
        "triangulate": release,
        "inputs": {
            name: old["inputs"][name] if name in same else digest_of(path) for name, path in inputs.items()
        },
        "options": dict(options),
        "stamps": stamps,
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
    old = read_record(outputs[0])
    cut = cut_off(outputs[0])
    if cut is not None:
        return cut
    if old and "outputs" not in old:
        return f"an older version wrote {outputs[0].name}"
    if not old:
        return f"it is not known what {outputs[0].name} was made from"
    return _changed(old, record) or next(
        (
            f"{path.name} is not as it was written"
            for path in outputs
            if old["outputs"].get(name_beside(path, outputs[0])) != digest_of(path)
        ),
        None,
    )


def cut_off(output: Path) -> str | None:
    """Tell that a run ended while it replaced a stage's outputs, which then may not belong together.

    Parameters
    ----------
    output : path
        The first of the stage.

    Returns
    -------
    reason : str or None
    """
    if "unfinished" not in read_record(output):
        return None
    return f"the last run was cut off while it replaced {output.name}"


def outdated(output: Path, record: Mapping[str, Any]) -> str | None:
    """Tell why a result that is there is not of the inputs and options that are there now.

    Less than what makes its stage run: another release, inputs that were put away since and a result that was
    made or changed by hand leave it what it is.

    Parameters
    ----------
    output : path
        The first of the stage.
    record : mapping
        As `record_of` describes the inputs now.

    Returns
    -------
    reason : str or None
        None where nothing speaks against it.
    """
    old = read_record(output)
    if "outputs" not in old:
        return cut_off(output)
    here = {name: digest for name, digest in record["inputs"].items() if digest != "absent"}
    kept = {name: digest for name, digest in old["inputs"].items() if record["inputs"].get(name) != "absent"}
    return _changed(old | {"inputs": kept}, {**record, "inputs": here, "triangulate": old.get("triangulate")})


def _changed(old: Mapping[str, Any], record: Mapping[str, Any]) -> str | None:
    for part in ("inputs", "options"):
        before, now = old.get(part, {}), record[part]
        changed = sorted(key for key in {*before, *now} if before.get(key) != now.get(key))
        if changed:
            return f"{', '.join(changed)} changed"
    return None if old.get("triangulate") == record["triangulate"] else "triangulate was updated"


def name_beside(path: Path, first: Path) -> str:
    """Name an output as the record of its stage does, which stays right when the project is moved.

    Parameters
    ----------
    path : path
    first : path
        The output beside which the record lies.

    Returns
    -------
    name : str
        Path relative to that.
    """
    return Path(os.path.relpath(path, first.parent)).as_posix()


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


def read_record(output: Path) -> dict[str, Any]:
    """Read the record of a result.

    Parameters
    ----------
    output : path
        The first output of its stage.

    Returns
    -------
    record : dict
        Empty where there is none, or none that can be read.
    """
    try:
        record = json.loads(record_file(output).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return record if isinstance(record, dict) else {}
