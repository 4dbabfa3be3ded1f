"""Draw the pictures of the documentation: a sheet of one person's data set, and a photo before and after protection."""

import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

IMAGES = Path(__file__).parent / "images"


def main() -> None:
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        run("dataset", "make", "--people", 8, "--train-photos", 4, "--probe-photos", 6, "--out", work / "set")
        run("dataset", "show", work / "set", "--out", work / "sheets")
        run("demo", "--out", work / "demo")
        save(work / "sheets" / "person-p03.png", "person-sheet.png", colours=256)
        save(work / "demo" / "report" / "pictures" / "person-1" / "photo-1.jpg.png", "before-after.png")


def run(*words: object) -> None:
    subprocess.run([sys.executable, "-m", "dp2vl.cli", *map(str, words)], check=True)


def save(source: Path, name: str, *, colours: int = 0) -> None:
    """Store a picture, with fewer `colours` where that does no harm: the repository stays small."""
    with Image.open(source) as picture:
        kept = picture.convert("RGB").quantize(colours) if colours else picture.convert("RGB")
        kept.save(IMAGES / name, optimize=True)


if __name__ == "__main__":
    main()
