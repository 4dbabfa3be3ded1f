"""The app as a process: where it listens, what it says, what it leaves, and whom it serves while others misbehave."""

import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest
from typer.testing import CliRunner

import dp2vl.cli.ui
from dp2vl.cli import app
from dp2vl.errors import DP2VLError
from dp2vl.ui.serve import PREFIX, make_workspace
from ui_tools import AUDIT

NOISE = (b"\x00\xff" * 100, b"GET / HTTP/9.9\r\n\r\n", b"GET " + b"a" * 200_000, b"\r\n" * 1000)


def fetch(url: str, *, timeout: float = 60, **headers: str) -> int:
    """Return the status of one request."""
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=timeout) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


def test_it_listens_on_loopback_alone_and_reaches_nobody(serve):
    served = serve()
    places = [c.laddr for c in psutil.Process(served.process.pid).net_connections() if c.status == psutil.CONN_LISTEN]
    assert [(place.ip, place.port) for place in places] == [("127.0.0.1", served.port)]
    assert fetch(served.url) == 200
    served.end()
    assert not served.reached.exists(), served.reached.read_text()


@pytest.mark.parametrize(
    "call",
    [
        "socket.socket().connect(('192.0.2.1', 9))",
        "socket.socket(type=socket.SOCK_DGRAM).sendto(b'x', ('192.0.2.1', 9))",
        "socket.socket(type=socket.SOCK_DGRAM).sendmsg([b'x'], [], 0, ('192.0.2.1', 9))",
        "socket.getaddrinfo('192.0.2.1', 9)",
        "socket.gethostbyname('192.0.2.1')",
    ],
)
def test_a_watched_process_reaches_nobody_else_and_the_try_is_written_down(tmp_path, call):
    reached = tmp_path / "reached.txt"
    environment = {"PYTHONPATH": str(AUDIT), "DP2VL_TEST_REACHED": str(reached)}
    run = subprocess.run([sys.executable, "-c", f"import socket; {call}"], env=environment, capture_output=True)
    assert run.returncode == 1 and b"a test tried to reach" in run.stderr
    assert reached.read_text().startswith("refused ('192.0.2.1'")


def test_a_watched_process_may_reach_this_machine(tmp_path):
    reached = tmp_path / "reached.txt"
    code = "import socket; s = socket.create_server(('127.0.0.1', 0)); socket.create_connection(s.getsockname())"
    environment = {"PYTHONPATH": str(AUDIT), "DP2VL_TEST_REACHED": str(reached)}
    subprocess.run([sys.executable, "-c", code], env=environment, check=True)
    assert "allowed ('127.0.0.1'" in reached.read_text() and "refused" not in reached.read_text()


def test_fifty_at_once_and_fifty_that_never_finish_do_not_keep_the_owner_out(serve):
    served = serve()
    slow = []
    for i in range(50):
        one = socket.create_connection(("127.0.0.1", served.port))
        head = f"PUT /{served.token}/shelves/photos/{i}.png HTTP/1.1\r\nHost: 127.0.0.1:{served.port}\r\n"
        rest = f"Origin: http://127.0.0.1:{served.port}\r\nContent-Length: 9999\r\n\r\n\x89PNG"
        one.sendall((head + rest if i % 2 else head).encode("latin1"))
        slow.append(one)
    with ThreadPoolExecutor(50) as pool:
        assert set(pool.map(fetch, [served.url] * 50)) == {200}
    for one in slow:
        one.close()


@pytest.mark.parametrize("noise", NOISE)
def test_noise_is_refused_and_the_app_stays_up(serve, noise):
    served = serve()
    with socket.create_connection(("127.0.0.1", served.port)) as one:
        try:
            one.sendall(noise)
            one.shutdown(socket.SHUT_WR)
            assert b" 200 " not in one.recv(1000)
        except ConnectionError:
            pass  # hung up on
    assert fetch(served.url) == 200


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT])
def test_nothing_is_left_and_the_token_is_in_no_log(serve, ending):
    served = serve()
    assert fetch(served.url) == 200 and fetch(served.url + "nothing") == 404 and fetch(served.url, host="evil") == 421
    assert fetch(f"http://127.0.0.1:{served.port}/") == 403
    (folder,) = served.temporary.glob(f"{PREFIX}*")
    assert folder.stat().st_mode & 0o077 == 0
    served.process.send_signal(ending)
    served.process.wait(60)
    assert list(served.temporary.iterdir()) == []
    assert served.token not in served.log.read_text() and len(served.token) >= 32


def test_what_a_killed_app_left_is_removed_by_the_next_and_a_living_one_is_let_alone(serve):
    killed, living = serve(), serve()
    assert fetch(killed.url) == fetch(living.url) == 200 and killed.token != living.token
    before = set(living.temporary.iterdir())
    killed.process.kill()
    killed.process.wait(60)
    assert len(before) == 2 and set(living.temporary.iterdir()) == before
    assert fetch(serve().url) == 200
    left = set(living.temporary.iterdir())
    assert len(left) == 2 and len(left & before) == 1
    assert fetch(living.url) == 200


def test_a_workspace_that_is_a_link_or_held_is_not_removed(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    own = tmp_path / "photos"
    own.mkdir()
    (own / "lock").touch()
    (tmp_path / f"{PREFIX}link").symlink_to(own)
    with make_workspace() as first, make_workspace() as second:
        assert first.is_dir() and second.is_dir() and first != second
    assert own.is_dir() and not first.exists() and not second.exists()


def test_a_port_in_use_is_said_in_one_line():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        command = [sys.executable, "-m", "dp2vl.cli", "ui", "--no-browser", "--port", str(port)]
        run = subprocess.run(command, capture_output=True, text=True)
    assert run.returncode == 2 and run.stdout == ""
    assert run.stderr.splitlines()[0].startswith(f"error: port {port} cannot be used") and "hint:" in run.stderr


def test_without_the_extra_the_command_names_it(monkeypatch):
    monkeypatch.setattr(dp2vl.cli.ui, "find_spec", lambda name: None)
    error = CliRunner().invoke(app, ["ui"]).exception
    assert isinstance(error, DP2VLError) and error.hint == "pip install 'dp2vl[ui]'"


def test_help_loads_no_server():
    code = "import sys, dp2vl.cli; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "dp2vl.cli.ui" in loaded and not {"starlette", "uvicorn", "dp2vl.ui"} & set(loaded)
