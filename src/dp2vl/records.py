"""What runs leave on disk: outcomes of photos line by line, digests of protected copies, whole JSON files."""

import hashlib
import json
import os
import re
import secrets
from collections import ChainMap
from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path, PurePosixPath

from dp2vl.album import state_folder
from dp2vl.errors import DP2VLError
from dp2vl.files import hash_file, sync_folder, write_atomic
from dp2vl.storage import state_home
from dp2vl.types import Outcome, Photo, Status

SCHEMA = 2
"""Version of the lines of `outcomes.jsonl`; goes up when a reader of the old would misread the new."""
_TYPES: dict[str, type | tuple[type, ...]] = {"figures": dict, "notes": list, "seconds": (int, float)}
_COPY = re.compile(rb"([0-9a-f]{64}) ([0-9a-f]{64}) ([0-9a-f]{16})")
_COPY_LENGTH = 64 + 1 + 64 + 1 + 16
_DIGEST = re.compile(rb"[0-9a-f]{64}")
_TORN = re.compile(rb"[0-9a-f ]*")


class OutcomeStore:
    """The outcomes of all runs that wrote into `out`: lines in `outcomes.jsonl`, never rewritten.

    The file is in `out/.dp2vl`, or, for a URL, in the user's state folder: see `dp2vl.album.state_folder`. Each line
    ends with a digest of the rest, so that a damaged name or figure is an error and never read as another.

    Reading changes nothing. Only the holder of `dp2vl.album.lock_output` may append. A last line without its
    end (the process was killed) counts as not written.

    Args:
        out: folder of protected copies; need not exist.
    """

    def __init__(self, out: Path) -> None:
        self.out = out
        self.path = state_folder(out) / "outcomes.jsonl"
        self._latest: dict[str, Outcome] | None = None
        self._copies: dict[str, str] = {}
        self._holders: dict[str, str] = {}

    def append(self, *outcomes: Outcome) -> None:
        """Put outcomes on disk before returning; one equal to the latest of the same file is left out.

        Raises:
            DP2VLError: the disk is full or not writable, or a line is damaged or of another version.
        """
        latest = self._read()
        new = [o for o in outcomes if latest.get(_key(o)) != o]
        if not new:
            return
        data = "".join(_write_line({"schema": SCHEMA, **asdict(o)}) for o in new)
        try:
            self._write(data.encode("ascii"))
        except OSError as error:
            raise DP2VLError(
                f"cannot write {self.path}: {error.strerror}",
                "make space, then run the same command again: it resumes",
            ) from error
        self._remember(new)

    def latest(self) -> dict[str, Outcome]:
        """Return the latest outcome of every file, keyed by `Photo.rel`.

        The key differs from `Outcome.rel` where the copy has another suffix than its original. Files for
        which no copy was meant are keyed by their path.

        Raises:
            DP2VLError: a line is damaged or was written by another version.
        """
        return dict(self._read())

    def done(self, photo: Photo, settings: str) -> Outcome | None:
        """Return the outcome of `photo` if its copy was made under `settings` and is still as it was written.

        Reads the copy, for its digest.
        """
        outcome = self._read().get(photo.rel)
        if outcome is None or outcome.status != Status.PROTECTED:
            return None
        if (outcome.sha256_in, outcome.settings) != (photo.sha256, settings):
            return None
        try:
            return outcome if hash_file(self.out / outcome.rel) == outcome.sha256_out else None
        except OSError:
            return None

    def copies(self) -> dict[str, str]:
        """Return the SHA-256 of all protected copies that were ever written here, with those of their originals."""
        self._read()
        return dict(self._copies)

    def holders(self) -> dict[str, str]:
        """Return where copies lie, by `Outcome.rel`, with the paths of their originals."""
        self._read()
        return dict(self._holders)

    def _read(self) -> dict[str, Outcome]:
        if self._latest is None:
            outcomes = _read_lines(self.path)
            self._latest = {}
            self._remember(outcomes)
        return self._latest

    def _remember(self, outcomes: list[Outcome]) -> None:
        assert self._latest is not None
        self._latest |= {_key(o): o for o in outcomes}
        self._copies |= {o.sha256_out: o.sha256_in for o in outcomes if o.status == Status.PROTECTED}
        self._holders |= {o.rel: o.path for o in outcomes if o.status == Status.PROTECTED}

    def _write(self, data: bytes) -> None:
        new = not self.path.exists()
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a+b") as file:
            file.truncate(_whole_lines(file.seek(0, os.SEEK_END), self.path))
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if new:
            sync_folder(self.path.parent)


