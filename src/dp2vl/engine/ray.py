"""On a Ray cluster: one actor per device keeps what it loaded, items go where there is room, lost ones are retried."""

import os
import socket
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from importlib.metadata import version
from importlib.util import find_spec
from itertools import chain, islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Generic

from dp2vl.engine.job import Item, Job, Result, check_workers
from dp2vl.errors import DP2VLError, UsageError

IN_FLIGHT = 3
"""Batches that an actor has at once: one is worked on, one is read, one is written. No more are sent to it."""
TRIES = 3
"""So many workers may die of an item before it is given up."""
DEADLY = 10
"""So many things that a worker dies of are left out of what all workers share."""
CONNECT_S, CHECK_S = 1.5, 8.0
"""How long to wait for a connection, and for the cluster's answer: most of the second goes into importing Ray."""
ROOM_S = 120.0
"""How long to wait for room: a cluster may be full of other programs' workers."""
PATIENCE_S = 600.0
"""How long to wait for a worker to come back."""
SAME = ("dp2vl", "torch", "numpy", "pillow", "pillow-heif", "opencv-python-headless")
"""Packages whose versions decide bytes, so that driver and workers must agree on them."""


class RayEngine:
    """Runs a job on a cluster that is there, or on one of its own that ends with the run and listens on loopback only.

    Workers work in this process's folder, so that relative paths mean the same there.

    Args:
        address: `host:port` of a cluster's head, `auto` on a machine of one, or empty for one of our own. A program
            that has called `ray.init` keeps the cluster that it has.
        workers: how many actors; 0 for one per GPU, or one per CPU where there are none or `gpus` is false.
        gpus: whether actors may take GPUs.

    Raises:
        DP2VLError: Ray is not installed.
    """

    def __init__(self, *, address: str = "", workers: int = 0, gpus: bool = True) -> None:
        if find_spec("ray") is None:
            raise DP2VLError("Ray is not installed", 'pip install "dp2vl[ray]"')
        if address.startswith("ray://"):
            hint = "run the command on a machine of the cluster (`ray job submit`) with --address auto"
            raise UsageError(f"expected the address of a cluster, host:port or auto, got {address}", hint)
        self.address, self.workers, self.gpus = address, check_workers(workers), gpus

    def run(self, job: Job[Item, Result], items: Iterable[Item]) -> Iterator[Result]:
        """Yield one result per item as it is done, in no order; see `Engine`.

        Raises:
            DP2VLError: the cluster cannot be reached or has no room, a worker runs other versions, or all workers are
                lost; what the job raises.
        """
        waiting = iter(items)
        first = next(waiting, None)
        if first is None:
            return
        with _cluster(self.address, self.workers) as ray:
            yield from _Dispatch(ray, job, self._seats(ray, job), chain([first], waiting)).run()

    def _seats(self, ray: Any, job: Any) -> "list[_Seat]":
        """Return actors that have loaded what they need."""
        have = ray.cluster_resources()
        on_gpu = self.gpus and have.get("GPU", 0) >= 1
        room = int(have.get("GPU" if on_gpu else "CPU", 1))
        if self.workers > room:  # Ray would wait for room that may never come
            raise UsageError(f"expected at most {room} workers, got {self.workers}", "0 stands for as many as fit")
        count = self.workers or room
        # Actors come back after a crash; what they had in flight is ours to retry.
        options = {"num_cpus": 1, "num_gpus": int(on_gpu), "max_restarts": -1, "max_concurrency": IN_FLIGHT}
        make = ray.remote(**options)(_Actor)
        seats = [_Seat(make.remote(str(Path.cwd()))) for _ in range(count)]
        try:
            _check_room(ray, seats)
            for seat in seats:
                check_versions(ray.get(seat.said))
            sent = ray.put(job)
            # Kept here and not where it was made: the machine of the first worker may be lost.
            shared = ray.put(_prepare(ray, seats[0], sent))
            for seat in seats:
                seat.start(sent, shared)
            for seat in seats:
                seat.settle(ray)
        except ray.exceptions.RayTaskError as error:
            raise _cause(error) from None
        except ray.exceptions.RayError as error:
            hint = "check that the same dp2vl is installed on every machine of the cluster, and its memory"
            raise DP2VLError(f"a worker did not start: {_first_line(error)}", hint) from error
        return seats


def _prepare(ray: Any, seat: "_Seat", job: Any) -> Any:
    """Return what workers share; without what the worker looked at whenever it died, a few times."""
    without: frozenset[str] = frozenset()
    board = ray.remote(num_cpus=0)(_Board).remote()
    while True:
        try:
            return ray.get(seat.actor.prepare.remote(job, without, board))
        except ray.exceptions.RayTaskError:
            raise
        except ray.exceptions.RayError:
            looked_at = ray.get(board.read.remote())
            if looked_at in {"", *without} or len(without) == DEADLY:
                raise
            without |= {looked_at}


