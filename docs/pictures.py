"""Draw the pictures of the documentation: a person's data set, a photo before and after, pages in a browser.

Plots are drawn by `generate.py`. Needs a Chromium on the path for the pages.
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

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


def draw_pages(work: Path, album: Path) -> None:
    """Draw the top of the report of the published records, and of an album's report, the weakest photo first."""
    run("report", ROOT / "benchmarks" / "results", "--out", work / "report")
    page = album.read_text(encoding="utf-8").replace('id="by-album" checked', 'id="by-album"')
    sorted_page = album.with_name("sorted.html")
    sorted_page.write_text(page.replace('id="by-verdict"', 'id="by-verdict" checked'), encoding="utf-8")
    shoot(work / "report" / "index.html", "report-page.png", size=(1000, 1000))
    shoot(sorted_page, "album-page.png", size=(1000, 880), colours=256)


def run(*words: object) -> None:
    subprocess.run([sys.executable, "-m", "dp2vl.cli", *map(str, words)], check=True)


def shoot(page: Path, name: str, *, size: tuple[int, int], colours: int = 0) -> None:
    """Store the top of a page as a browser shows it."""
    browser = next((found for found in map(shutil.which, BROWSERS) if found), None)
    if browser is None:
        sys.exit(f"expected one of {', '.join(BROWSERS)} on the path, found none")
    with tempfile.TemporaryDirectory() as folder:
        shot = Path(folder) / "page.png"
        options = ("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars")
        window = f"--window-size={size[0]},{size[1]}"
        subprocess.run([browser, *options, window, f"--screenshot={shot}", page.as_uri()], check=True)
        save(shot, name, colours=colours)


def save(source: Path, name: str, *, colours: int = 0) -> None:
    """Store a picture, with fewer `colours` where that does no harm: the repository stays small."""
    with Image.open(source) as picture:
        kept = picture.convert("RGB").quantize(colours) if colours else picture.convert("RGB")
        kept.save(IMAGES / name, optimize=True)


if __name__ == "__main__":
    main()
