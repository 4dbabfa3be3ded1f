"""What all tests share: sockets that refuse to leave the machine, and the optional folder of real files."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# How busy a machine is says nothing about the code.
settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")

SHARED = Path(__file__).parents[2] / "shared" / "data"


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Every connection to anything but this machine is an error."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: object) -> None:
        if self.family != socket.AF_UNIX and str(address[0]) not in {"127.0.0.1", "::1", "localhost"}:  # type: ignore[index]
            raise AssertionError(f"a test tried to reach {address}")
        connect(self, address)  # type: ignore[arg-type]

    monkeypatch.setattr(socket.socket, "connect", guarded)
    yield


@pytest.fixture(autouse=True)
def own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the package remembers per user goes into the test's own folder."""
    monkeypatch.setenv("DP2VL_STATE_DIR", str(tmp_path / "state"))


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real photos, broken files and real encoders; tests that need it skip where it is absent."""
    if not SHARED.is_dir():
        pytest.skip(f"real files are not here: {SHARED}")
    return SHARED
