"""Which photos stand for an album: `protect` and `verify` must mean the same one."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import torch

from dp2vl.errors import PhotoError
from dp2vl.images import read_photo
from dp2vl.protect.reference import Reference, make_reference
from dp2vl.protect.verify import to_tensor
from dp2vl.surrogates.protocol import Surrogate

ALBUM_SAMPLE = 256
"""So many photos, chosen by digest so that a resumed run chooses the same."""
LONG_SIDE_PX = 512


def group_of(path: Path) -> str:
    """Return what photos that are kept together share: their folder."""
    return str(path.resolve().parent)


def album_references(
    photos: Mapping[str, Path],
    towers: Sequence[Surrogate],
    *,
    max_megapixels: float,
    device: str | torch.device = "cpu",
) -> list[Reference]:
    """Return the reference of each tower for an album; photos that cannot be read are left out.

    Args:
        photos: digest of the original's bytes -> where it lies.
    """
    shown, groups = [], []
    for digest in sorted(photos)[:ALBUM_SAMPLE]:
        with suppress(PhotoError, OSError):  # the photo itself gets its outcome elsewhere
            photo = read_photo(photos[digest], max_megapixels=max_megapixels)
            shown.append(to_tensor(photo, long_side_px=LONG_SIDE_PX))
            groups.append(group_of(photos[digest]))
    return [make_reference(tower, shown, groups=groups, device=device) for tower in towers]
