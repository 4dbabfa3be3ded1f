"""The app without a network, and as a process of its own that is watched."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from dp2vl.ui.app import make_app
from dp2vl.ui.gate import Gate
from ui_tools import AUDIT, PORT, TOKEN, Local, Served


@pytest.fixture
def local(tmp_path: Path) -> Iterator[Local]:
    inner, app = make_app(tmp_path / "workspace")
    client = TestClient(Gate(inner, token=TOKEN, port=PORT), base_url=f"http://127.0.0.1:{PORT}")
    yield Local(client, app, tmp_path / "workspace")
    app.desk.clear()


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
