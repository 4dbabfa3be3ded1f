"""Where dropped photos wait: a folder that takes bytes under limits, and lets no name out of it."""

import os
import shutil
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from dp2vl.errors import DP2VLError
from dp2vl.images.sniffing import HEAD_BYTES, PHOTO_FORMATS, sniff_bytes

MOST_BYTES = 200 << 20
"""Of one photo. The largest photos of phones have 40 MB; a TIFF of 50 megapixels has 150."""
MOST_PHOTOS = 2000
KEEP_FREE = 1 << 30
"""Bytes that stay free on the disk."""
_DEEPEST, _LONGEST = 8, 200


class Refused(DP2VLError):
    """A request asks for what is not done here.

    Args:
        status: of HTTP.
    """

    def __init__(self, status: int, message: str, hint: str = "") -> None:
        super().__init__(message, hint)
        self.status = status


class Shelf:
    """Photos that were dropped on one place of the page, under their own names.

    Args:
        folder: where they are kept; made on use.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def files(self) -> list[Path]:
        """Return the photos that are here, in the order of names."""
        return sorted(p for p in self.folder.rglob("*") if p.is_file())

    async def take(self, name: str, size: int | None, chunks: AsyncIterator[bytes]) -> Path:
        """Store one photo as its bytes arrive, and return where; nothing is left of one that is refused.

        Args:
            name: path below the folder, with "/". size: in bytes as announced, or None. chunks: the bytes.

        Raises:
            Refused: the name leads elsewhere or is taken, the file is too large or no photo, or there is no room.
        """
        path = self._place(name)
        if size is not None and size > MOST_BYTES:
            raise _too_large(name)
        if len(self.files()) >= MOST_PHOTOS:
            raise Refused(413, f"more than {MOST_PHOTOS} photos", "name their folder instead of dropping them")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError):
            message = f"a folder of {name} has the name of a photo that is here"
            raise Refused(409, message, "rename one of the two") from None
        handle, part = tempfile.mkstemp(dir=self.folder.parent, prefix="sent-")
        try:
            with os.fdopen(handle, "wb") as file:
                await _fill(file, name, chunks)
            os.link(part, path)  # unlike a rename, never over another photo
        except FileExistsError:
            raise _taken(name) from None
        finally:
            Path(part).unlink()
        return path

    def clear(self) -> None:
        """Delete all photos that are here."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _place(self, name: str) -> Path:
        parts = PurePosixPath(name).parts
        if not parts or len(parts) > _DEEPEST or not all(map(_is_plain, parts)):
            raise Refused(400, f"expected the name of a photo, got {name!r}", "rename the file")
        path = self.folder.joinpath(*parts)
        if not path.resolve().is_relative_to(self.folder.resolve()):
            raise Refused(400, f"{name!r} leads out of the folder", "rename the file")
        if path.exists():
            raise _taken(name)
        return path


async def _fill(file: BinaryIO, name: str, chunks: AsyncIterator[bytes]) -> None:
    """Write the bytes; what the file is gets judged by its beginning, so that nobody waits for the rest of a film."""
    head, total, known = b"", 0, False
    async for chunk in chunks:
        total += len(chunk)
        if total > MOST_BYTES:
            raise _too_large(name)
        head = (head + chunk)[:HEAD_BYTES] if not known else head
        if not known and len(head) == HEAD_BYTES:
            known = _check_kind(head, name)
        if shutil.disk_usage(file.fileno()).free < KEEP_FREE:
            raise Refused(507, "the disk is almost full", "make space, or name the folder instead of dropping photos")
        file.write(chunk)
    if not total:
        raise Refused(415, f"{name} is empty", "copy it again from the camera or phone")
    if not known:
        _check_kind(head, name)


def _check_kind(head: bytes, name: str) -> bool:
    kind = sniff_bytes(head)
    if kind is None:
        raise Refused(415, f"{name} is not a picture", "photos are JPEG, PNG, WebP, TIFF, BMP, HEIC and AVIF files")
    if kind not in PHOTO_FORMATS:
        raise Refused(415, f"{kind.upper()} pictures are not supported", "save it as JPEG, PNG or TIFF first")
    return True


def _taken(name: str) -> Refused:
    return Refused(409, f"there is a photo called {name} already", "rename one of the two")


def _too_large(name: str) -> Refused:
    return Refused(413, f"{name} is larger than {MOST_BYTES >> 20} MB", "name its folder instead of dropping it")


def _is_plain(part: str) -> bool:
    """Return whether one part of a path is an ordinary visible name."""
    return (
        not part.startswith((".", "/"))
        and part.isprintable()
        and "\\" not in part
        and len(part.encode(errors="replace")) <= _LONGEST
    )
