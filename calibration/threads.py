"""Run a compiled kernel over chunks of its points on all cores."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

CHUNK = 16384
"""Points below which a second thread costs more than it brings."""


def cores() -> int:
    """Return the number of CPU cores this process may use.

    Returns
    -------
    count : int
    """
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def over_chunks(kernel: Callable[..., Any], count: int, *arguments: Any, multiple: int = 1) -> None:
    """Call `kernel(start, stop, *arguments)` for ranges that cover `count` points, on all cores.

    Threads, not numba's parallel loops: under the default threading layer those crash when two Python threads
    use them at once, and they take ten times as long to compile. The kernel must release the GIL.

    Parameters
    ----------
    kernel : callable
    count : int
    *arguments : object
        Passed on; what the kernel writes to must not overlap between ranges.
    multiple : int
        Ranges start at multiples of this, so that a kernel's blocks do not depend on the number of cores.
    """
    workers = min(cores(), -(-count // CHUNK))
    if workers <= 1:
        if count > 0:
            kernel(0, count, *arguments)
        return
    pieces = min(4 * workers, -(-count // CHUNK))  # several per worker: another process may hold one core
    step = -(-count // pieces)
    step = -(-step // multiple) * multiple
    with ThreadPoolExecutor(workers) as pool:
        tasks = [
            pool.submit(kernel, start, min(start + step, count), *arguments)
            for start in range(0, count, step)
        ]
        for task in tasks:
            task.result()
