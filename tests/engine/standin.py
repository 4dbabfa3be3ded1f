"""A stand-in for the module `ray`: workers live in this process, and are lost when a test says so."""

from collections.abc import Callable
from functools import partial
from types import SimpleNamespace
from typing import Any

from ray import exceptions


class Standin:
    """What the engine calls of Ray. A call is made when its result is asked for, the one sent last first.

    Args:
        workers: how many there is room for. claims: how many the cluster says; those above `workers` never come.
        before: called before each call with the worker's number, the method and its arguments; may raise.
    """

    exceptions = exceptions

    def __init__(self, *, workers: int, before: Callable[..., None] = lambda *call: None, claims: int = 0) -> None:
        self.workers, self.before, self.claims = workers, before, claims or workers
        self.made = 0
        self.sent = set[Any]()
        self.most_sent = 0

    def cluster_resources(self) -> dict[str, float]:
        return {"CPU": float(self.claims)}

    def put(self, value: Any) -> Any:
        return value

    def wait(self, calls: list[Any], *, num_returns: int, timeout: float | None) -> tuple[list[Any], list[Any]]:
        able = [call for call in reversed(calls) if call.args[0] < self.workers]
        ready = able[:num_returns]
        return ready, [call for call in calls if call not in ready]

    def get(self, call: Any) -> Any:
        self.sent.discard(call)
        return call()

    def remote(self, **options: Any) -> Callable[[type], Any]:
        return lambda actor: SimpleNamespace(remote=partial(self._make, actor))

    def _make(self, actor: type, *given: Any) -> Any:
        self.made += 1
        own = actor(*given)
        methods = ("versions", "prepare", "start", "do", "note", "read")
        return SimpleNamespace(
            **{name: SimpleNamespace(remote=partial(self._send, self.made - 1, own, name)) for name in methods}
        )

    def _send(self, number: int, actor: Any, name: str, *given: Any) -> Any:
        call = partial(self._call, number, actor, name, given)
        if name == "do":
            self.sent.add(call)
            self.most_sent = max(self.most_sent, len(self.sent))
        return call

    def _call(self, number: int, actor: Any, name: str, given: tuple[Any, ...]) -> Any:
        self.before(number, name, *given)
        return getattr(actor, name)(*given)
