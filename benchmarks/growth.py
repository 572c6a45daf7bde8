"""Growth: time and memory of triangulation and smoothing against frames (1e3 to 1e6) and views (2 to 32).

Last, smoothing with 20 keypoints and 6 views. `--work smooth` measures that one alone, for one.
"""

import argparse
import itertools
import json
import resource
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.measurement import save, show
from benchmarks.scenes import scene

FRAMES = (1_000, 10_000, 100_000, 1_000_000)
VIEWS = (2, 4, 8, 16, 32)
KEYPOINTS = 5
"""Few, so that a million frames fit into a small machine."""

WORK = ("triangulate_points linear", "triangulate_points ransac", "reconstruct", "smooth")
STATM = Path("/proc/self/statm")
"""Where Linux tells the memory of a process; elsewhere it is not measured."""

LARGE = {"frames": 100_000, "views": 6, "keypoints": 20}
"""What smoothing is to do in less than 1.5 GB beyond its input."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", choices=WORK, nargs="+", default=WORK)
    parser.add_argument("--child", nargs=4, metavar=("WORK", "FRAMES", "VIEWS", "KEYPOINTS"))
    options = parser.parse_args()
    if options.child:
        print(json.dumps(measured(options.child[0], *map(int, options.child[1:]))))
        return
    tables = {}
    for work in options.work:
        tables[f"{work}, frames"] = grown([apart(work, count, 4) for count in FRAMES], "frames")
        show(f"{work} against frames ({KEYPOINTS} keypoints, 4 views)", tables[f"{work}, frames"])
        tables[f"{work}, views"] = grown([apart(work, 2_000, views) for views in VIEWS], "views")
        show(f"{work} against views ({KEYPOINTS} keypoints, 2,000 frames)", tables[f"{work}, views"])
    if "smooth" in options.work:
        tables["smooth, large"] = [apart("smooth", **LARGE)]
        show("smooth with 20 keypoints, 6 views", tables["smooth, large"])
    print("\ngrowth: exponent of the CPU time from the row before to this one; 1 is proportional.")
    print("extra_MB: peak memory during the call above what the process held before it, output included;")
    print("input_MB, output_MB: what the arrays that go in and come out take.")
    print(f"Written to {save('growth', tables)}")


def apart(work: str, frames: int, views: int, keypoints: int = KEYPOINTS) -> dict[str, Any]:
    """Measure in a process of its own: peak memory never falls within one."""
    what = [work, *map(str, (frames, views, keypoints))]
    command = [sys.executable, "-m", "benchmarks.growth", "--child", *what]
    answer = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(answer.stdout.splitlines()[-1])


def grown(rows: list[dict[str, Any]], axis: str) -> list[dict[str, Any]]:
    for before, row in itertools.pairwise(rows):
        row["growth"] = float(
            np.log(row["cpu_seconds"] / before["cpu_seconds"]) / np.log(row[axis] / before[axis])
        )
    return rows


class Peak:
    """Watch the memory of this process while a block runs; `extra` is the peak above the start, MB."""

    def __enter__(self) -> "Peak":
        self.held = self.extra = 0.0
        self.held = self.now()
        self.done = threading.Event()
        self.watcher = threading.Thread(target=self.watch)
        self.watcher.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.done.set()
        self.watcher.join()

    def watch(self) -> None:
        """Look every two milliseconds."""
        while not self.done.wait(0.002):
            self.extra = max(self.extra, self.now() - self.held)

    @staticmethod
    def now() -> float:
        """Return the memory in use, MB."""
        if not STATM.exists():
            return float("nan")
        return int(STATM.read_text().split()[1]) * resource.getpagesize() / 1e6


def measured(work: str, frames: int, views: int, keypoints: int) -> dict[str, Any]:
    call(work, 200, views, keypoints)
    return {
        "work": work,
        "frames": frames,
        "views": views,
        **call(work, frames, views, keypoints),
    }


def call(work: str, frames: int, views: int, keypoints: int) -> dict[str, float]:
    """Do the work once, and say what it took."""
    from triangulate import reconstruct, smooth, triangulate_points

    one = scene(
        "growth",
        frames,
        views=views,
        keypoints=keypoints,
        missing=0.1,
        outliers=0.03 if views > 2 else 0.0,
    )
    tracks = one.tracks()
    with Peak() as peak:
        start, cpu = time.perf_counter(), time.process_time()
        if work.startswith("triangulate_points"):
            found = [triangulate_points(one.xy, one.rig, method=work.split()[1])]
        else:
            done = reconstruct(tracks, one.rig) if work == "reconstruct" else smooth(tracks, one.rig)[0]
            found = [done.xyz, done.covariance, done.inliers, done.status, done.error]
        seconds, cpu_seconds = time.perf_counter() - start, time.process_time() - cpu
    return {
        "seconds": seconds,
        "cpu_seconds": cpu_seconds,
        "frames_per_s": frames / seconds,
        "input_MB": (tracks.xy.nbytes + tracks.confidence.nbytes) / 1e6,
        "output_MB": sum(array.nbytes for array in found) / 1e6,
        "extra_MB": peak.extra,
    }


if __name__ == "__main__":
    main()
