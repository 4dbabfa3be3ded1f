"""In this process: one thread reads ahead, some work, some write behind."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ThreadPoolExecutor, wait
from itertools import chain, islice
from typing import Any, Generic, TypeVar

from dp2vl.engine.job import Item, Job, Result, Worker, check_workers

Done = TypeVar("Done")
AHEAD = 1
"""Batches that are read before their turn."""
BEHIND = 2
"""Batches that may wait to be written: a slow disk holds the work up only then, and memory stays bounded."""
LEAD = 2
"""Batches per lane that may be done before the one whose turn it is: a large photo does not stop the others."""


class LocalEngine:
    """Works on as many items at once as suit the worker. Results come in the order of the items.

    Where that is one, it is done in the caller's thread, so that an interrupt is heard at once; else works are told to
    stop, and waited for.

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
                try:
                    yield from _Line(worker, coming, lanes, reader, workers, writer).run()
                finally:
                    worker.stop()
                    reader.shutdown(wait=False, cancel_futures=True)


class _Line(Generic[Item, Result]):
    """Items on their way through the three parts, each done by an executor of its own."""

    def __init__(
        self,
        worker: Worker[Item, Result],
        coming: Iterator[Item],
        lanes: int,
        reader: Executor,
        workers: Executor,
        writer: Executor,
    ) -> None:
        self.worker, self.coming, self.lanes = worker, coming, lanes
        self.reader, self.workers, self.writer = reader, workers, writer
        self.reading: deque[tuple[Item, Future[Any]]] = deque()
        self.begun: deque[_Batch[Result]] = deque()
        self.failures: list[Exception] = []

    def run(self) -> Iterator[Result]:
        """Yield results in the order of the items; raise the first exception after all that is done."""
        self._read_ahead(self.worker.batch)
        while self.reading and not self.failures and not any(batch.has_failed for batch in self.begun):
            self._begin()
            while self.begun and (self.begun[0].is_done or not self._has_room()):
                if self.begun[0].is_done:
                    yield from self.begun.popleft().results(self.failures)
                else:
                    wait([future for batch in self.begun for future in batch.coming], return_when=FIRST_COMPLETED)
        while self.begun:
            yield from self.begun.popleft().results(self.failures)
        if self.failures:
            raise self.failures[0]

    def _read_ahead(self, count: int) -> None:
        for item in islice(self.coming, max(0, count - len(self.reading))):
            self.reading.append((item, self.reader.submit(self.worker.read, item)))

    def _begin(self) -> None:
        taken = [self.reading.popleft() for _ in range(min(self.worker.batch, len(self.reading)))]
        self._read_ahead(AHEAD * self.worker.batch)
        self.begun.append(_Batch(self.workers.submit(self._work, taken)))

    def _work(self, taken: list[tuple[Item, Future[Any]]]) -> list[Future[Result]]:
        items, reads = zip(*taken, strict=True)
        taken.clear()  # or what was read of some stays in memory while the next are worked on
        made = self.worker.work(items, [read.result() for read in reads])
        del reads
        return [self.writer.submit(self.worker.write, *each) for each in zip(items, made, strict=True)]

    def _has_room(self) -> bool:
        """Return whether another batch may begin: a lane is free, and little waits to be written or for its turn."""
        worked_on = sum(not batch.worked.done() for batch in self.begun)
        written = sum(len(batch.coming) for batch in self.begun if batch.worked.done())
        few = written <= BEHIND * self.worker.batch and len(self.begun) < LEAD * self.lanes + BEHIND
        return worked_on < self.lanes and few


class _Batch(Generic[Result]):
    """Items that are worked on together, and then written one by one."""

    def __init__(self, worked: Future[list[Future[Result]]]) -> None:
        self.worked = worked

    @property
    def coming(self) -> list[Future[Any]]:
        """What is not done yet: the work, or else the items that are to be written."""
        if not self.worked.done():
            return [self.worked]
        return [] if self.has_failed else [written for written in self.worked.result() if not written.done()]

    @property
    def has_failed(self) -> bool:
        return self.worked.done() and self.worked.exception() is not None

    @property
    def is_done(self) -> bool:
        return not self.coming

    def results(self, failures: list[Exception]) -> Iterator[Result]:
        """Yield what became of each item, once that is known; exceptions go to `failures`."""
        try:
            batch = self.worked.result()
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
