"""One short run of the demo, shared by every test that looks at what a project leaves behind."""

from functools import cache
from pathlib import Path
from tempfile import mkdtemp

from triangulate import demo
from triangulate.project import load_project
from triangulate.synthetic import demo_scene

BOARD_FRAMES, FIGURE_FRAMES = 40, 24


@cache
def demo_run():
    """Return project, scene and outcomes of a short demo; its folder lasts as long as the process."""
    folder = Path(mkdtemp(prefix="triangulate-demo-"))
    scene = demo_scene(BOARD_FRAMES, FIGURE_FRAMES)
    outcomes = list(demo.run_demo(folder, scene))
    return load_project(folder), scene, outcomes
