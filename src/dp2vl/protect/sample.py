"""Which photos stand for an album: `protect` and `verify` must mean the same one."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import torch
from torch import Tensor

from dp2vl.errors import PhotoError
from dp2vl.images import read_photo
from dp2vl.protect.reference import Reference, make_references
from dp2vl.protect.verify import to_tensor
from dp2vl.storage import as_os_error
from dp2vl.surrogates.protocol import Surrogate

ALBUM_SAMPLE = 256
"""So many photos, chosen by digest so that a resumed run chooses the same."""
LONG_SIDE_PX = 512


def group_of(path: Path) -> str:
    """Return what photos that are kept together share: their folder."""
    return str(path.resolve().parent)


def choose_sample(photos: Mapping[str, Path]) -> dict[str, Path]:
    """Return the photos that stand for an album, by digest."""
    return {digest: photos[digest] for digest in sorted(photos)[:ALBUM_SAMPLE]}


def album_references(
    photos: Mapping[str, Path],
    towers: Sequence[Surrogate],
    *,
    max_megapixels: float,
    device: str | torch.device = "cpu",
    begin: Callable[[str], object] = str,
) -> list[Reference]:
    """Return the reference of each tower for an album; photos that cannot be read are left out.

    Photos are read one at a time.

    Args:
        photos: digest of the original's bytes -> where it lies.
        begin: called with the digest of each photo before it is read.
    """
    shown = _read_sample(choose_sample(photos), max_megapixels, begin)
    return make_references(towers, shown, device=device)


def _read_sample(
    photos: Mapping[str, Path], max_megapixels: float, begin: Callable[[str], object]
) -> Iterator[tuple[Tensor, str]]:
    for digest, path in photos.items():
        begin(digest)
        with suppress(PhotoError, OSError):  # the photo itself gets its outcome elsewhere
            with as_os_error():
                photo = read_photo(path, max_megapixels=max_megapixels)
            yield to_tensor(photo, long_side_px=LONG_SIDE_PX), group_of(path)
