"""Pictures for people: the original, the copy, and their difference made visible."""

import hashlib
import math
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from PIL import Image

from dp2vl.images import Picture, read_photo
from dp2vl.types import Outcome, Status

SIDE_PX = 640
AMPLIFY = 16
"""Factor by which differences are enlarged around mid grey."""


LONGEST_NAME = 240
"""Bytes of a photo's name to which an ending can be added; file systems take 255."""


def write_previews(outcomes: Iterable[Outcome], out: Path, folder: Path) -> dict[str, Path]:
    """Write one PNG per protected photo: original, copy, difference x 16 around grey; return them by `Outcome.rel`.

    The pictures show the unprotected photo, so `folder` must not be shared with the copies.

    Args:
        outcomes: others than protected ones are left out.
        out: where the copies lie. folder: where the pictures go; made if absent.
    """
    written = {}
    for outcome in outcomes:
        if outcome.status != Status.PROTECTED:
            continue
        # both were read when the photo was protected, under whatever limit was given then
        before, after = (read_photo(p, max_megapixels=math.inf) for p in (Path(outcome.path), out / outcome.rel))
        path = folder / _picture_name(outcome.rel)
        path.parent.mkdir(parents=True, exist_ok=True)
        make_preview(before, after).save(path, optimize=True)
        written[outcome.rel] = path
    return written


def _picture_name(rel: str) -> Path:
    """Return the name of a photo's picture: the photo's, as far as a file system and a URL can bear it."""
    path = Path(rel.encode(errors="backslashreplace").decode())
    if len(path.name.encode()) <= LONGEST_NAME:
        return path.with_name(f"{path.name}.png")
    told_apart = hashlib.sha256(rel.encode(errors="surrogateescape")).hexdigest()[:12]
    return path.with_name(f"{path.name[: LONGEST_NAME // 8]}-{told_apart}.png")


def make_preview(before: Picture, after: Picture) -> Image.Image:
    """Return original, copy and amplified difference side by side, each reduced to at most 640 px.

    Large photos are reduced before the difference is taken: it shows what is left of the change on a screen.
    """
    one, other = (_fit(p) for p in (before, after))
    difference = ((other - one) * AMPLIFY + 0.5).clip(0, 1)
    gap = np.ones((one.shape[0], 8, 3), np.float32)
    row = np.concatenate([one, gap, other, gap, difference], axis=1)
    return Image.fromarray((row * 255 + 0.5).astype(np.uint8))


def _fit(picture: Picture) -> np.ndarray:
    pixels = picture.srgb(long_side_px=SIDE_PX)
    return np.ascontiguousarray(pixels.transpose(1, 2, 0))
