"""Downloads from a hub of our own on this machine: what breaks off goes on, and a wrong file is refused."""

import hashlib
import json
import os
import random
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

COMMIT = "a" * 40
FILES = {"model.safetensors": random.Random(0).randbytes(24_000_000), "config.json": b"{}"}
DROPPED_AT = 15_000_000
PULL = """
from dp2vl.errors import ModelError
from dp2vl.vlm.hub import Download, download
plan = Download("org/m", %r, ("config.json", "model.safetensors"), 24_000_002)
try:
    print("OK", download(plan))
except ModelError as error:
    print("ERROR", error.message)
    print("HINT", error.hint)
"""


def digest_of(content: bytes) -> str:
    """Return what the hub calls a file: SHA-256 of a large one, git's SHA-1 of a small one."""
    if len(content) > 1000:
        return hashlib.sha256(content).hexdigest()
    return hashlib.sha1(b"blob %d\x00" % len(content) + content).hexdigest()


class Hub(ThreadingHTTPServer):
    """A hub with one repository. `drop`: breaks off the first answer. `wrong`: the file in which one bit is wrong."""

    drop, wrong = False, ""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.ranges: list[str | None] = []


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Hub

    def log_message(self, *words: object) -> None:
        """Say nothing."""

    def do_HEAD(self) -> None:
        self.answer(with_body=False)

    def do_GET(self) -> None:
        self.answer(with_body=True)

    def answer(self, *, with_body: bool) -> None:
        if "/api/models" in self.path:
            listing: list[dict[str, object]] = [
                {"type": "file", "path": name, "rfilename": name, "size": len(content), "oid": digest_of(content)[:40]}
                for name, content in FILES.items()
            ]
            said = listing if "/tree/" in self.path else {"id": "org/m", "sha": COMMIT, "siblings": listing}
            return self.send(200, {"Content-Type": "application/json"}, json.dumps(said).encode(), with_body)
        name = self.path.rpartition("/")[2].partition("?")[0]
        content = FILES[name]
        head = {"ETag": f'"{digest_of(content)}"', "X-Repo-Commit": COMMIT, "Accept-Ranges": "bytes"}
        if name == self.server.wrong:
            content = bytes([content[0] ^ 1]) + content[1:]
        asked = self.headers.get("Range")
        start = int(asked.removeprefix("bytes=").split("-")[0]) if asked and with_body else 0
        if with_body and name == "model.safetensors":
            self.server.ranges.append(asked)
            if self.server.drop and start == 0:
                return self.send(200, head, content, with_body, cut=DROPPED_AT)
        if start:
            head["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
        return self.send(206 if start else 200, head, content[start:], with_body)

    def send(self, status: int, head: dict[str, str], body: bytes, with_body: bool, cut: int | None = None) -> None:
        self.send_response(status)
        for name, value in {**head, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if with_body:
            self.wfile.write(body[:cut])
        if cut is not None:
            self.connection.shutdown(socket.SHUT_RDWR)
            self.close_connection = True


@pytest.fixture
def hub() -> Iterator[Hub]:
    with Hub() as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def pull(hub: Hub, home: Path) -> str:
    """Return what a process of its own says, as the hub's client reads its address once."""
    address = {"HF_ENDPOINT": f"http://127.0.0.1:{hub.server_port}", "HF_HOME": str(home), "HF_HUB_DISABLE_XET": "1"}
    command = [sys.executable, "-c", PULL % COMMIT]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, env={**os.environ, **address})
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_download_that_breaks_off_goes_on_where_it_was(hub, tmp_path):
    hub.drop = True
    said = pull(hub, tmp_path)
    assert said.startswith("OK ")
    assert (Path(said[3:].strip()) / "model.safetensors").read_bytes() == FILES["model.safetensors"]
    assert len(hub.ranges) == 2 and 0 < int(str(hub.ranges[1])[6:].split("-")[0]) <= DROPPED_AT


def test_a_large_file_with_one_wrong_bit_is_refused_until_it_is_deleted(hub, tmp_path):
    hub.wrong = "model.safetensors"
    said = pull(hub, tmp_path)
    assert said.startswith("ERROR model.safetensors of org/m is not the file that the hub names")
    hub.wrong = ""
    assert pull(hub, tmp_path) == said, "what is in the cache stays wrong"
    Path(said.partition("HINT delete ")[2].partition(" and pull")[0]).unlink()
    assert pull(hub, tmp_path).startswith("OK ")


def test_a_small_file_with_one_wrong_bit_is_refused(hub, tmp_path):
    hub.wrong = "config.json"
    assert pull(hub, tmp_path).startswith("ERROR config.json of org/m is not the file that the hub names")
