"""TIFF at 8 or 16 bits, deflated. Pillow writes 16 bits only for grey, so the strips are packed here."""

import zlib
from itertools import accumulate

from PIL.TiffImagePlugin import IFDRational, ImageFileDirectory_v2

from dp2vl.images.picture import Metadata, Picture, Pixels
from dp2vl.images.policy import make_directory

_STRIP_BYTES = 1 << 20
_DEFLATE, _HORIZONTAL_DIFFERENCES, _UNASSOCIATED_ALPHA, _INCHES = 8, 2, 2, 2
_SHORT, _LONG, _BYTE, _UNDEFINED = 3, 4, 1, 7


def encode_tiff(picture: Picture, metadata: Metadata) -> bytes:
    """Return the picture as a one-page TIFF at its own depth, with the given metadata."""
    planes = picture.stacked()
    rows_per_strip = max(1, _STRIP_BYTES // (planes.shape[1] * planes.shape[2] * planes.itemsize))
    strips = [_pack(planes[at : at + rows_per_strip]) for at in range(0, planes.shape[0], rows_per_strip)]
    lengths = [len(strip) for strip in strips]
    directory = make_directory(metadata.tags)
    _describe_pixels(directory, planes, rows_per_strip)
    # Pillow's directory counts strip offsets from its own end, so the strips follow it directly.
    _put(directory, 273, _LONG, tuple(accumulate(lengths[:-1], initial=0)))
    _put(directory, 279, _LONG, tuple(lengths))
    _describe_rest(directory, picture, metadata)
    header = b"MM\x00\x2a\x00\x00\x00\x08"
    return b"".join([header, directory.tobytes(len(header)), *strips])


def _pack(rows: Pixels) -> bytes:
    differences = rows.copy()
    differences[:, 1:] -= rows[:, :-1]
    return zlib.compress(differences.astype(rows.dtype.newbyteorder(">")).tobytes(), 6)


def _put(directory: ImageFileDirectory_v2, tag: int, kind: int, value: object) -> None:
    directory.tagtype[tag] = kind
    directory[tag] = value


def _describe_pixels(directory: ImageFileDirectory_v2, planes: Pixels, rows_per_strip: int) -> None:
    height, width, channels = planes.shape
    _put(directory, 256, _LONG, width)
    _put(directory, 257, _LONG, height)
    _put(directory, 258, _SHORT, (8 * planes.itemsize,) * channels)
    _put(directory, 259, _SHORT, _DEFLATE)
    _put(directory, 262, _SHORT, 1 if channels < 3 else 2)
    _put(directory, 274, _SHORT, 1)
    _put(directory, 277, _SHORT, channels)
    _put(directory, 278, _LONG, rows_per_strip)
    _put(directory, 284, _SHORT, 1)
    _put(directory, 317, _SHORT, _HORIZONTAL_DIFFERENCES)
    if channels in {2, 4}:
        _put(directory, 338, _SHORT, (_UNASSOCIATED_ALPHA,))
    _put(directory, 339, _SHORT, (1,) * channels)


def _describe_rest(directory: ImageFileDirectory_v2, picture: Picture, metadata: Metadata) -> None:
    if metadata.dpi:
        for tag, dpi in zip((282, 283), metadata.dpi, strict=True):
            directory[tag] = IFDRational(round(dpi * 1000), 1000)
        _put(directory, 296, _SHORT, _INCHES)
    if picture.icc:
        _put(directory, 34675, _UNDEFINED, picture.icc)
    if metadata.xmp:
        _put(directory, 700, _BYTE, metadata.xmp)
    if metadata.iptc:
        _put(directory, 33723, _UNDEFINED, metadata.iptc)
