"""What the libraries do not tell about a file: walks over the boxes and chunks of its container."""

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass

_PNG_COLOUR = {b"gAMA": 4, b"cHRM": 32, b"sRGB": 1, b"cICP": 4}
"""Chunks that say what colours mean, and the only length each may have."""
_JPEG_MARKER = re.compile(rb"\xff[\x02-\xcf\xd9-\xfe]")
_END_OF_IMAGE, _START_OF_SCAN = 0xD9, 0xDA


def jpeg_scans(data: bytes) -> int:
    """Return in how many passes the first picture of a JPEG is coded; a decoder goes over all pixels for each."""
    at, scans = 2, 0
    while found := _JPEG_MARKER.search(data, at):
        marker, at = data[found.start() + 1], found.end()
        if marker == _END_OF_IMAGE:
            break
        scans += marker == _START_OF_SCAN
        at += int.from_bytes(data[at : at + 2], "big")
    return scans


def png_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield (name, content) of each PNG chunk up to the end of the picture or of the bytes."""
    at = 8
    while at + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, at)
        name = data[at + 4 : at + 8]
        yield name, data[at + 8 : at + 8 + length]
        if name == b"IEND":
            return
        at += 12 + length


def png_colour_chunks(data: bytes) -> tuple[tuple[bytes, bytes], ...]:
    """Return the chunks of a PNG that say what its colours mean, besides the ICC profile; the first of each name."""
    found: dict[bytes, bytes] = {}
    for name, content in png_chunks(data):
        if name == b"IDAT":
            break
        if _PNG_COLOUR.get(name) == len(content):
            found.setdefault(name, content)
    return tuple(found.items())


def is_lossless_webp(data: bytes) -> bool:
    """Return whether a WebP's picture is coded by the lossless half of the format."""
    at = 12
    while at + 8 <= len(data):
        name, length = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "little")
        if name in {b"VP8L", b"VP8 "}:
            return name == b"VP8L"
        at += 8 + length + length % 2
    return False


def webp_size(data: bytes) -> tuple[int, int] | None:
    """Return width and height that a WebP's first chunk claims; None where it is cut or unknown."""
    if len(data) < 30:
        return None
    if data[12:16] == b"VP8X":
        return int.from_bytes(data[24:27], "little") + 1, int.from_bytes(data[27:30], "little") + 1
    if data[12:16] == b"VP8L":
        packed = int.from_bytes(data[21:25], "little")
        return (packed & 0x3FFF) + 1, (packed >> 14 & 0x3FFF) + 1
    return int.from_bytes(data[26:28], "little") & 0x3FFF, int.from_bytes(data[28:30], "little") & 0x3FFF


def boxes(data: bytes, start: int = 0, end: int | None = None) -> Iterator[tuple[bytes, int, int]]:
    """Yield (name, start of content, end) of the boxes of an ISO media file; an end may lie outside the bytes."""
    at, stop = start, len(data) if end is None else min(end, len(data))
    while at + 8 <= stop:
        (size,) = struct.unpack_from(">I", data, at)
        name, head = data[at + 4 : at + 8], 8
        if size == 1 and at + 16 <= stop:
            (size,), head = struct.unpack_from(">Q", data, at + 8), 16
        if size == 0:
            size = stop - at
        if size < head:
            return
        yield name, at + head, at + size
        at += size


def has_movie(data: bytes) -> bool:
    """Return whether an HEIC or AVIF file holds an image sequence besides or instead of a still picture."""
    return any(name == b"moov" for name, _, _ in boxes(data))


def missing_bytes(data: bytes, kind: str) -> int:
    """Return how many bytes a container claims beyond the end of the file; 0 where it does not say."""
    if kind in {"heic", "avif"}:
        return max([end - len(data) for _, _, end in boxes(data)] + [0])
    if kind == "webp":
        return max(0, int.from_bytes(data[4:8], "little") + 8 - len(data))
    return 0


@dataclass(frozen=True)
class Av1Config:
    """How an AVIF codes its colours: bits per channel, and the CICP numbers (2 means "not said")."""

    bits: int = 8
    primaries: int = 2
    transfer: int = 2


def read_av1_config(data: bytes) -> Av1Config:
    """Return the coding of the first AV1 picture of an AVIF; defaults where a property is absent."""
    bits, primaries, transfer = 8, 2, 2
    for name, start, end in _properties(data):
        if name == b"av1C" and end - start >= 4 and bits == 8:
            bits = (10 if not data[start + 2] & 0x20 else 12) if data[start + 2] & 0x40 else 8
        if name == b"colr" and data[start : start + 4] == b"nclx" and end - start >= 11 and primaries == transfer == 2:
            primaries, transfer = struct.unpack_from(">HH", data, start + 4)
    return Av1Config(bits, primaries, transfer)


def _properties(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    for name, start, end in boxes(data):
        if name == b"meta":
            for inner, inner_start, inner_end in boxes(data, start + 4, end):
                if inner == b"iprp":
                    for group, group_start, group_end in boxes(data, inner_start, inner_end):
                        if group == b"ipco":
                            yield from boxes(data, group_start, group_end)
