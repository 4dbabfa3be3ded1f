"""The engine of many processes: lost workers cost nothing, an item that kills them is reported, errors come soon."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib import util
from pathlib import Path

import pytest
from jobs import Squares

from dp2vl.engine import ray as engine
from dp2vl.engine.ray import RayEngine, check_versions, versions
from dp2vl.errors import DP2VLError, UsageError

needs_ray = pytest.mark.skipif(util.find_spec("ray") is None, reason="Ray is not installed")
HERE = str(Path(__file__).parent)


@pytest.fixture(autouse=True)
def workers_find_the_jobs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([HERE, *sys.path]))


@needs_ray
@pytest.mark.slow
def test_lost_workers_cost_nothing_and_an_item_that_kills_them_is_given_up(tmp_path: Path):
    job = Squares(tmp_path, batch=2, kills=(5,), stumbles=(2,), looks_at=(4, 5, 6))
    found = dict(RayEngine(workers=2).run(job, range(12)))
    assert set(found) == set(range(12))
    assert "3 workers died of it" in found.pop(5)
    assert all(made == n * n for n, made in found.items())
    assert not (tmp_path / "5.txt").exists()


@needs_ray
@pytest.mark.slow
def test_a_cluster_of_our_own_listens_on_loopback_only_and_ends_with_the_run(tmp_path: Path):
    results = RayEngine(workers=1).run(Squares(tmp_path), range(3))
    next(results)
    listening = list(_listeners())
    assert listening, "this test must see the servers"
    assert {address for _, address in listening} <= {"127.0.0.1", "::1", "::ffff:127.0.0.1"}
    list(results)
    assert not {pid for pid, _ in listening} & {pid for pid, _ in _listeners()} - {os.getpid()}


def _listeners() -> Iterator[tuple[int, str]]:
    """Yield process and address of every listening socket of processes that descend from this one."""
    import psutil

    for process in [psutil.Process(), *psutil.Process().children(recursive=True)]:
        try:
            connections = process.net_connections("tcp")
        except psutil.Error:
            continue
        yield from ((process.pid, c.laddr.ip) for c in connections if c.status == psutil.CONN_LISTEN)


@needs_ray
@pytest.mark.slow
def test_a_worker_of_other_versions_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    here = versions()
    monkeypatch.setattr(engine, "versions", lambda: here | {"dp2vl": "9.9"})
    with pytest.raises(DP2VLError, match=r"dp2vl .*, not 9\.9"):
        list(RayEngine(workers=1).run(Squares(tmp_path), [1]))


@needs_ray
@pytest.mark.slow
def test_what_a_job_raises_is_raised_here(tmp_path: Path):
    with pytest.raises(ValueError, match="from 0 on"):
        list(RayEngine(workers=1).run(Squares(tmp_path), [-1]))


def test_other_versions_are_told_by_name():
    check_versions(versions())
    with pytest.raises(DP2VLError, match=r"torch 1\.0, not"):
        check_versions(versions() | {"torch": "1.0"})


@needs_ray
def test_an_address_where_nobody_listens_is_an_error_within_seconds(tmp_path: Path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    start = time.monotonic()
    with pytest.raises(DP2VLError, match="no Ray cluster answers") as error:
        list(RayEngine(address=f"127.0.0.1:{port}").run(Squares(tmp_path), [1]))
    assert time.monotonic() - start < 10 and error.value.hint


@needs_ray
@pytest.mark.parametrize("given", ["by address", "by auto"])
def test_an_address_where_something_else_listens_is_an_error_within_seconds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str
):
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        monkeypatch.setenv("RAY_ADDRESS", address if given == "by auto" else "")
        start = time.monotonic()
        with pytest.raises(DP2VLError, match=f"no Ray cluster answers at {address}"):
            list(RayEngine(address="auto" if given == "by auto" else address).run(Squares(tmp_path), [1]))
        assert time.monotonic() - start < 10


@needs_ray
@pytest.mark.parametrize("address", ["nowhere", "host:port", "ray://127.0.0.1:10001"])
def test_an_address_of_another_form_is_a_usage_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, address: str):
    monkeypatch.setenv("RAY_ADDRESS", address)
    for given in (address, "auto"):
        with pytest.raises(UsageError, match="host:port"):
            list(RayEngine(address=given).run(Squares(tmp_path), [1]))


def test_without_ray_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(engine, "find_spec", lambda name: None)
    with pytest.raises(DP2VLError) as error:
        RayEngine()
    assert "dp2vl[ray]" in error.value.hint


@needs_ray
def test_a_run_of_nothing_starts_no_cluster(tmp_path: Path):
    code = (
        "import sys; from dp2vl.engine.ray import RayEngine; from jobs import Squares; from pathlib import Path\n"
        "print(list(RayEngine().run(Squares(Path('.')), [])), 'ray' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=HERE)
    assert run.stdout.strip() == "[] False", run.stderr


@needs_ray
def test_fewer_workers_than_none_are_a_usage_error():
    with pytest.raises(UsageError, match="0 workers or more"):
        RayEngine(workers=-1)
