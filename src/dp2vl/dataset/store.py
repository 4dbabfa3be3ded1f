"""Putting a new data set on disk: whole or not at all, photos as lossless PNG without metadata."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from dp2vl.errors import PhotoError, UsageError
from dp2vl.images import read_photo


@contextmanager
def new_folder(out: Path) -> Iterator[Path]:
    """Give a folder to fill, which becomes `out` when all went well and is removed when not.

    Raises:
        UsageError: `out` exists and is not empty.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError(f"{out} exists and is not empty", "choose a new folder, or remove it yourself")
    partial = out.with_name(f".{out.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        yield partial
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    if out.exists():
        out.rmdir()
    partial.rename(out)


def encode_png(pixels: NDArray[np.uint8]) -> bytes:
    """Return sRGB uint8 pixels (height, width, 3) as PNG; the same pixels give the same bytes."""
    ok, coded = cv2.imencode(".png", pixels[..., ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 3])
    assert ok
    return coded.tobytes()


def read_pixels(path: Path) -> NDArray[np.uint8]:
    """Return any photo as upright sRGB uint8 pixels (height, width, 3), without its metadata.

    Raises:
        PhotoError: it cannot be read, or is no single photo.
    """
    try:
        planes = read_photo(path).srgb()
    except PhotoError as error:
        raise PhotoError(f"{path} {error.message}", error.hint) from None
    return np.ascontiguousarray((planes * 255 + 0.5).astype(np.uint8).transpose(1, 2, 0))
