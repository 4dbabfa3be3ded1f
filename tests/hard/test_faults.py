"""What a run does when the machine, the disk or the clock fails: nothing lost, nothing twice, and the truth said."""

import errno
import hashlib
import itertools
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import torch

import dp2vl
from album_tools import WROTE_ALL, digests, run_cli, write_album, write_tower
from dp2vl.errors import DP2VLError
from dp2vl.images import Picture
from dp2vl.protect import job
from dp2vl.protect.photo import Protector
from dp2vl.records import OutcomeStore
from hard_tools import tries

PHOTOS = 4


@pytest.fixture
def tower(tmp_path: Path) -> str:
    return write_tower(tmp_path)


@pytest.fixture
def album(tmp_path: Path) -> Path:
    write_album(tmp_path / "album", photos=PHOTOS, suffixes=(".png",))
    return tmp_path / "album"


def protect(src: Path, out: Path, tower: str, **options: object) -> dp2vl.AlbumResult:
    return dp2vl.protect_album(src, out, surrogates=tower, **({"effort": "quick"} | options))


def statuses(result: dp2vl.AlbumResult) -> dict[str, str]:
    return {Path(o.path).name: str(o.status) for o in result.outcomes}


def lines(out: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in OutcomeStore(out).path.read_text().splitlines()]


def start(*arguments: str | Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "dp2vl.cli", *map(str, arguments)],
        env=os.environ | {"OMP_NUM_THREADS": "1"}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip


def wait_for_work(out: Path, process: subprocess.Popen[bytes]) -> float:
    """Wait until a run has loaded its towers and takes its first photo; return when that was."""
    while not list(out.glob(".dp2vl/claims/*")) and process.poll() is None:
        time.sleep(0.002)
    return time.monotonic()


def test_killed_at_any_moment_the_next_run_ends_with_every_photo_once(tmp_path: Path, album: Path, tower: str):
    """Each kill falls at a moment of its own; one in five before the work begins, the others in it."""
    arguments = ["protect", album, "--effort", "quick", "--surrogates", tower, "--out"]
    before, began = digests(album), time.monotonic()
    process = start(*arguments, tmp_path / "whole")
    working = wait_for_work(tmp_path / "whole", process)
    assert process.wait() in WROTE_ALL
    load_s, work_s = working - began, time.monotonic() - working
    reached: list[int] = []
    for attempt in range(tries(2, 50)):
        out, rng = tmp_path / f"out-{attempt}", random.Random(attempt)
        process = start(*arguments, out)
        if attempt % 5:
            wait_for_work(out, process)
            time.sleep(rng.random() * work_s)
        else:
            time.sleep(rng.random() * load_s)
        process.send_signal(signal.SIGKILL)
        process.wait()
        recorded = OutcomeStore(out).latest()
        reached.append(len(recorded))
        for rel, data in digests(out).items():
            assert rel.endswith(".part") or data == (tmp_path / "whole" / rel).read_bytes(), "a copy is not whole"
        for outcome in recorded.values():
            assert hashlib.sha256((out / outcome.rel).read_bytes()).hexdigest() == outcome.sha256_out
        again = run_cli(*arguments, out)
        assert again.returncode in WROTE_ALL, again.stderr
        assert digests(out) == digests(tmp_path / "whole")
        assert sorted(str(o["rel"]) for o in lines(out)) == sorted(before), "a photo was recorded twice"
    assert digests(album) == before
    print("outcomes recorded when killed:", sorted(reached))


def test_a_disk_that_is_full_ends_the_run_and_room_lets_it_go_on(tmp_path: Path, album: Path, tower: str):
    before, real, written, out = digests(album), job.write_atomic, 0, tmp_path / "out"

    def fill(path: Path, data: bytes, **options: bool) -> None:
        nonlocal written
        if written == 2:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(path, data, **options)
        written += 1

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(job, "write_atomic", fill)
        with pytest.raises(DP2VLError, match="no space left while writing") as error:
            protect(album, out, tower)
    assert "resumes" in error.value.hint
    assert len(digests(out)) == len(lines(out)) == 2
    assert set(statuses(protect(album, out, tower)).values()) == {"protected"}
    assert (len(lines(out)), digests(album)) == (PHOTOS, before)


def mounted(*options: str, on: Path) -> Callable[[], object]:
    """Mount a file system in memory and return what takes it away; skips where that is not allowed."""
    on.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", *options, "tmpfs", str(on)], capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"this user may not mount a file system: {done.stderr.strip()}")
    return lambda: subprocess.run(["umount", str(on)], check=True)


def test_a_disk_of_a_few_pages_is_an_error_and_leaves_no_part(tmp_path: Path, album: Path, tower: str):
    remove = mounted("-o", "size=64k", on=tmp_path / "small")
    try:
        out = tmp_path / "small" / "out"
        run = run_cli("protect", album, "--out", out, "--effort", "quick", "--surrogates", tower)
        assert run.returncode == 1 and run.stderr.startswith("error: ") and "Traceback" not in run.stderr
        assert not list(out.rglob("*.part")) and all(digests(out).values())
    finally:
        remove()


def test_a_destination_that_is_read_only_is_an_error_before_the_work(tmp_path: Path, album: Path, tower: str):
    """Permissions do not hold root back; a file system mounted read-only does."""
    remove = mounted("-o", "ro", on=tmp_path / "closed")
    try:
        run = run_cli("protect", album, "--out", tmp_path / "closed" / "out", "--surrogates", tower)
        assert run.returncode == 1, run.stderr
        assert run.stderr.startswith("error: cannot write to") and "hint: " in run.stderr
    finally:
        remove()


