"""Starts the app on a loopback port, opens a browser, and leaves nothing behind."""

import fcntl
import os
import secrets
import shutil
import signal
import socket
import sys
import tempfile
import webbrowser
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn

from dp2vl.errors import UsageError
from dp2vl.ui.app import make_app
from dp2vl.ui.gate import Gate

HOST = "127.0.0.1"
PREFIX = "dp2vl-ui-"


def serve(*, port: int = 0, browser: bool = True) -> None:
    """Serve the app until it is interrupted.

    Args:
        port: on 127.0.0.1; 0 takes a free one. browser: whether to open the page.

    Raises:
        UsageError: the port is in use.
    """
    token = secrets.token_urlsafe(24)
    with _listen(port) as sock, make_workspace() as workspace:
        chosen = sock.getsockname()[1]
        inner, app = make_app(workspace)
        config = uvicorn.Config(
            Gate(inner, token=token, port=chosen),
            access_log=False,  # a log of requests would hold the token
            log_level="warning",
            loop="asyncio", http="h11", ws="none", lifespan="off",
            proxy_headers=False, server_header=False, timeout_graceful_shutdown=2,
        )  # fmt: skip
        url = f"http://{HOST}:{chosen}/{token}/"
        print(url, flush=True)
        print("open this address in a browser on this machine; Ctrl-C ends the app", file=sys.stderr, flush=True)
        if browser:
            webbrowser.open(url)
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # which the server hands on once it has closed
        try:
            uvicorn.Server(config).run(sockets=[sock])
        except KeyboardInterrupt:
            print("the app has ended", file=sys.stderr)
        finally:
            app.desk.clear()


@contextmanager
def make_workspace() -> Iterator[Path]:
    """Make a folder that only its owner may enter, and remove it at the end; also those of apps that were killed."""
    top = Path(tempfile.gettempdir())
    for left in top.glob(f"{PREFIX}*"):
        _remove_if_left(left)
    folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=top))
    try:
        with (folder / "lock").open("wb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _remove_if_left(folder: Path) -> None:
    """Remove a workspace of ours that no process holds."""
    try:
        if folder.is_symlink() or folder.stat().st_uid != os.getuid():
            return
        with (folder / "lock").open("r+b") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
    except OSError:
        return  # held, or being made


def _listen(port: int) -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((HOST, port))
        sock.listen()  # whoever is quick waits, and is not turned away
    except OSError as error:
        sock.close()
        raise UsageError(f"port {port} cannot be used: {error.strerror}", "choose another --port, or none") from error
    return sock
