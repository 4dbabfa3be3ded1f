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


def group_of(path: Path) -> str:
    """Return what photos that are kept together share: their folder."""
    return str(path.resolve().parent)


def sample_album(photos: Mapping[str, Path], *, max_megapixels: float) -> Iterator[tuple[str, Tensor]]:
    """Yield folder and photo (1, 3, h, w) of those that stand for an album; what cannot be read is left out.

    Args:
        photos: digest of the original's bytes -> where it lies.
    """
    for digest in sorted(photos)[:ALBUM_SAMPLE]:
        with suppress(PhotoError, OSError):  # the photo itself gets its outcome elsewhere
            photo = read_photo(photos[digest], max_megapixels=max_megapixels)
            yield group_of(photos[digest]), to_tensor(photo, long_side_px=LONG_SIDE_PX)
