"""Helpers of the tests of the web app."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

from starlette.testclient import TestClient

from dp2vl.ui.app import App

TOKEN, PORT = "secret-of-the-test", 8123
AUDIT = Path(__file__).parent / "ui" / "audit"


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
