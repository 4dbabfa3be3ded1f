"""What the engine of many processes does when workers are lost, differ or never come, on a cluster that is made up."""

from collections.abc import Callable
from contextlib import contextmanager
from importlib import util
from pathlib import Path

import pytest
from jobs import Squares

from dp2vl.engine import ray as engine
from dp2vl.engine.ray import IN_FLIGHT, RayEngine
from dp2vl.errors import DP2VLError

if util.find_spec("ray") is None:
    pytest.skip("Ray is not installed", allow_module_level=True)

from ray import exceptions
from standin import Standin

SQUARES = {n: n * n for n in range(9)}


@pytest.fixture(autouse=True)
def join(monkeypatch: pytest.MonkeyPatch):
    """Return a function that makes a stand-in the cluster of the test."""

    def use(cluster: Standin) -> None:
        @contextmanager
        def connected(address: str, workers: int):
            yield cluster

        monkeypatch.setattr(engine, "_cluster", connected)
        monkeypatch.setattr(engine, "_note", lambda board, name: board.note.remote(name)())

    return use


def losses() -> list[exceptions.RayError]:
    return [exceptions.ActorDiedError(), exceptions.OutOfMemoryError("killed for memory"), exceptions.NodeDiedError("")]


@pytest.mark.parametrize("loss", losses(), ids=lambda loss: type(loss).__name__)
@pytest.mark.parametrize("method", ["do", "start"])
def test_whatever_way_a_worker_is_lost_its_items_are_tried_again(
    tmp_path: Path, join, loss: exceptions.RayError, method: str
):
    calls: list[str] = []

    def before(number: int, name: str, *given: object) -> None:
        calls.append(name)
        if name == "do" and calls.count("do") == 3:
            raise exceptions.ActorDiedError()
        if name == method and calls.count("do") >= 3 and loss not in raised:
            raised.append(loss)
            raise loss

    raised: list[object] = []
    join(Standin(workers=2, before=before))
    assert dict(RayEngine().run(Squares(tmp_path), range(9))) == SQUARES
    assert raised == [loss]


def test_a_worker_alone_goes_on_after_an_item_that_kills_it(tmp_path: Path, join):
    def before(number: int, name: str, *given: object) -> None:
        if name == "do" and 1 in given[0]:
            raise exceptions.ActorDiedError()

    join(Standin(workers=1, before=before))
    found = dict(RayEngine().run(Squares(tmp_path), range(9)))
    assert "3 workers died of it" in found.pop(1)
    assert found == {n: square for n, square in SQUARES.items() if n != 1}


