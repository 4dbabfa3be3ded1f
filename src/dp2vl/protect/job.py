"""Protecting photos as a job for an engine: what all workers share, and what one worker does with one photo."""

import errno
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import psutil
import torch
from numpy.typing import NDArray

from dp2vl.album import check_target
from dp2vl.engine.job import Lanes
from dp2vl.errors import DP2VLError, PhotoError, PhotoRefused, PlaceTaken
from dp2vl.files import hash_bytes, read_file, write_atomic
from dp2vl.images import Picture, check_file_size, decode_photo
from dp2vl.preprocess import check_size
from dp2vl.protect.config import ProtectConfig
from dp2vl.protect.cores import choose_lanes, choose_threads, limit_threads, usable_cores
from dp2vl.protect.optimise import Stopped
from dp2vl.protect.photo import Made, Protector, choose_device
from dp2vl.protect.reference import Reference
from dp2vl.protect.room import room_here
from dp2vl.protect.sample import album_references, group_of
from dp2vl.records import make_claims
from dp2vl.storage import why
from dp2vl.surrogates import Surrogate, held_out_towers, load_surrogates
from dp2vl.types import Outcome, Photo, Status

_NO_MEMORY = ("DefaultCPUAllocator", "Insufficient memory", "out of memory", "ALLOC_FAILED")


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether memory ran out; torch on a CPU says so by a `RuntimeError` and OpenCV by an error of its own."""
    if isinstance(error, RuntimeError | cv2.error):
        return isinstance(error, torch.OutOfMemoryError) or any(words in str(error) for words in _NO_MEMORY)
    return isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno == errno.ENOMEM)


class Shared(NamedTuple):
    """What workers share: references of used and of held-out towers, on the CPU."""

    used: list[Reference]
    held_out: list[Reference]


@dataclass(frozen=True, kw_only=True)
class AlbumJob:
    """The settings of a run over an album; a `dp2vl.engine.Job`.

    Args:
        config: of the run.
        surrogates: names of towers, or towers.
        sample: the photos that stand for the album, by digest.
        out: where copies go.
        settings: digest of what decides the copies' bytes.
        refused: digests of photos that are protected copies already.
        ours: digests of all copies ever written, and of their originals.
        holders: where copies lie already, relative to `out`, and the paths of their originals.
    """

    config: ProtectConfig
    surrogates: tuple[str | Surrogate, ...]
    sample: Mapping[str, Path]
    out: Path
    settings: str
    refused: frozenset[str]
    ours: Mapping[str, str]
    holders: Mapping[str, str]

    def prepare(self, without: frozenset[str] = frozenset(), begin: Callable[[str], object] = str) -> Shared:
        """Return the album's references; reads the sample, but for the digests in `without`."""
        device, towers, held_out = self._loaded
        with limit_threads(self.threads):  # they decide last bits here, too
            found = album_references(
                {digest: path for digest, path in self.sample.items() if digest not in without},
                (*towers, *held_out),
                max_megapixels=self.config.max_megapixels,
                device=device,
                begin=begin,
            )
        found = [reference.to("cpu") for reference in found]
        return Shared(found[: len(towers)], found[len(towers) :])

    def start(self, shared: Shared) -> "PhotoWorker":
        """Return a worker that has loaded its towers."""
        device, towers, held_out = self._loaded
        references = [reference.to(device) for reference in (*shared.used, *shared.held_out)]
        return PhotoWorker(self, Protector(self.config, towers, held_out, references))

    def give_up(self, photo: Photo, reason: str) -> Outcome:
        """Return the outcome of a photo that workers did not survive."""
        return replace(self.open_outcome(photo), reason=reason)

    def open_outcome(self, photo: Photo) -> Outcome:
        """Return an outcome that says no more than whose it is."""
        return Outcome(
            path=str(photo.path), rel=photo.rel, status=Status.FAILED, sha256_in=photo.sha256, settings=self.settings
        )

    @cached_property
    def threads(self) -> int:
        """How many cores search one photo."""
        device, towers, _ = self._loaded
        return choose_threads(towers, device=device)

    @cached_property
    def _loaded(self) -> tuple[str, list[Surrogate], list[Surrogate]]:
        device = choose_device(self.config.device)
        towers = load_surrogates(self.surrogates, device=device)
        return device, towers, held_out_towers(towers, device=device)


class Step(NamedTuple):
    """What a part of the work on a photo gave to the next, or its outcome if that is the end; seconds so far."""

    value: tuple[Any, ...] | Outcome
    seconds: float


