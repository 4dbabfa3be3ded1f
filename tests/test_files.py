"""Whole files only: writes that are interrupted, killed or refused."""

import errno
import os
import random
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dp2vl.files import hash_file, read_file, remove_partials, write_atomic


def put(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"data")
    return path


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


def test_a_written_file_is_new_and_readable_like_any_other(out: Path) -> None:
    old = os.umask(0o027)
    try:
        write_atomic(out / "deep" / "a.jpg", b"one")
    finally:
        os.umask(old)
    assert (out / "deep" / "a.jpg").stat().st_mode & 0o777 == 0o640
    os.link(out / "deep" / "a.jpg", out / "kept")
    write_atomic(out / "deep" / "a.jpg", b"two")
    assert ((out / "deep" / "a.jpg").read_bytes(), (out / "kept").read_bytes()) == (b"two", b"one")


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_an_interrupted_write_leaves_the_old_file_and_nothing_else(
    out: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    write_atomic(out / "a.jpg", b"old")

    def fail(descriptor: int) -> None:
        raise error

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(type(error)):
        write_atomic(out / "a.jpg", b"new")
    assert [p.name for p in out.iterdir()] == ["a.jpg"]
    assert (out / "a.jpg").read_bytes() == b"old"


def test_a_part_that_could_not_even_be_made_says_why_and_not_that_it_is_missing(tmp_path: Path, monkeypatch):
    def full(self: Path, *arguments: object, **options: object) -> object:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "open", full)
    with pytest.raises(OSError, match="No space left") as error:
        write_atomic(tmp_path / "a.jpg", b"data")
    assert error.value.errno == errno.ENOSPC and list(tmp_path.iterdir()) == []


def run_python(code: str, *args: object) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", code, *map(str, args)], stdout=subprocess.PIPE, text=True)


WRITER = """
import sys
from itertools import cycle
from pathlib import Path
from dp2vl.files import write_atomic
print("ready", flush=True)
for byte in cycle(b"abcdefgh"):
    write_atomic(Path(sys.argv[1]), bytes([byte]) * 2_000_000)
"""


def test_kill_9_while_writing_leaves_whole_files_and_parts_that_are_cleaned(out: Path) -> None:
    left = 0
    for seed in range(6):
        with run_python(WRITER, out / "deep" / "a.bin") as process:
            assert process.stdout is not None
            process.stdout.readline()
            time.sleep(random.Random(seed).uniform(0.01, 0.06))
            process.send_signal(signal.SIGKILL)
        left += remove_partials(out)
        files = [p for p in out.rglob("*") if p.is_file()]
        assert files in ([], [out / "deep" / "a.bin"])
        for path in files:
            data = path.read_bytes()
            assert data == data[:1] * 2_000_000
    assert left <= 6


def test_only_our_own_partial_files_are_removed(out: Path) -> None:
    keep = [put(out / "x.part"), put(out / ".dp2vl" / "outcomes.jsonl"), put(out / ".dp2vl-notes")]
    put(out / "deep" / ".dp2vl-0123.part"), put(out / ".dp2vl" / ".dp2vl-4567.part")
    assert remove_partials(out) == 2
    assert sorted(p for p in out.rglob("*") if p.is_file()) == sorted(keep)


def test_a_new_name_that_another_program_takes_meanwhile_stays_its_own(out: Path) -> None:
    write_atomic(out / "a.jpg", b"ours", replace=False)
    with pytest.raises(FileExistsError, match="another program put a file there"):
        write_atomic(out / "a.jpg", b"later", replace=False)
    assert [(p.name, p.read_bytes()) for p in out.iterdir()] == [("a.jpg", b"ours")]
    assert (out / "a.jpg").stat().st_nlink == 1


@pytest.mark.parametrize("number", [errno.EPERM, errno.ENOTSUP])
def test_a_disk_without_hard_links_takes_new_names_all_the_same(out: Path, monkeypatch, number: int) -> None:
    def refuse(*arguments: object, **options: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "link", refuse)
    write_atomic(out / "a.jpg", b"data", replace=False)
    assert [(p.name, p.read_bytes()) for p in out.iterdir()] == [("a.jpg", b"data")]


def test_a_disk_that_does_not_flush_folders_takes_files_and_one_that_fails_is_an_error(out: Path, monkeypatch) -> None:
    real, number = os.fsync, errno.EINVAL

    def refuse(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(number, os.strerror(number))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", refuse)
    write_atomic(out / "a.jpg", b"data")
    assert (out / "a.jpg").read_bytes() == b"data"
    number = errno.EIO
    with pytest.raises(OSError, match="Input/output"):
        write_atomic(out / "b.jpg", b"data")


def test_a_pipe_in_the_place_of_a_file_is_an_error_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    for read in (read_file, hash_file):
        with pytest.raises(OSError, match="is not a regular file"):
            read(tmp_path / "pipe.jpg")
    assert read_file(put(tmp_path / "a.jpg"), at_most=3) == b"dat"
