"""PNG at 8 or 16 bits. Pillow writes 16 bits only for grey, so the pixels of deeper files are packed here."""

import io
import struct
import zlib

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from dp2vl.images.picture import Metadata, Picture, Pixels
from dp2vl.images.policy import make_exif

_COLOUR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}
_BLOCK_BYTES = 8 << 20


def encode_png(picture: Picture, metadata: Metadata) -> bytes:
    """Return the picture as PNG at its own depth, with the given metadata in front of the pixels."""
    planes = picture.stacked()
    bare = _encode_deep(planes) if planes.dtype == np.uint16 else _encode_simple(planes)
    after_header = 8 + 25
    return bare[:after_header] + b"".join(_extra_chunks(picture, metadata)) + bare[after_header:]


def _extra_chunks(picture: Picture, metadata: Metadata) -> list[bytes]:
    chunks = [
        _chunk(name, content) for name, content in picture.coding.chunks if picture.icc is None or name == b"cICP"
    ]
    if picture.icc:
        chunks.append(_chunk(b"iCCP", b"ICC Profile\x00\x00" + zlib.compress(picture.icc)))
    if metadata.dpi:
        x, y = (round(d / 0.0254) for d in metadata.dpi)
        chunks.append(_chunk(b"pHYs", struct.pack(">IIB", x, y, 1)))
    if exif := make_exif(metadata.tags):
        chunks.append(_chunk(b"eXIf", exif.removeprefix(b"Exif\x00\x00")))
    if metadata.xmp:
        chunks.append(_chunk(b"iTXt", b"XML:com.adobe.xmp\x00\x00\x00\x00\x00" + metadata.xmp))
    for key, text in metadata.texts:
        head = key.encode("latin-1", "replace")[:79] + b"\x00\x00\x00\x00\x00"
        chunks.append(_chunk(b"iTXt", head + text.encode("utf-8", "replace")))
    return chunks


def _chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def _encode_simple(planes: Pixels) -> bytes:
    out = io.BytesIO()
    Image.fromarray(planes[:, :, 0] if planes.shape[2] == 1 else planes).save(out, "PNG")
    return out.getvalue()


def _encode_deep(planes: Pixels) -> bytes:
    height, width, channels = planes.shape
    header = struct.pack(">IIBBBBB", width, height, 16, _COLOUR_TYPES[channels], 0, 0, 0)
    packer = zlib.compressobj(6)
    step = max(1, _BLOCK_BYTES // (2 * width * channels))
    above, packed = np.zeros((1, 2 * width * channels), np.uint8), []
    for at in range(0, height, step):
        block = planes[at : at + step].astype(">u2").view(np.uint8).reshape(-1, 2 * width * channels)
        packed.append(packer.compress(_filter_rows(block, above, 2 * channels)))
        above = block[-1:]
    body = b"".join(packed) + packer.flush()
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", body) + _chunk(b"IEND", b"")


def _filter_rows(block: NDArray[np.uint8], above: NDArray[np.uint8], pixel_bytes: int) -> bytes:
    """Return rows as PNG scan lines, each by whichever of the filters Sub and Up leaves the smaller numbers.

    Args:
        block: (rows, bytes) of the picture.
        above: (1, bytes) the row before them, zeros before the first.
        pixel_bytes: bytes of one pixel.
    """
    sub = block.copy()
    sub[:, pixel_bytes:] -= block[:, :-pixel_bytes]
    up = block - np.concatenate([above, block[:-1]])
    use_up = _weight(up) < _weight(sub)
    lines = np.empty((len(block), block.shape[1] + 1), np.uint8)
    lines[:, 0] = np.where(use_up, 2, 1)
    lines[:, 1:] = np.where(use_up[:, None], up, sub)
    return lines.tobytes()


def _weight(lines: NDArray[np.uint8]) -> NDArray[np.int64]:
    return np.minimum(lines, 0 - lines).sum(axis=1, dtype=np.int64)
