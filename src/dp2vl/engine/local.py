"""In this process: one thread reads ahead, this one works, one writes behind."""

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice

from dp2vl.engine.job import Item, Job, Result

AHEAD = 1
"""Items that are read before their turn."""
BEHIND = 2
"""Items that may wait to be written: a slow disk holds the work up only then, and memory stays bounded."""


class LocalEngine:
    """Works in the caller's thread, so that an interrupt is heard at once. Results come in the order of the items."""

    def run(self, job: Job[Item, Result], items: Iterable[Item]) -> Iterator[Result]:
        """Yield one result per item; see `Engine`."""
        waiting = iter(items)
        coming = deque(islice(waiting, 1))
        if not coming:
            return
        worker = job.start(job.prepare())
        with ThreadPoolExecutor(1, "read") as reader, ThreadPoolExecutor(1, "write") as writer:
            reading = deque((item, reader.submit(worker.read, item)) for item in coming)
            writing: deque[Future[Result]] = deque()
            try:
                while reading:
                    item, found = reading.popleft()
                    for following in islice(waiting, AHEAD - len(reading)):
                        reading.append((following, reader.submit(worker.read, following)))
                    try:
                        made = worker.work(item, found.result())
                    except Exception:  # what is done already counts
                        yield from (behind.result() for behind in writing)
                        raise
                    del found  # or what was read of one item stays in memory while the next is worked on
                    writing.append(writer.submit(worker.write, item, made))
                    del made
                    while writing and (writing[0].done() or len(writing) > BEHIND):
                        yield writing.popleft().result()
                while writing:
                    yield writing.popleft().result()
            finally:
                for _, read in reading:
                    read.cancel()
