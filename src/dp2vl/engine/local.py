"""In this process: one thread reads ahead, this one works, one writes behind."""

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import chain, islice
from typing import Any

from dp2vl.engine.job import Item, Job, Result

AHEAD = 1
"""Batches that are read before their turn."""
BEHIND = 2
"""Batches that may wait to be written: a slow disk holds the work up only then, and memory stays bounded."""


class LocalEngine:
    """Works in the caller's thread, so that an interrupt is heard at once. Results come in the order of the items."""

    def run(self, job: Job[Item, Result], items: Iterable[Item]) -> Iterator[Result]:
        """Yield one result per item; see `Engine`."""
        waiting = iter(items)
        first = list(islice(waiting, 1))
        if not first:
            return
        worker = job.start(job.prepare())
        coming = chain(first, waiting)
        with (
            worker.share_cores(),
            ThreadPoolExecutor(1, "read") as reader,
            ThreadPoolExecutor(1, "write") as writer,
        ):
            reading: deque[tuple[Item, Future[Any]]] = deque()
            writing: deque[Future[Result]] = deque()

            def read_ahead(count: int) -> None:
                for item in islice(coming, max(0, count - len(reading))):
                    reading.append((item, reader.submit(worker.read, item)))

            try:
                read_ahead(worker.batch)
                while reading:
                    taken = [reading.popleft() for _ in range(min(worker.batch, len(reading)))]
                    read_ahead(AHEAD * worker.batch)
                    try:
                        found = [read.result() for _, read in taken]
                        made = worker.work([item for item, _ in taken], found)
                    except Exception:  # what is done already counts
                        yield from (behind.result() for behind in writing)
                        raise
                    writing += [writer.submit(worker.write, item, m) for (item, _), m in zip(taken, made, strict=True)]
                    del taken, found, made  # or what was read of some stays in memory while the next are worked on
                    while writing and (writing[0].done() or len(writing) > BEHIND * worker.batch):
                        yield writing.popleft().result()
                while writing:
                    yield writing.popleft().result()
            finally:
                for _, read in reading:
                    read.cancel()
