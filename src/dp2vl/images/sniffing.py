"""What kind of picture a file holds, judged by its first bytes and never by its name."""

from pathlib import Path

from dp2vl.errors import PhotoError

HEAD_BYTES = 64
PHOTO_FORMATS = ("jpeg", "png", "webp", "tiff", "bmp", "heic", "avif")
"""The formats that are read and written."""
PHOTO_SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".tif", ".tiff", ".bmp", ".dib"}
    | {".heic", ".heif", ".hif", ".avif"}
)
"""File name endings (lower case) under which a person expects a photo, whatever the bytes say."""

_MAGIC = (
    (b"\xff\xd8\xff", "jpeg"),
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"II\x2a\x00\x10\x00\x00\x00CR", "raw"),
    (b"II\x2a\x00", "tiff"),
    (b"MM\x00\x2a", "tiff"),
    (b"II\x2b\x00", "tiff"),
    (b"MM\x00\x2b", "tiff"),
    (b"GIF87a", "gif"),
    (b"GIF89a", "gif"),
    (b"8BPS", "psd"),
    (b"\x00\x00\x00\x0cjP  ", "jp2"),
    (b"\xff\x4f\xff\x51", "jp2"),
    (b"\x00\x00\x00\x0cJXL ", "jxl"),
    (b"\xff\x0a", "jxl"),
    (b"FUJIFILMCCD-RAW", "raw"),
    (b"IIRO", "raw"),
    (b"IIRS", "raw"),
    (b"MMOR", "raw"),
    (b"IIU\x00", "raw"),
    (b"FOVb", "raw"),
    (b"\x00MRM", "raw"),
    (b"\x76\x2f\x31\x01", "exr"),
    (b"#?RADIANCE", "hdr"),
    (b"DDS ", "dds"),
    (b"qoif", "qoi"),
    (b"gimp xcf", "xcf"),
    (b"SIMPLE  =", "fits"),
    (b"II\xbc\x01", "jxr"),
)
_AVIF_BRANDS = {b"avif", b"avis"}
_HEIC_BRANDS = {
    b"heic",
    b"heix",
    b"heim",
    b"heis",
    b"hevc",
    b"hevx",
    b"hevm",
    b"hevs",
    b"mif1",
    b"msf1",
    b"mif2",
}
_BMP_HEADER_BYTES = {12, 16, 40, 52, 56, 64, 108, 124}


def sniff(path: Path) -> str | None:
    """Return what kind of picture a file holds; reads 64 bytes.

    Returns:
        One of `PHOTO_FORMATS`, the name of a picture format that is recognised but not supported ("gif", "psd",
        "raw", ...), or None for anything else, an empty file included.

    Raises:
        PhotoError: the file cannot be opened.
    """
    try:
        with path.open("rb") as file:
            return sniff_bytes(file.read(HEAD_BYTES))
    except OSError as error:
        raise PhotoError(f"cannot be opened: {error.strerror or error}", "check that you may read this file") from error


def sniff_bytes(head: bytes) -> str | None:
    """Return the same as `sniff`, for the first bytes of a file."""
    for magic, name in _MAGIC:
        if head.startswith(magic):
            return name
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "webp"
    if head[:2] == b"BM" and int.from_bytes(head[14:18], "little") in _BMP_HEADER_BYTES:
        return "bmp"
    if head[4:8] == b"ftyp":
        return _sniff_brands(head)
    if head[:3] == b"\x00\x00\x01" and head[3:4] == b"\x00" and 0 < int.from_bytes(head[4:6], "little") < 256:
        return "ico"
    if head[:1] == b"P" and head[1:2] in b"1234567" and head[2:3] in b" \t\r\n" and len(head) > 2:
        return "pnm"
    return None


def _sniff_brands(head: bytes) -> str | None:
    major = head[8:12]
    end = min(int.from_bytes(head[:4], "big"), len(head))
    brands = {head[i : i + 4] for i in range(16, end - 3, 4)}
    if major == b"crx ":
        return "raw"
    if major in _AVIF_BRANDS or (major in {b"mif1", b"msf1", b"mif2"} and brands & _AVIF_BRANDS):
        return "avif"
    return "heic" if major in _HEIC_BRANDS else None
