"""What a file says besides its pixels, taken aside while reading; what of it is written is decided in `policy`."""

import math
from collections.abc import Mapping
from typing import Any

from PIL import ExifTags, Image
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile

from dp2vl.images.boundary import DECODER_ERRORS
from dp2vl.images.picture import Metadata, Tags

STRUCTURE_TAGS = frozenset(
    {*range(254, 267), 273, 274, 277, 278, 279, 280, 281, 284, *range(288, 294), 301, *range(317, 326), 330}
    | {*range(332, 348), *range(512, 522), 529, 530, 531, 532}
)
"""TIFF tags that describe the layout of the source's pixels, and where its previews are: never carried over."""
_IPTC_RESOURCE = 0x0404
_IPTC_TAG = 33723
_PHOTOSHOP_TAG = 34377
_PHOTOSHOP_PICTURES = {0x0409, 0x040C}
_EXTENDED_XMP = b"http://ns.adobe.com/xmp/extension/\x00"
_LONGEST_TEXT = 32768


def load_exif(image: ImageFile, notes: list[str]) -> Image.Exif:
    """Return the EXIF of a loaded image, with the orientation from XMP where it has none; empty if unreadable."""
    try:
        return image.getexif()
    except DECODER_ERRORS:
        notes.append("unreadable EXIF was left out")
        return Image.Exif()


def read_orientation(exif: Image.Exif) -> int:
    """Return EXIF orientation 1 to 8, 1 where there is none."""
    try:
        value = exif.get(ExifTags.Base.Orientation, 1)
    except DECODER_ERRORS:
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def collect_metadata(image: ImageFile, exif: Image.Exif, *, sideways: bool) -> Metadata:
    """Return the metadata of a loaded Pillow image; `sideways` swaps the two resolutions."""
    info = image.info
    comment = info.get("comment")
    texts, unread = _collect_texts(image) if isinstance(image, PngImageFile) else ((), _find_unread(image))
    return Metadata(
        tags=_read_tags(exif),
        xmp=_as_bytes(info.get("xmp")),
        iptc=_find_iptc(image),
        comment=comment if isinstance(comment, bytes) else None,
        texts=texts,
        dpi=_check_dpi(info.get("dpi"), sideways=sideways),
        unread=unread,
    )


def collect_heif_metadata(info: Mapping[str, Any], notes: list[str]) -> Metadata:
    """Return the metadata of a pillow-heif image, whose EXIF is bytes."""
    exif = Image.Exif()
    try:
        exif.load(info.get("exif") or b"")
        tags = _read_tags(exif)
    except DECODER_ERRORS:
        notes.append("unreadable EXIF was left out")
        tags = {}
    return Metadata(tags=tags, xmp=_as_bytes(info.get("xmp")))


def _read_tags(exif: Image.Exif) -> Tags:
    found = {"image": _read_directory(exif, STRUCTURE_TAGS)}
    ifds = {"exif": ExifTags.IFD.Exif, "gps": ExifTags.IFD.GPSInfo, "interop": ExifTags.IFD.Interop}
    for name, ifd in ifds.items():
        try:
            found[name] = _read_directory(exif.get_ifd(ifd))
        except DECODER_ERRORS:
            continue  # one broken directory does not cost the others
    return {name: tags for name, tags in found.items() if tags}


def _read_directory(source: Any, skip: frozenset[int] = frozenset()) -> dict[int, Any]:
    tags = {}
    for tag in source:
        if tag in skip:
            continue
        try:
            tags[tag] = source[tag]
        except DECODER_ERRORS:
            continue
    return tags


def _find_iptc(image: ImageFile) -> bytes | None:
    if isinstance(image, TiffImageFile):
        return _as_bytes(image.tag_v2.get(_IPTC_TAG))
    resources = image.info.get("photoshop")
    return _as_bytes(resources.get(_IPTC_RESOURCE)) if isinstance(resources, dict) else None


def _collect_texts(image: PngImageFile) -> tuple[tuple[tuple[str, str], ...], tuple[str, ...]]:
    """Return texts, and names of those that cannot be kept. XMP is kept apart, and so is EXIF in a raw profile."""
    kept, unread = [], []
    for key, text in image.text.items():
        if key.startswith("XML:com.adobe.xmp") or key == "Raw profile type exif":
            continue
        if key.lower().startswith("raw profile"):
            unread.append(f"the text {key!r}")
        elif len(text) > _LONGEST_TEXT:
            unread.append(f"the text {key!r} of {len(text)} letters")
        else:
            kept.append((str(key), str(text)))
    return tuple(kept), tuple(unread)


def _find_unread(image: ImageFile) -> tuple[str, ...]:
    """Return names of what is in a file and is not collected, pictures apart."""
    unread = []
    if isinstance(image, JpegImageFile):
        names = [name for name, _ in image.applist]
        if names.count("COM") > 1:
            unread.append("all JPEG comments but the last")
        if any(content.startswith(_EXTENDED_XMP) for _, content in image.applist):
            unread.append("extended XMP")
    resources = image.info.get("photoshop")
    others = isinstance(resources, dict) and set(resources) - {_IPTC_RESOURCE, *_PHOTOSHOP_PICTURES}
    if others or (isinstance(image, TiffImageFile) and _PHOTOSHOP_TAG in image.tag_v2):
        unread.append("Photoshop data (copyright address, paths, settings)")
    return tuple(unread)


def _check_dpi(dpi: Any, *, sideways: bool) -> tuple[float, float] | None:
    try:
        x, y = (float(d) for d in dpi)
    except DECODER_ERRORS:
        return None
    if not all(math.isfinite(d) and 1 <= d <= 65535 for d in (x, y)):
        return None
    return (y, x) if sideways else (x, y)


def _as_bytes(value: Any) -> bytes | None:
    if isinstance(value, str):
        return value.encode("utf-8", "replace")
    return value if isinstance(value, bytes) and value else None
