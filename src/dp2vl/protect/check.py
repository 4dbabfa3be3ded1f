"""`verify` for people: find the original of every file, measure, and give a verdict."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from dp2vl.album import STATE_FOLDER
from dp2vl.errors import PhotoError, UsageError
from dp2vl.files import hash_file
from dp2vl.images import read_photo, sniff
from dp2vl.protect.sample import album_references, group_of
from dp2vl.protect.verify import give_verdict, measure_quality, measure_shift, to_tensor
from dp2vl.records import OutcomeStore
from dp2vl.surrogates import Surrogate, held_out_towers, load_surrogates
from dp2vl.types import Status


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
            through the records beside the copies, as long as they still lie where they were and are unchanged.
        surrogates: towers that count as used; all bundled towers are measured as well.
        device, max_megapixels: as for `protect_album`.
        on_start: called once with the number of files. on_file: called with each file as it is measured.

    Raises:
        UsageError: `target` or `against` does not exist, or `target` holds no photos and no records of any.
    """
    pairs = list(_pair(target, against))
    if not pairs:
        raise UsageError(f"expected photos in {target}, found none")
    if on_start:
        on_start(len(pairs))
    towers = load_surrogates(surrogates, device=device)
    everyone = (*towers, *held_out_towers(towers, device=device))
    originals = _originals(target, pairs)
    references = album_references(originals, everyone, max_megapixels=max_megapixels, device=device)
    used = [t.name for t in towers]

    def measure(path: Path, original: Path | None) -> Verified:
        if not path.is_file():
            return Verified(str(path), "", "not measured: the copy is missing; hint: protect the album again")
        if original is None:
            hint = "name the originals with --against"
            return Verified(str(path), "", f"not measured: the original was not found; hint: {hint}")
        try:
            before, after = (read_photo(p, max_megapixels=max_megapixels) for p in (original, path))
            if before.pixels.shape != after.pixels.shape or before.pixels.dtype != after.pixels.dtype:
                raise PhotoError(f"expected the size of {original}, {before.pixels.shape}, got {after.pixels.shape}")
            figures = measure_quality(before.pixels, after.pixels)
            figures |= measure_shift(
                to_tensor(before), to_tensor(after), everyone, references, group=group_of(original)
            )
            return Verified(str(path), str(original), give_verdict(figures, used), figures)
        except PhotoError as error:
            return Verified(str(path), str(original), f"not measured: {error}")

    found = []
    for path, original in pairs:
        found.append(measure(path, original))
        if on_file:
            on_file(found[-1])
    return found


def _originals(target: Path, pairs: Sequence[tuple[Path, Path | None]]) -> dict[str, Path]:
    """Return the originals of the album that the files belong to, by digest: one photo says little of an album."""
    recorded: dict[Path, str] = {}
    for folder in (target, *target.parents):
        if (folder / STATE_FOLDER).is_dir():
            outcomes = OutcomeStore(folder).latest().values()
            recorded |= {Path(o.path): o.sha256_in for o in outcomes if o.sha256_in and Path(o.path).is_file()}
    named = {original for _, original in pairs if original is not None} - recorded.keys()
    return {hash_file(original): original for original in named} | {d: original for original, d in recorded.items()}


def _pair(target: Path, against: Path | None) -> Iterator[tuple[Path, Path | None]]:
    """Yield each photo under `target`, and each copy on record, with its original or None where that is not known."""
    for path in (target, against):
        if path is not None and not path.exists():
            raise UsageError(f"expected a photo or a folder, but {path} does not exist", "check the spelling")
    if target.is_file():
        yield (
            target,
            _original(target, target.parent, against if against is None or against.is_dir() else None)
            or (against if against is not None and against.is_file() else None),
        )
        return
    files = {p for p in target.rglob("*") if p.is_file() and STATE_FOLDER not in p.parts}
    photos = {p for p in files if not p.name.startswith(".") and sniff(p) is not None}
    for path in sorted(photos | _recorded(target)):
        yield path, _original(path, target, against)


def _recorded(folder: Path) -> set[Path]:
    """Return where the records say that copies are, whatever is there now."""
    outcomes = OutcomeStore(folder).latest().values() if (folder / STATE_FOLDER).is_dir() else ()
    return {folder / o.rel for o in outcomes if o.status == Status.PROTECTED}


def _original(path: Path, top: Path, against: Path | None) -> Path | None:
    if against is not None:
        wanted = against / path.relative_to(top)
        if wanted.is_file():
            return wanted
        twins = sorted(wanted.parent.glob(f"{wanted.stem}.*")) if wanted.parent.is_dir() else []
        return twins[0] if len(twins) == 1 else None
    for folder in path.parents:
        if (folder / STATE_FOLDER).is_dir():
            rel = path.relative_to(folder).as_posix()
            for outcome in OutcomeStore(folder).latest().values():
                if outcome.rel == rel and Path(outcome.path).is_file():
                    return Path(outcome.path) if hash_file(Path(outcome.path)) == outcome.sha256_in else None
    return None
