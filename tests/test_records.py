"""Outcomes that survive being killed, digests of copies, and strict reading."""

import hashlib
import json
import multiprocessing
import random
import re
import signal
import subprocess
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dp2vl.errors import DP2VLError
from dp2vl.files import hash_bytes, write_atomic
from dp2vl.records import (
    OutcomeStore,
    ProtectedRegistry,
    drop_claims,
    make_claims,
    read_claims,
    settings_digest,
    write_json_atomic,
)
from dp2vl.types import Outcome, Photo, Status
from hard_tools import tries

COPY = b"protected"
PHOTO = Photo(path=Path("photos/deep/a.heic"), rel="deep/a.heic", sha256="1" * 64, size_bytes=3)
DONE = Outcome(
    path="photos/deep/a.heic", rel="deep/a.png", status=Status.PROTECTED, sha256_in="1" * 64,
    sha256_out=hash_bytes(COPY), settings="0123", verdict="strong", figures={"ssim": 0.95, "levels": 6},
    notes=("HEIC written as PNG",), seconds=1.5,
)  # fmt: skip
FAILED = Outcome(path="photos/b\n\udce9.jpg", rel="b\n\udce9.jpg", status=Status.FAILED, reason="is empty")
SKIPPED = Outcome(path="photos/notes.txt", rel="", status=Status.SKIPPED, reason="not a photo")


@pytest.fixture
def store(tmp_path: Path) -> OutcomeStore:
    return OutcomeStore(tmp_path)


def line(outcome: Outcome, **changes: object) -> str:
    return checked({"schema": 2, **asdict(outcome)} | changes)


def checked(value: dict[str, object]) -> str:
    """Return a line whose digest is right, however odd the rest is."""
    digest = hashlib.sha256(json.dumps(value).encode()).hexdigest()[:16]
    return json.dumps(value | {"check": digest})


def put_lines(store: OutcomeStore, *lines: str, end: str = "\n") -> None:
    store.path.parent.mkdir(exist_ok=True)
    store.path.write_text("\n".join(lines) + end)


def test_outcomes_come_back_as_they_were_appended(store: OutcomeStore) -> None:
    assert store.latest() == {}
    store.append(DONE)
    store.append(FAILED, SKIPPED)
    expected = {"deep/a.heic": DONE, FAILED.rel: FAILED, "photos/notes.txt": SKIPPED}
    assert store.latest() == OutcomeStore(store.out).latest() == expected
    assert len(store.path.read_text().splitlines()) == 3


def test_the_latest_outcome_of_a_file_counts_and_an_unchanged_one_adds_no_line(store: OutcomeStore) -> None:
    store.append(replace(DONE, rel="deep/a.heic", status=Status.FAILED, reason="no memory", sha256_out=""))
    for _ in range(3):
        OutcomeStore(store.out).append(DONE, SKIPPED)
    again = OutcomeStore(store.out)
    assert again.latest() == {"deep/a.heic": DONE, "photos/notes.txt": SKIPPED}
    assert len(store.path.read_text().splitlines()) == 3


def test_a_photo_is_done_under_the_same_settings_while_its_copy_is_unchanged(store: OutcomeStore) -> None:
    store.append(DONE)
    assert store.done(PHOTO, "0123") is None  # recorded, but the copy is not there
    write_atomic(store.out / "deep" / "a.png", COPY)
    assert store.done(PHOTO, "0123") == DONE
    assert store.done(PHOTO, "4567") is None
    assert store.done(replace(PHOTO, sha256="2" * 64), "0123") is None
    assert store.done(replace(PHOTO, rel="a.heic"), "0123") is None
    write_atomic(store.out / "deep" / "a.png", COPY + b"edited")
    assert store.done(PHOTO, "0123") is None