def _check_room(ray: Any, seats: "list[_Seat]") -> None:
    """Raise a `DP2VLError` unless all actors are there in time: Ray counts room that others hold, and waits for it."""
    there, waiting = ray.wait([seat.said for seat in seats], num_returns=len(seats), timeout=ROOM_S)
    if waiting:
        hint = "end what else runs there, or ask for fewer with --workers"
        raise DP2VLError(f"the cluster had room for {len(there)} of {len(seats)} workers in {ROOM_S:.0f} s", hint)


def versions() -> dict[str, str]:
    """Return the versions, in this process, of what decides bytes."""
    return {"python": ".".join(map(str, sys.version_info[:2])), **{name: version(name) for name in SAME}}


def check_versions(theirs: dict[str, str]) -> None:
    """Raise a `DP2VLError` if a worker has other versions than this process."""
    other = [f"{name} {theirs.get(name)}, not {own}" for name, own in versions().items() if theirs.get(name) != own]
    if other:
        raise DP2VLError(f"a worker runs {'; '.join(other)}", "install the same versions on every machine")


class _Actor:
    """A worker's process. Several threads call `do`: while one works, the others read and write."""

    def __init__(self, folder: str) -> None:
        _stand_in(folder)
        self.worker: Any = None
        self.working = threading.Lock()

    def versions(self) -> dict[str, str]:
        return versions()

    def prepare(self, job: Any, without: frozenset[str], board: Any) -> Any:
        return job.prepare(without, partial(_note, board))

    def start(self, job: Any, shared: Any) -> int:
        """Return how many items are worked on at once."""
        self.worker = job.start(shared)
        return int(self.worker.batch)

    def do(self, items: list[Any]) -> list[Any]:
        worker = self.worker
        found = [worker.read(item) for item in items]
        with self.working:
            made = worker.work(items, found)
        del found
        return [worker.write(*each) for each in zip(items, made, strict=True)]


class _Board:
    """Holds what a worker looks at, and outlives it."""

    def __init__(self) -> None:
        self.name = ""

    def note(self, name: str) -> None:
        self.name = name

    def read(self) -> str:
        return self.name


def _note(board: Any, name: str) -> None:
    import ray

    ray.get(board.note.remote(name))  # written down before the worker looks at it


def _stand_in(folder: str) -> None:
    """Work in `folder`. Where this machine has none, relative paths lead nowhere, and not into a folder of Ray's."""
    try:
        os.chdir(folder)
    except OSError:
        with TemporaryDirectory() as gone:
            os.chdir(gone)


class _Seat:
    """An actor, what it starts with, and what is in flight there."""

    def __init__(self, actor: Any) -> None:
        self.actor, self.flying, self.alone, self.batch = actor, 0, False, 1
        self.given: tuple[Any, ...] = ()
        self.said, self.back, self.lost_s = actor.versions.remote(), None, 0.0

    def start(self, *given: Any) -> None:
        """Let the actor say its versions and load what it needs, by default what it was given before.

        Where it has died, Ray holds the calls until it has started it anew, maybe on another machine.
        """
        self.given = given or self.given
        self.said, self.back = self.actor.versions.remote(), self.actor.start.remote(*self.given)

    def settle(self, ray: Any) -> None:
        """Return once the actor has loaded what it needs; raise a `DP2VLError` if it has other versions."""
        check_versions(ray.get(self.said))
        self.batch, self.back = ray.get(self.back), None

    def has_room(self, *, alone: bool) -> bool:
        """Return whether a batch may go there; `alone` if it may not have company."""
        return self.back is None and not self.alone and self.flying < (1 if alone else IN_FLIGHT)


