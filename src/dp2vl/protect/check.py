"""`verify` for people: find the original of every file, measure, and give a verdict."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from glob import escape
from pathlib import Path
from typing import Any, NamedTuple

from numpy.typing import NDArray

from dp2vl.album import STATE_FOLDER
from dp2vl.errors import PhotoError, UsageError
from dp2vl.files import hash_file
from dp2vl.images import read_photo, sniff
from dp2vl.protect.sample import album_references, group_of
from dp2vl.protect.verify import (
    ALIKE,
    SMALL_PX,
    give_verdict,
    likeness,
    measure_quality,
    measure_shift,
    reduce,
    to_tensor,
)
from dp2vl.records import OutcomeStore
from dp2vl.surrogates import Surrogate, held_out_towers, load_surrogates
from dp2vl.types import Outcome, Status


@dataclass(frozen=True)
class Verified:
    """What was measured on one file: `verdict` starts with `strong`, `weak`, `none`, or `not measured`."""

    path: str
    original: str
    verdict: str
    figures: dict[str, float] = field(default_factory=dict)

    @property
    def word(self) -> str:
        """The verdict without its reason."""
        return self.verdict.split(":")[0]


def verify_files(
    target: Path,
    *,
    against: Path | None = None,
    surrogates: str | Sequence[str | Surrogate] = "mini",
    device: str = "cpu",
    max_megapixels: float = 100.0,
    on_start: Callable[[int], None] | None = None,
    on_file: Callable[[Verified], None] | None = None,
) -> list[Verified]:
    """Re-read protected files from disk and measure each against its original.

    Args:
        target: a protected photo or a folder of them.
        against: the original, or the folder of originals with the same relative paths. If None, originals are found
            through the records beside the copies, as long as they still lie where they were and are unchanged, and a
            file that is not the very copy on record is not measured.
        surrogates: towers that count as used; all bundled towers are measured as well.
        device, max_megapixels: as for `protect_album`.
        on_start: called once with the number of files. on_file: called with each file as it is measured.

    Raises:
        UsageError: `target` or `against` does not exist, or `target` holds no photos and no records of any.
    """
    records = _Records()
    cases = list(_find_cases(target, against, records))
    if not cases:
        raise UsageError(f"expected photos in {target}, found none")
    if on_start:
        on_start(len(cases))
    towers = load_surrogates(surrogates, device=device)
    everyone = (*towers, *held_out_towers(towers, device=device))
    originals = _originals(target, cases, records)
    references = album_references(originals, everyone, max_megapixels=max_megapixels, device=device)
    used = [t.name for t in towers]

    def measure(path: Path, original: Path | None, problem: str) -> Verified:
        if problem or original is None:
            return Verified(str(path), str(original or ""), f"not measured: {problem}")
        try:
            before, after = (read_photo(p, max_megapixels=max_megapixels) for p in (original, path))
            figures = measure_quality(*_one_size(before.pixels, after.pixels))
            figures |= measure_shift(
                to_tensor(before), to_tensor(after), everyone, references, group=group_of(original)
            )
            return Verified(str(path), str(original), give_verdict(figures, used), figures)
        except PhotoError as error:
            return Verified(str(path), str(original), f"not measured: {error}")

    found = []
    for case in cases:
        found.append(measure(*case))
        if on_file:
            on_file(found[-1])
    return found


def _one_size(before: NDArray[Any], after: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return an original and its copy, the original reduced where the copy is: messengers make photos smaller.

    Raises:
        PhotoError: they are of another shape, or show something else.
    """
    height, width = after.shape[:2]
    full_height, full_width = before.shape[:2]
    part = max(height, width) / max(full_height, full_width)
    whole = abs(full_height * part - height) <= 1 and abs(full_width * part - width) <= 1
    if part > 1 or not whole or (before.shape[2], before.dtype) != (after.shape[2], after.dtype):
        raise PhotoError(f"expected a copy of a photo of {_kind(before)}, got {_kind(after)}")
    if (alike := likeness(before, after)) < ALIKE:
        raise PhotoError(
            f"shows something else than the original: {alike:.2f} alike at {SMALL_PX} px, the same photo has {ALIKE}",
            "move it away and protect the album again",
        )
    return reduce(before, height, width), after