class ProtectedRegistry:
    """Digests of all protected copies that this user ever made, so that a copy is known wherever it lies.

    Several processes may add at once. Each line holds the digest of a copy, that of its original, and a check of both;
    no names.

    Args:
        path: the file; by default `protected.txt` in the folder that the environment variable DP2VL_STATE_DIR
            names, or else in the user's state folder.

    Raises:
        DP2VLError: the file cannot be made.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.path = path or state_home() / "protected.txt"
        self._write(b"")  # fails now, not after the first photo

    def copies(self) -> dict[str, str]:
        """Return the digests of all copies with those of their originals, "" where an earlier version wrote the line.

        A line that was torn while it was written is left out.

        Raises:
            DP2VLError: a line is damaged; else copies would be protected twice.
        """
        lines = self.path.read_bytes().split(b"\n")
        found: dict[str, str] = {}
        for number, line in enumerate(lines, 1):
            copy = _read_copy(line, last=number == len(lines))
            if copy is None:
                raise DP2VLError(
                    f"{self.path}, line {number}: the line is damaged",
                    "delete that line; its copy is then known only where its records lie beside it",
                )
            found |= copy
        return found

    def add(self, copy: str, original: str) -> None:
        """Add the SHA-256 of a copy and of its original, of 64 hex digits each.

        Raises:
            ValueError: they are something else.
        """
        for digest in (copy, original):
            if not _DIGEST.fullmatch(digest.encode()):
                raise ValueError(f"expected a SHA-256 of 64 hex digits, got {digest!r}")
        line = f"{copy} {original}"
        self._write(f"{line} {_check_text(line)}\n".encode())

    def _write(self, line: bytes) -> None:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("ab", buffering=0) as file:  # one write: lines of two processes do not mix
                file.write(line)
        except OSError as error:
            raise DP2VLError(
                f"cannot write {self.path}: {error.strerror}",
                "set DP2VL_STATE_DIR to a folder you may write to",
            ) from error


def make_claims(out: Path) -> ProtectedRegistry:
    """Return a list, of this process alone, of copies that are about to be written into `out`.

    A copy is claimed before it exists: should the run be killed before the outcome is recorded, the next one knows the
    copy as its own.
    """
    return ProtectedRegistry(_claims(out) / f"{secrets.token_hex(8)}.txt")


def read_claims(out: Path) -> dict[str, str]:
    """Return the digests in all lists of `make_claims`, with those of the originals."""
    return dict(ChainMap(*(ProtectedRegistry(path).copies() for path in _claims(out).glob("*.txt"))))


def drop_claims(out: Path) -> None:
    """Remove the lists, once every outcome is recorded; only for the holder of `dp2vl.album.lock_output`."""
    for path in _claims(out).glob("*.txt"):
        path.unlink(missing_ok=True)


def _claims(out: Path) -> Path:
    return state_folder(out) / "claims"


def write_json_atomic(path: Path, value: object) -> None:
    """Write `value` as indented JSON; a crash leaves the old file or the new one.

    Raises:
        ValueError: `value` holds NaN or an infinity, which are not JSON.
    """
    write_atomic(path, (json.dumps(value, indent=2, allow_nan=False) + "\n").encode("ascii"))


def settings_digest(settings: Mapping[str, object]) -> str:
    """Return 16 hex digits that are the same for equal settings, whatever their order."""
    text = json.dumps(settings, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode("ascii")).hexdigest()[:16]


def _key(outcome: Outcome) -> str:
    if not outcome.rel:
        return outcome.path
    return str(PurePosixPath(outcome.rel).with_name(Path(outcome.path).name))


def _whole_lines(size: int, path: Path) -> int:
    """Return the length of the part of a file of `size` bytes that ends with its last line's end."""
    with path.open("rb") as file:
        file.seek(max(0, size - 1))
        if file.read(1) in (b"\n", b""):
            return size
        file.seek(0)
        return file.read().rfind(b"\n") + 1


