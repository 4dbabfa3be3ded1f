"""One job at a time, in a process of its own: started, watched, stopped."""

import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dp2vl.ui.shelf import Refused

GRACE_S = 10.0
"""How long a job that is to stop may take to clean up, before it is ended by force."""
WORKER = (sys.executable, "-m", "dp2vl.ui.work")


class Job:
    """One job and everything known of it.

    Args:
        number: counts up, so that a page can tell jobs apart. kind: key of `work.JOBS`. options: for it.
        folder: for what it makes besides its output; removed with the job.
    """

    def __init__(self, number: int, kind: str, options: Mapping[str, str], folder: Path) -> None:
        self.number, self.kind, self.options, self.folder = number, kind, options, folder
        self.state, self.error, self.hint = "running", "", ""
        self.total: int | None = None
        self.outcomes: list[dict[str, Any]] = []
        self.line = ""
        self.found: dict[str, Any] | None = None
        self.started = time.monotonic()
        self._times: list[float] = []  # of the total, then of each outcome
        self.ended: float | None = None
        self._stopping = False
        self._scratch = folder / "tmp"
        self._scratch.mkdir(parents=True)
        self._process = self._start()
        self._watcher = threading.Thread(target=self._watch, daemon=True)
        self._watcher.start()

    @property
    def running(self) -> bool:
        """Whether the process is still at work."""
        return self.state == "running"

    @property
    def left_s(self) -> float | None:
        """Seconds until all photos are finished, as those that are finished let one expect."""
        done = len(self.outcomes)
        if not self.running or not done or not self.total or done >= self.total:
            return None
        times = self._times[1:] if done > 1 else self._times  # the first one waited for the towers
        pace = (times[-1] - times[0]) / (len(times) - 1)
        return max(0.0, pace * (self.total - done) - (time.monotonic() - times[-1]))

    def stop(self) -> None:
        """End the process, politely and then by force, and return when it is gone."""
        if self.running:
            self._stopping = True
            self._process.terminate()
            try:
                self._process.wait(GRACE_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
        self._watcher.join()

    def snapshot(self, since: int = 0) -> dict[str, Any]:
        """Return what a page shows of the job; of outcomes only those from number `since` on."""
        return {
            "job": self.number,
            "kind": self.kind,
            "state": self.state,
            "total": self.total,
            "finished": len(self.outcomes),
            "outcomes": self.outcomes[since:],
            "line": self.line,
            "seconds": round((self.ended or time.monotonic()) - self.started, 1),
            "left_s": self.left_s,
            "error": self.error,
            "hint": self.hint,
            "found": self.found,
        }

    def _start(self) -> subprocess.Popen[str]:
        environment = os.environ | {"TMPDIR": str(self._scratch), "PYTHONUNBUFFERED": "1"}
        process = subprocess.Popen(
            WORKER,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, text=True, encoding="utf-8",
        )  # fmt: skip
        assert process.stdin is not None
        job = {"kind": self.kind, "options": dict(self.options), "folder": str(self.folder)}
        process.stdin.write(json.dumps(job) + "\n")
        process.stdin.flush()  # and left open: the process ends when this one does
        return process

    def _watch(self) -> None:
        assert self._process.stdout is not None and self._process.stdin is not None
        for line in self._process.stdout:
            self._hear(json.loads(line))
        status = self._process.wait()
        self._process.stdin.close()
        for name in ("tmp", "work"):
            shutil.rmtree(self.folder / name, ignore_errors=True)
        self.ended = time.monotonic()
        if self.found is None and not self.error and not self._stopping:
            self.error = f"the job ended without a result (exit status {status})"
            self.hint = "its last words are in the terminal where dp2vl ui runs"
        self.state = "done" if self.found is not None else "failed" if self.error else "stopped"

    def _hear(self, event: Mapping[str, Any]) -> None:
        self.total = event.get("total", self.total)
        self.found, self.line = event.get("found", self.found), event.get("line", self.line)
        self.error, self.hint = event.get("error", self.error), event.get("hint", self.hint)
        if "outcome" in event or "total" in event:
            self._times.append(time.monotonic())
        if "outcome" in event:
            self.outcomes.append(event["outcome"])


class Desk:
    """Takes one job at a time; a second one is refused while the first is running.

    Args:
        folder: in which each job gets a folder of its own.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.job: Job | None = None
        self._count = 0
        self._lock = threading.Lock()

    def start(self, kind: str, options: Mapping[str, str]) -> Job:
        """Start a job; what the one before left is removed.

        Raises:
            Refused: another one is running.
        """
        with self._lock:
            self.check_free()
            self._forget()
            self._count += 1
            self.job = Job(self._count, kind, options, self.folder / str(self._count))
            return self.job

    def check_free(self) -> None:
        """Raise `Refused` while a job is running."""
        if self.job and self.job.running:
            raise Refused(409, "another job is running", "wait until it ends, or stop it")

    def stop(self) -> None:
        """Stop the job if there is one; what it finished stays."""
        if self.job:
            self.job.stop()

    def clear(self) -> None:
        """Stop the job and remove everything that it made here."""
        with self._lock:
            self.stop()
            self._forget()

    def _forget(self) -> None:
        if self.job:
            shutil.rmtree(self.job.folder, ignore_errors=True)
        self.job = None
