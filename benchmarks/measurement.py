"""How things are measured: warm-up, interleaved rounds, median and spread, the machine; tables and JSON."""

import json
import os
import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

RESULTS = Path(__file__).parent / "results"

PAUSE = 0.3
"""Seconds before every measured call: the threads of the one before spin on for up to a fifth of a second."""


@dataclass(frozen=True, kw_only=True)
class Contender:
    """Something to time: a call that does `count` things and returns what it found."""

    name: str
    call: Callable[[], Any]
    count: int
    slow: bool = False
    """Timed in the first round only."""


@dataclass(frozen=True, kw_only=True)
class Timing:
    """What was measured of one contender."""

    name: str
    per_second: float
    best: float
    spread: float
    per_cpu_second: float
    result: Any

    def columns(self) -> dict[str, Any]:
        """Return the columns of a table: rates, and the spread between rounds in percent."""
        return {
            "name": self.name,
            "per_s": self.per_second,
            "best_per_s": self.best,
            "spread_%": self.spread,
            "per_cpu_s": self.per_cpu_second,
        }


def race(contenders: Sequence[Contender], rounds: int = 5) -> list[Timing]:
    """Time contenders in turns, so that what else the machine does falls on all of them.

    Every one runs once unmeasured (compilation, caches), then once in each round, after a pause. Reported are
    the median, the best, half the range between the quartiles in percent of the median, and the rate by CPU
    time, which other processes hardly disturb.
    """
    results = [None if contender.slow else contender.call() for contender in contenders]
    walls: list[list[float]] = [[] for _ in contenders]
    cpus: list[list[float]] = [[] for _ in contenders]
    for turn in range(rounds):
        for number, contender in enumerate(contenders):
            if turn and contender.slow:
                continue
            time.sleep(PAUSE)
            wall, cpu = time.perf_counter(), time.process_time()
            result = contender.call()
            walls[number].append(time.perf_counter() - wall)
            cpus[number].append(time.process_time() - cpu)
            if contender.slow:
                results[number] = result
    timings = []
    for contender, wall_times, cpu_times, result in zip(contenders, walls, cpus, results, strict=True):
        low, middle, high = np.percentile(wall_times, [25, 50, 75])
        timings.append(
            Timing(
                name=contender.name,
                per_second=contender.count / middle,
                best=contender.count / min(wall_times),
                spread=50 * (high - low) / middle,
                per_cpu_second=contender.count / min(cpu_times),
                result=result,
            )
        )
    return timings


def machine() -> dict[str, Any]:
    """Describe where this runs: processor, cores this process may use, load, versions."""
    processor = platform.processor() or platform.machine()
    if Path("/proc/cpuinfo").exists():
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        processor = next((line.split(":", 1)[1].strip() for line in lines if "model name" in line), processor)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    packages = {}
    for package in ("numpy", "scipy", "numba", "opencv-contrib-python", "torch", "aniposelib"):
        try:
            packages[package] = version(package)
        except PackageNotFoundError:
            packages[package] = "not installed"
    return {
        "processor": processor,
        "cores": cores,
        "load": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        "python": platform.python_version(),
        "packages": packages,
    }


def show(title: str, rows: Sequence[dict[str, Any]]) -> None:
    """Print rows as a table; the columns are those of the first row and whatever later ones add."""
    print(f"\n{title}", flush=True)
    if not rows:
        print("  (nothing)")
        return
    names = list(dict.fromkeys(name for row in rows for name in row))
    cells = [[_cell(row.get(name)) for name in names] for row in rows]
    widths = [max(len(name), *(len(line[at]) for line in cells)) for at, name in enumerate(names)]
    for line in [names, *cells]:
        first = line[0].ljust(widths[0])
        rest = (text.rjust(width) for text, width in zip(line[1:], widths[1:], strict=True))
        print("  " + "  ".join([first, *rest]), flush=True)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool | str):
        return str(value)
    if isinstance(value, int | np.integer):
        return f"{value:,}"
    number = float(value)
    if not np.isfinite(number):
        return "-"
    if abs(number) >= 1000:
        return f"{number:,.0f}"
    return f"{number:.3g}" if abs(number) < 10 else f"{number:.1f}"


def save(name: str, tables: dict[str, Sequence[dict[str, Any]]]) -> Path:
    """Write tables as JSON, with the machine, under `benchmarks/results`."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    partial = path.with_suffix(".partial")
    text = json.dumps({"machine": machine(), "tables": tables}, indent=1, default=float)
    partial.write_text(text + "\n")
    partial.replace(path)
    return path
