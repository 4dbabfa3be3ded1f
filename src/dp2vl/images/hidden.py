"""Pictures hidden in what should be words: as they are, or written in base64 or hexadecimal letters."""

import base64
import re

from dp2vl.images.sniffing import HEAD_BYTES, sniff_bytes

_MARKS = (b"\xff\xd8\xff", b"\xd8\xff\xdb", b"\x89PNG\r\n", b"ftyphei")
"""Starts of pictures; the second is how Minolta hides a JPEG, with its first byte changed."""
_SHORTEST = 16
_LETTERS = rf"[A-Za-z0-9+/_-]{{{_SHORTEST},}}"
_CODED = re.compile(rf"{_LETTERS}(?:\s+{_LETTERS})*")
"""Words too long to be words, on one line or several: what base64 and hexadecimal look like."""


def holds_picture(content: bytes) -> bool:
    """Return whether bytes hold a picture, as bytes or as letters, UTF-16 included."""
    return any(mark in content for mark in _MARKS) or spells_picture(content.replace(b"\x00", b"").decode("latin-1"))


def spells_picture(text: str) -> bool:
    """Return whether a text holds a picture in base64 or hexadecimal, alone, in a data URL or between other words.

    A run of letters counts if it starts like any kind of picture, or if a JPEG or PNG starts anywhere in it.
    """
    runs = ("".join(found[0].split()) for found in _CODED.finditer(text))
    return any(_is_picture(_from_base64(run)) or _is_picture(_from_hex(run)) for run in runs)


def _is_picture(content: bytes) -> bool:
    return sniff_bytes(content[:HEAD_BYTES]) is not None or any(mark in content for mark in _MARKS)


def _from_base64(run: str) -> bytes:
    return base64.b64decode(run[: len(run) // 4 * 4], altchars=b"-_" if set(run) & set("-_") else None)


def _from_hex(run: str) -> bytes:
    digits = re.match(r"[0-9A-Fa-f]*", run)
    assert digits is not None  # it may match nothing
    return bytes.fromhex(digits[0][: len(digits[0]) // 2 * 2])
