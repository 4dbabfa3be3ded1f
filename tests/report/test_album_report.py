"""The report of a protected album: picture, figures, verdict and advice per photo, in any order, without a script."""

import csv
import os
import re
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote

import pytest
from PIL import Image
from typer.testing import CliRunner

from dp2vl.cli import app
from dp2vl.errors import UsageError
from dp2vl.preview import write_previews
from dp2vl.records import OutcomeStore
from dp2vl.report.album import ORDERS, advise, summarise, write_album_report
from dp2vl.types import Outcome, Status


def make_outcome(name: str, word: str, *, flip: float = 0.02, held_out: str = "", **shifts: float) -> Outcome:
    named = {"shift[mini-llava]": 1.0, "shift[mini-llava] after jpeg75": 0.95} if not shifts else {}
    figures = {"change_levels": 6.0, "ssim": 0.95, "flip": flip, **named}
    figures |= {f"shift[{tower}]{after.replace('_', ' ')}": v for (tower, after), v in shifts.items()} if shifts else {}
    worst = min(v for k, v in figures.items() if k.startswith("shift["))
    return Outcome(
        path=f"/album/{name}", rel=name, status=Status.PROTECTED, verdict=f"{word}: {worst:.2f} of the way{held_out}",
        figures=figures, sha256_in="a" * 64, sha256_out="b" * 64,
    )  # fmt: skip


@pytest.fixture
def outcomes() -> list[Outcome]:
    return [
        make_outcome("good.jpg", "strong", flip=0.05),
        make_outcome("Bad.jpg", "none", flip=0.01),
        make_outcome("mid <1>.jpg", "weak", flip=0.03),
        Outcome(path="/album/huge.jpg", rel="huge.jpg", status=Status.REFUSED, reason="120 megapixels"),
        Outcome(path="/album/notes.txt", rel="", status=Status.SKIPPED, reason="not a photo"),
    ]


def places(page: str, order: str) -> list[str]:
    """Return the names of the photos as the page shows them in an order."""
    found = re.findall(r'<article style="([^"]*)">\s*<h2>(.*?) <span', page)
    return [
        name for _, name in sorted((int(re.search(rf"--{order}: (\d+);", style)[1]), name) for style, name in found)
    ]


def test_the_page_can_be_sorted_without_a_script(outcomes, tmp_path):
    page = write_album_report(outcomes, summarise(outcomes), {}, tmp_path).read_text(encoding="utf-8")
    assert "<script" not in page
    assert places(page, "album")[:2] == ["good.jpg", "Bad.jpg"]
    assert places(page, "verdict") == ["huge.jpg", "Bad.jpg", "mid &lt;1&gt;.jpg", "good.jpg", "/album/notes.txt"]
    assert places(page, "visible")[:3] == ["good.jpg", "mid &lt;1&gt;.jpg", "Bad.jpg"]
    assert places(page, "name")[1:4] == ["Bad.jpg", "good.jpg", "huge.jpg"]
    for order in ORDERS:
        assert f'id="by-{order}"' in page and f"#by-{order}:checked ~ main article {{ order: var(--{order}); }}" in page


def test_every_photo_that_is_not_well_off_has_advice_and_the_others_have_none(outcomes, tmp_path):
    write_album_report(outcomes, summarise(outcomes), {}, tmp_path)
    with (tmp_path / "outcomes.csv").open(encoding="utf-8") as file:
        advice = {row["path"]: row["advice"] for row in csv.DictReader(file)}
    assert not advice["/album/good.jpg"] and not advice["/album/notes.txt"]
    assert "higher --strength" in advice["/album/mid <1>.jpg"]
    assert "keep the photo to yourself" in advice["/album/Bad.jpg"]
    assert "do not share the original" in advice["/album/huge.jpg"]
    assert "What to do about weak photos" in (tmp_path / "index.html").read_text(encoding="utf-8")


def test_advice_names_what_the_photo_is_weakest_at():
    unknown = make_outcome("a.jpg", "weak", held_out=" (mini-llava, a tower not optimised against)")
    assert "name more with --surrogates" in advise(unknown)
    assert "Weakest after JPEG at quality 75" in advise(make_outcome("a.jpg", "weak"))
    as_it_is = Outcome(path="a", rel="a", status=Status.PROTECTED, verdict="none: 0.1", figures={"shift[x]": 0.1})
    assert advise(as_it_is).startswith("Protect the original again with a longer --effort than")


def test_a_higher_strength_is_not_advised_for_a_copy_that_had_the_highest():
    copy = make_outcome("a.jpg", "weak")
    assert "--strength" in advise(copy)
    strong = Outcome(**{**copy.__dict__, "figures": copy.figures | {"change_levels": 16.0}})
    assert "--strength" not in advise(strong) and "longer --effort" in advise(strong)


def test_a_report_from_records_names_the_towers_that_copies_were_measured_on(outcomes, tmp_path):
    assert summarise(outcomes)["measured"] == ["mini-llava"]
    page = write_album_report(outcomes, summarise(outcomes), {}, tmp_path).read_text(encoding="utf-8")
    assert "Measured on mini-llava." in page and "optimised against" not in page.split("<main>")[0]


