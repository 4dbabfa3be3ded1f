"""Wrong wishes get one line that says what was expected, and no job starts."""

import io
import os
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote

import pytest
from PIL import Image
from starlette.testclient import TestClient

from dp2vl.records import OutcomeStore
from dp2vl.types import Outcome, Status
from dp2vl.ui.requests import check_request
from ui_tools import Local

MISSING = (
    "POST jobs/rm", "GET nothing", "GET jobs/protect", "PATCH job", "GET shelves/other", "GET job/zip",
    "GET job/photos/before/a.png", "GET job/report/index.html", "GET reports/0/a",
)  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "asked", "message"),
    [
        ("protect", {"source": "/no/such/folder"}, "the folder /no/such/folder does not exist"),
        ("protect", {"source": "photos"}, "expected the whole path"),
        ("protect", {"source": "/tmp\0/x"}, "expected the folder"),
        ("protect", {}, "there are no photos yet"),
        ("protect", {"strength": "strnog"}, "expected strength to be one of light, standard, strong"),
        ("protect", {"source": 7}, "expected texts"),
        ("protect", {"force": "yes"}, "expected texts for source, out, strength, effort, surrogates, got force"),
        ("protect", {"surrogates": "minni"}, "unknown tower 'minni'"),
        ("verify", {"target": "/no/such/file.png"}, "/no/such/file.png does not exist"),
        ("verify", {}, "there are no photos yet"),
        ("simulate", {"album": "/"}, "cannot read /facts.yaml"),
        ("simulate", {"taught": "long"}, "expected taught to be one of full, short, got 'long'"),
    ],
)
def test_a_wrong_wish_is_answered_where_it_was_made(local: Local, kind, asked, message):
    answer = local.ask("POST", f"jobs/{kind}", json=asked)
    assert answer.status_code == 400 and message in answer.json()["error"]
    assert local.ask("GET", "job").json() == {"state": "none"}


def test_published_towers_that_are_absent_name_the_command_that_fetches_them(local: Local, monkeypatch, tmp_path):
    monkeypatch.setattr("dp2vl.surrogates.sets.is_here", lambda name: name.startswith("mini"))
    answer = local.ask("POST", "jobs/protect", json={"source": str(tmp_path), "surrogates": "standard"})
    assert answer.status_code == 400 and "dp2vl models pull standard" in answer.json()["hint"]


def ask_to_verify(local: Local, monkeypatch, **asked: str) -> dict[str, str]:
    """Return the options of the job that would start."""
    monkeypatch.setattr("dp2vl.surrogates.sets.is_here", lambda name: True)
    return check_request("verify", asked, local.app.shelves)


@pytest.mark.parametrize(
    ("measured", "towers"),
    [(("clip:a/b", "mini-llava"), "clip:a/b"), (("mini-llava", "mini-qwen-vl"), "mini-llava,mini-qwen-vl")],
)
def test_copies_are_judged_on_the_towers_that_their_records_name(local: Local, monkeypatch, tmp_path, measured, towers):
    figures = {f"shift[{name}]{after}": 1.0 for name in measured for after in ("", " after jpeg75")}
    (tmp_path / "a.png").touch()
    outcome = Outcome(path="/a.png", rel="a.png", status=Status.PROTECTED, figures={"ssim": 1.0} | figures)
    OutcomeStore(tmp_path).append(outcome, replace(outcome, path="/b", rel="b", figures={"shift[clip:c/d]": 1.0}))
    one = ask_to_verify(local, monkeypatch, target=str(tmp_path / "a.png"))
    assert (one["surrogates"], one["recorded"]) == (towers, "yes")
    assert ask_to_verify(local, monkeypatch, target=str(tmp_path))["surrogates"].endswith("clip:c/d")
    chosen = ask_to_verify(local, monkeypatch, target=str(tmp_path), surrogates="standard")
    assert (chosen["surrogates"], chosen["recorded"]) == ("standard", "")


