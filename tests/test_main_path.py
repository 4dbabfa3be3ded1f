"""An album in, a protected album out: the command as a person runs it."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import dp2vl
from album_tools import WROTE_ALL, WROTE_SOME, digests, read_pixels, run_cli, write_album, write_tower
from dp2vl.protect.check import verify_files
from dp2vl.records import OutcomeStore
from dp2vl.types import STRENGTHS

STANDARD = STRENGTHS["standard"]


def protect(src: Path, out: Path, tower: str, **options) -> dp2vl.AlbumResult:
    return dp2vl.protect_album(src, out, surrogates=tower, **({"effort": "quick"} | options))


def test_every_file_gets_an_outcome_and_originals_stay_as_they_were(tmp_path: Path):
    album, out = tmp_path / "album", tmp_path / "out"
    write_album(album / "summer", photos=3)
    (album / "notes.txt").write_text("not a photo")
    (album / "broken.jpg").write_bytes((album / "summer" / "photo-1.jpg").read_bytes()[:300])
    before = digests(album)
    run = run_cli("protect", album, "--out", out, "--effort", "quick", "--surrogates", write_tower(tmp_path), "--json")
    assert run.returncode in WROTE_SOME, run.stderr
    answer = json.loads(run.stdout)
    assert {Path(o["path"]).name: o["status"] for o in answer["outcomes"]} == {
        "photo-0.png": "protected",
        "photo-1.jpg": "protected",
        "photo-2.png": "protected",
        "notes.txt": "skipped",
        "broken.jpg": "failed",
    }
    assert answer["summary"]["protected"] == 3 and answer["summary"]["failed"] == 1
    assert "not protected:" in run.stderr and "broken.jpg" in run.stderr
    assert digests(album) == before
    assert set(digests(out)) == {"summer/photo-0.png", "summer/photo-1.jpg", "summer/photo-2.png"}
    for name in digests(out):
        assert read_pixels(out / name).shape == read_pixels(album / name).shape


def test_a_lossless_copy_differs_but_never_by_more_than_the_levels(tmp_path: Path):
    album, out = tmp_path / "album", tmp_path / "out"
    write_album(album, photos=2, suffixes=(".png",))
    result = protect(album, out, write_tower(tmp_path))
    for outcome in result.outcomes:
        change = np.abs(read_pixels(out / outcome.rel) - read_pixels(album / outcome.rel))
        assert 3 <= change.max() <= STANDARD.levels and change.mean() > 0.5
        assert outcome.figures["change_levels"] == change.max()
        assert outcome.figures["ssim"] >= STANDARD.ssim


def test_command_and_function_write_the_same_bytes(tmp_path: Path):
    album, tower = tmp_path / "album", write_tower(tmp_path)
    write_album(album, photos=2)
    run = run_cli("protect", album, "--out", tmp_path / "a", "--effort", "quick", "--surrogates", tower)
    assert run.returncode in WROTE_ALL, run.stderr
    protect(album, tmp_path / "b", tower)
    assert digests(tmp_path / "a") == digests(tmp_path / "b") != digests(album)


def test_a_second_run_does_nothing_and_a_changed_photo_or_setting_is_done_again(tmp_path: Path):
    album, out, tower = tmp_path / "album", tmp_path / "out", write_tower(tmp_path)
    write_album(album, photos=2, suffixes=(".png",))
    started: list[int] = []
    first = protect(album, out, tower, on_start=started.append)
    again = protect(album, out, tower, on_start=started.append)
    assert started == [2, 0] and again.outcomes == first.outcomes
    write_album(tmp_path / "other", photos=3, suffixes=(".png",))
    (album / "photo-1.png").write_bytes((tmp_path / "other" / "photo-2.png").read_bytes())
    protect(album, out, tower, on_start=started.append)
    protect(album, out, tower, strength="light", on_start=started.append)
    assert started == [2, 0, 1, 2]


def test_a_second_album_in_the_same_output_leaves_the_copies_of_the_first(tmp_path: Path):
    """Cameras give the same names over and over."""
    rome, oslo, out, tower = tmp_path / "rome", tmp_path / "oslo", tmp_path / "out", write_tower(tmp_path)
    write_album(rome, photos=2, suffixes=(".png",))
    write_album(tmp_path / "more", photos=3, suffixes=(".png",))
    oslo.mkdir()
    (tmp_path / "more" / "photo-2.png").rename(oslo / "photo-0.png")
    protect(rome, out, tower)
    first = digests(out)
    for _ in range(2):
        (failed,) = protect(oslo, out, tower).outcomes
        assert failed.status == "failed" and f"holds the copy of {rome / 'photo-0.png'}" in failed.reason
        assert "choose another --out" in failed.reason and digests(out) == first
    started: list[int] = []
    assert protect(rome, out, tower, on_start=started.append).unprotected == () and started == [0]
    assert len(verify_files(out, surrogates=tower)) == 2
    OutcomeStore(out).path.rename(tmp_path / "records.jsonl")
    (failed,) = protect(oslo, out, tower).outcomes
    assert "holds the copy of another photo" in failed.reason and digests(out) == first, "without records as well"


def test_a_protected_copy_is_recognised_wherever_it_lies_and_refused_unless_forced(tmp_path: Path):
    album, out, tower = tmp_path / "album", tmp_path / "out", write_tower(tmp_path)
    write_album(album, photos=1)
    protect(album, out, tower)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "renamed.png").write_bytes((out / "photo-0.png").read_bytes())
    refused = protect(elsewhere, tmp_path / "twice", tower)
    assert [o.status for o in refused.outcomes] == ["refused"] and "already" in refused.unprotected[0].reason
    assert protect(elsewhere, tmp_path / "twice", tower, force=True).unprotected == ()


@pytest.mark.parametrize("moment", [0.0, 0.3, 0.6])
def test_a_killed_run_goes_on_where_it_was_and_ends_with_the_same_bytes(tmp_path: Path, moment: float):
    album, tower = tmp_path / "album", write_tower(tmp_path)
    write_album(album, photos=4)
    arguments = ["protect", str(album), "--effort", "quick", "--surrogates", tower, "--out"]
    assert run_cli(*arguments, tmp_path / "whole").returncode in WROTE_ALL
    out = tmp_path / "killed"
    process = subprocess.Popen(
        [sys.executable, "-m", "dp2vl.cli", *arguments, str(out)],
        env=os.environ | {"OMP_NUM_THREADS": "1"}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    while process.poll() is None and not list(out.glob("*.png")):
        time.sleep(0.01)
    time.sleep(moment)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert run_cli(*arguments, out).returncode in WROTE_ALL
    assert digests(out) == digests(tmp_path / "whole")
    assert not list(out.rglob("*.part"))


def test_dry_run_lists_and_does_nothing(tmp_path: Path):
    write_album(tmp_path / "album", photos=2)
    run = run_cli("protect", tmp_path / "album", "--out", tmp_path / "out", "--dry-run")
    assert run.returncode == 0 and run.stdout.count("would protect") == 2
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--strength", "strongest"], "expected strength to be one of light, standard, strong"),
        (["--effort", "norml"], "did you mean normal?"),
        (["--surrogates", "clyp:x"], "clyp"),
        (["--max-megapixels", "0"], "expected --max-megapixels above 0"),
    ],
)
def test_wrong_options_are_one_line_and_a_hint(tmp_path: Path, arguments: list[str], message: str):
    write_album(tmp_path / "album", photos=1)
    run = run_cli("protect", tmp_path / "album", "--out", tmp_path / "out", *arguments)
    assert run.returncode in (1, 2)
    assert run.stderr.startswith("error: ") and message in run.stderr and "Traceback" not in run.stderr


def test_output_inside_the_album_is_refused(tmp_path: Path):
    write_album(tmp_path / "album", photos=1)
    run = run_cli("protect", tmp_path / "album", "--out", tmp_path / "album" / "out")
    assert run.returncode == 2 and run.stderr.startswith("error: ")


def test_verify_of_one_copy_measures_what_protect_measured(tmp_path: Path):
    album, out, tower = tmp_path / "album", tmp_path / "out", write_tower(tmp_path)
    write_album(album, photos=6)
    outcome = protect(album, out, tower).outcomes[2]
    (found,) = verify_files(out / outcome.rel, surrogates=tower)
    assert found.figures == pytest.approx(outcome.figures, rel=1e-4, abs=1e-4)


def test_verify_finds_originals_through_the_records_and_calls_an_unprotected_copy_none(tmp_path: Path):
    album, out, tower = tmp_path / "album", tmp_path / "out", write_tower(tmp_path)
    write_album(album, photos=2, suffixes=(".png",))
    result = protect(album, out, tower, effort="normal")
    run = run_cli("verify", out, "--surrogates", tower, "--json")
    measured = json.loads(run.stdout)["photos"]
    shift = f"shift[{tower}]"
    recorded = [o.figures[shift] for o in result.outcomes]
    assert [m["figures"][shift] for m in measured] == pytest.approx(recorded, rel=1e-3)
    fake = tmp_path / "fake"
    fake.mkdir()
    (fake / "photo-0.png").write_bytes((album / "photo-0.png").read_bytes())
    run = run_cli("verify", fake, "--against", album, "--surrogates", tower)
    assert run.returncode == 3 and "none:" in run.stdout


def test_preview_pictures_lie_beside_the_output_not_in_it(tmp_path: Path):
    write_album(tmp_path / "album", photos=1)
    tower = write_tower(tmp_path)
    run = run_cli(
        "protect",
        tmp_path / "album",
        "--out",
        tmp_path / "out",
        "--effort",
        "quick",
        "--surrogates",
        tower,
        "--preview",
    )
    assert run.returncode in WROTE_ALL, run.stderr
    picture = read_pixels(tmp_path / "out-preview" / "photo-0.png.png")
    assert picture.shape == (80, 3 * 80 + 16, 3)
    assert set(digests(tmp_path / "out")) == {"photo-0.png"}


def test_a_torn_record_costs_one_photo_at_most(tmp_path: Path):
    album, out, tower = tmp_path / "album", tmp_path / "out", write_tower(tmp_path)
    write_album(album, photos=3, suffixes=(".png",))
    protect(album, out, tower)
    records = OutcomeStore(out).path
    records.write_bytes(records.read_bytes()[:-40])
    started: list[int] = []
    protect(album, out, tower, on_start=started.append)
    assert started == [1]


def loads_torch(*arguments: str) -> bool:
    """Return whether a command imports torch before it ends."""
    code = (
        f"import sys; sys.argv = ['dp2vl', *{arguments!r}]; from dp2vl.cli import app\n"
        "try: app()\nexcept SystemExit: pass\nprint('torch' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert run.stdout.strip().endswith(("True", "False")), run.stderr
    return run.stdout.strip().endswith("True")


def test_help_does_not_import_torch():
    assert not loads_torch("--help")
    assert not loads_torch("protect", "--help")
    assert loads_torch("doctor"), "otherwise this test sees nothing"


def test_dry_run_does_not_import_torch(tmp_path: Path):
    write_album(tmp_path / "album", photos=1)
    assert not loads_torch("protect", str(tmp_path / "album"), "--out", str(tmp_path / "out"), "--dry-run")
