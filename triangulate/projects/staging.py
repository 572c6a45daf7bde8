"""Results of a stage that take their places together: a transaction over several files.

They are written into hidden folders beside their places, and renamed when all are whole. While they are
renamed, the record beside the first says that this is unfinished, so that a run that was cut off is seen.
Folders that killed runs left behind are removed when the next one starts.
"""

import json
import os
import shutil
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex
from types import ModuleType
from typing import IO, Any

from calibration.atomic import replacing, sweep_temporaries
from triangulate.projects.freshness import digest_of, name_beside, record_file

flock: ModuleType | None
try:
    import fcntl as flock
except ImportError:  # Windows, where a file that is open cannot be removed
    flock = None

PREFIX = ".staging-"
LOCK = "lock"
ABANDONED = 60.0
"""Seconds after which a staging folder without a lock is no longer one that is being made."""


class Staging:
    """Places for outputs to be written to before they replace what is there."""

    def __init__(self) -> None:
        self._token = token_hex(6)
        self._locks: dict[Path, IO[bytes]] = {}

    def __call__(self, output: Path) -> Path:
        """Return where an output is to be written.

        Parameters
        ----------
        output : path

        Returns
        -------
        path : path
            Of the same name, in a folder beside, on the same disk.
        """
        folder = output.parent / f"{PREFIX}{self._token}"
        if folder not in self._locks:
            folder.mkdir(parents=True)
            self._locks[folder] = (folder / LOCK).open("wb")
            if flock is not None:
                flock.flock(self._locks[folder], flock.LOCK_EX)
        return folder / output.name

    def commit(
        self, outputs: tuple[Path, ...], record: Mapping[str, Any], retired: Iterable[Path] = ()
    ) -> None:
        """Put everything in its place.

        Parameters
        ----------
        outputs : tuple of path
            Each of them written; the record goes beside the first.
        record : mapping
            What they were made from.
        retired : iterable of path
            Files that go because they belong to what is replaced.

        Raises
        ------
        FileNotFoundError
            If an output was not written; nothing is touched then.
        """
        written = {name_beside(path, outputs[0]): digest_of(self(path)) for path in outputs}
        if "absent" in written.values():
            raise FileNotFoundError(f"a stage did not write all of its outputs: {written}")
        unfinished, finished = (record_file(self(outputs[0])).with_suffix(f".{i}") for i in (0, 1))
        unfinished.write_text(json.dumps({"unfinished": True}) + "\n", encoding="utf-8")
        finished.write_text(json.dumps({**record, "outputs": written}, indent=1) + "\n", encoding="utf-8")
        os.replace(unfinished, record_file(outputs[0]))
        for path in retired:
            path.unlink(missing_ok=True)
        for path in outputs:
            os.replace(self(path), path)
        os.replace(finished, record_file(outputs[0]))

    def close(self) -> None:
        """Remove the folders with what is left in them."""
        for folder, lock in self._locks.items():
            lock.close()
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def staging() -> Iterator[Staging]:
    """Give places for outputs, and remove them when the block ends.

    Yields
    ------
    staged : Staging
    """
    staged = Staging()
    try:
        yield staged
    finally:
        staged.close()


def save_record(output: Path, record: Mapping[str, Any]) -> None:
    """Write a record of outputs that are in their places.

    Parameters
    ----------
    output : path
        The first of them.
    record : mapping
    """
    with replacing(record_file(output)) as temporary:
        temporary.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


def sweep(folders: Iterable[Path]) -> None:
    """Remove what killed runs left behind: staging folders that nobody holds, and temporary files.

    Parameters
    ----------
    folders : iterable of path
        Some may not exist.
    """
    for folder in folders:
        for path in folder.glob(f"{PREFIX}*"):
            if not _held(path):
                shutil.rmtree(path, ignore_errors=True)
        sweep_temporaries(folder)


def _held(folder: Path) -> bool:
    """Tell whether a process that lives writes into a staging folder."""
    try:
        if flock is None:
            (folder / LOCK).unlink()
            return False
        with (folder / LOCK).open("rb") as lock:
            flock.flock(lock, flock.LOCK_EX | flock.LOCK_NB)
    except FileNotFoundError:
        return folder.exists() and time.time() - folder.stat().st_mtime < ABANDONED
    except OSError:
        return True
    return False