class PhotoWorker:
    """Reads, protects and writes photos; a `dp2vl.engine.Worker`. What goes wrong with one photo is an outcome."""

    def __init__(self, job: AlbumJob, protector: Protector) -> None:
        self.job, self.protector, self.claims = job, protector, make_claims(job.out)
        self.batch, self._in_turn = protector.choose_batch(), False
        self._room, self._writing = room_here(), threading.Lock()

    @contextmanager
    def share_cores(self) -> Iterator[Lanes]:
        """Search and judge photos in turn, several at once; where CUDA searches, judge them beside it."""
        device, free = self.protector.references[0].device.type, psutil.virtual_memory().available
        self._in_turn = device != "cuda"
        lanes = choose_lanes(self.job.threads, cores=usable_cores(), device=device, memory=free)
        with limit_threads(self.job.threads):
            yield lanes

    def stop(self) -> None:
        """End searches before their next step, and judge no copy that is not begun."""
        self.protector.stopped.set()

    def read(self, photo: Photo) -> Step:
        """Return the decoded photo."""
        return self._do(photo, Step((), 0.0), self._read)

    def work(self, photos: Sequence[Photo], found: Sequence[Step]) -> list[Step]:
        """Return each photo and its change, or its copy. Photos of one shape are searched together."""
        made = list(found)
        for places in self._alike(found):
            steps = self._search([photos[place] for place in places], [found[place] for place in places])
            for place, step in zip(places, steps, strict=True):
                made[place] = self._judge(photos[place], step) if self._in_turn else step
        return made

    def write(self, photo: Photo, made: Step) -> Outcome:
        """Return the photo's outcome, once the copy is measured and on the disk."""
        if not self._in_turn:
            made = self._judge(photo, made)
        with self._writing:
            outcome, seconds = self._do(photo, made, self._write)
        assert isinstance(outcome, Outcome)
        return replace(outcome, seconds=round(seconds, 3))

    def _read(self, photo: Photo) -> tuple[Picture]:
        if photo.sha256 in self.job.refused:
            raise PhotoRefused("is already a protected copy", "use --force to protect it again")
        megapixels = self.job.config.max_megapixels
        check_file_size(photo.size_bytes, max_megapixels=megapixels)
        data = read_file(photo.path, at_most=photo.size_bytes + 1)
        if hash_bytes(data) != photo.sha256:
            raise PhotoError("changed while the album was being protected", "run the same command again")
        picture = decode_photo(data, max_megapixels=megapixels)
        check_size(*picture.pixels.shape[:2])
        return (picture,)

    def _alike(self, found: Sequence[Step]) -> Iterator[list[int]]:
        """Yield where photos are that are searched in one shape, at most `batch` at once."""
        places: dict[tuple[int, ...], list[int]] = {}
        for place, step in enumerate(found):
            if not isinstance(step.value, Outcome):
                places.setdefault(self.protector.working_shape(step.value[0]), []).append(place)
        for some in places.values():
            yield from (some[start : start + self.batch] for start in range(0, len(some), self.batch))

    def _search(self, photos: Sequence[Photo], found: Sequence[Step]) -> list[Step]:
        """Return photos of one shape and their changes; half as many at once from when memory runs out."""
        if len(photos) == 1:
            return [self._do(photos[0], found[0], self._find_change)]
        start, changes = time.perf_counter(), None
        pictures = [step.value[0] for step in found if not isinstance(step.value, Outcome)]
        try:
            changes = self.protector.find_changes(pictures, groups=[group_of(photo.path) for photo in photos])
        except Exception as error:
            if not is_out_of_memory(error):
                raise
        if changes is None:
            half = len(photos) // 2
            self.batch = min(self.batch, half)
            return [*self._search(photos[:half], found[:half]), *self._search(photos[half:], found[half:])]
        share = (time.perf_counter() - start) / len(photos)
        made = zip(pictures, changes, (step.seconds for step in found), strict=True)
        return [Step((picture, change), seconds + share) for picture, change, seconds in made]

    def _find_change(self, photo: Photo, picture: Picture) -> tuple[Picture, NDArray[np.float32]]:
        return picture, self.protector.find_changes([picture], groups=[group_of(photo.path)])[0]

    def _judge(self, photo: Photo, found: Step) -> Step:
        """Return the copy and what is measured on it, once there is room for that."""
        if isinstance(found.value, Outcome):
            return found
        with self._room.take(found.value[0].pixels.nbytes):
            if self.protector.stopped.is_set():
                raise Stopped
            return self._do(photo, found, self._finish)

    def _finish(self, photo: Photo, picture: Picture, change: NDArray[np.float32]) -> tuple[Made]:
        return (self.protector.finish(picture, change, group=group_of(photo.path)),)

    def _write(self, photo: Photo, made: Made) -> Outcome:
        rel = str(Path(photo.rel).with_suffix(made.suffix)) if made.suffix else photo.rel
        digest, target = hash_bytes(made.data), self.job.out / rel
        taken = check_target(target, photo, self.job.ours, holder=self.job.holders.get(rel, ""), new=digest)
        self.claims.add(digest, photo.sha256)
        write_atomic(target, made.data, replace=taken)
        return replace(
            self.job.open_outcome(photo),
            rel=rel,
            status=Status.PROTECTED,
            sha256_out=digest,
            verdict=made.verdict,
            figures=made.figures,
            notes=made.notes,
        )

    def _do(self, photo: Photo, before: Step, part: Callable[..., Any]) -> Step:
        """Return what a part of the work gives, or the outcome that an earlier part ended with."""
        if isinstance(before.value, Outcome):
            return before
        start = time.perf_counter()
        value = self._settle(photo, partial(part, photo, *before.value))
        return Step(value, before.seconds + time.perf_counter() - start)

    def _settle(self, photo: Photo, part: Callable[[], Any]) -> Any:
        """Return what a part gives; the one place where a photo's exceptions become outcomes."""
        base = self.job.open_outcome(photo)
        try:
            return part()
        except PhotoRefused as error:
            return replace(base, status=Status.REFUSED, reason=str(error))
        except PlaceTaken as error:
            return replace(base, rel="", reason=str(error))
        except PhotoError as error:
            return replace(base, reason=str(error))
        except Exception as error:
            if is_out_of_memory(error):
                return replace(
                    base, reason="does not fit into memory; hint: use --workers 1, --effort quick or --device cpu"
                )
            if not isinstance(error, OSError):
                raise
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise DP2VLError(
                    f"no space left while writing {photo.rel}",
                    "make space and run the same command again: it resumes",
                ) from error
            return replace(base, reason=f"could not be read or written: {why(error)}")
