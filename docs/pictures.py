"""Draw the pictures of the documentation: a person's data set, a photo before and after, pages in a browser.

Plots are drawn by `generate.py`. Needs a Chromium on the path for the pages, and playwright for the app's.
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).parents[1]
IMAGES = Path(__file__).parent / "images"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def main() -> None:
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        run("dataset", "make", "--people", 8, "--train-photos", 4, "--probe-photos", 6, "--out", work / "set")
        run("dataset", "show", work / "set", "--out", work / "sheets")
        run("demo", "--out", work / "demo")
        run(
            "demo", "--effort", "quick", "--out", work / "quick"
        )  # leaves photos weak, to show what the page says of them
        save(work / "sheets" / "person-p03.png", "person-sheet.png", colours=256)
        save(work / "demo" / "report" / "pictures" / "person-1" / "photo-1.jpg.png", "before-after.png")
        draw_pages(work, work / "quick" / "report" / "index.html")
        draw_app(work / "quick" / "album" / "person-1")


def draw_pages(work: Path, album: Path) -> None:
    """Draw the top of the report of the published records, and of an album's report, the weakest photo first."""
    run("report", ROOT / "benchmarks" / "results", "--out", work / "report")
    page = album.read_text(encoding="utf-8").replace('id="by-album" checked', 'id="by-album"')
    sorted_page = album.with_name("sorted.html")
    sorted_page.write_text(page.replace('id="by-verdict"', 'id="by-verdict" checked'), encoding="utf-8")
    shoot(work / "report" / "index.html", "report-page.png", size=(1000, 1000))
    shoot(sorted_page, "album-page.png", size=(1000, 880), colours=256)


def draw_app(album: Path) -> None:
    """Protect photos in the app, and draw its page on a desktop and, in the dark, on a phone."""
    command = [sys.executable, "-m", "dp2vl.cli", "ui", "--no-browser"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as app:
        assert app.stdout is not None
        try:
            _draw_app(app.stdout.readline().strip(), album)
        finally:
            app.terminate()  # or a failure would wait for the app for ever


def _draw_app(url: str, album: Path) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_browser(), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.set_default_timeout(600_000)
        page.goto(url)
        page.set_input_files("#photos", sorted(album.iterdir()))
        page.select_option("#protect [name=effort]", "quick")
        page.click("text=/Protect \\d photo/")
        with tempfile.TemporaryDirectory() as folder:
            for name, width, scheme in (("app-desktop.png", 1280, "light"), ("app-phone.png", 390, "dark")):
                page.emulate_media(color_scheme=scheme)
                page.set_viewport_size({"width": width, "height": 900})
                page.locator("#protect-result h2").evaluate("top => top.scrollIntoView()")
                page.wait_for_function("[...document.querySelectorAll('.photos img')].some(i => i.naturalWidth)")
                page.screenshot(path=Path(folder) / name)
                save(Path(folder) / name, name, colours=256)
        browser.close()


def find_browser() -> str:
    browser = next((found for found in map(shutil.which, BROWSERS) if found), None)
    if browser is None:
        sys.exit(f"expected one of {', '.join(BROWSERS)} on the path, found none")
    return browser


def run(*words: object) -> None:
    subprocess.run([sys.executable, "-m", "dp2vl.cli", *map(str, words)], check=True)


def shoot(page: Path, name: str, *, size: tuple[int, int], colours: int = 0) -> None:
    """Store the top of a page as a browser shows it."""
    with tempfile.TemporaryDirectory() as folder:
        shot = Path(folder) / "page.png"
        options = ("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars")
        window = f"--window-size={size[0]},{size[1]}"
        subprocess.run([find_browser(), *options, window, f"--screenshot={shot}", page.as_uri()], check=True)
        save(shot, name, colours=colours)


def save(source: Path, name: str, *, colours: int = 0) -> None:
    """Store a picture, with fewer `colours` where that does no harm: the repository stays small."""
    with Image.open(source) as picture:
        kept = picture.convert("RGB")
        if colours:
            kept = kept.quantize(palette=kept.quantize(colours))  # which blends colours: bands would look like a change
        kept.save(IMAGES / name, optimize=True)


if __name__ == "__main__":
    main()
