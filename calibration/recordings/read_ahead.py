"""Decode several views at once, each in a thread of its own, a few frames ahead of the reader."""

from collections.abc import Iterable, Iterator, Sequence
from queue import Empty, Full, Queue
from threading import Event, Thread
from typing import Generic, TypeVar

Item = TypeVar("Item")

_WAIT = 0.05


class _Lane(Generic[Item]):
    """One iterator, run ahead by a thread into a bounded queue."""

    def __init__(self, items: Iterable[Item], depth: int) -> None:
        self.items = items
        self.queue: Queue[tuple[Item | None, BaseException | None]] = Queue(maxsize=depth)
        self.stopped = Event()
        self.thread = Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self) -> None:
        iterator = iter(self.items)
        try:
            while not self.stopped.is_set():
                self._put((next(iterator), None))
        except BaseException as error:  # noqa: BLE001 - handed to the reader, who raises it
            self._put((None, error))
        finally:
            close = getattr(iterator, "close", None)
            if close is not None:
                close()

    def _put(self, entry: tuple[Item | None, BaseException | None]) -> None:
        while not self.stopped.is_set():
            try:
                return self.queue.put(entry, timeout=_WAIT)
            except Full:
                continue

    def take(self) -> Item:
        item, error = self.queue.get()
        if error is not None:
            raise error
        return item  # type: ignore[return-value]

    def stop(self) -> None:
        self.stopped.set()
        while self.thread.is_alive():
            try:
                self.queue.get_nowait()
            except Empty:
                self.thread.join(timeout=_WAIT)


def read_ahead(
    lanes: Sequence[Iterable[Item]], wanted: Sequence[Sequence[bool]], depth: int = 3
) -> Iterator[tuple[Item | None, ...]]:
    """Merge iterators that are each run ahead in a thread.

    Parameters
    ----------
    lanes : sequence of iterable
        One per view.
    wanted : (frames, views) bool
        Which lanes have an item at each step; the others give None there.
    depth : int
        Items each lane may be ahead; bounds the memory.

    Yields
    ------
    items : tuple, one per lane

    Notes
    -----
    Threads end and files close when the iterator is exhausted, closed or garbage-collected, also when the
    reader stops early or raises. What a lane raises is raised here.

    Examples
    --------
    >>> list(read_ahead(["ab", "c"], [[True, False], [True, True]]))
    [('a', None), ('b', 'c')]
    """
    running = [_Lane(lane, depth) for lane in lanes]
    try:
        for row in wanted:
            yield tuple(lane.take() if want else None for lane, want in zip(running, row, strict=True))
    finally:
        for lane in running:
            lane.stop()
