"""In this process: one thread reads ahead, some work, some write behind."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from itertools import chain, islice
from typing import Any, TypeAlias, TypeVar

from dp2vl.engine.job import Item, Job, Result, check_workers

Done = TypeVar("Done")
Worked: TypeAlias = Future[list[Future[Result]]]
"""A batch that is worked on, then its items that are written."""
AHEAD = 1
"""Batches that are read before their turn."""
BEHIND = 2
"""Batches that may wait to be written: a slow disk holds the work up only then, and memory stays bounded."""


class LocalEngine:
    """Works on as many items at once as suit the worker. Results come in the order of the items.

    Where that is one, it is done in the caller's thread, so that an interrupt is heard at once; else the next step of
    a work hears it.

    Args:
        workers: how many items are worked on at once, at most; 0 for as many as suit the worker.

    Raises:
        UsageError: `workers` is below 0.
    """

    def __init__(self, *, workers: int = 0) -> None:
        self.workers = check_workers(workers)

    def run(self, job: Job[Item, Result], items: Iterable[Item]) -> Iterator[Result]:
        """Yield one result per item; see `Engine`."""
        waiting = iter(items)
        first = list(islice(waiting, 1))
        if not first:
            return
        worker = job.start(job.prepare())
        coming = chain(first, waiting)
        with worker.share_cores() as suits:
            lanes = min(suits.work, self.workers or suits.work)
            with (
                ThreadPoolExecutor(1, "read") as reader,
                ThreadPoolExecutor(suits.write, "write") as writer,
                ThreadPoolExecutor(lanes, "work") if lanes > 1 else _InThisThread() as workers,
            ):
                reading: deque[tuple[Item, Future[Any]]] = deque()
                working: deque[Worked[Result]] = deque()
                failures: list[Exception] = []

                def read_ahead(count: int) -> None:
                    for item in islice(coming, max(0, count - len(reading))):
                        reading.append((item, reader.submit(worker.read, item)))

                def work(taken: list[tuple[Item, Future[Any]]]) -> list[Future[Result]]:
                    items, reads = zip(*taken, strict=True)
                    taken.clear()  # or what was read of some stays in memory while the next are worked on
                    made = worker.work(items, [read.result() for read in reads])
                    del reads
                    return [writer.submit(worker.write, *each) for each in zip(items, made, strict=True)]

                try:
                    read_ahead(worker.batch)
                    while reading and not failures and not any(map(_has_failed, working)):
                        taken = [reading.popleft() for _ in range(min(worker.batch, len(reading)))]
                        read_ahead(AHEAD * worker.batch)
                        working.append(workers.submit(work, taken))
                        while working and (_is_written(working[0]) or len(working) >= lanes + BEHIND):
                            yield from _results(working.popleft(), failures)
                    while working:  # after an exception, too: what is done counts
                        yield from _results(working.popleft(), failures)
                    if failures:
                        raise failures[0]
                finally:
                    worker.stop()
                    for future in (*working, *(read for _, read in reading)):
                        future.cancel()


def _has_failed(worked: "Worked[Result]") -> bool:
    return worked.done() and worked.exception() is not None


def _is_written(worked: "Worked[Result]") -> bool:
    return worked.done() and (_has_failed(worked) or all(written.done() for written in worked.result()))


def _results(worked: "Worked[Result]", failures: list[Exception]) -> Iterator[Result]:
    """Yield what became of a batch, once that is known; exceptions go to `failures`."""
    try:
        batch = worked.result()
    except Exception as error:
        failures.append(error)
        return
    for written in batch:
        try:
            result = written.result()
        except Exception as error:
            failures.append(error)
        else:
            yield result


class _InThisThread(Executor):
    """Does what it is given at once, in the caller's thread."""

    def submit(self, work: Callable[..., Done], /, *args: Any, **kwargs: Any) -> "Future[Done]":
        future = Future[Done]()
        try:
            future.set_result(work(*args, **kwargs))
        except Exception as error:  # not an interrupt
            future.set_exception(error)
        return future