def test_a_worker_that_never_comes_back_is_done_without_and_the_last_one_is_an_error(
    tmp_path: Path, join, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(engine, "PATIENCE_S", -1.0)

    def lost(*numbers: int):
        working = list[int]()

        def before(number: int, name: str, *given: object) -> None:
            working.extend([number] if name == "do" else [])
            if number in numbers and number in working:
                raise exceptions.ActorDiedError()

        return before

    join(Standin(workers=2, before=lost(0)))
    assert dict(RayEngine().run(Squares(tmp_path), range(9))) == SQUARES
    join(Standin(workers=2, before=lost(0, 1)))
    with pytest.raises(DP2VLError, match="all workers are lost"):
        list(RayEngine().run(Squares(tmp_path), range(9)))


def test_what_workers_share_outlives_the_worker_that_made_it(tmp_path: Path, join):
    given: list[object] = []
    join(Standin(workers=2, before=lambda number, name, *what: given.extend(what[1:] if name == "start" else ())))
    list(RayEngine().run(Squares(tmp_path), range(9)))
    assert given == ["shared", "shared"], "a worker was given a promise of another worker"


class Sampled(Squares):
    """Looks at numbers for what all workers share, and is lost over those that kill."""

    def prepare(self, without: frozenset[str] = frozenset(), begin: Callable[[str], object] = str) -> str:
        for item in set(map(str, self.looks_at)) - without:
            begin(item)
            if int(item) in self.kills:
                raise exceptions.ActorDiedError()
        return "shared"


def test_what_a_worker_dies_of_is_left_out_of_what_workers_share(tmp_path: Path, join):
    tries: list[frozenset[str]] = []
    join(Standin(workers=2, before=lambda number, name, *given: tries.extend(given[1:2] if name == "prepare" else ())))
    job = Sampled(tmp_path, looks_at=(20, 21, 22, 23), kills=(21, 23))
    assert dict(RayEngine().run(job, range(9))) == SQUARES
    assert tries[-1] == {"21", "23"} and len(tries) == 3


def test_a_worker_that_dies_of_all_it_looks_at_is_an_error_in_the_end(tmp_path: Path, join):
    tries: list[str] = []
    join(Standin(workers=1, before=lambda number, name, *given: tries.append(name)))
    job = Sampled(tmp_path, looks_at=tuple(range(20, 60)), kills=tuple(range(20, 60)))
    with pytest.raises(DP2VLError, match="a worker did not start"):
        list(RayEngine().run(job, range(9)))
    assert tries.count("prepare") == engine.DEADLY + 1


def test_a_worker_lost_before_it_looked_at_anything_is_an_error(tmp_path: Path, join):
    def before(number: int, name: str, *given: object) -> None:
        if name == "prepare":
            raise exceptions.ActorDiedError()

    join(Standin(workers=1, before=before))
    with pytest.raises(DP2VLError, match="a worker did not start"):
        list(RayEngine().run(Squares(tmp_path), range(9)))


@pytest.mark.parametrize("when", ["at the start", "once it came back"])
def test_the_versions_of_every_worker_are_checked(tmp_path: Path, join, monkeypatch: pytest.MonkeyPatch, when: str):
    now: list[tuple[int, str]] = []
    real = engine.versions

    class Differs(engine._Actor):
        def versions(self) -> dict[str, str]:
            back = (1, "do") in now
            return real() | (
                {"opencv-python-headless": "1.0"} if now[-1][0] == 1 and back == (when != "at the start") else {}
            )

    def before(number: int, name: str, *given: object) -> None:
        now.append((number, name))
        if name == "do" and number == 1:
            raise exceptions.ActorDiedError()

    monkeypatch.setattr(engine, "_Actor", Differs)
    join(Standin(workers=2, before=before))
    with pytest.raises(DP2VLError, match=r"opencv-python-headless 1\.0, not"):
        list(RayEngine().run(Squares(tmp_path), range(9)))
    assert ((1, "start") in now) == (when != "at the start"), "it was given work before it was asked"


def test_a_cluster_without_room_is_one_line_within_a_time(tmp_path: Path, join):
    join(Standin(workers=1, claims=3))
    with pytest.raises(DP2VLError, match="room for 1 of 3 workers") as error:
        list(RayEngine().run(Squares(tmp_path), range(9)))
    assert "--workers" in error.value.hint and "\n" not in str(error.value)


@pytest.mark.parametrize("batch", [1, 4])
def test_no_more_is_sent_or_taken_than_workers_may_have(tmp_path: Path, join, batch: int):
    cluster = Standin(workers=2)
    join(cluster)
    taken: list[int] = []

    def numbers():
        for n in range(60):
            taken.append(n)
            yield n

    for done, _ in enumerate(RayEngine().run(Squares(tmp_path, batch=batch), numbers()), 1):
        assert len(taken) <= done + 2 * IN_FLIGHT * batch
    assert done == 60 and cluster.most_sent == 2 * IN_FLIGHT


def test_a_worker_works_where_the_command_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    here = tmp_path / "here"
    here.mkdir()
    engine._Actor(str(here))
    assert Path.cwd() == here


def test_where_that_folder_is_absent_relative_paths_lead_nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photo.png").touch()
    engine._Actor(str(tmp_path / "absent"))
    assert not Path("photo.png").exists()
    with pytest.raises(FileNotFoundError):
        Path("out").mkdir(parents=True)
