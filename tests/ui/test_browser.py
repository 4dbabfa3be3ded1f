"""The app in a real browser: protecting, looking, downloading, verifying, stopping; the simulation; and strangers."""

import base64
import io
import os
import re
import socket
import urllib.request
import zipfile
from collections.abc import Iterator, Sequence
from importlib import import_module
from pathlib import Path
from shutil import which
from urllib.parse import urlsplit

import pytest

from album_tools import digests, run_cli, write_album
from dp2vl.files import hash_file
from dp2vl.images import read_photo
from dp2vl.records import OutcomeStore

NEEDED = os.environ.get("DP2VL_NEED_BROWSER") == "1"
"""Whether a browser must be here: its absence is a failure then, and not a reason to skip."""
PLAYWRIGHT = "playwright.sync_api"
sync_api = (
    import_module(PLAYWRIGHT) if NEEDED else pytest.importorskip(PLAYWRIGHT, reason="playwright is not installed")
)
BROWSER = which("chromium") or which("chromium-browser") or which("google-chrome")
PATIENCE_MS = 300_000
sync_api.expect.set_options(timeout=PATIENCE_MS)
# Names other than the app's own lead nowhere, and the browser's own services stay silent.
SEALED = ["--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1", "--disable-background-networking", "--no-sandbox"]


@pytest.fixture
def page(tmp_path: Path) -> Iterator:
    """A page that notes what it asks for; the test fails if any of it is elsewhere, or a script fails."""
    if BROWSER is None:
        (pytest.fail if NEEDED else pytest.skip)("no Chromium on this machine")
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
    return not reached.exists() or "refused" not in reached.read_text()


def drop(page, place: str, files: Sequence[Path]) -> None:
    """Let go of files over a place of the page, as a drag from outside the browser ends."""
    sent = [(file.name, base64.b64encode(file.read_bytes()).decode()) for file in files]
    dragged = page.evaluate_handle(
        """files => { const dragged = new DataTransfer();
        for (const [name, text] of files)
            dragged.items.add(new File([Uint8Array.from(atob(text), c => c.charCodeAt(0))], name));
        return dragged; }""",
        sent,
    )
    page.dispatch_event(place, "drop", {"dataTransfer": dragged})


def protect_folder(page, album: Path, *, effort: str, out: Path) -> None:
    page.check("#protect [name=from][value=folder]")
    page.fill("#protect [name=source]", str(album))
    page.fill("#protect [name=out]", str(out))
    page.select_option("#protect [name=effort]", effort)
    page.click("#protect-form .main")


def test_dropped_photos_are_protected_compared_and_downloaded_as_the_command_writes_them(serve, page, tmp_path):
    album, out = tmp_path / "album", tmp_path / "out"
    write_album(album, photos=3)
    (tmp_path / "notes.jpg").write_text("<b>no photo</b>")
    served = serve()
    page.goto(served.url)
    drop(page, "#protect .drop", [*sorted(album.iterdir()), tmp_path / "notes.jpg"])
    sync_api.expect(page.locator(".shelf li.bad")).to_contain_text("notes.jpg is not a picture; photos are JPEG")
    page.select_option("#protect [name=effort]", "quick")
    page.click("text=Protect 3 photos")
    sync_api.expect(page.locator(".progress[data-kind=protect]")).to_contain_text("working on photo-0.png")
    page.wait_for_selector("#protect-result h2:has-text('3 copies written')")
    cards = page.locator("#protect-result .photos li")
    assert cards.count() == 3
    words = {card.get_attribute("data-word") for card in cards.all()}
    assert words <= {"strong", "weak", "none"} and "of the way" in cards.first.inner_text()
    weakest = [float(re.search(r"(-?\d\.\d+) of the way", card.inner_text())[1]) for card in cards.all()]
    assert weakest == sorted(weakest)
    page.select_option("#protect [name=order]", "album")
    names = [card.locator(".name").inner_text() for card in cards.all()]
    assert names == ["photo-0.png", "photo-1.jpg", "photo-2.png"]

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
    assert run_cli("protect", album, "--out", out, "--effort", "quick").returncode in (0, 4)
    assert {name: archive.read(name) for name in archive.namelist()} == digests(out)
    served.end()
    assert list(served.temporary.iterdir()) == [] and reached_only_loopback(served.reached)


def test_copies_stay_in_a_named_folder_and_can_be_verified_there_and_reports_opened(serve, page, tmp_path):
    album, out = tmp_path / "album", tmp_path / "out"
    write_album(album, photos=2)
    (tmp_path / "report").mkdir()
    (tmp_path / "report" / "index.html").write_text("<h1>An older report</h1>")
    page.goto(serve().url)
    protect_folder(page, album, effort="instant", out=out)
    sync_api.expect(page.locator("#protect-result .actions code")).to_have_text(str(out))
    copies = digests(out)
    assert sorted(copies) == ["photo-0.png", "photo-1.jpg"] and copies != digests(album)
    with page.expect_popup() as opened:
        page.click("text=Open the report")
    sync_api.expect(opened.value.locator("h1")).to_have_text("Protected album")

    page.click("nav >> text=Verify")
    page.fill("[name=target]", str(out))
    page.click("#verify-form .main")
    rows = page.locator("#verify-result tbody tr")
    sync_api.expect(rows).to_have_count(2)
    sync_api.expect(page.locator("#verify-result")).to_contain_text("as the records beside the copies say")
    for row, name in zip(rows.all(), sorted(copies), strict=True):
        assert name in row.inner_text() and "of the way from this person" in row.inner_text()
        assert row.locator(".word").inner_text().split()[-1] in ("Strong", "Weak", "little")
    assert digests(out) == copies

    page.click("nav >> text=Reports")
    page.fill("[name=folder]", str(tmp_path / "report"))
    page.click("#reports-form .main")
    with page.expect_popup() as opened:
        page.click("#opened a")
    sync_api.expect(opened.value.locator("h1")).to_have_text("An older report")


def test_while_a_job_runs_a_second_is_refused_and_stop_leaves_nothing_half_written(serve, page, tmp_path):
    album, out = tmp_path / "album", tmp_path / "out"
    write_album(album, photos=12)
    served = serve()
    page.goto(served.url)
    protect_folder(page, album, effort="quick", out=out)
    page.wait_for_selector("#protect-result .photos li")
    sync_api.expect(page.locator(".progress[data-kind=protect]")).to_contain_text("left")
    for tab in (page, page.context.new_page()):
        tab.goto(f"{served.url}#verify")
        tab.fill("[name=target]", str(out))
        tab.click("#verify-form .main")
        sync_api.expect(tab.locator("#verify-form .problem")).to_contain_text("another job is running")
    page.click("nav >> text=Protect")
    page.click("text=Stop")
    sync_api.expect(page.locator("#protect-result h2")).to_contain_text("nothing is half-written")
    recorded = {o.rel: o.sha256_out for o in OutcomeStore(out).latest().values()}
    assert 0 < len(recorded) < 12
    written = {name: hash_file(out / name) for name in digests(out)}
    assert recorded.items() <= written.items()
    assert len(written) <= len(recorded) + 1, "one copy may be whole on the disk and not yet on record"
    assert all(read_photo(out / name).pixels.size for name in written)
    assert [p for p in served.temporary.rglob("*") if p.is_file() and p.name != "lock"] == []


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