def _kind(pixels: NDArray[Any]) -> str:
    height, width, channels = pixels.shape
    return f"{width} x {height} px in {channels} x {8 * pixels.itemsize} bits"


class _Case(NamedTuple):
    """A file to measure, its original if that is known, and what stands against measuring it."""

    path: Path
    original: Path | None
    problem: str


class _Records:
    """What is on record about copies; the records of each folder are read once."""

    def __init__(self) -> None:
        self._read: dict[Path, tuple[Outcome, ...]] = {}
        self._by_copy: dict[Path, dict[str, Outcome]] = {}

    def all_of(self, folder: Path) -> tuple[Outcome, ...]:
        """Return the latest outcomes that `folder` keeps."""
        if folder not in self._read:
            known = (folder / STATE_FOLDER).is_dir()
            self._read[folder] = tuple(OutcomeStore(folder).latest().values()) if known else ()
        return self._read[folder]

    def of(self, folder: Path) -> dict[str, Outcome]:
        """Return those that have a place for a copy, by that."""
        if folder not in self._by_copy:
            self._by_copy[folder] = {o.rel: o for o in self.all_of(folder) if o.rel}
        return self._by_copy[folder]

    def find(self, path: Path) -> Outcome | None:
        """Return what is on record about the copy at `path`."""
        there = (self.of(folder).get(path.relative_to(folder).as_posix()) for folder in path.parents)
        return next((outcome for outcome in there if outcome is not None), None)


def _originals(target: Path, cases: Sequence[_Case], records: _Records) -> dict[str, Path]:
    """Return the originals of the album that the files belong to, by digest: one photo says little of an album."""
    recorded: dict[Path, str] = {}
    for folder in (target, *target.parents):
        outcomes = records.all_of(folder)
        recorded |= {Path(o.path): o.sha256_in for o in outcomes if o.sha256_in and Path(o.path).is_file()}
    named = {case.original for case in cases if case.original is not None} - recorded.keys()
    return {hash_file(original): original for original in named} | {d: original for original, d in recorded.items()}


def _find_cases(target: Path, against: Path | None, records: _Records) -> Iterator[_Case]:
    """Yield each photo under `target`, and each copy on record."""
    for path in (target, against):
        if path is not None and not path.exists():
            raise UsageError(f"expected a photo or a folder, but {path} does not exist", "check the spelling")
    if target.is_dir() and against is not None and against.is_file():
        raise UsageError(f"expected a folder of originals, as {target} is one, got {against}", "name the folder")
    if target.is_file():
        yield _judge(target, target.parent, against, records)
        return
    files = {p for p in target.rglob("*") if p.is_file() and STATE_FOLDER not in p.parts}
    photos = {p for p in files if not p.name.startswith(".") and sniff(p) is not None}
    known = {target / o.rel for o in records.of(target).values() if o.status == Status.PROTECTED}
    for path in sorted(photos | known):
        yield _judge(path, target, against, records)


def _judge(path: Path, top: Path, against: Path | None, records: _Records) -> _Case:
    """Return what is to be measured. Who names the originals may show copies that were handed on and coded again."""
    if not path.is_file():
        return _Case(path, None, "the copy is missing; hint: protect the album again")
    original, outcome = against, None
    if against is None:
        outcome = records.find(path)
        original = _unchanged(outcome)
    elif against.is_dir():
        original = _namesake(against / path.relative_to(top))
    if original is None:
        return _Case(path, None, "the original was not found; hint: name the originals with --against")
    if outcome is not None and outcome.sha256_out and hash_file(path) != outcome.sha256_out:
        hint = "move it away and protect the album again, or name its original with --against"
        return _Case(path, original, f"not the copy that was written; hint: {hint}")
    return _Case(path, original, "")


def _unchanged(outcome: Outcome | None) -> Path | None:
    """Return the original of a copy on record, if it still lies where it was."""
    if outcome is None or not Path(outcome.path).is_file():
        return None
    return Path(outcome.path) if hash_file(Path(outcome.path)) == outcome.sha256_in else None


def _namesake(wanted: Path) -> Path | None:
    """Return the file of that name, or the only one that differs by its suffix alone."""
    if wanted.is_file():
        return wanted
    twins = sorted(wanted.parent.glob(f"{escape(wanted.stem)}.*")) if wanted.parent.is_dir() else []
    return twins[0] if len(twins) == 1 else None