def _read_lines(path: Path) -> list[Outcome]:
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return []
    except OSError as error:
        raise DP2VLError(f"cannot read {path}: {error.strerror}", "check that you may read it") from error
    outcomes = []
    for number, line in enumerate(data.split(b"\n")[:-1], 1):
        try:
            outcomes.append(_read_outcome(json.loads(line)))
        except ValueError as error:
            raise DP2VLError(
                f"{path}, line {number}: {error}",
                "move the file away; copies already written are recognised by their digest",
            ) from error
    return outcomes


def _write_line(value: dict[str, object]) -> str:
    return json.dumps(value | {"check": _check(value)}, allow_nan=False) + "\n"


def _check(value: dict[str, object]) -> str:
    """Return 16 hex digits that say whether a line is as it was written."""
    return _check_text(json.dumps(value))


def _check_text(text: str) -> str:
    return hashlib.sha256(text.encode("ascii")).hexdigest()[:16]


def _read_copy(line: bytes, *, last: bool) -> dict[str, str] | None:
    """Return the copy and its original on one line of a registry, none for what was torn, None if it is damaged.

    A process that dies while it writes leaves the beginning of a line; the next one goes on right behind it.
    """
    if _DIGEST.fullmatch(line):
        return {line.decode(): ""}
    torn, whole = line[:-_COPY_LENGTH], _COPY.fullmatch(line[-_COPY_LENGTH:])
    if whole and len(torn) < _COPY_LENGTH and _TORN.fullmatch(torn):
        copy, original, check = (part.decode() for part in whole.groups())
        return {copy: original} if check == _check_text(f"{copy} {original}") else None
    return {} if last and len(line) < _COPY_LENGTH and _TORN.fullmatch(line) else None


def _read_outcome(value: object) -> Outcome:
    """Return the outcome that one line holds, as it was written; exactly the known keys, each of its own type."""
    if not isinstance(value, dict):
        raise ValueError(f"expected an object, got {type(value).__name__}")
    if value.get("schema") != SCHEMA:
        raise ValueError(f"expected schema {SCHEMA}, got {value.get('schema')!r}")
    check = value.pop("check", None)
    if check != _check(value):
        raise ValueError(f"expected the digest {_check(value)}, got {check!r}: the line is damaged")
    value.pop("schema")
    known = {f.name for f in fields(Outcome)}
    if value.keys() != known:
        raise ValueError(
            f"expected the keys of an outcome, got missing {sorted(known - value.keys())} "
            f"and unknown {sorted(value.keys() - known)}"
        )
    for name, item in value.items():
        if not isinstance(item, _TYPES.get(name, str)) or isinstance(item, bool):
            raise ValueError(f"expected another type for {name}, got {item!r}")
    _check_items("notes", value["notes"], str)
    _check_items("figures", list(value["figures"].values()), (int, float))
    return Outcome(**value | {"status": Status(value["status"]), "notes": tuple(value["notes"])})


def _check_items(name: str, items: list[object], kind: type | tuple[type, ...]) -> None:
    for item in items:
        if not isinstance(item, kind) or isinstance(item, bool):
            raise ValueError(f"expected another type in {name}, got {item!r}")
