"""Bytes to `Picture`: size judged from the header, decoded once, turned upright, metadata taken aside."""

import io
import stat
from pathlib import Path

from PIL import TiffImagePlugin
from PIL.AvifImagePlugin import AvifImageFile
from PIL.BmpImagePlugin import BmpImageFile
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile

from dp2vl.errors import PhotoError, PhotoRefused
from dp2vl.images.boundary import LIMIT_HINT, check_size, decoding
from dp2vl.images.containers import (
    has_movie,
    is_lossless_webp,
    jpeg_scans,
    missing_bytes,
    png_colour_chunks,
    read_av1_config,
    webp_size,
)
from dp2vl.images.heif import can_encode_heic, read_heic
from dp2vl.images.metadata import collect_metadata, load_exif, read_orientation
from dp2vl.images.picture import Coding, Picture
from dp2vl.images.planes import split_planes, turn_upright
from dp2vl.images.profiles import clean_profile
from dp2vl.images.quality import estimate_jpeg_quality
from dp2vl.images.sniffing import HEAD_BYTES, PHOTO_FORMATS, sniff_bytes

LOWEST_QUALITY = 90
LOSSY_QUALITY = {"webp": 95, "heic": 75, "avif": 92}
"""These formats do not say at which quality they were written. Measured on 2 phone photos with an added change of 6
grey levels: HEIC 75 is nearer to its input (49 to 52 dB) than JPEG 95 (47 to 50), AVIF 92 and WebP 92 are between
JPEG 85 and 90 (43 to 45), and WebP can afford more."""
_MOST_BYTES_PER_PIXEL = 16
_MOST_HEADER_BYTES = 64 << 20
_MOST_SCANS, _USUAL_SCANS = 100, 20
_MOST_SCANNED = 2_000_000_000
"""Progressive JPEGs have about 10 scans; each costs a pass over all pixels and may take a few bytes of the file. Beyond
the usual number, what counts is scans times pixels: 2 billion took 3 seconds on one slow core."""
_MOST_RUN_LENGTH = 8_000_000
"""Pixels, and bytes, of a run-length coded BMP: Pillow's reader of these is written in Python."""
_RUN_LENGTH_CODINGS = {BmpImageFile.COMPRESSIONS["RLE8"], BmpImageFile.COMPRESSIONS["RLE4"]}
_MOST_PREVIEWS = 16
# The classes are called directly: Image.open has a limit of its own and tries every plugin on a broken file.
_READERS: dict[str, type[ImageFile]] = {
    "jpeg": JpegImageFile,  # also takes the first picture of a multi-picture JPEG, which is the photo itself
    "png": PngImageFile,
    "webp": WebPImageFile,
    "tiff": TiffImageFile,
    "bmp": BmpImageFile,
    "avif": AvifImageFile,
}


def read_photo(path: Path, *, max_megapixels: float = 100.0) -> Picture:
    """Return a decoded photo; the file is only opened for reading.

    Memory: about 8 bytes per pixel on top of the file for 8-bit photos, 24 for 16-bit ones.

    Args:
        path: the file; its kind is judged by content, not by name.
        max_megapixels: limit on width x height, judged before any pixel is decoded.

    Raises:
        PhotoRefused: animated, several pages or a burst; a picture format that is not supported; over the limit.
        PhotoError: empty, truncated, damaged, not a picture, or not readable.
    """
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise PhotoError("is not a regular file", "leave it out")
        check_file_size(status.st_size, max_megapixels=max_megapixels)
        data = path.read_bytes()
    except OSError as error:
        raise PhotoError(
            f"cannot be read: {error.strerror}", "check that the file is there and you may read it"
        ) from error
    return decode_photo(data, max_megapixels=max_megapixels)


def check_file_size(size_bytes: int, *, max_megapixels: float) -> None:
    """Raise a `PhotoRefused` if a file is larger than any photo of the allowed size needs; ask before it is read."""
    if size_bytes > max_megapixels * 1e6 * _MOST_BYTES_PER_PIXEL + _MOST_HEADER_BYTES:
        raise PhotoRefused(f"{size_bytes / 1e6:.0f} MB is more than photos of the allowed size need", LIMIT_HINT)


def decode_photo(data: bytes, *, max_megapixels: float = 100.0) -> Picture:
    """Return the same as `read_photo`, for the bytes of a file."""
    if not data:
        raise PhotoError("the file is empty", "copy it again from the camera or phone")
    kind = sniff_bytes(data[:HEAD_BYTES])
    if kind is None:
        raise PhotoError("is not a picture", "remove it from the album, or check where it came from")
    if kind not in PHOTO_FORMATS:
        raise PhotoRefused(f"{kind.upper()} pictures are not supported", "save it as JPEG, PNG or TIFF first")
    with decoding(kind.upper()):
        if kind in {"heic", "avif"} and has_movie(data):
            raise PhotoRefused(
                "is an image sequence (animation or burst)", "export the picture you want as a single photo"
            )
        if kind == "heic":
            return read_heic(
                data,
                max_megapixels=max_megapixels,
                quality=LOSSY_QUALITY["heic"],
                lossless=not can_encode_heic(),
            )
        return _read_pillow(data, kind, max_megapixels)