def test_an_album_of_strong_photos_gives_no_advice_and_one_of_nothing_is_an_error(tmp_path):
    good = [make_outcome("good.jpg", "strong")]
    page = write_album_report(good, summarise(good), {}, tmp_path).read_text(encoding="utf-8")
    assert "What to do" not in page
    with pytest.raises(ValueError, match="at least one outcome"):
        write_album_report([], {}, {}, tmp_path)


@pytest.fixture
def album(tmp_path: Path) -> Path:
    """A folder of protected copies with its records: one original is still there, one is gone."""
    copies, originals = tmp_path / "copies", tmp_path / "album"
    outcomes = []
    for name in ("here.png", "gone.png"):
        for folder, level in ((originals, 100), (copies, 104)):
            folder.mkdir(exist_ok=True)
            Image.new("RGB", (32, 32), (level, 90, 90)).save(folder / name)
        one = make_outcome(name, "weak")
        outcomes.append(Outcome(**{**one.__dict__, "path": str(originals / name)}))
    OutcomeStore(copies).append(*outcomes)
    (originals / "gone.png").unlink()
    return copies


def test_the_command_reports_a_protected_folder_with_the_pictures_that_can_still_be_made(album, tmp_path):
    run = CliRunner().invoke(app, ["report", str(album), "--out", str(tmp_path / "out")])
    assert run.exit_code == 0 and run.stdout.strip() == str(tmp_path / "out" / "index.html")
    assert "1 photos have no picture" in run.stderr
    page = (tmp_path / "out" / "index.html").read_text(encoding="utf-8")
    assert re.findall(r'<img src="([^"]*)"', page) == ["pictures/here.png.png"]
    assert (tmp_path / "out" / "pictures" / "here.png.png").is_file() and "gone.png" in page


STRANGE = [
    "a#1.png", "b?x%41.png", "<img src=x onerror=alert(1)>.png", "<script>/c\\d|e.png", "[x](http:/y)*f*.png",
    "=1+2.png", os.fsdecode(b"caf\xe9.png"), "é" * 125 + ".png",
]  # fmt: skip


@pytest.fixture
def strange(tmp_path: Path) -> Path:
    """A report on photos with names that mean something to pages, tables or links, or cannot be written."""
    originals = tmp_path / "album"
    outcomes = [replace(make_outcome(name, "weak"), path=name) for name in STRANGE]
    for name in STRANGE:
        (originals / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8)).save(originals / name)
    there = [replace(o, path=str(originals / o.rel)) for o in outcomes]
    pictures = write_previews(there, originals, tmp_path / "report" / "pictures")
    return write_album_report(outcomes, summarise(outcomes), pictures, tmp_path / "report").parent


def test_pictures_are_found_whatever_their_names(strange):
    links = re.findall(r'<img src="([^"]*)"', (strange / "index.html").read_text(encoding="utf-8"))
    assert len(links) == len(STRANGE) and not any(set(link) & set("#?<>") for link in links)
    assert all((strange / unquote(link, errors="strict")).is_file() for link in links)  # as a server reads them


def test_names_are_text_in_the_page_and_in_markdown(strange):
    page, table = ((strange / name).read_text(encoding="utf-8") for name in ("index.html", "report.md"))
    for text in (page, table):
        assert "<script" not in text and "<img src=x" not in text
        assert "&lt;script&gt;" in text and "caf\\udce9.png" in text
    rows = [line for line in table.splitlines() if ".png" in line]
    assert len(rows) == len(STRANGE) and {len(re.findall(r"(?<!\\)\|", row)) for row in rows} == {7}
    assert "](" not in table and r"\*f\*" in table


def test_no_cell_of_the_csv_is_a_formula(strange):
    with (strange / "outcomes.csv").open(encoding="utf-8", newline="") as file:
        paths = [row["path"] for row in csv.DictReader(file)]
    assert paths == [{"=1+2.png": "'=1+2.png"}.get(name, name.replace("\udce9", "\\udce9")) for name in STRANGE]


def test_the_command_reports_names_that_are_no_utf8(tmp_path):
    name = os.fsdecode(b"caf\xe9.png")
    Image.new("RGB", (8, 8)).save(tmp_path / name)
    OutcomeStore(tmp_path).append(replace(make_outcome(name, "weak"), path=str(tmp_path / name)))
    run = CliRunner().invoke(app, ["report", str(tmp_path), "--out", str(tmp_path.parent / "out")])
    assert run.exit_code == 0, run.exception


def test_a_report_is_not_written_among_the_copies_and_albums_are_not_mixed(album, tmp_path):
    for arguments, message in (
        ([str(album), "--out", str(album / "report")], "lies in"),
        ([str(album), str(tmp_path), "--out", str(tmp_path / "out")], "one folder of protected copies alone"),
    ):
        run = CliRunner().invoke(app, ["report", *arguments])
        assert isinstance(run.exception, UsageError) and message in str(run.exception)
    assert not (album / "report").exists()