class _Dispatch(Generic[Item, Result]):
    """Hands items out and collects results. An item that was in flight when its actor died is suspect: it is tried
    again without company, so that the innocent are told from the one that kills."""

    def __init__(self, ray: Any, job: Job[Item, Result], seats: list[_Seat], items: Iterator[Item]) -> None:
        self.ray, self.job, self.seats, self.items = ray, job, seats, items
        self.flying: dict[Any, tuple[_Seat, list[Item], int]] = {}
        self.suspects: deque[tuple[Item, int]] = deque()

    def run(self) -> Iterator[Result]:
        while True:
            for seat in self.seats:
                self._fill(seat)
            if not self.flying and not self._any_left():
                return
            back = {seat.back: seat for seat in self.seats if seat.back is not None}
            ready = self._wait_for([*self.flying, *back])
            if ready in back:
                self._welcome(back[ready])
            else:
                yield from self._collect(ready)

    def _any_left(self) -> bool:
        """Return whether an item waits for a worker."""
        following = list(islice(self.items, 1))
        self.items = chain(following, self.items)
        return bool(following or self.suspects)

    def _wait_for(self, things: list[Any]) -> Any:
        timeout = None if self.flying else PATIENCE_S
        ready = self.ray.wait(things, num_returns=1, timeout=timeout)[0] if things else []
        if not ready:
            raise DP2VLError("all workers are lost", "look at the cluster, then run the same command again")
        return ready[0]

    def _fill(self, seat: _Seat) -> None:
        while self.suspects and seat.has_room(alone=True):
            item, tries = self.suspects.popleft()
            self._send(seat, [item], tries)
        while seat.has_room(alone=False):
            batch = list(islice(self.items, seat.batch))
            if not batch:
                return
            self._send(seat, batch, 0)

    def _send(self, seat: _Seat, batch: list[Item], tries: int) -> None:
        seat.flying, seat.alone = seat.flying + 1, tries > 0
        self.flying[seat.actor.do.remote(batch)] = (seat, batch, tries)

    def _collect(self, done: Any) -> Iterator[Result]:
        seat, batch, tries = self.flying.pop(done)
        seat.flying, seat.alone = seat.flying - 1, False
        try:
            yield from self.ray.get(done)
        except self.ray.exceptions.RayTaskError as error:
            raise _cause(error) from None
        except self.ray.exceptions.RayError as error:  # the worker, its machine or what it sent is lost
            if seat.back is None:
                seat.lost_s = time.monotonic()
                seat.start()
            for item in batch:
                if tries + 1 < TRIES:
                    self.suspects.append((item, tries + 1))
                else:
                    yield self.job.give_up(item, f"{TRIES} workers died of it: {_first_line(error)}")

    def _welcome(self, seat: _Seat) -> None:
        try:
            seat.settle(self.ray)
        except self.ray.exceptions.RayTaskError as error:
            raise _cause(error) from None
        except self.ray.exceptions.RayError:
            if time.monotonic() - seat.lost_s > PATIENCE_S:
                self.seats.remove(seat)
            else:
                seat.start()


@contextmanager
def _cluster(address: str, workers: int) -> Iterator[Any]:
    """Give the `ray` module, connected; disconnect, or end a cluster of our own, when the block ends."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    if "ray" in sys.modules and sys.modules["ray"].is_initialized():  # by the program that calls us
        yield sys.modules["ray"]
        return
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
    if address:
        _check_address(address)
        import ray

        try:
            ray.init(address=address, **quiet)
        except (ConnectionError, RuntimeError, ValueError) as error:
            raise DP2VLError(f"no Ray cluster at {address}: {_first_line(error)}", "check --address") from error
    else:
        # Ray's own switch for machines that stand alone: its servers listen on 127.0.0.1 and nowhere else.
        os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
        import ray

        ray._private.ray_constants.ENABLE_RAY_CLUSTER = False  # in case the program has imported Ray before
        ray.init(address="local", num_cpus=workers or None, include_dashboard=False, **quiet)
    try:
        yield ray
    finally:
        ray.shutdown()


def _check_address(address: str) -> None:
    """Raise a `DP2VLError` within seconds unless a cluster answers; Ray itself tries for minutes."""
    if address == "auto":
        address = os.environ.get("RAY_ADDRESS") or "auto"  # as Ray does
    host, _, port = address.rpartition(":")
    if address != "auto" and ("/" in host or not host or not port.isdecimal()):
        raise UsageError(f"expected the address of a cluster, host:port or auto, got {address!r}", "check --address")
    try:
        if address != "auto":
            socket.create_connection((host, int(port)), timeout=CONNECT_S).close()
        # A command of its own, as it can be ended: something else may listen there and never answer.
        command = [sys.executable, "-m", "ray.scripts.scripts", "health-check", "--address", address]
        subprocess.run(command, check=True, capture_output=True, timeout=CHECK_S)
    except (OSError, OverflowError, subprocess.SubprocessError) as error:
        hint = "check --address, that the cluster runs (`ray status`), and that its token is here (RAY_AUTH_TOKEN)"
        raise DP2VLError(f"no Ray cluster answers at {address}", hint) from error


def _cause(error: Any) -> BaseException:
    """Return what a worker raised, if it is an error for people, otherwise Ray's with the worker's traceback."""
    return error.cause if isinstance(error.cause, DP2VLError) else error


def _first_line(error: BaseException) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)
