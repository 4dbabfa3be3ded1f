"""The app in a real browser: protecting, looking, downloading; the simulation; and strangers."""

import io
import re
import socket
import urllib.request
import zipfile
from collections.abc import Iterator
from pathlib import Path
from shutil import which
from urllib.parse import urlsplit

import pytest

from album_tools import digests, run_cli, write_album

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
BROWSER = which("chromium") or which("chromium-browser") or which("google-chrome")
PATIENCE_MS = 300_000
# Names other than the app's own lead nowhere, and the browser's own services stay silent.
SEALED = ["--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1", "--disable-background-networking", "--no-sandbox"]


@pytest.fixture
def page(tmp_path: Path) -> Iterator:
    """A page that notes what it asks for; the test fails if any of it is elsewhere, or a script fails."""
    if BROWSER is None:
        pytest.skip("no Chromium on this machine")
    asked: list[str] = []
    problems: list[str] = []
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=BROWSER, args=SEALED)
        page = browser.new_context(viewport={"width": 1280, "height": 800}).new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.on("request", lambda request: asked.append(request.url))
        page.on("pageerror", lambda error: problems.append(str(error)))
        yield page
        browser.close()
    hosts = {urlsplit(url).hostname for url in asked if not url.startswith(("blob:", "data:"))}
    assert hosts == {"127.0.0.1"}
    assert problems == []


def reached_only_loopback(reached: Path) -> bool:
    lines = reached.read_text().splitlines() if reached.exists() else []
    return all("127.0.0.1" in line or "localhost" in line for line in lines)


def test_dropped_photos_are_protected_compared_and_downloaded_as_the_command_writes_them(serve, page, tmp_path):
    album, out = tmp_path / "album", tmp_path / "out"
    write_album(album, photos=3)
    (tmp_path / "notes.jpg").write_text("<b>no photo</b>")
    served = serve()
    page.goto(served.url)
    page.set_input_files("#photos", [*sorted(album.iterdir()), tmp_path / "notes.jpg"])
    sync_api.expect(page.locator(".shelf li.bad")).to_contain_text("notes.jpg is not a picture; photos are JPEG")
    page.select_option("#protect [name=effort]", "quick")
    page.click("text=Protect 3 photos")
    page.wait_for_selector("#protect-result h2:has-text('3 copies written')")
    cards = page.locator("#protect-result .photos li")
    assert cards.count() == 3
    words = {card.get_attribute("data-word") for card in cards.all()}
    assert words <= {"strong", "weak", "none"} and "of the way" in cards.first.inner_text()

    cards.first.locator(".open").click()
    before = page.locator(".slider .before")
    sync_api.expect(before).to_have_js_property("naturalWidth", 80)
    sync_api.expect(before).to_have_css("clip-path", re.compile("50%"))
    slider = page.locator(".slider input")
    slider.focus()
    for _ in range(20):
        slider.press("ArrowRight")
    sync_api.expect(before).to_have_css("clip-path", re.compile("30%"))
    page.click("[data-look=difference]")
    sync_api.expect(page.locator(".difference img")).to_be_visible()
    page.keyboard.press("Escape")

    with page.expect_download() as download:
        page.click("text=Download all as a zip")
    archive = zipfile.ZipFile(io.BytesIO(Path(download.value.path()).read_bytes()))
    assert run_cli("protect", album, "--out", out, "--effort", "quick", timeout_s=600).returncode == 0
    assert {name: archive.read(name) for name in archive.namelist()} == digests(out)
    served.end()
    assert list(served.temporary.iterdir()) == [] and reached_only_loopback(served.reached)


@pytest.mark.slow
def test_one_click_shows_what_a_model_learns_from_people_who_do_not_exist(serve, page):
    page.set_default_timeout(3_000_000)
    served = serve()
    page.goto(f"{served.url}#simulate")
    page.check("#simulate [value=short]")
    page.select_option("#simulate [name=effort]", "quick")
    page.click("text=Teach and ask")
    page.wait_for_selector("#simulate-result .face")
    text = page.locator("#simulate-result").inner_text()
    assert (
        "stands for no published one" in text
        and "a quarter as long" in text
        and "95 % intervals" in text
        and "Leakage" in text
    )
    faces = page.locator("#simulate-result .face")
    assert faces.count() == 12 and faces.first.locator("tbody tr").count() == 5
    learned = page.locator("#simulate-result td.right:nth-child(2)").count()
    kept = page.locator("#simulate-result td.right:nth-child(3)").count()
    assert learned > 12 and kept < learned  # 12 of 60 is what guessing among six people gives, at most
    served.end()
    assert list(served.temporary.iterdir()) == [] and reached_only_loopback(served.reached)


def send(served, head: str, body: bytes = b"", *, host: str = "", more: str = "") -> bytes:
    """Send raw bytes and return the first line of the answer."""
    host = host or f"127.0.0.1:{served.port}"
    lines = (f"{head} HTTP/1.1", f"Host: {host}", f"Origin: http://{host}", "Connection: close", more)
    with socket.create_connection(("127.0.0.1", served.port), timeout=60) as one:
        one.sendall("\r\n".join(filter(None, lines)).encode() + b"\r\n\r\n" + body)
        return one.recv(100).split(b"\r\n")[0]


def test_strangers_and_hostile_requests_are_refused_while_the_page_works(serve, page, tmp_path):
    served = serve()
    own = f"/{served.token}"
    assert b"421" in send(served, f"GET {own}/", host="evil.example")
    assert b"403" in send(served, "GET /")
    huge = f"Content-Length: {1 << 30}"
    assert b"413" in send(served, f"PUT {own}/shelves/photos/a.png", b"\x89PNG\r\n\x1a\n" + bytes(5000), more=huge)
    for name in ("..%2f..%2f..%2fetc%2fpasswd", "../../../../etc/passwd", "%2e%2e/%2e%2e/secret"):
        assert b"404" in send(served, f"GET {own}/job/report/{name}")
        assert b"400" in send(served, f"PUT {own}/shelves/photos/{name}", b"x", more="Content-Length: 1")
    page.goto(served.url)
    page.check("#protect [value=folder]")
    page.fill("[name=source]", "/no/such/<script>alert(1)</script>")
    page.click("#protect-form .main")
    problem = page.locator("#protect-form .problem")
    sync_api.expect(problem).to_contain_text("the folder /no/such/<script>alert(1)</script> does not exist")
    assert problem.locator("script").count() == 0
    elsewhere = page.context.new_page()
    elsewhere.set_content("<h1>another page</h1>")
    refused = elsewhere.evaluate(f"fetch('{served.url}job', {{method: 'POST'}}).then(a => a.status, () => 'blocked')")
    assert refused in (403, "blocked")
    with urllib.request.urlopen(served.url) as answer:
        assert answer.status == 200
    assert [p for p in served.temporary.rglob("*") if p.is_file() and p.name != "lock"] == []
    assert reached_only_loopback(served.reached)
