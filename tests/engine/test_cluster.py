"""A cluster that is there already, started in another folder: the same album comes back, whoever dies meanwhile."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from importlib import util
from pathlib import Path

import psutil
import pytest
import torch

import dp2vl
from album_tools import digests, write_album, write_tower
from dp2vl.engine import ray as engine
from dp2vl.types import Outcome

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(util.find_spec("ray") is None, reason="Ray is not installed"),
]
START_S = 180


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a cluster of two cores on loopback, which works in a folder of its own."""
    port = _free_port()
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path]),
        "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # its servers listen on loopback
        "RAY_AUTH_MODE": "disabled",
        "RAY_USAGE_STATS_ENABLED": "0",
        "OMP_NUM_THREADS": "1",
    }
    with tempfile.TemporaryDirectory(
        dir="/tmp", prefix="ray", ignore_cleanup_errors=True
    ) as state:  # short, for sockets
        command = [
            sys.executable, "-m", "ray.scripts.scripts", "start", "--head", "--block", "--node-ip-address=127.0.0.1",
            f"--port={port}", "--dashboard-agent-listen-port=0", "--num-cpus=2", "--include-dashboard=false",
            f"--temp-dir={state}", "--min-worker-port=0", "--max-worker-port=0",
        ]  # fmt: skip
        head = subprocess.Popen(
            command, cwd=tmp_path_factory.mktemp("elsewhere"), env=environment, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
        processes = psutil.Process(head.pid)
        try:
            _wait_until_it_answers(f"127.0.0.1:{port}", head)
            yield f"127.0.0.1:{port}"
        finally:
            everyone = [head, *(processes.children(recursive=True) if head.poll() is None else ())]
            head.send_signal(signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                head.wait(10)
            for process in everyone:
                with suppress(psutil.NoSuchProcess):
                    process.kill()
            head.wait()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def _wait_until_it_answers(address: str, head: subprocess.Popen[bytes]) -> None:
    command = [sys.executable, "-m", "ray.scripts.scripts", "health-check", "--address", address]
    environment = os.environ | {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0", "RAY_AUTH_MODE": "disabled"}
    end = time.monotonic() + START_S
    while time.monotonic() < end and head.poll() is None:
        if subprocess.run(command, capture_output=True, env=environment).returncode == 0:
            return
    pytest.fail("the cluster did not start")


@pytest.fixture(autouse=True)
def join_on_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    """A command here takes 127.0.0.1 for what it says, as the cluster does, and has time on a busy machine."""
    monkeypatch.setenv("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    monkeypatch.setattr("ray._private.ray_constants.ENABLE_RAY_CLUSTER", False)
    monkeypatch.setattr(engine, "CHECK_S", START_S)
    monkeypatch.setattr(engine, "ROOM_S", START_S)


@pytest.fixture
def one_thread() -> Iterator[None]:
    """As many as a worker has, so that bytes are the same."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def tower(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a tower, in the folder where an album of five photos and this process are."""
    monkeypatch.chdir(tmp_path)
    write_tower(tmp_path)
    write_album(tmp_path / "album", photos=5)
    return "torchscript:tower.pt?px=32"


def told(result: dp2vl.AlbumResult) -> list[Outcome]:
    return [replace(outcome, seconds=0.0) for outcome in result.outcomes]


def test_relative_paths_mean_the_folder_of_the_command(cluster: str, tower: str, one_thread: None):
    settings = {"surrogates": tower, "effort": "instant"}
    here = dp2vl.protect_album("album", "here", **settings)
    there = dp2vl.protect_album("album", "there", engine="ray", address=cluster, **settings)
    assert digests(Path("here")) == digests(Path("there")) != {}
    assert told(here) == told(there) and there.outcomes[0].path == str(Path("album/photo-0.png").absolute())
