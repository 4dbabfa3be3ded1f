"""The engine of one process: the next is read and the last is written while one is worked on, and no more."""

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from jobs import ONE, Slow, Squarer, Squares

from dp2vl.engine.job import Lanes
from dp2vl.engine.local import AHEAD, BEHIND, LEAD, LocalEngine

THREE = Lanes(work=3, write=1)


class Kept(Squares):
    """Keeps its worker, so that a test can look at it."""

    def start(self, shared: str) -> Slow:
        object.__setattr__(self, "worker", Slow(self))
        return self.worker


class Does(Squarer):
    """Calls a function before it works on an item."""

    def __init__(self, job: Squares, before: Callable[[int], object]) -> None:
        super().__init__(job)
        self.before = before

    def work(self, items: list[int], found: list[int]) -> list[int]:
        for item in items:
            self.before(item)
        return super().work(items, found)


def job_that(folder: Path, before: Callable[[int], object]) -> Squares:
    """Return a job that would do three items at once, and calls `before` with each."""

    class Job(Squares):
        def start(self, shared: str) -> Does:
            object.__setattr__(self, "worker", Does(self, before))
            return self.worker

    return Job(folder, lanes=THREE)


def test_every_item_has_one_result_in_order(tmp_path: Path):
    assert list(LocalEngine().run(Squares(tmp_path), range(7))) == [(n, n * n) for n in range(7)]
    assert (tmp_path / "prepared").read_text() == "x"


def test_a_worker_that_takes_several_gets_several_and_every_item_has_its_result(tmp_path: Path):
    job = Kept(tmp_path, batch=3)
    assert [n for n, _ in LocalEngine().run(job, range(8))] == list(range(8))
    assert job.worker.together == [3, 3, 2]


def test_a_worker_may_take_fewer_as_it_goes(tmp_path: Path):
    class Shrinks(Slow):
        def work(self, items: list[int], found: list[int]) -> list[int]:
            self.batch = 2
            return super().work(items, found)

    class Job(Kept):
        def start(self, shared: str) -> Slow:
            object.__setattr__(self, "worker", Shrinks(self))
            return self.worker

    job = Job(tmp_path, batch=4)
    assert [n for n, _ in LocalEngine().run(job, range(9))] == list(range(9))
    assert job.worker.together[0] == 4 and max(job.worker.together[1:]) == 2 and sum(job.worker.together) == 9


def test_nothing_is_loaded_for_nothing_to_do(tmp_path: Path):
    assert list(LocalEngine().run(Squares(tmp_path), [])) == []
    assert not (tmp_path / "prepared").exists()


def test_reading_and_writing_go_on_while_another_item_is_worked_on(tmp_path: Path):
    job = Kept(tmp_path)
    list(LocalEngine().run(job, range(4)))
    times = job.worker.times
    for n in range(1, 3):
        start, end = times["work", n]
        assert times["read", n + 1][0] < end, "the next item was not read ahead"
        assert times["write", n - 1][0] < end and times["write", n - 1][1] > start, "the work waited for writing"


@pytest.mark.parametrize("batch", [1, 4])
@pytest.mark.parametrize("lanes", [ONE, THREE])
def test_few_items_are_taken_ahead_of_results(tmp_path: Path, batch: int, lanes: Lanes):
    taken: list[int] = []

    def numbers() -> Iterator[int]:
        for n in range(50):
            taken.append(n)
            yield n

    for done, _ in enumerate(LocalEngine().run(Squares(tmp_path, batch=batch, lanes=lanes), numbers()), 1):
        assert len(taken) <= done + batch * (AHEAD + BEHIND + (LEAD * lanes.work if lanes == THREE else 1))


def test_an_exception_stops_the_job_and_names_its_cause(tmp_path: Path):
    results = LocalEngine().run(Squares(tmp_path), [1, 2, -1, 3])
    assert next(results) == (1, 1)
    with pytest.raises(ValueError, match="from 0 on"):
        list(results)
    assert not (tmp_path / "3.txt").exists()


def test_as_many_as_suit_the_worker_are_worked_on_at_once_and_results_stay_in_order(tmp_path: Path):
    all_three = threading.Barrier(3, timeout=60)
    job = job_that(tmp_path, lambda item: all_three.wait())
    assert list(LocalEngine().run(job, range(9))) == [(n, n * n) for n in range(9)]


def test_no_more_are_worked_on_at_once_than_asked_for(tmp_path: Path):
    started, most, count = threading.Lock(), list[int](), list[int]()

    def note(item: int) -> None:
        with started:
            count.append(item)
            most.append(len(count))
        time.sleep(0.05)
        count.remove(item)

    assert len(list(LocalEngine(workers=2).run(job_that(tmp_path, note), range(8)))) == 8
    assert max(most) == 2


def test_what_others_do_when_one_fails_counts_and_few_are_begun_after_it(tmp_path: Path):
    all_three = threading.Barrier(3, timeout=60)

    def fail_on_one(item: int) -> None:
        if item < 3:
            all_three.wait()
        if item == 1:
            raise ValueError("broken")

    results = list[int]()
    with pytest.raises(ValueError, match="broken"):
        results += (n for n, _ in LocalEngine().run(job_that(tmp_path, fail_on_one), range(30)))
    assert results[:2] == [0, 2] and len(results) < 9


def test_whoever_wants_no_more_results_ends_the_works_that_run(tmp_path: Path):
    def wait_for_the_end(item: int) -> None:
        assert item == 0 or job.worker.stopped.wait(60)

    job = job_that(tmp_path, wait_for_the_end)
    results = LocalEngine().run(job, range(9))
    assert next(results) == (0, 0)
    results.close()
    assert len(list(tmp_path.glob("*.txt"))) < 9


def test_one_that_takes_long_does_not_stop_the_others(tmp_path: Path):
    others = threading.Semaphore(0)

    def first_waits_for_others(item: int) -> None:
        if item:
            others.release()
        else:
            assert all(others.acquire(timeout=60) for _ in range(BEHIND + 3)), "lanes were idle"

    assert [n for n, _ in LocalEngine().run(job_that(tmp_path, first_waits_for_others), range(9))] == list(range(9))


def test_an_interrupt_waits_for_no_reading_that_nobody_needs(tmp_path: Path):
    read = list[int]()

    class Reads(Does):
        def read(self, item: int) -> int:
            read.append(item)
            time.sleep(0.05)
            return super().read(item)

    class Job(Squares):
        def start(self, shared: str) -> Squarer:
            return Reads(self, lambda item: None)

    def numbers() -> Iterator[int]:
        yield from range(20)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(LocalEngine().run(Job(tmp_path, lanes=Lanes(work=20, write=1)), numbers()))
    assert len(read) < 20
