"""Which files are photos, where their copies go, and that nothing else is written over."""

import fcntl
import os
import shutil
import stat
import tempfile
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import permutations
from pathlib import Path, PurePosixPath

from dp2vl.errors import DP2VLError, PhotoError, PhotoRefused, PlaceTaken, UsageError
from dp2vl.files import PART_PREFIX, PART_SUFFIX, hash_bytes, hash_file
from dp2vl.storage import as_os_error, is_local, list_files, state_home, why
from dp2vl.types import Outcome, Photo, Status

STATE_FOLDER = ".dp2vl"
"""Folder inside every output folder that holds its lock and its record of outcomes."""
RAW_SUFFIXES = frozenset({".dng", ".cr2", ".cr3", ".nef", ".arw", ".orf", ".rw2", ".raf", ".pef", ".srw"})
"""Camera raw files: most are TIFF inside, so their content alone does not tell them from photos."""
GROWTH = 2.5
"""How many times larger than its original a copy may get: JPEG at quality 90, full colour resolution."""


@dataclass(frozen=True)
class AlbumPlan:
    """What is to be done with every file found under the sources.

    Args:
        photos: files to protect, in the order of the walk; their `rel` differ.
        settled: outcomes of all other files and of folders that cannot be read; collisions come last.
        albums: folders that hold copies written by earlier runs and that contain a source or lie in one.
    """

    photos: tuple[Photo, ...]
    settled: tuple[Outcome, ...]
    albums: tuple[Path, ...] = ()


def plan_album(sources: Sequence[Path], out: Path, *, max_megapixels: float = 100.0) -> AlbumPlan:
    """Return a place for each file under `sources`: a photo to protect, or an outcome that is settled.

    Folders are walked recursively in order of names; links to files count as files, links to folders are
    not followed. A copy keeps its path relative to its source; several sources each get their own folder.
    Reads every photo once, for its digest.

    Args:
        sources: folders and single files, on this machine or URLs of `dp2vl.storage.locate`.
        out: where copies will go; need not exist. Nothing stays written there; where names differ only in
            letter case, a file is made for a moment to learn whether the disk tells them apart.
        max_megapixels: files larger than photos of that size can be are refused before they are read.

    Raises:
        UsageError: a source is missing, two share a name or overlap; `out` overlaps a source or is a file.
        DP2VLError: there are no photos, or `out` cannot be written to.
    """
    _check_sources(sources)
    _check_output(out, sources)
    photos: list[Photo] = []
    settled: list[Outcome] = []
    sources = [source.absolute() if is_local(source) else source for source in sources]
    home = out.resolve() if is_local(out) else None
    albums = {p for s in sources if is_local(s) for p in (s, *s.resolve().parents) if is_album(p)}
    for path, rel, problem in _find_files(sources, albums):
        place = problem or _place(path, rel, home, max_megapixels)
        if isinstance(place, Photo):
            photos.append(place)
        else:
            settled.append(place)
    if not photos and all(o.status == Status.SKIPPED for o in settled):
        where = ", ".join(map(str, sources))
        raise DP2VLError(f"expected photos in {where}, found none among {len(settled)} files", _KNOWN_FORMATS)
    photos, collided = _part_collisions(photos, out)
    _check_links(out, photos)
    return AlbumPlan(tuple(photos), (*settled, *collided), tuple(sorted(albums)))


_KNOWN_FORMATS = "photos are JPEG, PNG, WebP, TIFF, BMP, HEIC and AVIF files; hidden files are left out"


def state_folder(out: Path) -> Path:
    """Return where the records of an output are: in its folder, or, for a URL, in the user's state folder."""
    if is_local(out):
        return out / STATE_FOLDER
    return state_home() / "albums" / hash_bytes(str(out).rstrip("/").encode())[:16]


def is_album(folder: Path) -> bool:
    """Return whether an earlier run wrote protected copies into `folder`."""
    return os.access(folder / STATE_FOLDER / "outcomes.jsonl", os.R_OK)


def check_space(out: Path, photos: Iterable[Photo]) -> None:
    """Raise a `DP2VLError` if the disk of `out` has no room for copies of `photos`; of URLs nobody knows."""
    if not is_local(out):
        return
    need = int(GROWTH * sum(photo.size_bytes for photo in photos))
    have = shutil.disk_usage(_existing(out)).free
    if need > have:
        raise DP2VLError(
            f"expected about {need / 1e6:,.0f} MB free for {out}, got {have / 1e6:,.0f} MB",
            "make space, or choose an output folder on another disk",
        )


def check_target(path: Path, photo: Photo, ours: Mapping[str, str], *, holder: str = "", new: str = "") -> bool:
    """Return whether a file is at `path`, which then is an older copy of `photo` and may be written over.

    Args:
        ours: digests of all copies ever written, and of their originals.
        holder: the original, by its path, whose copy was put there last; "" if that is not known.
        new: digest of what is to be written: a worker that died after writing left these very bytes.

    Raises:
        PhotoError: it is somebody else's file.
        PlaceTaken: it is the copy of another photo.
    """
    with as_os_error():
        taken = path.exists()
    if not taken or (digest := hash_file(path)) == new:
        return taken
    if digest not in ours:
        raise PhotoError(f"{path} exists and is not a copy written by dp2vl", "move it away, or choose another --out")
    if ours[digest] != photo.sha256 and holder != str(photo.path):
        raise PlaceTaken(f"{path} holds the copy of {holder or 'another photo'}", "choose another --out")
    return True