@pytest.mark.parametrize(
    ("harm", "reason"),
    [
        (lambda path: path.unlink(), "No such file"),
        (lambda path: path.write_bytes(path.read_bytes()[:-20]), "changed while the album was being protected"),
        (lambda path: path.write_bytes(b""), "changed while the album was being protected"),
        (lambda path: (path.unlink(), os.mkfifo(path)), "is not a regular file"),
    ],
    ids=["vanishes", "shrinks", "is emptied", "becomes a pipe"],
)
def test_an_original_that_goes_or_changes_during_the_run_fails_alone(
    tmp_path: Path, album: Path, tower: str, harm: Callable[[Path], object], reason: str
):
    result = protect(album, tmp_path / "out", tower, on_start=lambda count: harm(album / "photo-2.png"))
    assert statuses(result) == {f"photo-{i}.png": "failed" if i == 2 else "protected" for i in range(PHOTOS)}
    assert reason in result.unprotected[0].reason
    assert "photo-2.png" not in digests(tmp_path / "out")


def test_a_clock_that_jumps_years_changes_no_copy_and_no_outcome(
    tmp_path: Path, album: Path, tower: str, monkeypatch: pytest.MonkeyPatch
):
    protect(album, tmp_path / "calm", tower)
    now, jumps = time.time, itertools.cycle([0.0, -3e8, 3e8])
    with monkeypatch.context() as patch:
        patch.setattr(time, "time", lambda: now() + next(jumps))
        result = protect(album, tmp_path / "jumping", tower)
    assert digests(tmp_path / "jumping") == digests(tmp_path / "calm")
    assert all(0 <= o.seconds < 600 for o in result.outcomes)
    os.utime(album / "photo-0.png", (4e9, 4e9))
    started: list[int] = []
    protect(album, tmp_path / "jumping", tower, on_start=started.append)
    assert started == [0], "a photo is known by its bytes, not by its date"


@pytest.mark.parametrize("seed", range(tries(3, 40)))
def test_damaged_records_are_an_error_and_without_them_the_copies_are_known_again(
    tmp_path: Path, album: Path, tower: str, seed: int
):
    out, rng = tmp_path / "out", random.Random(seed)
    protect(album, out, tower)
    copies, records = digests(out), OutcomeStore(out).path
    data = bytearray(records.read_bytes())
    at = rng.choice([i for i in range(data.index(b"\n")) if data[i] != ord(" ")])
    data[at] ^= rng.choice([1, 2, 4, 8, 16, 32, 64, 128])
    records.write_bytes(data)
    with pytest.raises(DP2VLError, match=r"outcomes\.jsonl, line \d") as error:
        protect(album, out, tower)
    assert "move the file away" in error.value.hint
    assert digests(out) == copies, "damage was answered by writing"
    records.rename(tmp_path / "damaged.jsonl")
    result = protect(album, out, tower)
    assert set(statuses(result).values()) == {"protected"} and digests(out) == copies
    assert len(lines(out)) == PHOTOS


def test_of_two_runs_on_one_output_the_second_is_refused_and_the_first_ends_well(
    tmp_path: Path, album: Path, tower: str
):
    out = tmp_path / "out"
    said: list[subprocess.CompletedProcess[str]] = []

    def start_another(count: int) -> None:
        said.append(run_cli("protect", album, "--out", out, "--effort", "quick", "--surrogates", tower))

    result = protect(album, out, tower, on_start=start_another)
    assert said[0].returncode == 1 and "another run is working on" in said[0].stderr
    assert set(statuses(result).values()) == {"protected"} and len(lines(out)) == PHOTOS


def test_a_file_that_another_program_puts_where_a_copy_goes_stays_as_it_is(
    tmp_path: Path, album: Path, tower: str, monkeypatch: pytest.MonkeyPatch
):
    real, other, out = job.write_atomic, b"the only copy of somebody else's file", tmp_path / "out"

    def come_before(path: Path, data: bytes, **options: bool) -> None:
        if path.name == "photo-2.png":
            path.write_bytes(other)
        real(path, data, **options)

    monkeypatch.setattr(job, "write_atomic", come_before)
    result = protect(album, out, tower)
    assert [Path(o.path).name for o in result.unprotected] == ["photo-2.png"]
    assert "another program put a file there" in result.unprotected[0].reason
    assert (out / "photo-2.png").read_bytes() == other and len(digests(out)) == PHOTOS


def exhaust_torch() -> None:
    torch.empty(10**15)


def exhaust_device() -> None:
    raise torch.OutOfMemoryError("no room on the device")


def exhaust_python() -> None:
    raise MemoryError


@pytest.mark.parametrize("fail", [exhaust_torch, exhaust_device, exhaust_python])
def test_a_photo_that_does_not_fit_into_memory_fails_alone_and_says_what_to_do(
    tmp_path: Path, album: Path, tower: str, monkeypatch: pytest.MonkeyPatch, fail: Callable[[], None]
):
    real, calls = Protector.find_changes, iter(range(PHOTOS))

    def exhaust(self: Protector, pictures: Sequence[Picture], **options: object) -> object:
        if next(calls) == 1:
            fail()
        return real(self, pictures, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(Protector, "find_changes", exhaust)
    result = protect(album, tmp_path / "out", tower)
    assert sorted(statuses(result).values()) == ["failed", *["protected"] * (PHOTOS - 1)]
    assert "does not fit into memory" in result.unprotected[0].reason
    assert len(digests(tmp_path / "out")) == PHOTOS - 1
