"""The whole command over many real and broken files: an outcome each, nothing private left, originals untouched."""

import hashlib
import json
import re
import shutil
import subprocess
from collections import Counter
from pathlib import Path

import exifread
import pytest
from PIL import Image

from album_tools import WROTE_SOME, run_cli, write_tower
from dp2vl.types import STRENGTHS
from hard_tools import LONG, tries
from image_tools import noise, saved, smooth

PRIVATE = ("GPS", "Thumbnail", "MakerNote", "JPEGThumbnail", "SerialNumber", "CameraOwner")
AFTER_PIXELS = re.compile(rb"\xff[^\x00\xd0-\xd7]")
HEIC = {".heic", ".heif", ".hif"}
EVERY = tries(80, 1)
"""One file in so many is taken."""


def fingerprints(folder: Path) -> dict[str, str]:
    files = (p for p in sorted(folder.rglob("*")) if p.is_file())
    return {str(p): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


def private_tags(path: Path) -> list[str]:
    """Return names of private tags that readers other than ours find in a file."""
    found = []
    # exifread ignores the base offset of items (ISO/IEC 14496-12, 8.11.3), which libheif writes: exiftool reads HEIC.
    if path.suffix.lower() not in HEIC:
        with path.open("rb") as file:
            found = [tag for tag in exifread.process_file(file, details=True) if any(word in tag for word in PRIVATE)]
    if shutil.which("exiftool"):
        command = ["exiftool", "-j", "-G1", "-a", "-ee", str(path)]
        tags = json.loads(subprocess.run(command, capture_output=True, text=True).stdout or "[{}]")[0]
        groups = ("GPS", "IFD1", "XMP", "MPF", "MPImage", "MakerNotes", "Photoshop")
        found += [t for t in tags if any(word in t for word in PRIVATE) or t.split(":")[0].startswith(groups)]
    return found


def end_of_picture(data: bytes) -> int | None:
    """Return where the container of a JPEG, PNG or WebP ends by its own marks; None for other files."""
    if data.startswith(b"\xff\xd8"):
        at = 2
        while (marker := data[at + 1]) != 0xD9:
            at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
            if marker == 0xDA:  # coded pixels follow, up to a marker that is no restart and no stuffed zero
                at = next(found.start() for found in AFTER_PIXELS.finditer(data, at))
        return at + 2
    if data.startswith(b"\x89PNG"):
        at = 8
        while data[at + 4 : at + 8] != b"IEND":
            at += 12 + int.from_bytes(data[at : at + 4], "big")
        return at + 12
    return int.from_bytes(data[4:8], "little") + 8 if data[8:12] == b"WEBP" else None


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"restart_marker_rows": 1}])
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_what_follows_a_picture_is_seen(kind: str, options: dict):
    data = saved(Image.fromarray(noise(40, 50, 3)), kind, **(options if kind == "JPEG" else {}))
    assert end_of_picture(data) == len(data) == end_of_picture(data + data)
    assert end_of_picture(saved(smooth(8, 8), "TIFF")) is None


def take(folder: Path, into: Path) -> Path:
    """Copy one file in `EVERY` of a folder."""
    for i, path in enumerate(sorted(p for p in folder.rglob("*") if p.is_file())[::EVERY]):
        into.mkdir(exist_ok=True)
        shutil.copy(path, into / f"{i:04}-{path.name}")
    return into


def test_every_file_of_the_corpus_gets_an_outcome_and_no_copy_holds_private_tags(shared_data: Path, tmp_path: Path):
    broken = take(shared_data / "corrupt", tmp_path / "broken")
    album = shared_data / "album" if LONG else take(shared_data / "album", tmp_path / "album")
    before = fingerprints(album) | fingerprints(broken)
    out = tmp_path / "out"
    run = run_cli(
        *("protect", album, broken, "--out", out, "--effort", "quick", "--json"),
        *("--surrogates", write_tower(tmp_path)),
        timeout_s=tries(300, 5400),
    )
    assert run.returncode in WROTE_SOME, run.stderr[-2000:]
    answer = json.loads(run.stdout)
    statuses = Counter(o["status"] for o in answer["outcomes"])
    assert Counter(o["path"] for o in answer["outcomes"]) == Counter(before.keys())
    assert {s: answer["summary"][s] for s in statuses} == dict(statuses)
    assert statuses["protected"] >= tries(1, 200)
    assert fingerprints(album) | fingerprints(broken) == before
    for outcome in answer["outcomes"]:
        if outcome["status"] != "protected":
            assert outcome["reason"], outcome["path"]
            continue
        assert private_tags(out / outcome["rel"]) == [], outcome["path"]
        data = (out / outcome["rel"]).read_bytes()
        assert end_of_picture(data) in {None, len(data)}, outcome["path"]
        assert outcome["figures"]["ssim"] >= STRENGTHS["standard"].ssim, outcome["path"]
        if outcome["rel"].lower().endswith((".jpg", ".png", ".bmp")):
            with Image.open(out / outcome["rel"]) as copy:
                copy.load()
    if not shutil.which("exiftool"):
        heic = sum(Path(o["rel"]).suffix.lower() in HEIC for o in answer["outcomes"] if o["status"] == "protected")
        pytest.skip(
            f"all held, but exiftool is not installed: no other program read {heic} HEIC copies, nor XMP, IPTC and "
            "multi-picture data of any copy, nor what follows the picture in TIFF, BMP, HEIC and AVIF"
        )