@contextmanager
def lock_output(out: Path) -> Iterator[None]:
    """Make `out` and hold it for this process alone, until the block or the process ends, however it ends.

    Raises:
        DP2VLError: another process holds it, or it cannot be written to.
    """
    folder = state_folder(out)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = (folder / "lock").open("ab")
    except OSError as error:
        raise DP2VLError(f"cannot write to {folder}: {error.strerror}", "choose another output folder") from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise DP2VLError(
                f"another run is working on {out}", "wait until it ends, or choose another output folder"
            ) from error
        yield


def _check_sources(sources: Sequence[Path]) -> None:
    for source in sources:
        if not _exists(source):
            raise UsageError(f"expected a photo or a folder, but {source} does not exist", "check the spelling")
    for one, other in permutations(sources, 2):
        if _lies_in(one, other):
            raise UsageError(f"{one} lies inside {other}", "name each photo and folder once")
        if _fold(_name(one)) == _fold(_name(other)):
            raise UsageError(
                f"{one} and {other} have the same name, so their copies would mix",
                "protect them one at a time",
            )


def _name(source: Path) -> str:
    return source.resolve().name if is_local(source) else source.name


def _check_output(out: Path, sources: Sequence[Path]) -> None:
    if is_local(out) and _exists(out) and not out.is_dir():
        raise UsageError(f"expected a folder for the copies, but {out} is a file", "choose another --out")
    for source in sources:
        if _lies_in(out, source) or _lies_in(source, out):
            raise UsageError(
                f"the output folder {out} and the source {source} lie in each other",
                "choose an --out beside the photos, so that originals and copies stay apart",
            )
    if not is_local(out):
        return
    folder = _existing(out)
    if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
        raise DP2VLError(f"cannot write to {folder}", "choose an --out that you may write to")


def _check_links(out: Path, photos: Sequence[Photo]) -> None:
    """A link inside `out` could lead a copy over an original, or over another copy."""
    if not is_local(out):
        return
    home = out.resolve()
    place: dict[Path, PurePosixPath] = {}
    for folder in sorted({PurePosixPath(photo.rel).parent for photo in photos}):
        real = (out / folder).resolve()
        if not real.is_relative_to(home):
            raise UsageError(f"{out / folder} is a link that leads out of {out}", "choose another --out")
        if (other := place.setdefault(real, folder)) != folder:
            raise UsageError(f"{out / folder} and {out / other} are one folder", "choose another --out")


def _lies_in(inner: Path, outer: Path) -> bool:
    """Return whether `inner` is `outer` or under it, however either is spelled (links, letter case)."""
    if not (is_local(inner) and is_local(outer)):
        return is_local(inner) == is_local(outer) and f"{inner}/".startswith(f"{str(outer).rstrip('/')}/")
    if not _exists(outer):
        return False
    inner = inner.resolve()
    return any(_exists(p) and p.samefile(outer) for p in (inner, *inner.parents))


def _exists(path: Path) -> bool:
    """Return whether `path` is there for this user; unlike `Path.exists`, also where a folder is closed."""
    if not is_local(path):
        try:
            with as_os_error():
                return path.exists()
        except OSError as error:
            raise DP2VLError(f"cannot look at {path}: {why(error)}", "check the URL and your permission") from error
    return os.access(path, os.F_OK)


def _existing(path: Path) -> Path:
    """Return the nearest of `path` and its parents that exists."""
    path = path.absolute()
    return next(p for p in (path, *path.parents) if _exists(p))


def _find_files(sources: Sequence[Path], albums: set[Path]) -> Iterator[tuple[Path, str, Outcome | None]]:
    """Yield (file, where its copy goes, its outcome if that needs no look inside); adds to `albums`."""
    for source in sources:
        prefix = PurePosixPath(_name(source) if len(sources) > 1 else "")
        if not is_local(source):
            yield from _find_urls(source, prefix)
            continue
        if not source.is_dir():
            yield source, source.name, None
            continue
        for path, error in _walk(source):
            inside = path.relative_to(source)
            rel = str(prefix / inside)
            if error is not None:
                reason = f"folder cannot be read: {error.strerror}"
                yield path, "", _settle(path, "", Status.FAILED, reason)
            elif path.name == STATE_FOLDER and path.is_dir():
                albums |= {path.parent} if is_album(path.parent) else set()
            elif any(part.startswith(".") for part in inside.parts):
                yield path, rel, _settle(path, "", Status.SKIPPED, "hidden")
            else:
                yield path, rel, None


