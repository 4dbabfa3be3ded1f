"""The main job: an album in, a protected album out, one outcome per file."""

import errno
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from dp2vl.album import (
    AlbumPlan,
    check_space,
    check_target,
    hash_bytes,
    hash_file,
    lock_output,
    plan_album,
    remove_partials,
    write_atomic,
)
from dp2vl.errors import DP2VLError, PhotoError, PhotoRefused
from dp2vl.images import read_photo
from dp2vl.protect.config import ProtectConfig
from dp2vl.protect.photo import Protector, choose_device
from dp2vl.protect.sample import album_references, group_of
from dp2vl.records import OutcomeStore, ProtectedRegistry, settings_digest
from dp2vl.surrogates import Surrogate, held_out_towers, load_surrogates
from dp2vl.types import Outcome, Photo, Status

Progress = Callable[[Outcome], None]


@dataclass(frozen=True)
class AlbumResult:
    """What a run of `protect_album` did.

    Args:
        outcomes: one per file found, in the order of the walk.
        towers: names of the towers that the changes were optimised against.
    """

    outcomes: tuple[Outcome, ...]
    towers: tuple[str, ...]

    @property
    def unprotected(self) -> tuple[Outcome, ...]:
        """Photos without a protected copy: refused or failed. Files that are not photos are not among them."""
        return tuple(o for o in self.outcomes if o.status in (Status.REFUSED, Status.FAILED))

    @property
    def summary(self) -> dict[str, object]:
        """Counts per status and verdict, and the towers, as plain values."""
        count = {str(s): sum(o.status == s for o in self.outcomes) for s in Status}
        words = [o.verdict.split(":")[0] for o in self.outcomes if o.status == Status.PROTECTED]
        verdicts = {word: words.count(word) for word in ("strong", "weak", "none")}
        return {"files": len(self.outcomes), **count, "verdicts": verdicts, "towers": list(self.towers)}


def protect_album(
    src: str | Path | Sequence[str | Path],
    out: str | Path,
    *,
    strength: str = "standard",
    effort: str = "normal",
    surrogates: str | Sequence[str | Surrogate] = "mini",
    seed: int = 0,
    metadata: str = "minimal",
    device: str = "auto",
    max_megapixels: float = 100.0,
    force: bool = False,
    on_start: Callable[[int], None] | None = None,
    on_outcome: Progress | None = None,
) -> AlbumResult:
    """Write protected copies of all photos under `src` into `out` and return what became of every file.

    Originals are only read. A photo that is done under the same settings is skipped; whatever was interrupted is done
    again. A photo's bytes depend on the photo, the settings, the seed and (through its centre) the album.

    Args:
        src: a folder, a photo, or several of them.
        out: folder for the copies, made if absent; outcomes are recorded in `out/.dp2vl`.
        strength, effort, seed, metadata, device, max_megapixels: see `ProtectConfig`.
        surrogates: a set's name, tower names separated by commas, or a sequence of names and `Surrogate` objects.
        force: protect photos again that already are protected copies.
        on_start: called once with the number of photos to work on.
        on_outcome: called with each photo's outcome as it is recorded.

    Raises:
        UsageError: an argument is unknown or the folders overlap.
        DP2VLError: a tower is missing, the disk is full, or another run works on `out`.

    Example:
        >>> result = dp2vl.protect_album("photos/", "protected/")  # doctest: +SKIP
        >>> for outcome in result.unprotected:                     # doctest: +SKIP
        ...     print(outcome.path, outcome.reason)
    """
    names = surrogates if isinstance(surrogates, str) else ",".join(_name(s) for s in surrogates)
    config = ProtectConfig(
        strength=strength,
        effort=effort,
        surrogates=names,
        seed=seed,
        metadata=metadata,
        device=device,
        max_megapixels=max_megapixels,
    )
    out = Path(out)
    sources = [Path(s) for s in ([src] if isinstance(src, str | Path) else src)]
    plan = plan_album(sources, out)
    place = choose_device(config.device)
    towers = load_surrogates(surrogates, device=place)
    with lock_output(out):
        remove_partials(out)
        worker = _AlbumWorker(config, plan, out, towers, place, force=force)
        outcomes = worker.run(on_start or (lambda count: None), on_outcome or (lambda outcome: None))
    return AlbumResult(tuple(outcomes), tuple(t.name for t in towers))


