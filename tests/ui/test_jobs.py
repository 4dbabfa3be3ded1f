"""One job at a time; it can be stopped, it may die, and what it leaves is removed."""

import sys
import time
from pathlib import Path

import pytest

from dp2vl.ui import jobs
from dp2vl.ui.jobs import Desk
from ui_tools import Local

HEAD = """import json, os, sys, time
job = json.loads(sys.stdin.readline())
def say(**event): print(json.dumps(event), flush=True)
"""
BUSY = {"error": "another job is running", "hint": "wait until it ends, or stop it"}


@pytest.fixture
def work(monkeypatch):
    """Return a function that puts a script in the place of the worker."""
    return lambda script: monkeypatch.setattr(jobs, "WORKER", (sys.executable, "-c", HEAD + script))


def wait_for(condition, *, seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_progress_is_heard_as_it_happens_and_the_result_at_the_end(work, tmp_path):
    go = tmp_path / "go"
    work(f"""say(total=2); say(outcome={{'rel': 'a'}}); say(line='half')
while not os.path.exists({str(go)!r}): time.sleep(.02)
say(outcome={{'rel': 'b'}}); say(found={{'x': 1}})""")
    job = Desk(tmp_path / "jobs").start("protect", {})
    wait_for(lambda: job.line == "half")
    shown = job.snapshot()
    assert (shown["state"], shown["total"], shown["finished"], shown["found"]) == ("running", 2, 1, None)
    go.touch()
    wait_for(lambda: not job.running)
    assert job.snapshot(since=1)["outcomes"] == [{"rel": "b"}] and job.snapshot()["state"] == "done"
    assert job.found == {"x": 1}


def test_the_time_left_is_known_from_photos_that_are_finished(work, tmp_path):
    go = tmp_path / "go"
    work(f"""say(total=9); time.sleep(1)
for i in range(3): say(outcome={{'rel': str(i)}}); time.sleep(.2)
say(line='now')
while not os.path.exists({str(go)!r}): time.sleep(.02)
say(found={{}})""")
    job = Desk(tmp_path / "jobs").start("protect", {})
    assert job.snapshot()["left_s"] is None
    wait_for(lambda: job.line == "now")
    assert job.left_s is not None and job._times[-1] - job._times[1] > 0.3
    job._times[:] = [now := time.monotonic(), now + 50, now + 52, now + 54]  # the towers took the first 50 s
    assert 11 < job.left_s - 54 < 13
    go.touch()
    wait_for(lambda: not job.running)
    assert job.snapshot()["left_s"] is None


def test_a_second_job_is_refused_politely_and_photos_stay_while_one_runs(work, local: Local):
    work("say(total=1); time.sleep(60)")
    local.app.desk.start("protect", {})
    answer = local.ask("POST", "jobs/simulate", json={})
    assert answer.status_code == 409 and answer.json() == BUSY
    assert local.ask("DELETE", "shelves/photos").status_code == 409
    assert local.ask("PUT", "shelves/photos/a.png", content=b"x").status_code == 409


def test_the_stop_button_stops_and_temporary_files_go(work, local: Local):
    work("open(os.environ['TMPDIR'] + '/left.png', 'w').write('x'); say(outcome={'rel': 'a'}); time.sleep(60)")
    job = local.app.desk.start("protect", {})
    wait_for(lambda: job.outcomes)
    shown = local.ask("POST", "job/stop").json()
    assert shown["state"] == "stopped" and shown["finished"] == 1 and not shown["error"]
    assert not [p for p in local.workspace.rglob("*") if p.is_file()]
    assert local.ask("POST", "job/stop").json()["state"] == "stopped"


def test_a_job_that_does_not_listen_is_ended_by_force(work, local: Local, monkeypatch):
    monkeypatch.setattr(jobs, "GRACE_S", 0.2)
    work("import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); say(line='deaf')\nwhile True: time.sleep(1)")
    job = local.app.desk.start("protect", {})
    wait_for(lambda: job.line)
    assert local.ask("POST", "job/stop").json()["state"] == "stopped"


@pytest.mark.parametrize("script", ["sys.exit(3)", "os.kill(os.getpid(), 9)", "raise MemoryError"])
def test_a_job_that_dies_is_said_and_the_app_stays_up(work, local: Local, script):
    work(script)
    job = local.app.desk.start("protect", {})
    wait_for(lambda: not job.running)
    shown = local.ask("GET", "job").json()
    assert shown["state"] == "failed" and "ended without a result" in shown["error"]
    work("say(found={})")
    again = local.app.desk.start("protect", {})
    wait_for(lambda: not again.running)
    assert again.state == "done" and again.number == job.number + 1


def test_an_error_of_the_job_reaches_the_page_with_its_hint(local: Local, tmp_path):
    (tmp_path / "album").mkdir()
    answer = local.ask("POST", "jobs/protect", json={"source": str(tmp_path / "album")})
    assert answer.status_code == 202
    job = local.app.desk.job
    wait_for(lambda: not job.running, seconds=600)
    assert job.state == "failed" and "expected photos in" in job.error and "JPEG" in job.hint


def test_a_worker_ends_when_the_app_is_gone(tmp_path: Path):
    desk = Desk(tmp_path / "jobs")
    options = {
        "album": "", "against": "", "taught": "full", "strength": "light", "effort": "quick", "surrogates": "mini",
    }  # fmt: skip
    job = desk.start("simulate", options)
    assert job._process.stdin is not None
    job._process.stdin.close()  # as happens when the app is killed
    wait_for(lambda: not job.running, seconds=600)
    assert job.found is None