def _read_pillow(data: bytes, kind: str, max_megapixels: float) -> Picture:
    if missing := missing_bytes(data, kind):
        raise PhotoError(f"is truncated: {missing} bytes are missing", "copy it again from the camera or phone")
    if kind == "webp" and (claimed := webp_size(data)):
        check_size(*claimed, file_bytes=len(data), max_megapixels=max_megapixels)  # its reader reserves memory at once
    image = _READERS[kind](io.BytesIO(data))
    check_size(*image.size, file_bytes=len(data), max_megapixels=max_megapixels)
    if kind == "jpeg":
        _check_scans(jpeg_scans(data), image.width * image.height)
    if image.info.get("compression") in _RUN_LENGTH_CODINGS and kind == "bmp":
        _refuse_long_runs(max(image.width * image.height, len(data)))
    if isinstance(image, TiffImageFile):
        tile = image.tag_v2.get(322, 1), image.tag_v2.get(323, 1)
        check_size(*tile, file_bytes=len(data), max_megapixels=max_megapixels)  # its reader reserves a tile at once
        _refuse_pages(image)
    elif (frames := getattr(image, "n_frames", 1)) > 1:
        raise PhotoRefused(f"is animated ({frames} frames)", "export the frame you want as a single photo")
    notes: list[str] = []
    if kind == "avif":
        notes += _refuse_unreadable_avif(data)
    image.load()
    exif = load_exif(image, notes)
    orientation = read_orientation(exif)
    pixels, alpha, icc = split_planes(image, data, kind, notes)
    metadata = collect_metadata(image, exif, sideways=orientation >= 5)
    profile = clean_profile(icc)
    if icc is not None and profile is None:
        notes.append("a damaged colour profile was left out")
    lossless = kind in {"png", "tiff", "bmp"} or (kind == "webp" and is_lossless_webp(data))
    quality = None if lossless else LOSSY_QUALITY.get(kind, LOWEST_QUALITY)
    if isinstance(image, JpegImageFile):
        quality = max(LOWEST_QUALITY, estimate_jpeg_quality(image.quantization))
    return Picture(
        pixels=turn_upright(pixels, orientation),
        alpha=None if alpha is None else turn_upright(alpha, orientation),
        format=kind,
        lossless=lossless,
        quality=quality,
        icc=profile,
        metadata=metadata,
        coding=Coding(bits=8 * pixels.itemsize, chunks=png_colour_chunks(data) if kind == "png" else ()),
        notes=tuple(notes),
    )


def _check_scans(scans: int, pixels: int) -> None:
    most = _MOST_SCANS if scans * pixels <= _MOST_SCANNED else max(_USUAL_SCANS, _MOST_SCANNED // pixels)
    if scans > most:
        raise PhotoError(f"expected at most {most} scans, got {scans}: a decompression bomb", "leave the file out")


def _refuse_long_runs(size: int) -> None:
    if size > _MOST_RUN_LENGTH:
        raise PhotoRefused(
            f"run-length coded BMP of more than {_MOST_RUN_LENGTH / 1e6:.0f} megapixels takes too long to read",
            "save it as PNG first",
        )


def _refuse_pages(image: TiffImageFile) -> None:
    """Pages are visited one by one, as counting them first takes for ever where there are many."""
    for page in range(1, _MOST_PREVIEWS + 2):
        try:
            image.seek(page)
        except EOFError:
            break
        if page > _MOST_PREVIEWS or not _is_reduced(image):
            raise PhotoRefused("has several pages", "save each page as a photo of its own")
    image.seek(0)
    # DNG, NEF and their like are TIFF files whose first picture is only a preview.
    if 50706 in image.tag_v2 or (_is_reduced(image) and TiffImagePlugin.SUBIFD in image.tag_v2):
        raise PhotoRefused("camera raw pictures are not supported", "export it as JPEG or TIFF first")


def _is_reduced(image: TiffImageFile) -> bool:
    return bool(image.tag_v2.get(254, 0) & 1) or image.tag_v2.get(255) == 2


def _refuse_unreadable_avif(data: bytes) -> list[str]:
    config = read_av1_config(data)
    if config.primaries not in {1, 2} or config.transfer not in {1, 2, 6, 13}:
        raise PhotoRefused(
            f"AVIF with wide-gamut or HDR colours by number ({config.primaries}/{config.transfer}) is not supported",
            "export it as HEIC, JPEG or PNG first",
        )
    return [f"{config.bits}-bit AVIF is written with 8 bits"] if config.bits > 8 else []
