"""The app without a network, and as a process of its own that is watched."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from dp2vl.ui.app import App, make_app
from dp2vl.ui.gate import Gate

TOKEN, PORT = "secret-of-the-test", 8123
AUDIT = Path(__file__).parent / "audit"


@dataclass
class Local:
    """The app behind its gate, in this process."""

    client: TestClient
    app: App
    workspace: Path

    def ask(self, method: str, path: str, **more):
        """Send a request as a page of the app does."""
        headers = {"origin": f"http://127.0.0.1:{PORT}"} | more.pop("headers", {})
        return self.client.request(method, f"/{TOKEN}/{path}", headers=headers, **more)


@pytest.fixture
def local(tmp_path: Path) -> Iterator[Local]:
    inner, app = make_app(tmp_path / "workspace")
    client = TestClient(Gate(inner, token=TOKEN, port=PORT), base_url=f"http://127.0.0.1:{PORT}")
    yield Local(client, app, tmp_path / "workspace")
    app.desk.clear()


@dataclass
class Served:
    """`dp2vl ui` as a person starts it."""

    url: str
    process: subprocess.Popen[str]
    temporary: Path
    log: Path
    reached: Path

    @property
    def port(self) -> int:
        return int(self.url.split(":")[2].split("/")[0])

    @property
    def token(self) -> str:
        return self.url.split("/")[3]

    def end(self) -> None:
        """End the app as Ctrl-C or a shutdown does."""
        self.process.terminate()
        self.process.wait(60)


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[[], Served]]:
    """Return a function that starts the app; all are ended with the test."""
    started: list[Served] = []

    def start() -> Served:
        temporary, log, reached = tmp_path / "tmp", tmp_path / "log.txt", tmp_path / "reached.txt"
        temporary.mkdir(exist_ok=True)
        path = os.pathsep.join([str(AUDIT), *filter(None, [os.environ.get("PYTHONPATH")])])
        more = {"PYTHONPATH": path, "TMPDIR": str(temporary), "DP2VL_TEST_REACHED": str(reached)}
        command = [sys.executable, "-m", "dp2vl.cli", "ui", "--no-browser"]
        with log.open("a") as file:
            process = subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=file, text=True,
                env=os.environ | {"OMP_NUM_THREADS": "1"} | more,
            )  # fmt: skip
        assert process.stdout is not None
        served = Served(process.stdout.readline().strip(), process, temporary, log, reached)
        started.append(served)
        return served

    yield start
    for served in started:
        if served.process.poll() is None:
            served.end()