def test_a_photo_that_failed_is_never_done(store: OutcomeStore) -> None:
    write_atomic(store.out / "deep" / "a.png", COPY)
    store.append(DONE, replace(DONE, rel="deep/a.heic", status=Status.FAILED, reason="no memory"))
    assert store.done(PHOTO, "0123") is None


def test_digests_of_all_copies_ever_written_are_kept(store: OutcomeStore) -> None:
    store.append(DONE, FAILED)
    store.append(replace(DONE, sha256_out="3" * 64, settings="4567"))
    expected = {DONE.sha256_out: DONE.sha256_in, "3" * 64: DONE.sha256_in}
    assert store.copies() == OutcomeStore(store.out).copies() == expected


def test_who_holds_a_place_is_whose_copy_was_written_there_last(store: OutcomeStore) -> None:
    other = replace(DONE, path="oslo/deep/a.heic")
    store.append(DONE, other, replace(DONE, path="rome/deep/a.heic", status=Status.FAILED, reason="no memory"), FAILED)
    assert store.holders() == OutcomeStore(store.out).holders() == {DONE.rel: other.path}


@pytest.mark.parametrize("cut", [1, 40, 200])
def test_a_torn_last_line_is_dropped_and_the_next_one_is_whole(store: OutcomeStore, cut: int) -> None:
    put_lines(store, line(DONE), line(FAILED)[:-cut], end="")
    torn = OutcomeStore(store.out)
    before = store.path.read_bytes()
    assert torn.latest() == {"deep/a.heic": DONE}
    assert store.path.read_bytes() == before  # reading changes nothing
    torn.append(SKIPPED)
    assert OutcomeStore(store.out).latest() == {"deep/a.heic": DONE, "photos/notes.txt": SKIPPED}
    assert store.path.read_text() == line(DONE) + "\n" + line(SKIPPED) + "\n"


def test_a_file_that_is_one_torn_line_is_empty(store: OutcomeStore) -> None:
    put_lines(store, line(DONE), end="")
    assert store.latest() == {}
    store.append(SKIPPED)
    assert store.path.read_text() == line(SKIPPED) + "\n"


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ("{", "line 2"),
        ("[1]", "expected an object, got list"),
        (line(FAILED, schema=1), "expected schema 2, got 1"),
        (json.dumps(asdict(FAILED)), "expected schema 2, got None"),
        (json.dumps({"schema": 2, **asdict(FAILED)}), "got None: the line is damaged"),
        (line(FAILED, colour="red"), "unknown ['colour']"),
        (checked({"schema": 2, "path": "x"}), "missing ['figures', 'notes',"),
        (line(FAILED, seconds="1"), "seconds, got '1'"),
        (line(FAILED, seconds=True), "seconds, got True"),
        (line(FAILED, path=None), "path, got None"),
        (line(FAILED, notes=[1]), "notes, got 1"),
        (line(FAILED, figures={"ssim": "high"}), "figures, got 'high'"),
        (line(FAILED, status="fine"), "'fine' is not a valid Status"),
        ("\0\0\0\0", "line 2"),
        ("", "line 2"),
    ],
)
def test_a_damaged_line_is_an_error_that_names_it_every_time(store: OutcomeStore, bad: str, words: str) -> None:
    put_lines(store, line(DONE), bad, line(SKIPPED))
    for read in (store.latest, store.copies, lambda: store.append(FAILED)):
        with pytest.raises(DP2VLError, match=re.escape(words)) as error:
            read()
        assert "outcomes.jsonl, line 2" in error.value.message
        assert "move the file away" in error.value.hint


def test_no_damaged_byte_changes_an_outcome_in_silence(store: OutcomeStore) -> None:
    store.append(DONE, FAILED, SKIPPED)
    good, outcomes = store.path.read_bytes(), store.latest()
    noticed = 0
    for seed in range(tries(400, 20_000)):
        rng, bad = random.Random(seed), bytearray(good)
        at = rng.randrange(len(good) - 1)
        bad[at] = rng.choice([byte for byte in range(256) if byte != good[at]])
        store.path.write_bytes(bad)
        try:
            assert OutcomeStore(store.out).latest() == outcomes, f"seed {seed}: byte {at} was {good[at]}, is {bad[at]}"
        except DP2VLError:
            noticed += 1
    assert noticed > 0


