"""The engine of one process: the next is read and the last is written while one is worked on, and no more."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from jobs import Slow, Squares

from dp2vl.engine.local import AHEAD, BEHIND, LocalEngine


class Kept(Squares):
    """Keeps its worker, so that a test can look at it."""

    def start(self, shared: str) -> Slow:
        object.__setattr__(self, "worker", Slow(self))
        return self.worker


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
def test_few_items_are_taken_ahead_of_results(tmp_path: Path, batch: int):
    taken: list[int] = []

    def numbers() -> Iterator[int]:
        for n in range(50):
            taken.append(n)
            yield n

    for done, _ in enumerate(LocalEngine().run(Squares(tmp_path, batch=batch), numbers()), 1):
        assert len(taken) <= done + batch * (AHEAD + BEHIND + 1)


def test_an_exception_stops_the_job_and_names_its_cause(tmp_path: Path):
    results = LocalEngine().run(Squares(tmp_path), [1, 2, -1, 3])
    assert next(results) == (1, 1)
    with pytest.raises(ValueError, match="from 0 on"):
        list(results)
    assert not (tmp_path / "3.txt").exists()
