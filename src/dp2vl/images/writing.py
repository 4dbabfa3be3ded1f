"""`Picture` to bytes in the source's format, under a metadata policy."""

import io
import struct
from collections.abc import Callable

import cv2
import numpy as np
from PIL import Image

from dp2vl.errors import PhotoError
from dp2vl.images.boundary import DECODER_ERRORS, MEMORY_HINT, one_line
from dp2vl.images.heif import encode_heic
from dp2vl.images.picture import Metadata, Picture
from dp2vl.images.png import encode_png
from dp2vl.images.policy import make_exif, select_metadata
from dp2vl.images.tiff import encode_tiff


def encode(picture: Picture, *, metadata: str = "minimal") -> bytes:
    """Return the picture as the bytes of a file in its own format; see `output_suffix` for the one exception.

    JPEG: the source's quality but not under 90, 4:4:4. PNG, TIFF, BMP: lossless, PNG and TIFF at their own depth.
    WebP: lossless where the source was. HEIC: the source's depth and chroma. AVIF: 8 bits, 4:4:4. Alpha is exact in all
    of them, which costs HEIC and AVIF with real transparency a larger file. No thumbnail, second picture or trailing
    payload is ever written, orientation is upright.

    Args:
        picture: what to write.
        metadata: `minimal` keeps colours, capture date and resolution; `strip` only colours; `keep` all that is not a
            picture of the unprotected photo.

    Raises:
        ValueError: the policy is unknown.
        PhotoError: the encoder failed.
    """
    chosen = select_metadata(picture, metadata)
    writer = _WRITERS["png" if output_suffix(picture) else picture.format]
    try:
        return writer(picture, chosen)
    except MemoryError as error:
        raise PhotoError(f"not enough memory to write it as {picture.format.upper()}", MEMORY_HINT) from error
    except DECODER_ERRORS as error:
        raise PhotoError(
            f"cannot be written as {picture.format.upper()}: {one_line(error)}",
            "convert the photo to PNG first",
        ) from error


def output_suffix(picture: Picture) -> str:
    """Return the file name ending that the copy must get instead of its own; "" where it keeps its name."""
    return ".png" if picture.format == "heic" and picture.lossless else ""


def _to_image(picture: Picture) -> Image.Image:
    planes = picture.stacked()
    return Image.fromarray(planes[:, :, 0] if planes.shape[2] == 1 else planes)


def _encode_jpeg(picture: Picture, metadata: Metadata) -> bytes:
    image = _to_image(picture)
    options: dict[str, object] = {
        "quality": picture.quality,
        "subsampling": "4:4:4",
        "icc_profile": picture.icc,
        "exif": make_exif(metadata.tags) or b"",
        "dpi": metadata.dpi or (0, 0),
        "comment": metadata.comment,
        "extra": _iptc_segment(metadata.iptc),
        "xmp": metadata.xmp,
    }
    try:
        return _save(image, "JPEG", {**options, "optimize": True})
    except OSError:  # noise at the highest qualities outgrows the buffer that Pillow reserves for optimising
        return _save(image, "JPEG", options)


def _iptc_segment(iptc: bytes | None) -> bytes:
    if iptc is None:
        return b""
    resource = b"8BIM\x04\x04\x00\x00" + len(iptc).to_bytes(4, "big") + iptc + b"\x00" * (len(iptc) % 2)
    content = b"Photoshop 3.0\x00" + resource
    return b"\xff\xed" + (len(content) + 2).to_bytes(2, "big") + content


def _encode_webp(picture: Picture, metadata: Metadata) -> bytes:
    options: dict[str, object] = {
        "lossless": picture.lossless,
        "exact": True,  # colours under transparent pixels stay
        "quality": 80 if picture.lossless else picture.quality,  # in lossless mode this is effort
        "alpha_quality": 100,
        "use_sharp_yuv": True,
        "icc_profile": picture.icc or b"",
        "exif": make_exif(metadata.tags) or b"",
        "xmp": metadata.xmp or b"",
    }
    return _save(_to_image(picture), "WEBP", options)


def _encode_avif(picture: Picture, metadata: Metadata) -> bytes:
    exact = picture.alpha is not None and bool((picture.alpha < 255).any())
    options: dict[str, object] = {
        "speed": 8,
        "quality": 100 if exact else picture.quality,  # alpha has no quality of its own
        "subsampling": "4:0:0" if picture.pixels.shape[2] == 1 and picture.alpha is None else "4:4:4",
        "icc_profile": picture.icc or b"",
        "exif": make_exif(metadata.tags) or b"",
        "xmp": metadata.xmp or b"",
    }
    return _save(_to_image(picture), "AVIF", options)


def _encode_bmp(picture: Picture, metadata: Metadata) -> bytes:
    if picture.alpha is None:
        return _save(_to_image(picture), "BMP", {"dpi": metadata.dpi})
    planes = np.dstack([picture.pixels[:, :, ::-1], picture.alpha])  # Pillow does not write alpha; OpenCV takes BGRA
    data = bytearray(cv2.imencode(".bmp", planes)[1].tobytes())
    if metadata.dpi:
        data[38:46] = struct.pack("<2i", *(round(d / 0.0254) for d in metadata.dpi))
    return bytes(data)


def _save(image: Image.Image, kind: str, options: dict[str, object]) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **{k: v for k, v in options.items() if v is not None})
    return out.getvalue()


def _encode_heic(picture: Picture, metadata: Metadata) -> bytes:
    return encode_heic(picture, exif=make_exif(metadata.tags), xmp=metadata.xmp)


_WRITERS: dict[str, Callable[[Picture, Metadata], bytes]] = {
    "jpeg": _encode_jpeg,
    "png": encode_png,
    "webp": _encode_webp,
    "tiff": encode_tiff,
    "bmp": _encode_bmp,
    "heic": _encode_heic,
    "avif": _encode_avif,
}
