"""The main job: an album in, a protected album out, one outcome per file."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from dp2vl.album import AlbumPlan, check_space, lock_output, plan_album
from dp2vl.engine import ENGINES, Engine
from dp2vl.errors import DP2VLError, UsageError
from dp2vl.files import remove_partials
from dp2vl.protect.config import ProtectConfig, check_choice
from dp2vl.protect.job import AlbumJob
from dp2vl.protect.sample import choose_sample
from dp2vl.records import OutcomeStore, ProtectedRegistry, drop_claims, read_claims, settings_digest
from dp2vl.storage import locate
from dp2vl.surrogates import Surrogate, find_towers
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

    def copies(self, word: str) -> tuple[Outcome, ...]:
        """Copies whose verdict is `strong`, `weak` or `none`."""
        return tuple(o for o in self.outcomes if o.status == Status.PROTECTED and o.verdict.split(":")[0] == word)

    @property
    def summary(self) -> dict[str, object]:
        """Counts per status and verdict, the towers, and seconds of work by all workers, as plain values."""
        count = {str(s): sum(o.status == s for o in self.outcomes) for s in Status}
        verdicts = {word: len(self.copies(word)) for word in ("strong", "weak", "none")}
        seconds = round(sum(o.seconds for o in self.outcomes), 1)
        return {
            "files": len(self.outcomes),
            **count,
            "verdicts": verdicts,
            "towers": list(self.towers),
            "worker_seconds": seconds,
        }


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
    engine: str = "local",
    address: str = "",
    workers: int = 0,
    on_start: Callable[[int], None] | None = None,
    on_photo: Callable[[Photo], None] | None = None,
    on_outcome: Progress | None = None,
) -> AlbumResult:
    """Write protected copies of all photos under `src` into `out` and return what became of every file.

    Originals are only read. A photo that is done under the same settings is skipped; whatever was interrupted is done
    again. A photo's bytes depend on the photo, the settings, the seed and (through its centre) the album.

    Args:
        src: a folder, a photo, or several of them; paths or URLs of object storage (`s3://...`, through fsspec).
        out: folder for the copies, made if absent; outcomes are recorded in `out/.dp2vl`. Or a URL: then they are
            recorded on this machine, in the user's state folder.
        strength, effort, seed, metadata, device, max_megapixels: see `ProtectConfig`.
        surrogates: a set's name, tower names separated by commas, or a sequence of names and `Surrogate` objects.
        force: protect photos again that already are protected copies.
        engine: `local`, or `ray` for many processes, GPUs or machines. Bytes are the same where workers have as many
            threads.
        workers: how many photos are searched at once, at most; 0 for as many as suit the machine. For `ray`, processes.
        address: for `ray`, see `dp2vl.engine.ray.RayEngine`.
        on_start: called once with the number of photos to work on.
        on_photo: called with each photo when its turn has come: work on it begins soon.
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
    runner = make_engine(engine, address=address, workers=workers, device=device)
    out = locate(out)
    sources = [locate(s) for s in ([src] if isinstance(src, str | Path) else src)]
    plan = plan_album(sources, out, max_megapixels=max_megapixels)
    towers = find_towers(surrogates)
    with lock_output(out):
        remove_partials(out)
        run = _AlbumRun(config, plan, out, towers, force=force)
        outcomes = run.run(
            runner,
            on_start or (lambda count: None),
            on_photo or (lambda photo: None),
            on_outcome or (lambda outcome: None),
        )
    return AlbumResult(tuple(outcomes), tuple(map(_name, towers)))


def make_engine(name: str, *, address: str = "", workers: int = 0, device: str = "auto") -> Engine:
    """Return the engine of that name; see `protect_album`.

    Raises:
        UsageError: the name is unknown, `address` is given for `local`, or there are fewer than 0 `workers`.
        DP2VLError: what the engine needs is not installed.
    """
    check_choice("engine", name, ENGINES)
    if name == "ray":
        from dp2vl.engine.ray import RayEngine

        return RayEngine(address=address, workers=workers, gpus=device in ("auto", "cuda"))
    if address:
        raise UsageError("expected no --address with the local engine", "add --engine ray")
    from dp2vl.engine.local import LocalEngine

    return LocalEngine(workers=workers)


def _name(surrogate: str | Surrogate) -> str:
    return surrogate if isinstance(surrogate, str) else surrogate.name


class _AlbumRun:
    """One run over one album: knows what is done, hands the rest to an engine, records each outcome."""

    def __init__(
        self, config: ProtectConfig, plan: AlbumPlan, out: Path, surrogates: Sequence[str | Surrogate], *, force: bool
    ) -> None:
        self.plan, self.out = plan, out
        self.store, self.registry = OutcomeStore(out), ProtectedRegistry()
        stores = [self.store, *(OutcomeStore(album) for album in plan.albums)]
        ours = self.registry.copies() | read_claims(out)
        for store in stores:
            ours |= store.copies()
        self.job = AlbumJob(
            config=config,
            surrogates=tuple(surrogates),
            sample=choose_sample({p.sha256: p.path for p in plan.photos}),
            out=out,
            settings=settings_digest(config.deciding() | {"towers": [_name(s) for s in surrogates]}),
            refused=frozenset() if force else frozenset(ours),
            ours=ours,
            holders=self.store.holders(),
        )

    def run(
        self,
        engine: Engine,
        on_start: Callable[[int], None],
        on_photo: Callable[[Photo], None],
        on_outcome: Progress,
    ) -> list[Outcome]:
        done = {p.rel: o for p in self.plan.photos if (o := self.store.done(p, self.job.settings)) is not None}
        todo = [p for p in self.plan.photos if p.rel not in done]
        check_space(self.out, (p for p in todo if p.sha256 not in self.job.refused))
        on_start(len(todo))
        self.store.append(*self.plan.settled)
        rels = {str(p.path): p.rel for p in todo}
        for outcome in engine.run(self.job, _told(todo, on_photo)):
            if outcome.sha256_out:
                self.registry.add(outcome.sha256_out, outcome.sha256_in)
            self.store.append(outcome)
            done[rels[outcome.path]] = outcome
            on_outcome(outcome)
        if lost := [p.rel for p in todo if p.rel not in done]:
            raise DP2VLError(f"the engine gave no outcome for {', '.join(lost[:5])}", "run the same command again")
        drop_claims(self.out)
        outcomes = [done[p.rel] for p in self.plan.photos] + list(self.plan.settled)
        return sorted(outcomes, key=lambda o: o.path)


def _told(photos: Iterable[Photo], on_photo: Callable[[Photo], None]) -> Iterator[Photo]:
    """Yield the photos; whoever asks for the next, to read it ahead, begins the one before."""
    begun: Photo | None = None
    for photo in photos:
        if begun:
            on_photo(begun)
        yield photo
        begun = photo
    if begun:
        on_photo(begun)
