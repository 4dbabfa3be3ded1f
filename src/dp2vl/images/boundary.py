"""The line between decoders and the rest: whatever a broken file makes a decoder raise becomes one `PhotoError`."""

import struct
import threading
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

import cv2
from PIL import Image, ImageCms

from dp2vl.errors import PhotoError, PhotoRefused

LIMIT_HINT = "raise the limit with --max-megapixels, or make the photo smaller"
MEMORY_HINT = "close other programs, or make the photo smaller; the file itself may be sound"
_BOMB_PIXELS_PER_BYTE = 2000
DECODER_ERRORS = (
    OSError,
    SyntaxError,  # Pillow's word for a malformed header
    ValueError,
    TypeError,
    LookupError,
    ArithmeticError,
    AttributeError,
    AssertionError,
    EOFError,
    RuntimeError,
    MemoryError,
    BufferError,
    struct.error,
    zlib.error,
    cv2.error,
    ImageCms.PyCMSError,
)
"""What Pillow, OpenCV and libheif were seen to raise for crafted files, by their base classes."""


class _WithoutWarnings:
    """Keeps warnings from the terminal as long as one thread at least is inside.

    Filters are the whole process's: threads that save and restore them by themselves leave those of one another.
    """

    def __init__(self) -> None:
        self._lock, self._inside = threading.Lock(), 0
        self._saved = warnings.catch_warnings()

    def __enter__(self) -> None:
        with self._lock:
            if not self._inside:
                self._saved = warnings.catch_warnings()
                self._saved.__enter__()
                warnings.simplefilter("ignore")
            self._inside += 1

    def __exit__(self, *error: object) -> None:
        with self._lock:
            self._inside -= 1
            if not self._inside:
                self._saved.__exit__(None, None, None)


_without_warnings = _WithoutWarnings()


@contextmanager
def decoding(kind: str) -> Iterator[None]:
    """Turn what a decoder raises into `PhotoError`, and keep its warnings from the terminal."""
    try:
        with _without_warnings:
            yield
    except Image.DecompressionBombError as error:
        raise PhotoRefused(
            f"more pixels than the {kind} reader accepts: {one_line(error)}",
            "make the photo smaller, or save it as PNG",
        ) from error
    except MemoryError as error:
        raise PhotoError(f"not enough memory to decode it as {kind}", MEMORY_HINT) from error
    except DECODER_ERRORS as error:
        raise PhotoError(
            f"cannot be decoded as {kind}: {one_line(error)}",
            "copy it again if it is damaged, else open it in an image editor and save it as JPEG or PNG",
        ) from error


def one_line(error: BaseException) -> str:
    """Return an error's text as one short printable line, its class where it has none."""
    text = " ".join(str(error).split())
    return "".join(c if c.isprintable() else "?" for c in text)[:120] or type(error).__name__


def check_size(width: int, height: int, *, file_bytes: int, max_megapixels: float) -> None:
    """Judge the size that a header claims, before any pixel is decoded.

    Raises:
        PhotoRefused: more pixels than allowed.
        PhotoError: no pixels, or so many for so few bytes that it is a decompression bomb.
    """
    pixels = width * height
    if pixels < 1:
        raise PhotoError(f"has no pixels ({width}x{height})", "the file is damaged; copy it again")
    if pixels <= max_megapixels * 1e6:
        return
    claim = f"{width}x{height} = {pixels / 1e6:.0f} megapixels"
    if pixels > _BOMB_PIXELS_PER_BYTE * file_bytes:
        raise PhotoError(f"{file_bytes} bytes that claim {claim}: a decompression bomb", "leave the file out")
    raise PhotoRefused(f"expected at most {max_megapixels:g} megapixels, got {claim}", LIMIT_HINT)
