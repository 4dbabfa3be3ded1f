"""Which photos stand for an album: `protect` and `verify` must mean the same one."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from torch import Tensor

from dp2vl.errors import PhotoError
from dp2vl.images import read_photo
from dp2vl.protect.verify import to_tensor

ALBUM_SAMPLE = 256
"""So many photos, chosen by digest so that a resumed run chooses the same."""
LONG_SIDE_PX = 512


def sample_album(photos: Mapping[str, Path], *, max_megapixels: float) -> Iterator[Tensor]:
    """Yield photos (1, 3, h, w) that stand for an album; those that cannot be read are left out.

    Args:
        photos: digest of the original's bytes -> where it lies.
    """
    for digest in sorted(photos)[:ALBUM_SAMPLE]:
        with suppress(PhotoError, OSError):  # the photo itself gets its outcome elsewhere
            yield to_tensor(read_photo(photos[digest], max_megapixels=max_megapixels), long_side_px=LONG_SIDE_PX)