def _name(surrogate: str | Surrogate) -> str:
    return surrogate if isinstance(surrogate, str) else surrogate.name


class _AlbumWorker:
    """One run over one album: knows what is done, prepares the towers once there is work, records each outcome."""

    def __init__(
        self,
        config: ProtectConfig,
        plan: AlbumPlan,
        out: Path,
        towers: Sequence[Surrogate],
        device: str,
        *,
        force: bool,
    ) -> None:
        self.config, self.plan, self.out, self.towers, self.device = config, plan, out, towers, device
        self.settings = settings_digest(config.deciding() | {"towers": [t.name for t in towers]})
        self.store, self.registry = OutcomeStore(out), ProtectedRegistry()
        stores = [self.store, *(OutcomeStore(album) for album in plan.albums)]
        self.ours = self.registry.digests().union(*(s.protected_digests() for s in stores))
        self.known = frozenset() if force else frozenset(self.ours)

    def run(self, on_start: Callable[[int], None], on_outcome: Progress) -> list[Outcome]:
        done = {p.rel: o for p in self.plan.photos if (o := self.store.done(p, self.settings)) is not None}
        todo = [p for p in self.plan.photos if p.rel not in done]
        check_space(self.out, todo)
        on_start(len(todo))
        self.store.append(*self.plan.settled)
        for photo, outcome in self._work(todo):
            self.store.append(outcome)
            done[photo.rel] = outcome
            on_outcome(outcome)
        outcomes = [done[p.rel] for p in self.plan.photos] + list(self.plan.settled)
        return sorted(outcomes, key=lambda o: o.path)

    def _work(self, todo: Sequence[Photo]) -> Iterator[tuple[Photo, Outcome]]:
        if not todo:
            return
        protector = self._prepare()
        for photo in todo:
            start = time.perf_counter()
            outcome = self._one(protector, photo)
            yield photo, replace(outcome, seconds=round(time.perf_counter() - start, 3))

    def _prepare(self) -> Protector:
        held_out = held_out_towers(self.towers, device=self.device)
        photos = {p.sha256: p.path for p in self.plan.photos}
        everyone = (*self.towers, *held_out)
        references = album_references(photos, everyone, max_megapixels=self.config.max_megapixels, device=self.device)
        return Protector(self.config, self.towers, held_out, references)

    def _one(self, protector: Protector, photo: Photo) -> Outcome:
        """Return the outcome of one photo; the one place where a photo's exceptions become outcomes."""
        base = Outcome(
            path=str(photo.path),
            rel=photo.rel,
            status=Status.FAILED,
            sha256_in=photo.sha256,
            settings=self.settings,
        )
        try:
            if photo.sha256 in self.known:
                raise PhotoRefused("is already a protected copy", "use --force to protect it again")
            if hash_file(photo.path) != photo.sha256:
                raise PhotoError("changed while the album was being protected", "run the same command again")
            picture = read_photo(photo.path, max_megapixels=self.config.max_megapixels)
            made = protector.protect(picture, photo.sha256, group=group_of(photo.path))
            rel = str(Path(photo.rel).with_suffix(made.suffix)) if made.suffix else photo.rel
            check_target(self.out / rel, self.ours)
            digest = hash_bytes(made.data)
            self.registry.add(digest)  # before the copy exists: a run killed in between knows the copy as its own
            write_atomic(self.out / rel, made.data)
        except PhotoRefused as error:
            return replace(base, status=Status.REFUSED, reason=str(error))
        except PhotoError as error:
            return replace(base, reason=str(error))
        except (MemoryError, torch.OutOfMemoryError):
            return replace(base, reason="does not fit into memory; hint: use --effort quick or --device cpu")
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise DP2VLError(
                    f"no space left while writing {photo.rel}",
                    "make space and run the same command again: it resumes",
                ) from error
            return replace(base, reason=f"could not be read or written: {error.strerror or error}")
        self.ours.add(digest)
        return replace(
            base,
            rel=rel,
            status=Status.PROTECTED,
            sha256_out=digest,
            verdict=made.verdict,
            figures=made.figures,
            notes=made.notes,
        )
