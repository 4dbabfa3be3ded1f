"""What an engine runs, and what every engine does with it."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any, NamedTuple, Protocol, TypeVar

from dp2vl.errors import UsageError

Item = TypeVar("Item")
Result = TypeVar("Result")
TakenItem = TypeVar("TakenItem", contravariant=True)
MadeResult = TypeVar("MadeResult", covariant=True)


class Lanes(NamedTuple):
    """How many calls of a worker's parts may run at once."""

    work: int
    write: int


class Worker(Protocol[TakenItem, MadeResult]):
    """Does items in three parts, so that the next are read and the last are written meanwhile.

    A part of one item may run in another thread than a part of another, at the same time. What may go wrong with one
    item is a result; an exception stops the whole job.

    Attributes:
        batch: how many items `work` is given at once, at most; may become less as it goes.
    """

    batch: int

    def share_cores(self) -> AbstractContextManager[Lanes]:
        """Return what holds as long as one process does all parts, and gives on entry how many at once suit it.

        Whoever does not enter it calls `work` once at a time.
        """
        ...

    def stop(self) -> None:
        """Make calls of `work` that run raise something soon: nobody waits for them any more."""
        ...

    def read(self, item: TakenItem) -> Any:
        """Return what `work` needs of an item."""
        ...

    def work(self, items: Sequence[TakenItem], found: Sequence[Any]) -> Sequence[Any]:
        """Return what `write` needs of each item, from what `read` found of each."""
        ...

    def write(self, item: TakenItem, made: Any) -> MadeResult:
        """Keep what was made, and return what became of the item."""
        ...


class Job(Protocol[TakenItem, MadeResult]):
    """Work on many items; can be pickled, so that workers may be in other processes."""

    def prepare(self, without: frozenset[str] = frozenset(), begin: Callable[[str], object] = str) -> Any:
        """Return what all workers share; called where a worker is, again if that one was lost over it.

        Args:
            without: what it leaves out, as a worker did not survive it.
            begin: called with the name of each thing before it is looked at.
        """
        ...

    def start(self, shared: Any) -> Worker[TakenItem, MadeResult]:
        """Return a worker; called once per process that works, which keeps what it loads."""
        ...

    def give_up(self, item: TakenItem, reason: str) -> MadeResult:
        """Return the result of an item that workers did not survive."""
        ...


class Engine(Protocol):
    """Runs a job. Results are the same whichever engine and however many workers; their order may differ."""

    def run(self, job: Job[Item, Result], items: Iterable[Item]) -> Iterator[Result]:
        """Yield one result per item as soon as it is there; few items are taken ahead of that."""
        ...


def check_workers(count: int) -> int:
    """Return `count`; raise a `UsageError` if it is below 0."""
    if count < 0:
        raise UsageError(f"expected 0 workers or more, got {count}", "0 stands for as many as suit the machine")
    return count
