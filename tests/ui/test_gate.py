"""Strangers are refused: other names, other pages, no token."""

import re

import pytest

from ui_tools import PORT, TOKEN, Local

OWN = f"http://127.0.0.1:{PORT}"
HOSTS = ("evil.example", f"evil.example:{PORT}", "127.0.0.1", "127.0.0.1:1", f"[::1]:{PORT}", "")
PATHS = ("/", "/static/app.js", "/wrong/", f"/{TOKEN[:-1]}/", f"/{TOKEN}x/", f"//{TOKEN}/", "/job")
FILES = ("app.js", "dom.js", "shelf.js", "photos.js", "lesson.js", "style.css")


def test_the_page_opens_under_its_own_address_and_says_what_mini_towers_are(local: Local):
    page = local.client.get(f"/{TOKEN}/")
    assert page.status_code == 200
    assert "stand for no published" in page.text and "online already are not protected" in page.text


@pytest.mark.parametrize("host", HOSTS)
def test_another_host_is_refused(local: Local, host):
    assert local.client.get(f"/{TOKEN}/", headers={"host": host}).status_code == 421


@pytest.mark.parametrize("path", PATHS)
def test_without_the_token_nothing_is_shown(local: Local, path):
    answer = local.client.get(path)
    assert answer.status_code == 403 and "token" in answer.json()["error"] and TOKEN not in answer.text


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", f"https://127.0.0.1:{PORT}", f"http://localhost:{PORT}"]
)
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_other_pages_are_refused_even_with_the_token(local: Local, origin, method):
    answer = local.client.request(method, f"/{TOKEN}/job", headers={"origin": origin})
    assert answer.status_code == 403


@pytest.mark.parametrize(("method", "path"), [("POST", "job/stop"), ("DELETE", "job"), ("PUT", "shelves/photos/a.png")])
def test_what_changes_something_needs_an_origin(local: Local, method, path):
    assert local.client.request(method, f"/{TOKEN}/{path}").status_code == 403
    assert local.client.request(method, f"/{TOKEN}/{path}", headers={"origin": OWN}).status_code != 403


@pytest.mark.parametrize("path", ["", "static/app.js", "job", "nothing-here"])
def test_every_answer_forbids_foreign_scripts_and_keeps_the_address_to_itself(local: Local, path):
    headers = local.ask("GET", path).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy and "script-src 'self'" in policy and "unsafe" not in policy
    assert headers["referrer-policy"] == "no-referrer" and headers["cache-control"] == "no-store"
    assert headers["x-content-type-options"] == "nosniff"


def test_nothing_on_the_page_comes_from_elsewhere(local: Local):
    page = local.ask("GET", "").text
    names = re.findall(r'(?:src|href)="(static/[^"]+)"', page)
    assert {"static/app.js", "static/style.css", "static/icon.svg"} <= set(names)
    texts = [page, *(local.ask("GET", f"static/{name}").text for name in FILES)]
    assert all(len(text) > 500 for text in texts)
    for text in texts:
        assert not re.search(r"(https?:)?//[a-z]+\.|@import|url\(|innerHTML|insertAdjacent|document\.write", text)
