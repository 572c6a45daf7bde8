"""Shared fixtures; the real recordings are looked for in $TRIANGULATE_RECORDINGS or ../shared/data."""

import os
from pathlib import Path

import pytest


def recordings_folder() -> Path:
    """Folder of the real recordings, which may be absent."""
    return Path(os.environ.get("TRIANGULATE_RECORDINGS", Path(__file__).parents[2] / "shared" / "data"))


@pytest.fixture(scope="session")
def recordings():
    """Function that returns the folder of one real data set, or skips the test where it is absent."""

    def find(name: str) -> Path:
        folder = recordings_folder() / name
        if not folder.is_dir():
            pytest.skip(f"the real recording {name!r} is not on this machine (set TRIANGULATE_RECORDINGS)")
        return folder

    return find