def test_copies_without_records_are_judged_on_the_bundled_towers(local: Local, monkeypatch, tmp_path):
    asked = ask_to_verify(local, monkeypatch, target=str(tmp_path))
    assert (asked["surrogates"], asked["recorded"]) == ("mini", "")


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"7", b"\xff\xfe", b'"x"'])
def test_what_is_no_object_is_refused(local: Local, body):
    assert local.ask("POST", "jobs/protect", content=body).status_code == 400


def test_a_wish_of_a_megabyte_is_refused(local: Local):
    assert local.ask("POST", "jobs/protect", content=b'{"source": "' + b"a" * (1 << 20) + b'"}').status_code == 413


def test_unknown_jobs_pages_and_methods_are_not_found(local: Local):
    for asked in MISSING:
        method, path = asked.split(" ")
        answer = local.ask(method, path, **({"json": {}} if method == "POST" else {}))
        assert answer.status_code == 404 and answer.json()["error"], path


def test_own_people_are_taught_after_consent_only(local: Local, tmp_path):
    text = "people:\n- {id: a, name: '<script>alert(1)</script>', consent: self, facts: {pet: {category: dog}}}\n"
    (tmp_path / "facts.yaml").write_text(text)
    assert local.ask("POST", "people", json={"album": str(tmp_path)}).json() == {"names": ["<script>alert(1)</script>"]}
    answer = local.ask("POST", "jobs/simulate", json={"album": str(tmp_path)})
    assert answer.status_code == 400 and "no consent" in answer.json()["error"]
    assert answer.headers["content-type"] == "application/json"


LONG, DIGITS = "a" * 5000, "9" * 5000
HOSTILE = [
    ("POST jobs/protect", '{"source": "/"}', 400, "there is no place beside /"),
    ("POST jobs/protect", "[" * 60_000, 400, "expected JSON"),
    ("POST jobs/protect", '{"a":' * 12_000, 400, "expected JSON"),
    ("POST jobs/protect", '{"source": "/tmp/\\ud800"}', 400, "the folder /tmp/\\ud800 does not exist"),
    ("POST jobs/protect", '{"\\ud800": "x"}', 400, "got \\ud800"),
    ("POST reports", '{"folder": "/tmp/\\ud800"}', 400, "the folder /tmp/\\ud800 does not exist"),
    ("POST jobs/protect", '{"source": "~nosuchuser/x"}', 400, "there is no home folder ~nosuchuser"),
    ("POST jobs/verify", '{"target": "~nosuchuser/x"}', 400, "there is no home folder ~nosuchuser"),
    ("POST jobs/protect", f'{{"source": "/{LONG}"}}', 400, "does not exist"),
    ("POST jobs/verify", f'{{"target": "/{LONG}"}}', 400, "does not exist"),
    ("PUT shelves/photos/a.png/b.png", None, 409, "a folder of a.png/b.png has the name of a photo"),
    ("PUT shelves/photos/a.png/b/c.png", None, 409, "a folder of a.png/b/c.png has the name of a photo"),
    (f"GET reports/{DIGITS}/a", "", 404, "there is no report"),
    (f"GET job?since={DIGITS}", "", 400, "expected the number of an outcome"),
    ("GET job?since=%C2%B2", "", 400, "expected the number of an outcome"),
    ("GET job/zip", "", 404, "the copy gone.png is no longer there"),
]


@pytest.mark.parametrize(("asked", "body", "status", "message"), HOSTILE, ids=range(len(HOSTILE)))
def test_what_no_page_would_ask_is_answered_in_a_line(local: Local, asked, body, status, message):
    photo = io.BytesIO()
    Image.new("RGB", (32, 32)).save(photo, "png")
    assert local.ask("PUT", "shelves/photos/a.png", content=photo.getvalue()).status_code == 201
    local.app.desk.job = finished_job(local, "gone.png")
    method, path = asked.split(" ")
    answer = local.ask(method, path, content=photo.getvalue() if body is None else body)
    assert answer.status_code == status and message in answer.json()["error"]
    assert "\n" not in answer.json()["error"]


