"""Wrong wishes get one line that says what was expected, and no job starts."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from conftest import Local
from dp2vl.records import OutcomeStore
from dp2vl.types import Outcome, Status
from dp2vl.ui.requests import check_request

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
