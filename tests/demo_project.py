"""One short run of the demo, shared by every test that looks at what a project leaves behind."""

import fcntl
import os
from pathlib import Path

from triangulate import demo
from triangulate.projects.project import load_project
from triangulate.synthetic.scene import demo_scene

BOARD_FRAMES, FIGURE_FRAMES = 40, 60


def short_demo(folder: Path):
    """Run the demo, or find that another process has; return project, scene and outcomes."""
    scene = demo_scene(BOARD_FRAMES, FIGURE_FRAMES)
    folder.mkdir(exist_ok=True)
    with (folder.parent / "demo.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        outcomes = list(demo.run_demo(folder, scene))
    return load_project(folder), scene, outcomes


def shared_folder(base: Path) -> Path:
    """Return a folder that all processes of one test run share."""
    return (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "shared-demo"
