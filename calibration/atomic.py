"""Result files that are there whole or not at all."""

import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex

TEMPORARY = re.compile(r"\..+-[0-9a-f]{12}(\.[^.]+)?")
"""Names of the temporary files of `replacing`."""

ABANDONED = 3600.0
"""Seconds after which a temporary file that was not written to since is one that a killed process left."""


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Give a temporary path beside `path` that takes its place when the block ends without an error.

    Parameters
    ----------
    path : path
        Its folder must exist.

    Yields
    ------
    temporary : Path
        With the same suffix, for writers that go by it.

    Examples
    --------
    >>> import tempfile
    >>> target = Path(tempfile.mkdtemp()) / "words.txt"
    >>> with replacing(target) as temporary:
    ...     _ = temporary.write_text("whole")
    >>> target.read_text()
    'whole'
    """
    path = Path(path)
    temporary = path.with_name(f".{path.stem}-{token_hex(6)}{path.suffix}")
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def sweep_temporaries(folder: Path) -> None:
    """Remove temporary files that killed processes left in a folder.

    Parameters
    ----------
    folder : path
        May not exist.
    """
    for path in folder.glob(".*-*"):
        ours = TEMPORARY.fullmatch(path.name) and path.is_file()
        if ours and time.time() - path.stat().st_mtime > ABANDONED:
            path.unlink(missing_ok=True)
