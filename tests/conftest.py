"""Shared fixtures; the real recordings are looked for in $TRIANGULATE_RECORDINGS or ../shared/data."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

# Time says nothing on a busy machine, and a failure must be the same for everybody who looks for it.
settings.register_profile("house", deadline=None, derandomize=True)
settings.load_profile("house")


def recordings_folder() -> Path:
    """Folder of the real recordings, which may be absent."""
    return Path(os.environ.get("TRIANGULATE_RECORDINGS", Path(__file__).parents[2] / "shared" / "data"))


def pytest_sessionstart(session):
    """Drop compiled kernels that are older than a kernel's source.

    numba compares a cached function with its own file only, so a caller would keep an old version of what it
    calls from another module.
    """
    if hasattr(session.config, "workerinput"):
        return
    root = Path(__file__).parents[1]
    files = [path for package in ("calibration", "triangulate") for path in (root / package).rglob("*.py")]
    newest = max(path.stat().st_mtime for path in files if "njit" in path.read_text())
    compiled = [
        path for package in ("calibration", "triangulate") for path in (root / package).rglob("*.nb[ic]")
    ]
    if any(path.stat().st_mtime < newest for path in compiled):
        for path in compiled:
            path.unlink(missing_ok=True)


@pytest.fixture(scope="session")
def recordings():
    """Function that returns the folder of one real data set, or skips the test where it is absent."""

    def find(name: str) -> Path:
        folder = recordings_folder() / name
        if not folder.is_dir():
            pytest.skip(f"the real recording {name!r} is not on this machine (set TRIANGULATE_RECORDINGS)")
        return folder

    return find


@pytest.fixture(scope="session")
def demo_run(tmp_path_factory):
    """Project, scene and outcomes of a short demo; not to be changed."""
    from tests.demo_project import shared_folder, short_demo

    return short_demo(shared_folder(tmp_path_factory.getbasetemp()))