def test_figures_that_are_no_numbers_are_not_written(store: OutcomeStore) -> None:
    with pytest.raises(ValueError, match="JSON"):
        store.append(replace(DONE, figures={"ssim": float("nan")}))
    assert not store.path.exists()


def test_a_store_that_cannot_be_written_or_read_says_what_to_do(
    store: OutcomeStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.fsync", lambda descriptor: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(DP2VLError, match=r"cannot write .*: No space left") as error:
        store.append(DONE)
    assert "resumes" in error.value.hint
    store.path.unlink()
    store.path.mkdir()
    with pytest.raises(DP2VLError, match="cannot read"):
        OutcomeStore(store.out).latest()


APPENDER = """
import sys
from itertools import count
from pathlib import Path
from dp2vl.records import OutcomeStore
from dp2vl.types import Outcome, Status
store = OutcomeStore(Path(sys.argv[1]))
for n in count(len(store.latest())):
    store.append(Outcome(path=f"{n}.jpg", rel=f"{n}.jpg", status=Status.FAILED, reason="x" * 20_000))
    print(n + 1, flush=True)
"""


def test_kill_9_while_appending_loses_at_most_the_outcome_in_work(store: OutcomeStore) -> None:
    for seed in range(6):
        process = subprocess.Popen([sys.executable, "-c", APPENDER, store.out], stdout=subprocess.PIPE, text=True)
        with process:
            assert process.stdout is not None
            acknowledged = int(process.stdout.readline())
            time.sleep(random.Random(seed).uniform(0.0, 0.05))
            process.send_signal(signal.SIGKILL)
            acknowledged = max([acknowledged, *(int(n) for n in process.stdout.read().split())])
        found = OutcomeStore(store.out).latest()
        assert list(found) == [f"{n}.jpg" for n in range(len(found))]
        assert acknowledged <= len(found) <= acknowledged + 1
    assert acknowledged >= 6


@pytest.fixture
def registry(tmp_path: Path) -> ProtectedRegistry:
    return ProtectedRegistry(tmp_path / "state" / "protected.txt")


def test_the_registry_keeps_digests_and_drops_torn_lines(registry: ProtectedRegistry) -> None:
    assert registry.copies() == {}
    registry.add("a" * 64, "1" * 64)
    with registry.path.open("a") as file:
        file.write("b" * 63)  # killed while writing
    assert registry.copies() == {"a" * 64: "1" * 64}
    registry.add("c" * 64, "2" * 64)
    assert ProtectedRegistry(registry.path).copies() == {"a" * 64: "1" * 64, "c" * 64: "2" * 64}


def test_the_registry_of_an_earlier_version_is_read_and_goes_on(registry: ProtectedRegistry) -> None:
    registry.path.write_text("a" * 64 + "\n" + "b" * 64 + "\n")
    registry.add("c" * 64, "1" * 64)
    assert registry.copies() == {"a" * 64: "", "b" * 64: "", "c" * 64: "1" * 64}


def test_no_damaged_byte_of_the_registry_hides_a_copy_in_silence(registry: ProtectedRegistry) -> None:
    for digit in "abc":
        registry.add(digit * 64, "1" * 64)
    good, copies = registry.path.read_bytes(), registry.copies()
    for seed in range(tries(400, 20_000)):
        rng, bad = random.Random(seed), bytearray(good)
        at = rng.randrange(len(good))
        bad[at] = rng.choice([byte for byte in range(256) if byte != good[at]])
        registry.path.write_bytes(bad)
        try:
            assert registry.copies() == copies, f"seed {seed}: byte {at} was {good[at]}, is {bad[at]}"
        except DP2VLError as error:
            assert re.search(r"protected\.txt, line \d: the line is damaged", error.message) and error.hint
    registry.path.write_bytes(bytes(len(good)))
    with pytest.raises(DP2VLError, match="line 1"):
        registry.copies()


@pytest.mark.parametrize("digest", ["", "a" * 63, "A" * 64, "a" * 64 + "\n", "not a digest"])
def test_the_registry_takes_only_digests(registry: ProtectedRegistry, digest: str) -> None:
    with pytest.raises(ValueError, match="expected a SHA-256"):
        registry.add(digest, "a" * 64)
    with pytest.raises(ValueError, match="expected a SHA-256"):
        registry.add("a" * 64, digest)
    assert registry.path.read_bytes() == b""


def _add_many(path: Path, start: int) -> None:
    registry = ProtectedRegistry(path)
    for number in range(start, start + 300):
        registry.add(f"{number:064x}", "a" * 64)


def test_two_processes_add_to_one_registry_without_mixing_lines(registry: ProtectedRegistry) -> None:
    processes = [multiprocessing.Process(target=_add_many, args=(registry.path, n * 300)) for n in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert registry.copies() == {f"{n:064x}": "a" * 64 for n in range(600)}


def test_the_environment_names_the_folder_of_the_registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DP2VL_STATE_DIR", str(tmp_path / "mine"))
    ProtectedRegistry().add("a" * 64, "b" * 64)
    assert (tmp_path / "mine" / "protected.txt").read_text().startswith("a" * 64 + " " + "b" * 64 + " ")
    monkeypatch.delenv("DP2VL_STATE_DIR")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "xdg"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert tmp_path in ProtectedRegistry().path.parents


def test_a_registry_that_cannot_be_made_fails_at_once_and_names_the_way_out(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DP2VLError, match="cannot write") as error:
        ProtectedRegistry(tmp_path / "file" / "protected.txt")
    assert "DP2VL_STATE_DIR" in error.value.hint


def test_json_files_are_whole_and_hold_only_json(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "summary.json"
    write_json_atomic(path, {"photos": 3, "name": "é"})
    assert json.loads(path.read_text()) == {"photos": 3, "name": "é"}
    with pytest.raises(ValueError, match="JSON"):
        write_json_atomic(path, {"ssim": float("inf")})
    assert json.loads(path.read_text())["photos"] == 3
    assert [p.name for p in path.parent.iterdir()] == ["summary.json"]


SETTINGS = st.dictionaries(
    st.text(), st.integers() | st.text() | st.lists(st.floats(allow_nan=False, allow_infinity=False))
)


@given(SETTINGS)
def test_the_order_of_settings_does_not_matter_but_any_value_does(values: dict[str, object]) -> None:
    digest = settings_digest(values)
    assert re.fullmatch("[0-9a-f]{16}", digest)
    assert settings_digest(dict(reversed(values.items()))) == digest
    assert settings_digest(values | {"one more": 1}) != settings_digest(values | {"one more": "1"})


def test_the_digest_of_settings_is_the_same_in_every_version() -> None:
    assert settings_digest({"b": [1, 2.5], "a": {"y": None, "x": "é"}}) == "4c9755b4573e9868"


def test_settings_that_are_not_json_are_an_error() -> None:
    with pytest.raises(TypeError):
        settings_digest({"path": Path("x")})


def test_claims_of_all_processes_are_read_until_they_are_dropped(tmp_path: Path) -> None:
    for digest in ("a" * 64, "b" * 64):
        make_claims(tmp_path / "out").add(digest, "1" * 64)
    assert read_claims(tmp_path / "out") == {"a" * 64: "1" * 64, "b" * 64: "1" * 64}
    assert read_claims(tmp_path / "other") == {}
    drop_claims(tmp_path / "out")
    assert read_claims(tmp_path / "out") == {}