def finished_job(local: Local, *names: str) -> Any:
    """Return what stands for a job that has protected photos; their copies are not there."""
    told = [{"rel": name, "path": f"/{name}", "status": "protected"} for name in names]
    known = {"kind": "protect", "options": {"out": ""}, "folder": local.workspace, "outcomes": told, "found": None}
    return SimpleNamespace(**known, running=False, stop=lambda: None)


def test_a_photo_whose_name_is_no_utf8_is_told_and_shown_with_its_bytes_escaped(local: Local, tmp_path):
    name = os.fsdecode(b"caf\xe9.png")
    (local.workspace / "copies").mkdir()
    for folder in (tmp_path, local.workspace / "copies"):
        Image.new("RGB", (32, 32)).save(folder / name)
    job = finished_job(local, name)
    job.outcomes[0]["path"] = str(tmp_path / name)
    job.snapshot = lambda since: {"outcomes": job.outcomes[since:]}
    local.app.desk.job = job
    (told,) = local.ask("GET", "job").json()["outcomes"]
    assert told["rel"] == "caf\\udce9.png"
    assert local.ask("GET", f"job/photos/difference/{quote(told['rel'])}").status_code == 200
    assert local.ask("GET", "job/zip").status_code == 200


def test_a_fault_of_the_app_is_one_line_to_the_page_and_a_traceback_to_the_terminal(local: Local):
    def fail(since: int) -> None:
        raise OSError("of /home/someone")

    local.app.desk.job = finished_job(local)
    local.app.desk.job.snapshot = fail
    with pytest.raises(OSError, match="of /home/someone"):  # which the server writes to its log
        local.ask("GET", "job")
    client = TestClient(local.client.app, base_url=str(local.client.base_url), raise_server_exceptions=False)
    answer = Local(client, local.app, local.workspace).ask("GET", "job")
    assert answer.status_code == 500 and answer.json()["error"] == "the app failed at this request"
    assert "someone" not in answer.text and "content-security-policy" in answer.headers


@pytest.fixture
def report(tmp_path: Path) -> Path:
    folder = tmp_path / "report"
    (folder / "plots").mkdir(parents=True)
    (folder / "index.html").write_text("<h1>report</h1><script>alert(1)</script>")
    (folder / "plots" / "a.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    (tmp_path / "secret.html").write_text("secret")
    (folder / "key.pem").write_text("secret")
    (folder / "way.html").symlink_to(tmp_path / "secret.html")
    return folder


def test_a_report_opens_and_may_run_nothing(local: Local, report):
    url = local.ask("POST", "reports", json={"folder": str(report)}).json()["url"]
    page = local.ask("GET", url)
    assert page.status_code == 200 and "report" in page.text
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy and "script-src" not in policy and "allow-scripts" not in policy
    assert local.ask("GET", url.replace("index.html", "plots/a.svg")).status_code == 200


@pytest.mark.parametrize(
    "name",
    ["../secret.html", "..%2fsecret.html", "%2e%2e/secret.html", "plots/..%2f..%2fsecret.html", "key.pem", "way.html",
     "plots", "%00", "", "%2fetc%2fpasswd", "n" * 5000],
)  # fmt: skip
def test_nothing_beside_the_report_is_shown(local: Local, report, name):
    local.ask("POST", "reports", json={"folder": str(report)})
    answer = local.ask("GET", f"reports/0/{name}")
    assert answer.status_code == 404 and "secret" not in answer.text.replace("secret.html", "")


def test_a_folder_without_a_report_is_said(local: Local, tmp_path):
    assert "there is no report in" in local.ask("POST", "reports", json={"folder": str(tmp_path)}).json()["error"]


def test_a_folder_may_be_named_by_its_home(local: Local, monkeypatch, tmp_path):
    monkeypatch.setitem(os.environ, "HOME", str(tmp_path))
    assert str(tmp_path) in local.ask("POST", "reports", json={"folder": "~"}).json()["error"]