def _find_urls(source: Path, prefix: PurePosixPath) -> Iterator[tuple[Path, str, Outcome | None]]:
    """Yield the same for what is under a URL."""
    try:
        found = list_files(source)
    except OSError as error:
        yield source, "", _settle(source, "", Status.FAILED, f"cannot be listed: {why(error)}")
        return
    for path in found:
        inside = path.relative_to(source)
        rel = str(prefix / str(inside)) if path != source else source.name
        hidden = any(part.startswith(".") for part in PurePosixPath(rel).parts)
        yield path, rel, _settle(path, "", Status.SKIPPED, "hidden") if hidden else None


def _walk(top: Path) -> Iterator[tuple[Path, OSError | None]]:
    """Yield files under `top`, folders that cannot be read (with the error), state folders (not entered)."""
    stack = [top]
    while stack:
        folder = stack.pop()
        try:
            entries = sorted(os.scandir(folder), key=lambda e: e.name)
        except OSError as error:
            yield folder, error
            continue
        inner = []
        for entry in entries:
            if entry.is_dir(follow_symlinks=False) and entry.name != STATE_FOLDER:
                inner.append(Path(entry.path))
            else:
                yield Path(entry.path), None
        stack.extend(reversed(inner))


def _place(path: Path, rel: str, home: Path | None, max_megapixels: float) -> Photo | Outcome:
    """Return what is to become of one file, by its content, or by its name where the content is unknown."""
    from dp2vl.images import (
        PHOTO_FORMATS,
        PHOTO_SUFFIXES,
        check_file_size,
        sniff,
    )  # OpenCV comes with it; writing does without

    suffix = path.suffix.lower()
    try:
        with as_os_error():
            status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            return _settle(path, "", Status.SKIPPED, "link to a folder; links to folders are not followed")
        if not stat.S_ISREG(status.st_mode):
            return _settle(path, "", Status.SKIPPED, "not a regular file")
        with as_os_error():
            kind = sniff(path)
        if kind is None and suffix not in PHOTO_SUFFIXES | RAW_SUFFIXES:
            return _settle(path, "", Status.SKIPPED, "not a photo")
        if status.st_size == 0:
            return _settle(path, rel, Status.FAILED, "is empty")
        if suffix in RAW_SUFFIXES or kind not in (*PHOTO_FORMATS, None):
            name = f"camera raw ({suffix})" if suffix in RAW_SUFFIXES else str(kind).upper()
            return _settle(path, rel, Status.REFUSED, f"{name} is not supported; hint: convert it to PNG or JPEG first")
        if home is not None and is_local(path) and path.is_symlink() and path.resolve().is_relative_to(home):
            raise PhotoRefused(f"is a link into the output folder {home}", "choose another --out")
        check_file_size(status.st_size, max_megapixels=max_megapixels)
        return Photo(path=path, rel=rel, sha256=hash_file(path), size_bytes=status.st_size)
    except PhotoRefused as error:
        return _settle(path, rel, Status.REFUSED, str(error))
    except PhotoError as error:
        return _settle(path, rel, Status.FAILED, str(error))
    except OSError as error:
        what = "link to a missing file" if isinstance(error, FileNotFoundError) else "cannot be read"
        return _settle(path, rel, Status.FAILED, f"{what}: {why(error)}")


def _settle(path: Path, rel: str, status: Status, reason: str) -> Outcome:
    return Outcome(path=str(path), rel=rel, status=status, reason=reason)


def _part_collisions(photos: list[Photo], out: Path) -> tuple[list[Photo], list[Outcome]]:
    """Return the photos whose copies have a place of their own, and failures for all that share one."""
    place = {photo: _copy_rel(photo) for photo in photos}
    folded = {photo: _fold(rel) for photo, rel in place.items()}
    if len(set(folded.values())) < len(set(place.values())) and is_local(out) and _ignores_case(_existing(out)):
        place = folded
    sharing = defaultdict(list)
    for photo in photos:
        sharing[place[photo]].append(photo)
    failed = []
    for group in (g for g in sharing.values() if len(g) > 1):
        for photo in group:
            others = ", ".join(str(p.path) for p in group if p is not photo)
            reason = f"its copy would overwrite that of {others}; hint: rename one of them"
            failed.append(_settle(photo.path, photo.rel, Status.FAILED, reason))
    return [p for p in photos if len(sharing[place[p]]) == 1], failed


def _copy_rel(photo: Photo) -> str:
    """Return where the copy goes: HEIC becomes PNG where there is no encoder, as `images.output_suffix` says."""
    from dp2vl.images import sniff
    from dp2vl.images.heif import can_encode_heic

    if can_encode_heic() or sniff(photo.path) != "heic":
        return photo.rel
    return str(PurePosixPath(photo.rel).with_suffix(".png"))


def _fold(name: str) -> str:
    """Return what is the same for all names that some file systems do not tell apart."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def _ignores_case(folder: Path) -> bool:
    with tempfile.NamedTemporaryFile(prefix=PART_PREFIX, suffix=PART_SUFFIX, dir=folder) as file:
        return (folder / Path(file.name).name.upper()).exists()
