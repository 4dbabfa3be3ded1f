"""Jobs of numbers for tests of engines; a module of its own, as workers in other processes import it."""

import os
import signal
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dp2vl.engine.job import Lanes

ONE = Lanes(work=1, write=1)


@dataclass(frozen=True)
class Squares:
    """Squares numbers, and leaves a file per number that was written, with how often.

    Args:
        folder: for the files. batch, lanes: of a worker.
        kills: numbers that a worker does not survive, every time. stumbles: numbers that it does not survive once.
        looks_at: numbers that are looked at for what all workers share.
    """

    folder: Path
    batch: int = 1
    lanes: Lanes = ONE
    kills: tuple[int, ...] = ()
    stumbles: tuple[int, ...] = ()
    looks_at: tuple[int, ...] = ()

    def prepare(self, without: frozenset[str] = frozenset(), begin: Callable[[str], object] = str) -> str:
        for item in self.looks_at:
            if str(item) not in without:
                begin(str(item))
                if item in self.kills:
                    os.kill(os.getpid(), signal.SIGKILL)
        with (self.folder / "prepared").open("a") as file:
            file.write("x")
        return "shared"

    def start(self, shared: str) -> "Squarer":
        assert shared == "shared"
        return Squarer(self)

    def give_up(self, item: int, reason: str) -> tuple[int, str]:
        return item, reason


class Squarer:
    def __init__(self, job: Squares) -> None:
        self.job, self.batch, self.together = job, job.batch, list[int]()
        self.stopped = threading.Event()

    def share_cores(self) -> AbstractContextManager[Lanes]:
        return nullcontext(self.job.lanes)

    def stop(self) -> None:
        self.stopped.set()

    def read(self, item: int) -> int:
        if item < 0:
            raise ValueError("expected a number from 0 on")
        return item

    def work(self, items: list[int], found: list[int]) -> list[int]:
        self.together.append(len(items))
        return [self._square(*each) for each in zip(items, found, strict=True)]

    def _square(self, item: int, found: int) -> int:
        marker = self.job.folder / f"stumbled-{item}"
        if item in self.job.kills or (item in self.job.stumbles and not marker.exists()):
            marker.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return found * found

    def write(self, item: int, made: int) -> tuple[int, Any]:
        with (self.job.folder / f"{item}.txt").open("a") as file:
            file.write("x")
        return item, made


class Slow(Squarer):
    """Notes when each part began and ended."""

    def __init__(self, job: Squares) -> None:
        super().__init__(job)
        self.times: dict[tuple[str, int], tuple[float, float]] = {}

    def read(self, item: int) -> int:
        return self._timed("read", item)

    def work(self, items: list[int], found: list[int]) -> list[int]:
        self.together.append(len(items))
        return [self._timed("work", item) for item in items]

    def write(self, item: int, made: int) -> tuple[int, Any]:
        return item, self._timed("write", item)

    def _timed(self, part: str, item: int) -> int:
        start = time.perf_counter()
        time.sleep(0.05)
        self.times[part, item] = start, time.perf_counter()
        return item
